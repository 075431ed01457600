"""What a person installs holds everything that the product reads at run time."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_template_and_style_is_in_the_wheel(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    wanted = {name for name in listed if name.startswith("ecrwiz/")}
    wanted |= {f"ecrwiz/_{name}" for name in listed if name.startswith("terraform_templates/")}
    assert {"ecrwiz/app.tcss", "ecrwiz/_terraform_templates/modules/ci_user/main.tf"} <= wanted
    assert wanted <= inside, f"the wheel lacks {sorted(wanted - inside)}"


def test_the_installed_templates_are_found_without_the_repository(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = (
        "from ecrwiz.services import templates as t\n"
        "print((t.terraform_templates() / 'main.tf.j2').is_file(), t.__file__)"
    )
    environ = {"PYTHONPATH": str(tmp_path / "site"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True, check=True
    )
    found, where = done.stdout.split()
    assert found == "True"
    assert str(tmp_path) in where

"""A rendered `infra/` in a folder of its own, with the real Terraform and the real AWS provider in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from ecrwiz.model.answers import Answers, Origin, resolve
from ecrwiz.services.templates.terraform import infra_files
from ecrwiz.services.terraform.mirror import find_mirror, mirror_config

__all__ = ["ACCOUNT", "BASE", "KEY", "KMS_KEY", "REGION", "Infra", "answers", "rendered"]

ACCOUNT = "123456789012"
REGION = "eu-west-1"
BASE = {"project_id": "blog", "region": REGION, "app": "nextjs", "env": "prod"}
KEY = "mQINBGk" * 20 + "AA=="
KMS_KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_REGIONS = ("eu-west-1", "us-east-1", "cn-north-1", "us-gov-west-1")


def answers(**changed: str) -> Answers:
    """Checked answers: `BASE`, and what a test wants otherwise."""
    layer = {name: (value, Origin("you")) for name, value in (BASE | changed).items()}
    return resolve([layer], _REGIONS).require()


def rendered(**changed: str) -> dict[str, str]:
    """The Terraform files by path."""
    return {file.path: file.text for file in infra_files(answers(**changed))}


class Infra:
    """A folder that Terraform runs in.

    Args:
        folder: an empty folder.
        files: what lies in it, by path.
    """

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder = folder / "infra"
        self.files: list[str] = []
        self.environ = {key: value for key, value in os.environ.items() if not key.startswith(("TF_", "AWS_"))}
        self.environ |= {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "AWS_EC2_METADATA_DISABLED": "true"}
        mirror = find_mirror(os.environ)
        if mirror is not None:
            self.environ["TF_CLI_CONFIG_FILE"] = str(mirror_config(mirror, folder / "work"))
        self.put(files)

    def put(self, files: dict[str, str]) -> None:
        """Replace the files; what `terraform init` made stays."""
        for name in self.files:
            (self.folder / name).unlink()
        self.files = [name.removeprefix("infra/") for name in files]
        for name, text in files.items():
            path = self.folder / name.removeprefix("infra/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def init(self, *arguments: str, folder: str = ".") -> None:
        """Install the provider and the module, in `folder` below this one."""
        done = self.run(f"-chdir={folder}", "init", "-input=false", "-no-color", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def provider(self) -> tuple[int, int]:
        """The first two numbers of the AWS provider's version that `init` took."""
        found = re.search(r'version += "(\d+)\.(\d+)', (self.folder / ".terraform.lock.hcl").read_text())
        assert found
        return int(found[1]), int(found[2])

    def run(self, *arguments: str, text: str | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run Terraform there, whatever its exit status."""
        terraform = shutil.which("terraform")
        assert terraform, "Terraform is not on PATH; the tests need the real one."
        return subprocess.run(
            [terraform, *arguments],
            cwd=self.folder,
            env={**self.environ, **environ},
            input=text,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

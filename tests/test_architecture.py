"""The house's rules, read from the code: imports point down, rooms stay small, the core runs without a screen."""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ecrwiz"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Higher rooms may import lower ones, never the other way round.
LEVELS = {
    "cli": 7,
    "__main__": 8,
    "app": 5,
    "actions": 2,
    "keymap": 3,
    "completion_command": 6,
    "config_command": 6,
    "credentials_command": 6,
    "doctor_command": 6,
    "export_command": 6,
    "trust_command": 6,
    "verify_command": 6,
    "door": 5,
    "console": 4,
    "reports": 5,
    "crash": 1,
    "screens": 4,
    "widgets": 3,
    "flow": 2,
    "services": 1,
    "model": 0,
    "sandbox": 4,
    "__init__": 0,
}
SDKS = {"boto3": "aws", "botocore": "aws", "docker": "docker", "keyring": "keychain", "hcl2": "hcl", "nacl": "github"}
# Foundations that any room may use without its being a system of the outside world.
UI = {"app", "screens", "widgets"}


def _room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def _imports(path: Path) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    here = _room(path)
    for name in _imports(path):
        parts = name.split(".")
        if parts[0] != "ecrwiz" or len(parts) < 2:
            continue
        there = parts[1]
        if there == "__version__":
            continue
        if there == "sandbox":
            assert here in {"cli", "door", "sandbox"}, f"{path} imports the sandbox"
            continue
        assert there in LEVELS, f"{path} imports {name}, which is in no known room"
        lower = LEVELS[there] < LEVELS[here] or there == here
        assert lower, f"{path} ({here}) imports {name} ({there}), which is not below it"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_textual_stays_in_the_interface(path: Path) -> None:
    if _room(path) not in UI:
        assert not [name for name in _imports(path) if name.split(".")[0] == "textual"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_sdk_has_one_owner(path: Path) -> None:
    if _room(path) == "sandbox":
        return
    for name in _imports(path):
        owner = SDKS.get(name.split(".")[0])
        if owner:
            place = path.relative_to(PACKAGE).as_posix()
            assert place.startswith(f"services/{owner}"), f"{place} imports {name}, which services/{owner} owns"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_services_do_not_import_each_other(path: Path) -> None:
    parts = path.relative_to(PACKAGE).parts
    if parts[0] != "services":
        return
    mine = parts[1].removesuffix(".py")
    for name in _imports(path):
        if name.startswith("ecrwiz.services"):
            other = name.split(".")[2] if name.count(".") > 1 else ""
            assert other in {mine, "process"}, f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_stay_small(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= 350, f"{path} has {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            length = node.end_lineno - node.lineno + 1
            assert length <= 50, f"{path}:{node.lineno} {node.name} has {length} lines"


def test_broad_excepts_are_at_the_doors_and_in_the_engine_alone() -> None:
    found = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ExceptHandler) and _room(path) != "sandbox":
                caught = ast.unparse(node.type) if node.type else ""
                body = "".join(ast.unparse(line) for line in node.body)
                # One that cleans up and raises again, or hands the error to another thread, swallows nothing.
                passes_on = body.endswith("raise") or ".set_exception(" in body
                if caught in {"", "Exception", "BaseException"} and not passes_on:
                    found.append(path.relative_to(PACKAGE).as_posix())
    assert sorted(found) == ["cli.py", "flow/engine.py", "screens/session.py"]


def test_the_command_line_runs_without_textual_or_an_sdk() -> None:
    code = (
        "import sys, ecrwiz.cli, ecrwiz.flow.engine, ecrwiz.flow.runbook, ecrwiz.flow.preview, ecrwiz.reports\n"
        "print([m for m in ('textual', 'boto3', 'docker', 'keyring', 'httpx', 'nacl', 'hcl2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_path_of_one_machine() -> None:
    root = PACKAGE.parent
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.split()
    # A clone may lie in a folder that every machine has, and that the documents may name.
    shared = {"/", tempfile.gettempdir(), "/tmp"}
    near = [f"{folder}/" for folder in (root, root.parent, Path.home()) if str(folder) not in shared]
    for name in listed:
        path = root / name
        if path.suffix in {".py", ".md", ".toml", ".tf", ".j2", ".sh", ".yml", ".tcss"} and path.is_file():
            text = path.read_text("utf-8")
            assert not [part for part in near if part in text], f"{name} holds a path of this machine"

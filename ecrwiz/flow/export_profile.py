"""The CI key as a profile of the AWS tools: they ask ecrwiz, which reads the keyring, so nothing is written."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from ecrwiz.flow import ci_key, copies
from ecrwiz.flow.context import View
from ecrwiz.flow.events import StepId
from ecrwiz.flow.exports import Key
from ecrwiz.flow.project import Project
from ecrwiz.model.errors import BadInputError
from ecrwiz.model.results import ProvisionResult
from ecrwiz.services import aws_config, files

__all__ = ["aws_config_file", "passing_warning", "profile", "profile_name", "program", "remove_profile"]


def profile_name(project: Project) -> str:
    """How the profile is called unless the person says otherwise."""
    return f"ecrwiz-{project.answers.project_id}-{project.answers.env}"


def aws_config_file(project: Project) -> Path:
    """The AWS configuration file that is in force."""
    environ = project.tools.environ
    named = environ.get("AWS_CONFIG_FILE")
    return Path(named).expanduser() if named else Path(environ.get("HOME") or "~").expanduser() / ".aws" / "config"


def program(arguments: tuple[str, ...] = ()) -> tuple[str, ...]:
    """This ecrwiz as another program can start it from any folder: absolute, and by name where it has one."""
    named = shutil.which(sys.argv[0]) if Path(sys.argv[0]).name in ("ecrwiz", "ecrwiz.exe") else None
    start = (str(Path(named).absolute()),) if named else (sys.executable, "-P", "-m", "ecrwiz")
    return (*start, *arguments)


def passing_warning() -> tuple[str, ...]:
    """A sentence when this ecrwiz lies in a cache, as one that `uvx` or `pipx run` fetched for one use."""
    parts = Path(program()[0]).parts
    if not any(part in parts for part in ("archive-v0", "environments-v2")) and not {".cache", "pipx"} <= set(parts):
        return ()
    return (
        "Warning: this ecrwiz lies in a cache and may vanish: install it (uv tool install ecrwiz), then run again.",
    )


def profile(project: Project, key: Key, name: str, sandbox: tuple[str, ...] = ()) -> Path:
    """Put a profile into the AWS configuration that asks ecrwiz for the key; the secret is not in it.

    Args:
        project: the project.
        key: the key.
        name: the profile's name.
        sandbox: arguments that lead to the sandbox that has the key.

    Returns:
        The configuration file.

    Raises:
        BadInputError: a profile of that name is there and is not this project's, or the file cannot be used.
        ToolFailedError: it cannot be written.
    """
    aws_config.check_profile_name(name)
    path, environ = aws_config_file(project), project.tools.environ
    command = (*program(sandbox), "export", "json", "--entry", key.entry)
    if any(set(word) & set("\r\n\0") for word in command):
        raise BadInputError("ecrwiz lies in a folder whose name no AWS profile can hold.", "Install it elsewhere.")
    home = Path(environ.get("HOME") or "~").expanduser()
    keys = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials").expanduser()
    if name in aws_config.profile_names(files.read_text(keys) or ""):
        raise BadInputError(
            f"{keys} has a profile {name}, which the AWS tools take before one in {path.name}.",
            "Choose another name with --name, or remove it there.",
        )
    entries = {"region": key.made.aws_region, "credential_process": shlex.join(command)}
    aws_config.put(files.read_text(path) or "", name, key.entry, entries)  # says no before anything is noted
    copies.note(project.paths, "profile", name, "", str(path), key.entry)
    _edit(path, lambda text: aws_config.put(text, name, key.entry, entries))
    return path


def remove_profile(project: Project, name: str, file: Path | None = None) -> tuple[Path, bool]:
    """Take a profile of ours out of the AWS configuration; the file, and whether there was one.

    Args:
        project: the project.
        name: the profile's name.
        file: the configuration file; None for the one that is in force.

    Raises:
        BadInputError: the profile of that name is not this project's, or the file cannot be used.
        ToolFailedError: it cannot be written.
    """
    path = file or aws_config_file(project)
    kept = [copy for copy in copies.noted(project.paths) if (copy.kind, copy.place) == ("profile", name)]
    made = project.results.find(ProvisionResult)
    entries = {copy.entry for copy in kept}
    if made is not None:
        entries.add(ci_key.entries(View(project, StepId.CREDENTIALS), made.account)[0])
    changed = _edit(path, lambda text: aws_config.remove(text, name, entries))
    copies.forget(project.paths, *kept)
    return path, changed


def _edit(path: Path, change: Callable[[str], str]) -> bool:
    """Change the file in one go, the text before kept beside; a link to it, as from a folder of dotfiles, stays one."""
    before = files.read_text(path)
    after = change(before or "")
    if after == (before or ""):
        return False
    if before is None:
        files.write_atomic(path, after, private=True)
        return True
    with path.open("rb") as file:
        if file.read(3) == b"\xef\xbb\xbf":
            raise BadInputError(
                f"{path} begins with a byte order mark, which the AWS tools do not read.", "Save it without."
            )
    # One copy, for this user alone: the file may hold credentials, which are not to be multiplied.
    files.write_atomic(path.with_name(f"{path.name}.ecrwiz-backup"), before, private=True, follow=False)
    files.write_atomic(path, after)
    return True

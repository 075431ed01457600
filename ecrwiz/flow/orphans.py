"""Files that ecrwiz rendered before and renders no longer, such as the workflow of an app that was renamed."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Final

from ecrwiz.flow import three_way
from ecrwiz.flow.events import StepId
from ecrwiz.flow.project import Project
from ecrwiz.model.errors import BadInputError, ToolFailedError
from ecrwiz.model.paths import INFRA_FOLDERS, ProjectPaths
from ecrwiz.model.results import FileChange
from ecrwiz.services import files

__all__ = ["find", "remove"]

_OF_THE_IMAGE: Final = ("Dockerfile", "start.sh")
_STATES: Final = ("terraform.tfstate", ".terraform/terraform.tfstate")


def find(project: Project, rendered: Collection[str]) -> tuple[FileChange, ...]:
    """Each such file that is still there: `removed` when it is as it was rendered, else `left`.

    Args:
        project: the project.
        rendered: what is rendered now, as in `RenderedFile`.

    Raises:
        EcrwizError: a file cannot be read.
    """
    paths = project.paths
    found = []
    for path in three_way.remembered(paths):
        if path in rendered or (path in _OF_THE_IMAGE and project.answers.strategy == "own"):
            continue
        try:
            text = files.read_text(paths.root / path, inside=paths.base)
        except BadInputError:  # a folder, say: nothing that was rendered
            continue
        if text is None:
            continue
        last = three_way.read_last(paths, path)
        untouched = text.replace("\r\n", "\n") == last and not (paths.root / path).is_symlink()
        if untouched and (_of_a_left_module(project, path, rendered) or not _describes_what_is(project, path)):
            found.append(FileChange(path, "removed", files.diff(path, text, "")))
        else:
            found.append(FileChange(path, "left", ""))
    return tuple(found)


def _of_a_left_module(project: Project, path: str, rendered: Collection[str]) -> bool:
    """A file of a module that the Terraform beside it calls no longer, as of the CI user's when a role takes its place.

    Terraform removes what such a module made by its state alone.
    """
    module, folder = PurePosixPath(path).parent.as_posix(), project.paths.infra_folder
    own = path.startswith(f"{folder}/modules/") and any(name.startswith(f"{folder}/") for name in rendered)
    return own and not any(name.startswith(f"{module}/") for name in rendered)


def _describes_what_is(project: Project, path: str) -> bool:
    """Terraform files of a folder whose state may still hold resources: they are needed to change or destroy them."""
    folder = max((folder for folder in INFRA_FOLDERS.values() if path.startswith(f"{folder}/")), key=len, default=None)
    if folder is None:
        return False
    paths, made = project.paths, project.journal.get(StepId.PROVISION)
    if (made and made.outputs) or (paths.terraform_state and paths.terraform_state.exists()):
        return True
    return any((paths.root / folder / state).exists() for state in _STATES)


def remove(paths: ProjectPaths, path: str) -> str:
    """Remove a file and what is remembered of it; a copy stays.

    Returns:
        The copy, relative to the application's folder.

    Raises:
        EcrwizError: it cannot be copied or removed.
    """
    copy = files.backup(paths.root / path, inside=paths.base)
    try:
        (paths.root / path).unlink(missing_ok=True)
        three_way.forget(paths, path)
    except OSError as error:
        raise ToolFailedError(
            f"{path} could not be removed: {error.strerror}.", "Check the permissions of its folder."
        ) from error
    return str(PurePosixPath(path).with_name(copy.name))

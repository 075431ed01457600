"""Taking back what `ecrwiz export` put outside of the project's own files, when everything is removed."""

from __future__ import annotations

from pathlib import Path

from ecrwiz.flow import copies, export_profile
from ecrwiz.flow.copies import Noted
from ecrwiz.flow.custody_places import file_copy, profile_copy
from ecrwiz.flow.exports import made_here
from ecrwiz.flow.project import Project
from ecrwiz.model.errors import EcrwizError
from ecrwiz.services import files

__all__ = ["lines", "take_back"]


def lines(project: Project) -> tuple[str, ...]:
    """One line for each file and profile that is still as ecrwiz made it; blocks, of local files only."""
    return tuple(_line(copy) for copy in copies.noted(project.paths) if _is_there(copy))


def take_back(project: Project) -> tuple[tuple[str, bool], ...]:
    """Remove these files and profiles, and forget about those that are gone.

    Returns:
        The line of each, and whether it is gone now; GitLab's variables, and a file that was changed since and has the
        key, are the person's to remove, and stay noted.
    """
    done = []
    for copy in copies.noted(project.paths):
        if copy.kind == "gitlab":
            done.append((f"GitLab variables of {copy.place}", False))
            continue
        there = _is_there(copy)
        if not there and copy.kind == "file" and _holds(copy):
            done.append((f"{_line(copy)}, which was changed since and holds {copy.access_key_id}", False))
            continue
        gone = not there or _remove(project, copy)
        if gone:
            copies.forget(project.paths, copy)
        if there:
            done.append((_line(copy), gone))
    return tuple(done)


def _line(copy: Noted) -> str:
    return f"file {copy.place}" if copy.kind == "file" else f"AWS profile {copy.place} in {copy.detail}"


def _is_there(copy: Noted) -> bool:
    """Whether it is, and still what ecrwiz made of it."""
    try:
        if copy.kind == "file":
            access_key_id, _ = made_here(files.read_text(Path(copy.place)) or "")
            return not Path(copy.place).is_symlink() and access_key_id == copy.access_key_id
        return copy.kind == "profile" and profile_copy(copy).state == "there"
    except EcrwizError:
        return False  # what cannot be read is not ours to remove


def _holds(copy: Noted) -> bool:
    """Whether a file has our key, whatever became of it besides."""
    try:
        found = file_copy(copy)
        return (found.state, found.access_key_id) == ("there", copy.access_key_id)
    except EcrwizError:
        return False


def _remove(project: Project, copy: Noted) -> bool:
    try:
        if copy.kind == "file":
            Path(copy.place).unlink(missing_ok=True)
        else:
            export_profile.remove_profile(project, copy.place, Path(copy.detail))
    except (OSError, EcrwizError):
        return False
    return True

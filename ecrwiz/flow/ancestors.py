"""What was rendered before, found by rendering, for files of which this machine remembers nothing.

`.ecrwiz/rendered/` is never committed, so a fresh clone has none. What its files were made of is there, though: the
answers, in the `ecrwiz.toml` of the last commit and in today's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ecrwiz.flow.project import Project
from ecrwiz.model.errors import EcrwizError
from ecrwiz.services import files, git, templates

__all__ = ["Ancestors"]


class Ancestors:
    """Renders once, when the first file needs it.

    Args:
        project: the project.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: tuple[Mapping[str, str], Mapping[str, str]] | None = None

    async def of(self, path: str, mine: str, new: str) -> str | None:
        """What a file was rendered as before; None when that cannot be told.

        Args:
            path: its path, as in `RenderedFile`.
            mine: what is there.
            new: what is rendered now.
        """
        if self._known is None:
            self._known = await self._render()
        committed, today = self._known
        own = mine.replace("\r\n", "\n")
        if own in (committed.get(path), today.get(path)):
            return own
        before = committed.get(path)
        # The same answers and another text: edited, or rendered by another version, and nobody can tell which.
        return before if before != new else None

    async def _render(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        answers = self._project.paths.answers_file
        committed = await git.committed_text(answers.parent, answers.name)
        return (
            {} if committed is None else await asyncio.to_thread(self._with, committed),
            await asyncio.to_thread(self._with, None),
        )

    def _with(self, file: str | None) -> Mapping[str, str]:
        """Every file by path; none when these answers cannot be used any more."""
        project, paths = self._project, self._project.paths

        def existing(path: str) -> str | None:
            return files.read_text(paths.root / path, inside=paths.base, cut=True)

        try:
            answers = project.standing_answers(file)
            rendered = templates.render(answers, project.need_app(), existing, place=project.place)
        except EcrwizError:
            return {}
        return {file.path: file.text for file in rendered}

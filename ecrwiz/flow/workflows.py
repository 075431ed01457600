"""What the workflows on GitHub's default branch work with: the role, or the access key's secrets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ecrwiz.flow.context import View
from ecrwiz.flow.github_entries import SECRETS
from ecrwiz.services.github import GitHub
from ecrwiz.services.github.git_data import GitData
from ecrwiz.services.github.oidc import Oidc
from ecrwiz.services.templates.workflow import path_of

__all__ = ["InUse", "in_use"]

_FOLDER: Final = ".github/workflows"
_MOST: Final = 100  # workflows that are read
_ROLE: Final = re.compile(r"^\s*role-to-assume:", re.MULTILINE)
_SECRET: Final = re.compile(rf"\bsecrets\s*(?:\.\s*|\[\s*['\"])(?:{'|'.join(SECRETS)})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InUse:
    """What the default branch has.

    Attributes:
        branch: its name.
        rendered: it has the rendered workflow, whatever its age.
        role: that workflow assumes the role and reads no key.
        others: other workflows that read the access key's secrets.
    """

    branch: str
    rendered: bool
    role: bool
    others: tuple[str, ...]


async def in_use(view: View, api: GitHub, repository: str) -> InUse:
    """Read the workflows of the default branch.

    Raises:
        EcrwizError: GitHub refuses.
    """
    facts = await Oidc(api, view.answers.github_api_url).repository(repository)
    git, branch = GitData(api, f"{facts.owner}/{facts.name}"), facts.default_branch
    mine = path_of(view.answers)
    others: list[str] = []
    text: str | None = None
    for name in (await git.names(_FOLDER, branch))[:_MOST]:
        if not name.endswith((".yml", ".yaml")):
            continue
        found = await git.file(f"{_FOLDER}/{name}", branch)
        if f"{_FOLDER}/{name}" == mine:
            text = found
        elif found is not None and _SECRET.search(found):
            others.append(name)
    role = text is not None and bool(_ROLE.search(text)) and not _SECRET.search(text)
    return InUse(branch, text is not None, role, tuple(others))

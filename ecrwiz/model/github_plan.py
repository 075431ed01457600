"""What an export to GitHub would change there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ecrwiz.model.errors import EcrwizError

__all__ = ["Entry", "GithubPlan"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One secret or variable.

    Attributes:
        kind: `secret` or `variable`.
        name: as GitHub spells it.
        value: what a variable shall have; empty for a secret.
        there: GitHub has it already in the same place.
        value_there: a variable's present value; empty for a secret.
        updated: when it was last set, as GitHub says (ISO 8601); empty when it is not there.
        ours: ecrwiz put it there, as far as this folder's journal knows.
        action: what an export does unless the person says otherwise: `create`, `replace`, `keep`; `same` for a
            variable that has this value already; `remove` for a secret that is of no use any more.
        note: one sentence, such as that an organisation's secret of the same name is hidden by it; may be empty.
    """

    kind: Literal["secret", "variable"]
    name: str
    value: str = ""
    there: bool = False
    value_there: str = ""
    updated: str = ""
    ours: bool = False
    action: Literal["create", "replace", "keep", "same", "remove"] = "create"
    note: str = ""


@dataclass(frozen=True, slots=True)
class GithubPlan:
    """The repository and all entries.

    Attributes:
        repository: `owner/name` as GitHub spells it today; empty when none is known.
        environment: the deployment environment; empty for the repository itself.
        environment_there: GitHub has that environment.
        private: whether the public cannot see the repository.
        token: where the token came from, in words.
        entries: secrets first.
        warnings: sentences: Actions are switched off, the token may only read, ...
        problem: why an export cannot be done, when that is known already.
    """

    repository: str
    environment: str
    environment_there: bool
    private: bool
    token: str
    entries: tuple[Entry, ...]
    warnings: tuple[str, ...] = ()
    problem: EcrwizError | None = None

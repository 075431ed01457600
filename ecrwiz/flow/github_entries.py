"""What shall be on GitHub, what is there, and whose it is: compared without asking anybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from ecrwiz.flow.context import View
from ecrwiz.flow.github_ledger import Ledger, place
from ecrwiz.model.answers import BUILD_ARG
from ecrwiz.model.errors import BadInputError
from ecrwiz.model.github_plan import Entry
from ecrwiz.model.results import GithubResult, ProvisionResult
from ecrwiz.services.github import LARGEST, Variable
from ecrwiz.services.templates.workflow import ROLE_VARIABLE, VARIABLES, variables

__all__ = ["SECRETS", "Kind", "There", "Wanted", "check_public", "is_ours", "ours", "plan_entries", "wanted"]

SECRETS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""What a workflow needs for an access key; the two belong together."""


Kind = Literal["secret", "variable"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall be on GitHub.

    Attributes:
        secrets: names.
        variables: values by name, in capitals as GitHub keeps names.
        obsolete: secrets that nothing needs any more.
        detected: variables whose value nobody typed: another one that is there wins.
    """

    secrets: tuple[str, ...]
    variables: Mapping[str, str]
    obsolete: tuple[str, ...] = ()
    detected: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class There:
    """What GitHub has in the place: when each secret was set, the variables, and what ours would hide from it."""

    secrets: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, Variable] = field(default_factory=dict)
    hidden: Mapping[tuple[Kind, str], str] = field(default_factory=dict)


def wanted(view: View) -> Wanted:
    """What the workflow reads, by the answers and what was provisioned (values are empty before that).

    Raises:
        BadInputError: a public build variable has a name that cannot be.
    """
    answers, made = view.answers, view.find(ProvisionResult)
    known = dict.fromkeys(variables(answers), "")
    if made is not None:
        here = (made.account, made.aws_region, made.ecr_repo_url, made.ecr_repo_path)
        known |= dict(zip(VARIABLES, here, strict=True))
        if answers.has_role:
            known[ROLE_VARIABLE] = made.ci_role_arn
    check_public(answers.build_args)
    origins = view.project.resolved.origins
    detected = {name for name in answers.build_args if origins[f"{BUILD_ARG}{name}"].source == "detected"}
    return Wanted(
        secrets=SECRETS if answers.has_key else (),
        variables=known | {name.upper(): value for name, value in sorted(answers.build_args.items())},
        obsolete=() if answers.has_key else SECRETS,
        detected=frozenset(name.upper() for name in detected),
    )


def check_public(public: Mapping[str, str]) -> None:
    """Refuse public build variables that GitHub does not take or that would replace one of the workflow's own.

    Raises:
        BadInputError: there is one.
    """
    own = {*VARIABLES, ROLE_VARIABLE, *SECRETS, "VERSION", "REVISION"}
    names: set[str] = set()
    for name, value in public.items():
        if len(value.encode()) > LARGEST:
            raise BadInputError(
                f"The public build variable {name} has {len(value.encode()):,} bytes, and GitHub keeps up to 48 KB.",
                f"Shorten it, or take {BUILD_ARG}{name} out of ecrwiz.toml.",
            )
        if name.upper() in own or name.upper().startswith("GITHUB_"):
            raise BadInputError(
                f"The public build variable {name} has a name that the workflow or GitHub uses itself.",
                f"Rename it in the application, and take {BUILD_ARG}{name} out of ecrwiz.toml.",
            )
        if name.upper() in names:
            raise BadInputError(
                f"Two public build variables are called {name.upper()} on GitHub, which knows no small letters.",
                "Rename one of them in the application and in ecrwiz.toml.",
            )
        names.add(name.upper())


def plan_entries(wants: Wanted, there: There, noted: Mapping[str, str]) -> tuple[Entry, ...]:
    """Compare what shall be there with what is.

    Args:
        wants: what shall be there.
        there: what is.
        noted: `kind NAME` of what ecrwiz put there, with the time that GitHub told for it; empty when it told none.
    """
    entries = []
    for name in wants.secrets:
        updated = there.secrets.get(name, "")
        entry = Entry("secret", name, there=name in there.secrets, updated=updated)
        entries.append(_decided(entry, noted, there.hidden))
    for name in wants.obsolete:
        if name in there.secrets and is_ours(noted, "secret", name, there.secrets[name]):
            note = "The workflow assumes the role and does not read it."
            time = there.secrets[name]
            entries.append(Entry("secret", name, "", True, "", time, ours=True, action="remove", note=note))
    for name, value in wants.variables.items():
        old = there.variables.get(name)
        entry = Entry("variable", name, value)
        if old is not None:
            entry = replace(entry, there=True, value_there=old.value, updated=old.updated)
        entry = _decided(entry, noted, there.hidden)
        if entry.there and entry.value_there == value:
            entry = replace(entry, action="same", note="")
        elif entry.there and not entry.ours and name in wants.detected:
            note = "Nobody typed the value that ecrwiz found, so the one on GitHub stays."
            entry = replace(entry, action="keep", note=note)
        entries.append(entry)
    return tuple(entries)


def ours(view: View, places: tuple[str, ...]) -> Mapping[str, str]:
    """What this folder put there: by its ledger, or by a journal that is older than the ledger."""
    ledger = Ledger(view.paths.state)
    known = {name: time for where in reversed(places) for name, time in ledger.of(where).items()}
    if known:
        return known
    done = view.find(GithubResult)
    if done is None or place(view.answers.github_api_url, done.repository, done.environment) not in places:
        return {}
    return {f"secret {name}": "" for name in done.secrets} | {f"variable {name.upper()}": "" for name in done.variables}


def _decided(entry: Entry, noted: Mapping[str, str], hidden: Mapping[tuple[Kind, str], str]) -> Entry:
    """What an export does with a name that is needed, by whose the value there is."""
    notes = []
    if hides := hidden.get((entry.kind, entry.name)):
        notes.append(f"It hides the {entry.kind} {entry.name} of the {hides} from the workflow.")
    if not entry.there:
        return replace(entry, note=" ".join(notes))
    if is_ours(noted, entry.kind, entry.name, entry.updated):
        return replace(entry, ours=True, action="replace", note=" ".join(notes))
    before = noted.get(f"{entry.kind} {entry.name}")
    when = f" on {entry.updated[:10]}" if entry.updated else ""
    since = f" (ecrwiz had set it on {before[:10]})" if before else ""
    return replace(entry, action="keep", note=" ".join([f"Somebody else set it{when}{since}.", *notes]))


def is_ours(noted: Mapping[str, str], kind: str, name: str, updated: str) -> bool:
    """Whether what is there is what ecrwiz put there: nothing was set since."""
    return noted.get(f"{kind} {name}") in ("", updated)

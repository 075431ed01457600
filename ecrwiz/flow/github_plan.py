"""What an export to GitHub would change, asked from GitHub now."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from ecrwiz.flow.context import View
from ecrwiz.flow.events import StepId
from ecrwiz.flow.github_access import find_token, no_token
from ecrwiz.flow.github_entries import Kind, There, Wanted, ours, plan_entries, wanted
from ecrwiz.flow.github_ledger import place
from ecrwiz.flow.github_write import targets
from ecrwiz.flow.project import Project
from ecrwiz.model.errors import BadInputError, EcrwizError, RemoteError
from ecrwiz.model.github_plan import Entry, GithubPlan
from ecrwiz.model.results import ProvisionResult
from ecrwiz.services.github import MOST_SECRETS, MOST_VARIABLES, Environment, GitHub, Repository

__all__ = ["Seen", "check_room", "look", "survey"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found out before anything is changed.

    Attributes:
        repository: as GitHub names it today.
        environment: as GitHub spells it; empty for the repository itself.
        environment_there: GitHub has that environment.
        entries: what an export does unless the person says otherwise.
        warnings: sentences.
        where: the place's name in the ledger.
        counts: how many secrets and variables are in the place, by `secret` and `variable`.
    """

    repository: Repository
    environment: str
    environment_there: bool
    entries: tuple[Entry, ...]
    warnings: tuple[str, ...]
    where: str
    counts: Mapping[Kind, int]


async def look(project: Project) -> GithubPlan:
    """Ask GitHub what an export would change; what GitHub refuses is told as the plan's `problem`."""
    view = View(project, StepId.GITHUB)
    answers = view.answers
    plan = GithubPlan(answers.github_repository, answers.github_environment, False, True, "", ())
    try:
        if not plan.repository:
            raise BadInputError(
                "No GitHub repository is known: there is no git remote on GitHub, and none was named.",
                "Name it with --set github_repository=OWNER/NAME.",
            )
        found = await find_token(view)
        if found is None:
            raise no_token()
        plan = replace(plan, token=found[1])
        async with GitHub(answers.github_api_url, found[0], source=found[1]) as api:
            seen = await survey(view, api)
        plan = replace(
            plan,
            repository=seen.repository.full_name,
            environment=seen.environment,
            environment_there=seen.environment_there,
            private=seen.repository.private,
            entries=seen.entries,
            warnings=seen.warnings,
        )
        view.need(ProvisionResult)
        check_room(seen)
    except EcrwizError as error:
        return replace(plan, problem=error)
    return plan


async def survey(view: View, api: GitHub) -> Seen:
    """Look at the repository, its environment and all that is in them.

    Raises:
        EcrwizError: GitHub refuses, or the repository takes nothing.
    """
    asked, environment = view.answers.github_repository, view.answers.github_environment
    found = await api.repository(asked)
    name = found.full_name
    if found.archived:
        raise EcrwizError(f"{name} is archived on GitHub and takes no secrets.", "Unarchive it, or name another.")
    wants = wanted(view)
    warnings = [*_about(asked, found), *await _about_actions(api, found)]
    environment_there = True
    if environment:
        spelled = await api.environment(name, environment)
        environment_there = spelled is not None
        if spelled is not None:
            environment = spelled.name
            warnings += _about_rules(spelled)
    there = await _what_is_there(api, found, environment, wants) if environment_there else There()
    there = replace(there, hidden=await _what_is_hidden(api, name, environment))
    where = place(view.answers.github_api_url, name, environment)
    before = place(view.answers.github_api_url, asked, environment)
    entries = plan_entries(wants, there, ours(view, (where, before)))
    left = [str(target) for target in targets(view) if target.where not in (where, before)]
    if left:
        warnings.append(f"An earlier export left the access key in {_list(left)} too.")
    named = {entry.name for entry in entries}
    strangers = [name for name in wants.obsolete if name in there.secrets and name not in named]
    if strangers:
        warnings.append(f"The workflow assumes a role; {_list(strangers)}, which somebody else put there, stay unused.")
    counts: dict[Kind, int] = {"secret": len(there.secrets), "variable": len(there.variables)}
    return Seen(found, environment, environment_there, entries, tuple(warnings), where, counts)


def check_room(seen: Seen) -> None:
    """Refuse an export for which GitHub has no room.

    Raises:
        EcrwizError: the quota is used up.
    """
    limits: dict[Kind, int] = {"secret": MOST_SECRETS, "variable": MOST_VARIABLES[bool(seen.environment)]}
    for kind, most in limits.items():
        new = sum(entry.kind == kind and entry.action == "create" for entry in seen.entries)
        there = seen.counts[kind]
        if new and there + new > most:
            environment = f"The environment {seen.environment} of " if seen.environment else ""
            raise EcrwizError(
                f"{environment}{seen.repository.full_name} holds {there} {kind}s, and GitHub keeps no more than "
                f"{most}: there is no room for {new} more.",
                "Delete some that are not used any more, or export to an environment: --set github_environment=NAME",
            )


async def _what_is_there(api: GitHub, found: Repository, environment: str, wants: Wanted) -> There:
    name = found.full_name
    try:
        if wants.secrets:
            await api.check_public_key(name, environment)  # the surest sign that a secret may be written
            secrets = await api.secrets(name, environment)
        else:  # a token for variables alone will do; what it may not see, it leaves alone
            secrets = await _told(api.secrets(name, environment)) or {}
        return There(secrets, await api.variables(name, environment))
    except RemoteError as error:
        if error.code not in ("403", "404") or found.can_push or found.can_admin:
            raise
        raise EcrwizError(
            f"The token's owner may look at {name} and not write there, so it takes no secrets from them.",
            "Ask for the role Write in the repository, or use the token of somebody who has it.",
        ) from error


async def _what_is_hidden(api: GitHub, repository: str, environment: str) -> dict[tuple[Kind, str], str]:
    """The same names in a wider place, which GitHub's rules of precedence take from the workflow."""
    hidden: dict[tuple[Kind, str], str] = {}
    secrets, names = await _told(api.of_organisation(repository)) or ((), ())
    hidden |= {("secret", name): "organisation" for name in secrets}
    hidden |= {("variable", name): "organisation" for name in names}
    if environment:
        hidden |= {("secret", name): "repository" for name in await _told(api.secrets(repository)) or ()}
        hidden |= {("variable", name): "repository" for name in await _told(api.variables(repository)) or ()}
    return hidden


def _about(asked: str, found: Repository) -> list[str]:
    warnings = []
    if found.full_name.lower() != asked.lower():
        warnings.append(
            f"{asked} was renamed or transferred and is {found.full_name} today: that one is meant. "
            f"Say so to git and to ecrwiz: --set github_repository={found.full_name}"
        )
    return warnings


def _about_rules(environment: Environment) -> list[str]:
    if not environment.rules:
        return []
    return [f"A job gets what the environment {environment.name} holds after {_list(environment.rules)}."]


async def _about_actions(api: GitHub, found: Repository) -> list[str]:
    """Whether workflows run at all; GitHub tells it to administrators only."""
    name, owner = found.full_name, found.full_name.partition("/")[0]
    enabled = await _told(api.actions_enabled(name))
    if enabled is not False:
        return []
    policy = await _told(api.actions_of_organisation(owner)) if found.of_organisation else None
    if policy == "none":
        what, who = f"for every repository of {owner}", "an owner of the organisation can allow them in its settings."
    else:
        who = f"allow them with: gh api -X PUT repos/{name}/actions/permissions -F enabled=true"
        what = f"in {name}"
    return [f"GitHub Actions are switched off {what}, so no workflow will run: {who}"]


async def _told(asked: Awaitable[T]) -> T | None:
    """An answer that GitHub gives to some only; None for all others."""
    try:
        return await asked
    except RemoteError as error:
        if error.code not in ("403", "404"):
            raise
        return None


def _list(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last

"""Writing to GitHub: values go out, are read back and noted; an access key is replaced or taken away wherever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from ecrwiz.flow.context import Context, View
from ecrwiz.flow.events import Question, StepId
from ecrwiz.flow.github_access import open_github
from ecrwiz.flow.github_entries import SECRETS, is_ours
from ecrwiz.flow.github_ledger import Ledger, place
from ecrwiz.model.errors import EcrwizError, ToolFailedError
from ecrwiz.model.github_plan import Entry
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import GithubResult
from ecrwiz.services.github import GitHub

__all__ = ["Target", "export", "placed", "remove_all", "remove_key", "replace_key", "set_since", "targets"]

_SAME_MOMENT: Final = 120.0  # seconds between GitHub's clocks; times are told in whole seconds


@dataclass(frozen=True, slots=True)
class Target:
    """Where secrets and variables go.

    Attributes:
        api_url: GitHub's API.
        repository: `owner/name`.
        environment: a deployment environment; empty for the repository itself.
    """

    api_url: str
    repository: str
    environment: str = ""

    def __str__(self) -> str:
        return f"the environment {self.environment} of {self.repository}" if self.environment else self.repository

    @property
    def subject(self) -> str:
        """The same as the first words of a sentence."""
        return f"The{str(self)[3:]}" if self.environment else str(self)

    @property
    def where(self) -> str:
        """Its name in the ledger."""
        return place(self.api_url, self.repository, self.environment)


async def export(
    context: Context, api: GitHub, target: Target, entries: Sequence[Entry], secrets: Mapping[str, Secret]
) -> None:
    """Send what is to be created and replaced, take away what is obsolete, and read all of it back.

    Args:
        context: of the step.
        api: GitHub.
        target: where to.
        entries: whose `action` is final.
        secrets: the secrets' values, by name.

    Raises:
        EcrwizError: GitHub refused, or does not show what was sent.
    """
    ledger = Ledger(context.paths.state)
    repository, environment = target.repository, target.environment
    todo = [entry for entry in entries if entry.action in ("create", "replace", "remove")]
    option = ("--env", environment) if environment else ()
    for number, entry in enumerate(todo, 1):
        shown = ("--body", entry.value) if entry.kind == "variable" else ()
        verb = "delete" if entry.action == "remove" else "set"
        context.command("gh", entry.kind, verb, entry.name, *shown, "--repo", repository, *option)
        if entry.action == "remove":
            await api.delete_secret(repository, entry.name, environment)
            ledger.drop(target.where, [_key(entry)])
        else:
            with ledger.intent(target.where, _key(entry)):
                if entry.kind == "secret":
                    await api.put_secret(repository, entry.name, secrets[entry.name], environment)
                else:
                    await api.put_variable(repository, entry.name, entry.value, environment)
        if context.step is StepId.GITHUB:  # others have a progress of their own, of which this is a part
            context.progress(number, len(todo), "values", entry.name)
    clock = api.clock
    sent = [entry for entry in todo if entry.action != "remove"]
    ledger.settle(target.where, await _read_back(api, target, sent, clock))


def placed(view: View) -> dict[Target, tuple[str, ...]]:
    """What ecrwiz put into GitHub from here, as `kind NAME` by place, the last export's place first.

    After a cut some of it may not be there, and of some places all may be gone since.
    """
    done, url, ledger = view.find(GithubResult), view.answers.github_api_url, Ledger(view.paths.state)
    found: dict[Target, tuple[str, ...]] = {}
    if done is not None:
        names = [f"secret {name}" for name in done.secrets] + [f"variable {name}" for name in done.variables]
        found[Target(url, done.repository, done.environment)] = tuple(names)
    for known in ledger.places(url):
        target = next((one for one in found if one.where == Target(url, *known).where), Target(url, *known))
        found[target] = tuple(dict.fromkeys((*found.get(target, ()), *ledger.of(target.where))))
    return found


def targets(view: View) -> tuple[Target, ...]:
    """Where an access key was put from here, or may have been before a cut; the last export's place first."""
    return tuple(target for target, names in placed(view).items() if f"secret {SECRETS[1]}" in names)


async def replace_key(context: Context, access_key_id: str, secret: Secret) -> str:
    """Put another access key wherever an export put the one before, and read it back.

    Returns:
        The repositories as GitHub names them today, with commas between; empty when no key was exported from here.

    Raises:
        EcrwizError: GitHub refuses, cannot be reached, or does not show it; what works there, stays.
    """
    known = targets(context)
    if not known:
        return ""
    values = dict(zip(SECRETS, (Secret(access_key_id), secret), strict=True))
    replaced: dict[str, str] = {}
    async with await open_github(context) as api:
        for number, target in enumerate(known):
            now, entries = await _there(context, api, target, also_absent=number == 0)
            if entries and now.where not in replaced:  # two old names may have become one
                await export(context, api, now, entries, values)
                context.say(f"{now.subject} has the access key {access_key_id}.")
                replaced[now.where] = now.repository
    return ", ".join(dict.fromkeys(replaced.values()))


async def set_since(context: Context, moment: datetime) -> dict[Target, bool]:
    """Where the access key's secret is on GitHub of what was exported from here, and whether it was set since then.

    Args:
        context: of the step.
        moment: by a server's clock, such as when AWS made a key; both tell whole seconds.

    Raises:
        EcrwizError: GitHub refuses or cannot be reached.
    """
    found: dict[Target, bool] = {}
    async with await open_github(context) as api:
        for target in targets(context):
            updated = (await _times(api, target, [f"secret {SECRETS[1]}"])).get(f"secret {SECRETS[1]}")
            if updated is not None:
                found[target] = _moment(updated) >= moment.replace(microsecond=0)
    return found


def _moment(updated: str) -> datetime:
    try:
        return datetime.fromisoformat(updated).astimezone(UTC)
    except ValueError:
        message = "GitHub's answer does not say when the access key's secret was last set."
        raise ToolFailedError(message, "Check github_api_url, and try again.") from None


async def remove_key(context: Context) -> tuple[str, ...]:
    """Delete the two secrets wherever an export put them; a line for each that was there.

    Raises:
        EcrwizError: GitHub refuses or cannot be reached; those that are gone stay gone.
    """
    wanted = {f"secret {name}" for name in SECRETS}
    removed: list[str] = []
    await _remove(context, wanted.__contains__, lambda what, gone: removed.append(what) if gone else None)
    return tuple(removed)


async def remove_all(context: Context, note: Callable[[str, bool], None]) -> None:
    """Delete everything that ecrwiz put into GitHub from here; what somebody else set since stays and is said.

    Args:
        context: of the step.
        note: told of each thing, and whether it was there.

    Raises:
        EcrwizError: GitHub refuses or cannot be reached; what is gone stays gone.
    """
    await _remove(context, lambda _: True, note)


async def _remove(context: Context, chosen: Callable[[str], bool], note: Callable[[str, bool], None]) -> None:
    todo = {target: [name for name in names if chosen(name)] for target, names in placed(context).items()}
    todo = {target: names for target, names in todo.items() if names}
    if not todo:
        return
    ledger = Ledger(context.paths.state)
    async with await open_github(context) as api:
        for target, names in todo.items():
            there = await _times(api, target, names)
            for key in names:
                kind, _, name = key.partition(" ")
                updated = there.get(f"{kind} {name.upper()}")
                if updated is not None and not is_ours({key: "", **ledger.of(target.where)}, kind, name, updated):
                    context.say(f"GitHub {key} of {target} stays: somebody else set it at {updated}.")
                    continue
                delete = api.delete_secret if kind == "secret" else api.delete_variable
                gone = updated is not None and await delete(target.repository, name, target.environment)
                note(f"GitHub {key} of {target}", gone)
                ledger.drop(target.where, [key])


async def _times(api: GitHub, target: Target, names: Iterable[str]) -> dict[str, str]:
    """When each was set that is there, by `kind NAME`; nothing of an environment that is gone."""
    place, kinds = (target.repository, target.environment), {name.partition(" ")[0] for name in names}
    if target.environment and await api.environment(*place) is None:
        return {}
    found: dict[str, str] = {}
    if "secret" in kinds:
        found |= {f"secret {name}": time for name, time in (await api.secrets(*place)).items()}
    if "variable" in kinds:
        found |= {f"variable {name}": one.updated for name, one in (await api.variables(*place)).items()}
    return found


async def _there(
    context: Context, api: GitHub, target: Target, *, also_absent: bool
) -> tuple[Target, tuple[Entry, ...]]:
    """The place as GitHub names it today, and what of the key is to be replaced in it."""
    found = await api.repository(target.repository)
    now = Target(target.api_url, found.full_name, target.environment)
    ledger = Ledger(context.paths.state)
    noted = {**ledger.of(target.where), **ledger.of(now.where)}
    there = await api.secrets(now.repository, now.environment)
    entries = tuple(
        Entry("secret", name, there=name in there, updated=there.get(name, ""), action="replace")
        for name in SECRETS
        if name in there or also_absent
    )
    theirs = [entry for entry in entries if entry.there and noted.get(_key(entry), "") not in ("", entry.updated)]
    if theirs:
        await _ask_to_replace(context, now, theirs)
    return now, entries


async def _ask_to_replace(context: Context, target: Target, theirs: Sequence[Entry]) -> None:
    """What somebody else set since may be what CI works with now."""
    names = " and ".join(entry.name for entry in theirs)
    body = tuple(f"{entry.name} of {target} was set by somebody else at {entry.updated}." for entry in theirs)
    question = Question(context.step, "confirm", f"Replace {names}?", body, yes="Replace", no="Stop")
    chosen = {context.approvals.entries.get(entry.name) for entry in theirs}
    if chosen == {"replace"} or ("keep" not in chosen and await context.ask(question) is True):
        return
    raise EcrwizError(
        f"{body[0]} It was left as it is, so the new access key is not there.",
        "If it is to be ecrwiz's, run: ecrwiz run github --replace AWS_ACCESS_KEY_ID --replace AWS_SECRET_ACCESS_KEY",
    )


async def _read_back(api: GitHub, target: Target, sent: Iterable[Entry], clock: str) -> dict[str, str]:
    """When GitHub says that each was set.

    Raises:
        ToolFailedError: one is not listed, has another value, or was not set just now.
    """
    secrets, variables = {}, {}
    kinds = {entry.kind for entry in sent}
    if "secret" in kinds:
        secrets = await api.secrets(target.repository, target.environment)
    if "variable" in kinds:
        variables = await api.variables(target.repository, target.environment)
    times: dict[str, str] = {}
    missing, old = [], []
    for entry in sent:
        found = variables.get(entry.name)
        updated = secrets.get(entry.name) if entry.kind == "secret" else None
        if found is not None and entry.kind == "variable" and found.value == entry.value:
            updated = found.updated
        if updated is None:
            missing.append(entry.name)
        elif entry.kind == "secret" and not _is_new(updated, entry.updated, clock):
            old.append(entry.name)
        times[_key(entry)] = updated or ""
    if missing:
        raise ToolFailedError(f"GitHub does not list {', '.join(missing)} after the export.", "Run github again.")
    if old:
        raise ToolFailedError(
            f"GitHub took {', '.join(old)} and still says that the last change was before this export.",
            f"Look at Secrets and variables in the settings of {target} on GitHub; then run github again.",
        )
    return times


def _is_new(updated: str, before: str, clock: str) -> bool:
    """Whether a secret was set by this export: its time moved, or is GitHub's own time of now."""
    if updated != before or not updated:
        return True
    try:
        apart = datetime.fromisoformat(updated) - parsedate_to_datetime(clock)
    except (ValueError, TypeError):
        return False
    return abs(apart.total_seconds()) <= _SAME_MOMENT


def _key(entry: Entry) -> str:
    return f"{entry.kind} {entry.name}"

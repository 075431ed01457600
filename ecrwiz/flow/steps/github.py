"""Put what a workflow needs into GitHub: an access key's two secrets, sealed, and the variables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from ecrwiz.flow import github_plan, github_write
from ecrwiz.flow.context import Context, Skipped, Step, View
from ecrwiz.flow.events import Question, StepId
from ecrwiz.flow.github_access import check_destination, open_github
from ecrwiz.flow.github_entries import SECRETS, wanted
from ecrwiz.flow.github_plan import Seen
from ecrwiz.flow.github_write import Target, remove_key, replace_key
from ecrwiz.flow.steps.credentials import read_secret
from ecrwiz.model import validation
from ecrwiz.model.errors import BadInputError, NeedMissingError
from ecrwiz.model.github_plan import Entry
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import CredentialsResult, GithubResult, ProvisionResult
from ecrwiz.services.github import GitHub
from ecrwiz.services.templates.workflow import VARIABLES

__all__ = ["SECRETS", "STEP", "VARIABLES", "open_github", "remove_key", "replace_key"]


async def _run(context: Context) -> GithubResult | Skipped:
    made = context.need(ProvisionResult)
    repository = await _repository(context)
    if not repository:
        return Skipped(
            "no GitHub repository: there is no git remote on GitHub, and none was named "
            "(--set github_repository=OWNER/NAME)"
        )
    if context.answers.has_role and not made.ci_role_arn:
        raise NeedMissingError(
            "The CI identity is a role, and no role has been made yet.", "Make it first with: ecrwiz run provision"
        )
    await check_destination(context, repository)
    async with await open_github(context) as api:
        return await _export(context, api, made)


async def _export(context: Context, api: GitHub, made: ProvisionResult) -> GithubResult:
    seen = await github_plan.survey(context, api)
    repository, environment = seen.repository.full_name, seen.environment
    context.say(*seen.warnings)
    entries = await _decide(context, seen)
    github_plan.check_room(seen)
    values: dict[str, Secret] = {}
    if any(entry.kind == "secret" and entry.action in ("create", "replace") for entry in entries):
        secret = await read_secret(context, made)
        values = dict(zip(SECRETS, (Secret(made.aws_iam_access_id), secret), strict=True))
    if not seen.environment_there:
        environment = await _make_environment(context, api, repository, environment)
    context.say(*(f"{entry.name}: {entry.note}" for entry in entries if entry.note))
    target = Target(context.answers.github_api_url, repository, environment)
    await github_write.export(context, api, target, entries, values)
    return _result(context, target, entries, made)


def _result(context: Context, target: Target, entries: Sequence[Entry], made: ProvisionResult) -> GithubResult:
    """What is ecrwiz's there now; a value that was right already stays whoever's it was."""
    ours = [e for e in entries if e.action in ("create", "replace") or (e.action == "same" and e.ours)]
    secrets = tuple(entry.name for entry in ours if entry.kind == "secret")
    variables = tuple(entry.name for entry in ours if entry.kind == "variable")
    theirs = [e for e in entries if e not in ours and e.action != "remove"]
    listed = (("secrets", secrets), ("variables", variables))
    told = " and ".join(f"the {kind} {', '.join(names)}" for kind, names in listed if names)
    context.say(f"{target.subject} has {told or 'nothing of ecrwiz'}.")
    for word, action in (("Left as they were", "keep"), ("Right already", "same")):
        names = [entry.name for entry in theirs if entry.action == action]
        context.say(*([f"{word}: {', '.join(names)}."] if names else []))
    key = made.aws_iam_access_id if secrets else ""
    kept = tuple(entry.name for entry in theirs)
    return GithubResult(target.repository, key, secrets, variables, target.environment, kept)


async def _decide(context: Context, seen: Seen) -> tuple[Entry, ...]:
    """What is done with each: as the person said beforehand, as is plain, or as they say when asked.

    Raises:
        BadInputError: nobody could be asked, or what was said cannot be done.
    """
    said = {name.upper(): word for name, word in context.approvals.entries.items()}
    unknown = sorted(said.keys() - {entry.name for entry in seen.entries})
    if unknown:
        names = ", ".join(entry.name for entry in seen.entries)
        raise BadInputError(f"Nothing called {', '.join(unknown)} is exported.", f"These are: {names}.")
    # Kept without a question: what somebody typed on GitHub wins over what was merely detected here.
    detected = wanted(context).detected
    open_ = [e for e in seen.entries if e.action == "keep" and e.name not in said and e.name not in detected]
    word = await _ask(context, seen, open_) if open_ else "keep"
    said |= {entry.name: word for entry in open_}
    decided = tuple(_as_said(entry, said.get(entry.name, "")) for entry in seen.entries)
    _check_pair(decided)
    return decided


def _as_said(entry: Entry, word: str) -> Entry:
    """`create`, `same` and `remove` leave no choice."""
    if not word or entry.action not in ("keep", "replace"):
        return entry
    action: Literal["keep", "replace"] = "keep" if word == "keep" else "replace"
    return replace(entry, action=action)


def _check_pair(entries: Sequence[Entry]) -> None:
    """A key's id with another key's secret opens nothing."""
    pair = [entry for entry in entries if entry.name in SECRETS and entry.action != "remove"]
    if any(entry.action == "keep" for entry in pair) and any(entry.action != "keep" for entry in pair):
        kept = next(entry.name for entry in pair if entry.action == "keep")
        raise BadInputError(
            f"{' and '.join(SECRETS)} belong together, and {kept} alone was to be kept: nothing was sent.",
            "Keep both, or replace both: --replace AWS_ACCESS_KEY_ID --replace AWS_SECRET_ACCESS_KEY",
        )


async def _ask(context: Context, seen: Seen, entries: Sequence[Entry]) -> str:
    """Whether values of somebody else's stay.

    Raises:
        BadInputError: the person wants neither, or nobody can be asked.
    """
    names = [entry.name for entry in entries]
    lines = []
    for entry in entries:
        values = f" It is {entry.value_there}; ecrwiz's would be {entry.value}." if entry.kind == "variable" else ""
        lines.append(f"{entry.kind} {entry.name}: {entry.note}{values}")
    question = Question(
        context.step,
        "choice",
        f"{seen.repository.full_name} has values of somebody else's. What shall become of them?",
        (*lines, "GitHub never gives a secret back: one that is replaced is lost there."),
        choices=(("replace", "Replace them by ecrwiz's"), ("keep", "Keep them"), ("stop", "Stop, change nothing")),
    )
    reply = await context.ask(question)
    if reply in ("replace", "keep"):
        return str(reply)
    options = " ".join(f"--replace {name}" for name in names)
    raise BadInputError(
        f"{seen.repository.full_name} has {', '.join(names)} already, which somebody else put there: nothing was sent.",
        f"Say what shall become of each: ecrwiz run github {options} (or --keep NAME)",
    )


async def _make_environment(context: Context, api: GitHub, repository: str, name: str) -> str:
    """Make the environment that the answers name; gives its name as GitHub spells it.

    Raises:
        BadInputError: nobody agreed.
    """
    question = Question(
        context.step,
        "confirm",
        f"{repository} has no environment {name}. Make it?",
        (
            "Only jobs that name an environment get the secrets and variables that it holds.",
            "It is made without protection rules: set reviewers, a wait or branches in the repository's settings.",
            "The token needs the permission Administration: write (classic: repo, and the role Admin).",
        ),
        yes="Make it",
        no="Stop",
    )
    if not context.approvals.everything and await context.ask(question) is not True:
        raise BadInputError(
            f"{repository} has no environment {name}, and it was not made: nothing was sent.",
            "Run with --yes to have it made, make it on GitHub, or go without: --set github_environment=",
        )
    context.command("gh", "api", "-X", "PUT", f"repos/{repository}/environments/{name}")
    made = await api.create_environment(repository, name)
    context.say(f"The environment {made.name} was made in {repository}, without protection rules.")
    return made.name


async def _repository(context: Context) -> str:
    """The repository from the answers, or asked for; empty when nobody knows one."""
    if context.answers.github_repository:
        return context.answers.github_repository
    question = Question(
        context.step,
        "text",
        "Which GitHub repository shall have the credentials? (OWNER/NAME, empty for none)",
        ("No git remote on GitHub was found in this folder.",),
        yes="Export",
        no="Skip",
    )
    reply = await context.ask(question)
    typed = reply.strip() if isinstance(reply, str) else ""
    if not typed:
        return ""
    try:
        validation.check_github_repository(typed)
    except ValueError as error:
        raise BadInputError(str(error), "Run github again and type it so.") from None
    context.project.answer({"github_repository": typed})
    context.project.save_answers()
    return typed


async def _inputs(view: View) -> dict[str, str]:
    made, kept, answers = view.find(ProvisionResult), view.find(CredentialsResult), view.answers
    inputs = {
        "repository on GitHub": answers.github_repository,
        "GitHub's API": answers.github_api_url,
        "access key": kept.access_key_id if kept else "",
        "registry": f"{made.ecr_repo_url}/{made.ecr_repo_path}" if made else "",
        "region": made.aws_region if made else "",
        "account": made.account if made else "",
        "public build variables": json.dumps(dict(answers.build_args), sort_keys=True),
    }
    if answers.github_environment:
        inputs["environment"] = answers.github_environment
    if answers.has_role:
        inputs["CI identity"] = answers.ci_identity
        inputs["role"] = made.ci_role_arn if made else ""
    return inputs


STEP = Step(
    id=StepId.GITHUB,
    title="Export the credentials to GitHub",
    run=_run,
    inputs=_inputs,
    needs=(StepId.PROVISION, StepId.CREDENTIALS),
    after=(StepId.VERIFY,),
)

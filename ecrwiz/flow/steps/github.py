"""Put what a workflow needs into GitHub: two secrets, sealed for the repository, and its variables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from ecrwiz.flow.context import Context, Skipped, Step, View
from ecrwiz.flow.events import Question, StepId
from ecrwiz.flow.steps.credentials import read_secret
from ecrwiz.model import validation
from ecrwiz.model.answers import BUILD_ARG
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import CredentialsResult, GithubResult, ProvisionResult
from ecrwiz.services import github
from ecrwiz.services.github import GitHub
from ecrwiz.services.templates.workflow import VARIABLES

__all__ = ["SECRETS", "STEP", "VARIABLES", "open_github"]

SECRETS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_BY_THE_PERSON: Final = ("you", "flag", "environment")


async def _run(context: Context) -> GithubResult | Skipped:
    made = context.need(ProvisionResult)
    repository = await _repository(context)
    if not repository:
        return Skipped(
            "no GitHub repository: there is no git remote on GitHub, and none was named "
            "(--set github_repository=OWNER/NAME)"
        )
    await _check_destination(context, repository)
    async with await open_github(context) as api:
        return await _export(context, api, repository, made)


async def _export(context: Context, api: GitHub, repository: str, made: ProvisionResult) -> GithubResult:
    found = await api.repository(repository)
    repository = found.full_name  # it may have been renamed since
    if found.archived:
        raise EcrwizError(f"{repository} is archived on GitHub and takes no secrets.", "Unarchive it, or name another.")
    secret = await read_secret(context, made)
    values = dict(zip(SECRETS, (Secret(made.aws_iam_access_id), secret), strict=True))
    variables = await _variables(context, api, repository, made)
    total = len(values) + len(variables)
    for number, (name, value) in enumerate(values.items(), 1):
        context.command("gh", "secret", "set", name, "--repo", repository)
        await api.put_secret(repository, name, value)
        context.progress(number, total, "values", name)
    for number, (name, text) in enumerate(variables.items(), len(values) + 1):
        context.command("gh", "variable", "set", name, "--body", text, "--repo", repository)
        await api.put_variable(repository, name, text)
        context.progress(number, total, "values", name)
    await _read_back(context, api, repository, variables)
    return GithubResult(repository, made.aws_iam_access_id, SECRETS, tuple(variables))


async def _variables(context: Context, api: GitHub, repository: str, made: ProvisionResult) -> dict[str, str]:
    """What the workflow reads: where to push, and the public values that the build bakes in."""
    place = (made.account, made.aws_region, made.ecr_repo_url, made.ecr_repo_path)
    wanted = dict(zip(VARIABLES, place, strict=True))
    public = dict(sorted(context.answers.build_args.items()))
    check_public_names(public)
    there = await api.list_variables(repository) if public else {}
    for name, value in public.items():
        origin = context.project.resolved.origins[f"{BUILD_ARG}{name}"]
        if origin.source == "detected" and there.get(name, value) != value:
            # Nobody typed it here, and somebody typed the other one there: production's, as likely as not.
            context.say(f"The variable {name} has another value on GitHub already, which stays ({origin} had {value}).")
        else:
            wanted[name] = value
    return wanted


def check_public_names(public: Mapping[str, str]) -> None:
    """Refuse public build variables that GitHub does not take or that would replace one of the workflow's own.

    Raises:
        BadInputError: there is one.
    """
    own = {*VARIABLES, *SECRETS, "VERSION", "REVISION"}
    for name in public:
        if name.upper() in own or name.upper().startswith("GITHUB_"):
            raise BadInputError(
                f"The public build variable {name} has a name that the workflow or GitHub uses itself.",
                f"Rename it in the application, and take {BUILD_ARG}{name} out of ecrwiz.toml.",
            )


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


async def _check_destination(context: Context, repository: str) -> None:
    """Ask before a secret goes where only a file of the repository, or a remote's unusual host, says it should.

    Raises:
        BadInputError: nobody agreed.
    """
    url = context.answers.github_api_url
    context.say(f"To {repository} at {url}.")
    origins, detected = context.project.resolved.origins, context.project.layers[-1]
    doubts = []
    if not github.is_githubs_own(url) and origins["github_api_url"].source not in _BY_THE_PERSON:
        doubts.append(f"The API {url} is not GitHub's own; it is named {origins['github_api_url']}.")
    remote = detected.get("github_repository", ("", None))[0]
    if origins["github_repository"].source == "file" and repository != remote:
        doubts.append(f"The repository {repository} is named by ecrwiz.toml; the git remote is {remote or 'none'}.")
    if not doubts:
        return
    question = Question(
        context.step,
        "confirm",
        f"Send the CI secret to {repository} at {url}?",
        tuple(doubts),
        yes="Send it",
        no="Stop",
    )
    if await context.ask(question) is not True:
        raise BadInputError(
            f"{doubts[0]} The CI secret was not sent there.",
            f"If it is right, name it yourself: ecrwiz run github --set github_repository={repository} "
            f"--set github_api_url={url}",
        )


async def open_github(context: Context) -> GitHub:
    """GitHub's API with the first token that is found, or that the person types.

    Raises:
        MissingToolError: there is no token.
    """
    url = context.answers.github_api_url
    chosen = context.project.resolved.origins["github_api_url"].source in _BY_THE_PERSON
    found = await github.find_token(
        context.tools.environ, url, context.tools.keychain.read, context.paths.root, chosen=chosen
    )
    if found is not None:
        token, source = found
        context.say(f"GitHub token: from {source}.")
        return GitHub(url, context.tools.redact.add(token))
    question = Question(
        context.step,
        "secret",
        f"A token for {url} that may write secrets and variables of the repository",
        (
            "None was found in GH_TOKEN, GITHUB_TOKEN, `gh auth token` or the keyring.",
            "Fine-grained: repository permissions Secrets and Variables, read and write. Classic: scope repo.",
            "It is used for this run only and written nowhere.",
        ),
        yes="Use it",
        no="Stop",
    )
    reply = await context.ask(question)
    if isinstance(reply, Secret) and reply:
        return GitHub(url, context.tools.redact.add(reply))
    raise MissingToolError(
        "There is no GitHub token: GH_TOKEN and GITHUB_TOKEN are not set, and `gh auth token` and the keyring "
        "have none.",
        "Log in with `gh auth login`, or set GH_TOKEN, and run: ecrwiz run github",
    )


async def _read_back(context: Context, api: GitHub, repository: str, variables: dict[str, str]) -> None:
    secrets, there = await api.list_secrets(repository), await api.list_variables(repository)
    missing = [name for name in SECRETS if name not in secrets]
    missing += [name for name, value in variables.items() if there.get(name) != value]
    if missing:
        raise ToolFailedError(f"GitHub does not list {', '.join(missing)} after the export.", "Run github again.")
    context.say(f"{repository} has the secrets {', '.join(SECRETS)} and the variables {', '.join(variables)}.")


async def _inputs(view: View) -> dict[str, str]:
    made, kept = view.find(ProvisionResult), view.find(CredentialsResult)
    return {
        "repository on GitHub": view.answers.github_repository,
        "GitHub's API": view.answers.github_api_url,
        "access key": kept.access_key_id if kept else "",
        "registry": f"{made.ecr_repo_url}/{made.ecr_repo_path}" if made else "",
        "region": made.aws_region if made else "",
        "account": made.account if made else "",
        "public build variables": json.dumps(dict(view.answers.build_args), sort_keys=True),
    }


STEP = Step(
    id=StepId.GITHUB,
    title="Export the credentials to GitHub",
    run=_run,
    inputs=_inputs,
    needs=(StepId.PROVISION, StepId.CREDENTIALS),
    after=(StepId.VERIFY,),
)

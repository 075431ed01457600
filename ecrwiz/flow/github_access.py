"""The way to GitHub: a token that is found or typed, and the person's word for a destination that is in doubt."""

from __future__ import annotations

from typing import Final

from ecrwiz.flow.context import Context, View
from ecrwiz.flow.events import Question, StepId
from ecrwiz.model.errors import BadInputError, MissingToolError
from ecrwiz.model.redact import Secret
from ecrwiz.services import github
from ecrwiz.services.github import GitHub

__all__ = ["NoTokenError", "check_destination", "find_token", "no_token", "open_github"]

_BY_THE_PERSON: Final = ("you", "flag", "environment")


class NoTokenError(MissingToolError):
    """There is no GitHub token: the person has to log in, which is another matter than a GitHub out of reach."""


async def find_token(view: View) -> tuple[Secret, str] | None:
    """The first token for the API of the answers, and where it came from in words; asks nobody."""
    url = view.answers.github_api_url
    chosen = view.project.resolved.origins["github_api_url"].source in _BY_THE_PERSON
    tools = view.tools
    found = await github.find_token(tools.environ, url, tools.keychain.read, view.paths.root, chosen=chosen)
    if found is not None:
        tools.redact.add(found[0])
    return found


def no_token() -> NoTokenError:
    """What to say when there is none."""
    return NoTokenError(
        "There is no GitHub token: GH_TOKEN and GITHUB_TOKEN are not set, and `gh auth token` and the keyring "
        "have none.",
        "Log in with `gh auth login`, or set GH_TOKEN, and run the same again.",
    )


async def open_github(context: Context) -> GitHub:
    """GitHub's API with the first token that is found, or that the person types.

    Raises:
        MissingToolError: there is no token.
    """
    url = context.answers.github_api_url
    found = await find_token(context)
    if found is not None:
        token, source = found
        context.say(f"GitHub token: from {source}.")
        return GitHub(url, token, source=source)
    kinds = "Secrets and Variables"
    if context.answers.github_environment:
        kinds = "Secrets, Variables and Environments"
    question = Question(
        context.step,
        "secret",
        f"A token for {url} that may write secrets and variables of the repository",
        (
            "None was found in GH_TOKEN, GITHUB_TOKEN, `gh auth token` or the keyring.",
            f"Fine-grained: repository permissions {kinds}, read and write. Classic: scope repo.",
            "It is used for this run only and written nowhere.",
        ),
        yes="Use it",
        no="Stop",
    )
    reply = await context.ask(question)
    if isinstance(reply, Secret) and reply:
        return GitHub(url, context.tools.redact.add(reply))
    raise no_token()


async def check_destination(context: Context, repository: str) -> None:
    """Ask before a secret goes where only a file of the project, or a remote's unusual host, says it should.

    The state folder is such a file: one that came in an archive names what its sender wrote into it. Certain is
    the git remote, and what the person names for this run.

    Raises:
        BadInputError: nobody agreed.
    """
    url = context.answers.github_api_url
    environment = context.answers.github_environment
    context.say(f"To {repository}{f', environment {environment},' if environment else ''} at {url}.")
    origins, detected = context.project.resolved.origins, context.project.layers[-1]
    doubts = []
    if not github.is_githubs_own(url) and origins["github_api_url"].source not in _BY_THE_PERSON:
        doubts.append(f"The API {url} is not GitHub's own; it is named {origins['github_api_url']}.")
    remote = detected.get("github_repository", ("", None))[0]
    chosen = context.answers.github_repository
    certain = {remote, chosen if origins["github_repository"].source in _BY_THE_PERSON else None} - {None, ""}
    if repository.lower() not in {str(name).lower() for name in certain}:
        named = "ecrwiz.toml" if repository.lower() == chosen.lower() else "the notes of an earlier export in .ecrwiz/"
        doubts.append(f"The repository {repository} is named by {named}; the git remote is {remote or 'none'}.")
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
        command = "credentials rotate" if context.step is StepId.ROTATE else "run github"
        raise BadInputError(
            f"{doubts[0]} The CI secret was not sent there.",
            f"If it is right, name it yourself: ecrwiz {command} --set github_repository={repository} "
            f"--set github_api_url={url}",
        )

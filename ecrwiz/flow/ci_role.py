"""What a role needs around it: whom it trusts, written down for Terraform, and GitHub's provider in the account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from ecrwiz.flow import trust
from ecrwiz.flow.context import Context, View
from ecrwiz.flow.events import Question
from ecrwiz.flow.github_access import NoTokenError
from ecrwiz.flow.layout import TRUST_FILE
from ecrwiz.flow.variable_files import Trusted, read_trust, write_trust
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, RemoteError
from ecrwiz.model.subjects import audience_of, issuer_of
from ecrwiz.model.trust import Form, Trust
from ecrwiz.services import files
from ecrwiz.services.github.oidc import web_host_of
from ecrwiz.services.oidc_provider import OidcProvider

__all__ = [
    "TRUST_LIMIT",
    "in_words",
    "look_at_provider",
    "policy_size",
    "see_to_provider",
    "see_to_trust",
    "write_for_plan",
]

TRUST_LIMIT: Final = 2048
"""Characters of a role's trust policy (IAM quotas; AWS raises it to 4096 on request, white space is not counted)."""

_NOT_NOW: Final = frozenset({"429", "500", "502", "503", "504"})  # HTTP: GitHub is there, and does not answer

# The trust policy of modules/ci_role without what differs; a test compares it with the real one.
_FIXED: Final = 246


async def see_to_trust(context: Context) -> Trusted:
    """Solve whom the role trusts, say it in words, and write it where Terraform finds it.

    While GitHub is out of reach, what the file says stays, if an earlier run of this folder wrote just that for just
    these answers. Anything else in a file may have come with a clone or a pull request.

    Raises:
        EcrwizError: it cannot be known, or nobody agreed to trust a repository that only a file names.
    """
    trusted, solved = await _trusted(context)
    if solved is not None:
        context.say(*in_words(solved, context.answers.ci_role_name))
        await trust.confirm(context, solved)
        _remember(context, trusted)
    else:
        issuer, audience, subjects = trusted
        context.say(
            f"GitHub cannot be asked just now, so the role trusts what {TRUST_FILE} says, as an earlier run wrote it: "
            f"{', '.join(subjects)}, in tokens of {issuer} for {audience}."
        )
        await trust.confirm(context, Trust(*trusted, context.answers.github_repository, ()))
    write_trust(context.paths.infra / TRUST_FILE, trusted, context.paths.root)
    return trusted


async def write_for_plan(view: View, folder: Path) -> None:
    """The same for a plan in a scratch folder, without a word.

    Raises:
        EcrwizError: it cannot be known.
    """
    trusted, _ = await _trusted(view)
    write_trust(folder / TRUST_FILE, trusted, folder)


async def _trusted(view: View) -> tuple[Trusted, Trust | None]:
    """What the role is to trust, and how GitHub's answer led to it; None for the file's word."""
    solved: Trust | None = None
    try:
        solved = await trust.solve(view)
        trusted = (solved.issuer, solved.audience, solved.subjects)
    except NoTokenError:
        raise  # whoever can log in has no need of the file's word
    except (MissingToolError, RemoteError) as error:
        if isinstance(error, RemoteError) and error.code not in _NOT_NOW:
            raise
        found = _from_file(view)
        if found is None:
            raise MissingToolError(
                f"{error.message} Without GitHub nobody knows exactly whom the role is to trust: nothing was changed.",
                error.hint,
            ) from error
        trusted = found
    _check_size(view, trusted)
    return trusted, solved


def _from_file(view: View) -> Trusted | None:
    """What an earlier run of this folder wrote for the same answers.

    Raises:
        BadInputError: the file says something else.
    """
    found = read_trust(view.paths.infra / TRUST_FILE, view.paths.root)
    if found is None:
        return None
    # The second look is for a folder that came with the fingerprint in it.
    if not (_is_remembered(view, found) and _is_expected(view.answers, found)):
        raise BadInputError(
            f"GitHub cannot be asked, and {view.paths.infra_folder}/{TRUST_FILE} is not what an earlier run in this "
            "folder wrote for these answers, so nobody knows whom it lets in: nothing was changed.",
            "Run provision again with GitHub in reach, which writes the file anew.",
        )
    return found


def _remember(context: Context, trusted: Trusted) -> None:
    text = json.dumps({"digest": _fingerprint(context.answers, trusted)}) + "\n"
    files.write_atomic(context.paths.trusted, text, private=True, inside=context.paths.state)


def _is_remembered(view: View, trusted: Trusted) -> bool:
    text = files.read_text(view.paths.trusted, inside=view.paths.state)
    try:
        noted = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return False
    return isinstance(noted, dict) and noted.get("digest") == _fingerprint(view.answers, trusted)


def _fingerprint(answers: Answers, trusted: Trusted) -> str:
    """Of whom the role trusts, and of all answers that this follows from."""
    made_of = (answers.github_api_url, answers.github_repository, answers.github_environment, answers.oidc_trust)
    return files.digest(json.dumps([trusted, answers.ci_identity, answers.region, answers.ci_role_name, made_of]))


def _is_expected(answers: Answers, trusted: Trusted) -> bool:
    """Whether these are tokens of the answers' own GitHub, for AWS, of the answers' own repository."""
    issuer, audience, subjects = trusted
    host = web_host_of(answers.github_api_url)
    if audience != audience_of(answers.region) or (host and issuer != issuer_of(host)):
        return False
    return bool(subjects) and all(_is_of(answers.github_repository, subject) for subject in subjects)


def _is_of(repository: str, subject: str) -> bool:
    """Whether a subject can be no other repository's: `repo:OWNER/NAME:...` or `repo:OWNER@1/NAME@2:...`."""
    word, _, rest = subject.partition(":")
    named, colon, _ = rest.partition(":")
    parts = [part.partition("@") for part in named.split("/")]
    numbered = all(number.isascii() and number.isdigit() for _, sign, number in parts if sign)
    plain = "/".join(name for name, _, _ in parts)
    return word == "repo" and colon == ":" and numbered and plain.lower() == repository.lower() != ""


def policy_size(trusted: Trusted) -> int:
    """The most characters that the role's trust policy can have, whatever the partition."""
    issuer, audience, subjects = trusted
    return _FIXED + 3 * len(issuer) + len(audience) + sum(len(json.dumps(subject)) + 1 for subject in subjects)


def _check_size(view: View, trusted: Trusted) -> None:
    size = policy_size(trusted)
    if size > TRUST_LIMIT:
        raise BadInputError(
            f"The trust policy of {view.answers.ci_role_name} would have about {size} characters, and IAM allows "
            f"{TRUST_LIMIT}.",
            "Trust fewer kinds of run: take some out of oidc_trust, or trust an environment, whose own rules on GitHub "
            "say which branches may use it.",
        )


_WORDS: Final = {"branch": "on the branch", "tag": "of the tag", "environment": "in the environment"}


def in_words(trusted: Trust, role: str) -> tuple[str, ...]:
    """Who will be able to assume a role, one line each."""
    lines = [f"{role} can be assumed by workflow runs of {trusted.repository} on GitHub, and by nobody else:"]
    lines += [f"  {_form(form)}" for form in trusted.forms]
    lines.append("AWS compares these subjects as a whole, letter by letter:")
    lines += [f"  {subject}" for subject in trusted.subjects]
    if trusted.doubt:
        lines.append(trusted.doubt)
    return (*lines, *(f"Warning: {warning}" for warning in trusted.warnings))


def _form(form: Form) -> str:
    return "of pull requests" if form.kind == "pull_request" else f"{_WORDS[form.kind]} {form.name}"


async def look_at_provider(context: Context, trusted: Trusted) -> str:
    """See what the account needs to take GitHub's tokens, before anything is changed.

    Returns:
        What `see_to_provider` will do, in words; empty for nothing.

    Raises:
        EcrwizError: AWS refused, or nobody agreed to change a provider that somebody else made.
    """
    issuer, audience, _ = trusted
    found = await context.tools.oidc_providers(context.answers.region).find(issuer)
    if found is None:
        return f"IAM's OpenID Connect provider {issuer}, which the account's roles share and no destroy removes"
    if audience in found.audiences:
        context.say(f"AWS takes GitHub's tokens by {found.arn}, which exists.")
        return ""
    await _agree_to_audience(context, found, audience)
    return f"{audience} as an audience of {found.arn}"


async def see_to_provider(context: Context, trusted: Trusted) -> None:
    """Make the account take GitHub's tokens: use the provider that is there, or make it.

    The account has one provider for all its roles, so it is in no Terraform state, and destroy leaves it.

    Raises:
        EcrwizError: AWS refused, or nobody agreed to change a provider that somebody made just now.
    """
    issuer, audience, _ = trusted
    providers = context.tools.oidc_providers(context.answers.region)
    found = await providers.find(issuer)
    if found is None:
        context.command(
            *("aws", "iam", "create-open-id-connect-provider", "--url", f"https://{issuer}"),
            *("--client-id-list", audience, "--tags", "Key=managed-by,Value=ecrwiz"),
        )
        if await providers.create(issuer, audience):
            context.say(f"Made IAM's OpenID Connect provider {issuer}. The account's roles share it.")
            return
        found = await providers.find(issuer)
        if found is None:
            raise EcrwizError(
                f"IAM says that the OpenID Connect provider {issuer} exists already, and does not list it.",
                "Run provision again in a minute.",
            )
        context.say(f"Somebody else made {found.arn} just now.")
        if audience not in found.audiences:
            await _agree_to_audience(context, found, audience)
    if audience not in found.audiences:
        context.command(*_adding(found, audience))
        await providers.add_audience(found.arn, audience)
        context.say(f"{found.arn} takes tokens for {audience} too, from now on.")


def _adding(found: OidcProvider, audience: str) -> tuple[str, ...]:
    words = ("aws", "iam", "add-client-id-to-open-id-connect-provider", "--open-id-connect-provider-arn", found.arn)
    return (*words, "--client-id", audience)


async def _agree_to_audience(context: Context, found: OidcProvider, audience: str) -> None:
    """Ask before a provider is changed that ecrwiz did not make; `--yes` is about what is ecrwiz's own."""
    if found.ours:
        return
    others = ", ".join(found.audiences) or "nobody"
    question = Question(
        context.step,
        "confirm",
        f"Add {audience} to an OpenID Connect provider that ecrwiz did not make?",
        (
            f"{found.arn} takes tokens for {others} now, and the CI role needs {audience}.",
            "Roles that name their audience in their trust policy, as they should, are not affected.",
        ),
        yes="Add it",
        no="Stop",
    )
    if await context.ask(question) is not True:
        raise EcrwizError(
            f"{found.arn} was not made by ecrwiz and takes tokens for {others}, not for {audience}, so no workflow "
            "could assume the CI role: nothing was changed.",
            f"If those who use it agree: {' '.join(_adding(found, audience))}",
        )

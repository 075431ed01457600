"""Who may assume the CI role: what GitHub says of the repository, made into exact subjects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ecrwiz.flow.context import Context, View
from ecrwiz.flow.events import Question
from ecrwiz.flow.github_access import find_token, no_token, open_github
from ecrwiz.model import subjects, trust_policy
from ecrwiz.model.answers import Answers
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.subjects import Workflow
from ecrwiz.model.trust import DeploymentEnvironment, Form, SubjectTemplate, Trust, TrustedRepository
from ecrwiz.services import github
from ecrwiz.services.github import GitHub
from ecrwiz.services.github.oidc import Oidc
from ecrwiz.services.templates.workflow import REHEARSAL_BRANCH, path_of, title_of

__all__ = ["Known", "confirm", "forms", "learn", "refused", "solve", "solve_from"]

_BY_THE_PERSON: Final = ("you", "flag", "environment")


@dataclass(frozen=True, slots=True)
class Known:
    """What GitHub says of the repository and its tokens.

    Attributes:
        repository: its names and ids.
        template: how its subjects are made.
        web_host: such as `github.com`; says who issues its tokens.
        environments: those that the answers name.
    """

    repository: TrustedRepository
    template: SubjectTemplate
    web_host: str
    environments: tuple[DeploymentEnvironment, ...] = ()


async def solve(view: View) -> Trust:
    """Ask GitHub about the repository of the answers, and tell who may assume the role.

    Raises:
        EcrwizError: no repository is named, GitHub refuses, or a subject cannot be told exactly.
    """
    return solve_from(view.answers, await learn(view))


async def learn(view: View, api: GitHub | None = None) -> Known:
    """Ask GitHub for all that subjects are made of.

    Args:
        view: the project.
        api: a connection that is open already.

    Raises:
        EcrwizError: no repository is named, there is no token, or GitHub refuses.
    """
    answers = view.answers
    if not answers.github_repository:
        raise BadInputError(
            "An OIDC role trusts one repository on GitHub, and none is known.",
            "Name it with --set github_repository=OWNER/NAME, or add a git remote on GitHub.",
        )
    if api is not None:
        return await _ask(answers, api)
    async with await _connect(view) as opened:
        return await _ask(answers, opened)


async def _ask(answers: Answers, api: GitHub) -> Known:
    oidc = Oidc(api, answers.github_api_url)
    found = await oidc.repository(answers.github_repository)
    full_name = f"{found.owner}/{found.name}"
    named = [form.name for form in forms(answers, found.default_branch) if form.kind == "environment"]
    environments = []
    for name in dict.fromkeys(filter(None, (answers.github_environment, *named))):
        environments.append(await oidc.environment(full_name, name))
        _check_spelling(answers, name, environments[-1].name)
    return Known(found, await oidc.template(full_name), await oidc.web_host(full_name), tuple(environments))


def solve_from(answers: Answers, known: Known) -> Trust:
    """The same without asking.

    Raises:
        EcrwizError: a subject cannot be told exactly.
    """
    branch = known.repository.default_branch
    found = subjects.solve(
        known.repository,
        known.template,
        forms(answers, branch),
        Workflow(title_of(answers), path_of(answers)),
        issuer=subjects.issuer_of(known.web_host),
        audience=subjects.audience_of(answers.region),
    )
    own, loose = _own(answers, branch), _loose(found.forms, known)
    warnings = [*found.warnings, *(_unguarded(each) for each in loose)]
    if own not in found.forms:
        warnings.append(
            f"oidc_trust does not list {own}, which is what the rendered workflow's runs are: AWS will refuse them."
        )
    try:
        runs = _subjects_of(answers, known, own) if answers.workflow == "yes" else ()
    except BadInputError:
        runs = ()  # not to be told before the run, and not trusted
    narrow = {Form("branch", branch), *([Form("branch", REHEARSAL_BRANCH)] if answers.ci_identity == "both" else [])}
    open_to_all = {each.name for each in loose}
    wide = [
        form for form in found.forms if (form.name in open_to_all if form.kind == "environment" else form not in narrow)
    ]
    beyond = dict.fromkeys(subject for form in wide for subject in _subjects_of(answers, known, form))
    return replace(found, warnings=tuple(warnings), own=runs, beyond=tuple(beyond))


async def refused(view: View, api: GitHub) -> tuple[str, ...]:
    """The subjects of the rendered workflow's runs on the default branch that the role as IAM has it does not let in.

    Raises:
        EcrwizError: GitHub or AWS cannot be asked, or the subjects cannot be told before a run.
    """
    answers, known = view.answers, await learn(view, api)
    issuer, audience = subjects.issuer_of(known.web_host), subjects.audience_of(answers.region)
    sent = _subjects_of(answers, known, _own(answers, known.repository.default_branch))
    role = await view.tools.iam(answers.region).role(answers.ci_role_name)
    document = {} if role is None else role.trust
    return tuple(each for each in sent if trust_policy.judge(document, issuer, audience, each) != "may")


def _own(answers: Answers, branch: str) -> Form:
    (own,) = subjects.forms_of("", answers.github_environment, branch)
    return own


def _subjects_of(answers: Answers, known: Known, form: Form) -> tuple[str, ...]:
    return subjects.subjects_of(known.repository, known.template, form, Workflow(title_of(answers), path_of(answers)))


def _loose(found: tuple[Form, ...], known: Known) -> tuple[DeploymentEnvironment, ...]:
    """The trusted environments of which nobody knows that they keep a branch out."""
    names = {form.name for form in found if form.kind == "environment"}
    return tuple(each for each in known.environments if each.name in names and not each.guarded)


def _unguarded(environment: DeploymentEnvironment) -> str:
    name = environment.name
    if not environment.exists:
        return (
            f"GitHub has no environment {name}: the first job that names it makes it, without rules, so every branch "
            "of the repository may use it. Make it first, and say there which branches may."
        )
    if environment.guarded is None:
        return (
            f"GitHub does not tell this token which branches may use the environment {name}: without such a rule "
            "every branch of the repository may."
        )
    return (
        f"The environment {name} has no rule about branches, so every branch of the repository may use it: say which "
        "may under Settings, Environments, Deployment branches and tags."
    )


def forms(answers: Answers, default_branch: str) -> tuple[Form, ...]:
    """The kinds of run that the role trusts; while a role takes a key's place, the rehearsal's branch too."""
    found = subjects.forms_of(answers.oidc_trust, answers.github_environment, default_branch)
    if answers.ci_identity == "both" and not answers.github_environment:
        found = tuple(dict.fromkeys((*found, Form("branch", REHEARSAL_BRANCH))))
    return found


async def confirm(context: Context, trust: Trust) -> None:
    """Ask before a role trusts a repository, or more of its runs, that only a file of this folder names.

    A clone's `ecrwiz.toml` could name a stranger's repository, whose workflows could then push to the account; a
    pull request could add itself to `oidc_trust`. What the role trusts already is not asked about again.

    Raises:
        BadInputError: nobody agreed.
    """
    origins, detected = context.project.resolved.origins, context.project.layers[-1]
    url = context.answers.github_api_url
    doubts = []
    if not github.is_githubs_own(url) and origins["github_api_url"].source not in _BY_THE_PERSON:
        doubts.append(f"The API {url} is not GitHub's own; it is named {origins['github_api_url']}.")
    remote = detected.get("github_repository", ("", None))[0]
    named = context.answers.github_repository
    if origins["github_repository"].source == "file" and named.lower() != remote.lower():
        doubts.append(f"The repository {named} is named by ecrwiz.toml; the git remote is {remote or 'none'}.")
    hint = f"--set github_repository={named} --set github_api_url={url}"
    name = "oidc_trust" if context.answers.oidc_trust else "github_environment"
    if origins[name].source == "file" and (new := await _new(context, trust)):
        doubts.append(f"Only ecrwiz.toml says ({name}) that more than the default branch is trusted: {', '.join(new)}.")
        hint += f" --set '{name}={getattr(context.answers, name)}'"
    if not doubts:
        return
    title = f"Let workflows of {trust.repository} assume the CI role?"
    question = Question(context.step, "confirm", title, tuple(doubts), yes="Trust it", no="Stop")
    if await context.ask(question) is not True:
        raise BadInputError(
            f"{doubts[0]} No role was made to trust it.",
            f"If it is right, name it yourself: {hint}",
        )


async def _new(context: Context, trust: Trust) -> tuple[str, ...]:
    """What goes beyond the default branch and is not trusted by the role as it is."""
    if not trust.beyond:
        return ()
    try:
        role = await context.tools.iam(context.answers.region).role(context.answers.ci_role_name)
    except EcrwizError:
        role = None  # who cannot look has to ask
    there = {} if role is None else role.trust
    return tuple(
        each for each in trust.beyond if trust_policy.judge(there, trust.issuer, trust.audience, each) != "may"
    )


def _check_spelling(answers: Answers, named: str, spelled: str) -> None:
    if spelled != named:
        name = "github_environment" if answers.github_environment == named else "oidc_trust"
        value = spelled if name == "github_environment" else answers.oidc_trust.replace(named, spelled)
        raise BadInputError(
            f"GitHub spells the environment {spelled!r} and the answers say {named!r}; AWS compares with case.",
            f"Take GitHub's spelling: --set '{name}={value}'",
        )


async def _connect(view: View) -> GitHub:
    """With a run, as its other steps do; without one, with a token that needs no question."""
    if isinstance(view, Context):
        return await open_github(view)
    found = await find_token(view)
    if found is None:
        raise no_token()
    return GitHub(view.answers.github_api_url, found[0], source=found[1])

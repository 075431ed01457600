"""Run the rendered workflow on a branch of its own, and follow it to its end.

The branch holds GitHub's default branch and the rendered files of this folder; its push starts the workflow. It is
the only branch that ecrwiz ever pushes, and it is deleted at the end, as is the image that the run pushed.
"""

from __future__ import annotations

import time
from typing import Final

from ecrwiz.flow import trust
from ecrwiz.flow.context import Context, Step, View
from ecrwiz.flow.events import StepId
from ecrwiz.flow.following import await_run, failure, follow
from ecrwiz.flow.github_access import open_github
from ecrwiz.flow.layout import TRUST_FILE
from ecrwiz.flow.rehearsing import Stage, rendered_files
from ecrwiz.model import trust_policy
from ecrwiz.model.errors import BadInputError, EcrwizError, NeedMissingError
from ecrwiz.model.results import GithubResult, ProvisionResult, RehearseResult
from ecrwiz.model.subjects import Workflow, subjects_of
from ecrwiz.model.trust import Form
from ecrwiz.model.trust_policy import Verdict
from ecrwiz.services import files, git
from ecrwiz.services.github import GitHub
from ecrwiz.services.github.actions_runs import Run
from ecrwiz.services.github.git_data import NewFile
from ecrwiz.services.github.oidc import Oidc
from ecrwiz.services.templates.workflow import REHEARSAL_BRANCH, path_of, title_of

__all__ = ["STEP"]

_PUSH_SECONDS: Final = 25.0  # until a push has started a run, which takes GitHub a few
_DISPATCH_SECONDS: Final = 45.0


async def _run(context: Context) -> RehearseResult:
    made, exported = context.need(ProvisionResult), context.need(GithubResult)
    if context.answers.workflow != "yes":
        raise BadInputError(
            "There is no workflow to rehearse.", "Render one with: ecrwiz run render --set workflow=yes"
        )
    rendered = await rendered_files(context.project)
    if path_of(context.answers) not in {file.path for file in rendered}:
        raise NeedMissingError("The workflow was not rendered.", "Write it with: ecrwiz run render")
    async with await open_github(context) as api:
        return await _rehearse(context, api, exported.repository, made, rendered)


async def _rehearse(
    context: Context, api: GitHub, repository: str, made: ProvisionResult, rendered: tuple[NewFile, ...]
) -> RehearseResult:
    facts = await Oidc(api, context.answers.github_api_url).repository(repository)
    repository = f"{facts.owner}/{facts.name}"
    stage = Stage(context, api, repository, made)
    parent = await stage.git.head(facts.default_branch)
    if parent is None:
        raise EcrwizError(f"{repository} has no branch {facts.default_branch}.", "Push the application first.")
    await _check_trusted(context, api)
    await stage.clear_leftovers()
    await _say_what(context, facts.default_branch, parent, rendered)
    began = time.monotonic()
    commit = await stage.prepare(parent, rendered)
    try:
        await stage.begin(commit)
        run = await _started(context, api, stage, commit.sha, repository)
        ended, jobs = await follow(context, stage.runs, run)
        if ended.conclusion != "success":
            raise await _why(context, api, await failure(context, stage.runs, ended, jobs))
    finally:
        left = await stage.end(commit.sha)
    seconds = round(time.monotonic() - began, 1)
    context.say(f"The workflow works: {run.url}")
    identity = made.ci_role_arn if context.answers.has_role else made.aws_iam_access_id
    return RehearseResult(repository, REHEARSAL_BRANCH, commit.sha, run.url, identity, left, seconds)


async def _say_what(context: Context, branch: str, parent: str, rendered: tuple[NewFile, ...]) -> None:
    context.say(f"The branch {REHEARSAL_BRANCH} gets what is on GitHub's {branch} ({parent[:12]}), and from here:")
    context.say(*(f"  {file.path}" for file in rendered))
    state = await git.describe(context.paths.root)
    if state is not None and (state.dirty or state.commit != parent):
        context.say("What else you changed here and did not push is not part of the rehearsal.")


async def _started(context: Context, api: GitHub, stage: Stage, sha: str, repository: str) -> Run:
    """The run that the push started; else one that is started by hand, where GitHub allows that."""
    ref = f"refs/heads/{REHEARSAL_BRANCH}"
    context.command("gh", "api", f"repos/{repository}/git/refs", "-f", f"ref={ref}", "-f", f"sha={sha}")
    path = path_of(context.answers)
    file = path.rpartition("/")[2]

    def others(count: int) -> None:
        context.say(f"The push starts {count} other workflow(s) of the repository too; they are left alone.")

    run = await await_run(stage.runs, sha, path, _PUSH_SECONDS, others)
    if run is None and await stage.runs.has_workflow(file):
        context.command("gh", "workflow", "run", file, "--ref", REHEARSAL_BRANCH, "--repo", repository)
        if await stage.runs.dispatch(file, REHEARSAL_BRANCH):
            run = await await_run(stage.runs, sha, path, _DISPATCH_SECONDS)
    if run is None:
        raise await _no_run(api, repository)
    context.say(f"The run: {run.url}")
    return run


async def _no_run(api: GitHub, repository: str) -> EcrwizError:
    try:
        enabled = await api.actions_enabled(repository)
    except EcrwizError:
        enabled = True  # not told to everybody
    if not enabled:
        return EcrwizError(
            f"GitHub started no run: Actions are switched off in {repository}.",
            "Switch them on under Settings, Actions, General.",
        )
    return EcrwizError(
        f"GitHub started no run in {repository} for the push to {REHEARSAL_BRANCH}.",
        "See under Settings, Actions, General whether Actions may run, and https://www.githubstatus.com for trouble.",
    )


async def _check_trusted(context: Context, api: GitHub) -> None:
    """A role that does not trust the rehearsal's branch would only let the run fail, minutes later.

    Raises:
        EcrwizError: it does not, or there is no role.
    """
    if not context.answers.has_role:
        return
    sent, trusted, verdicts = await _subjects(context, api)
    if "may" in verdicts or "unknown" in verdicts:
        return
    context.say("The rehearsal would send:", *(f"  {subject}" for subject in sent))
    context.say("The role trusts:", *(f"  {subject}" for subject in trusted))
    wanted = ", ".join(
        map(
            str,
            (
                *trust.forms(context.answers, (await trust.learn(context, api)).repository.default_branch),
                _form(context),
            ),
        )
    )
    raise EcrwizError(
        f"{context.answers.ci_role_name} does not trust the branch {REHEARSAL_BRANCH}, so its run could not push.",
        f"Trust it for the rehearsal: ecrwiz run render provision --set 'oidc_trust={wanted}'; and take it out after.",
    )


async def _subjects(context: Context, api: GitHub) -> tuple[tuple[str, ...], tuple[str, ...], set[Verdict]]:
    """What the rehearsal's token can be, what the role trusts, and whether that lets it in."""
    known = await trust.learn(context, api)
    workflow = Workflow(title_of(context.answers), path_of(context.answers))
    sent = subjects_of(known.repository, known.template, _form(context), workflow)
    solved = trust.solve_from(context.answers, known)
    role = await context.tools.iam(context.answers.region).role(context.answers.ci_role_name)
    if role is None:
        return sent, (), {"may not"}
    verdicts = {trust_policy.judge(role.trust, solved.issuer, solved.audience, subject) for subject in sent}
    return sent, trust_policy.subjects_in(role.trust, solved.issuer), verdicts


def _form(context: Context) -> Form:
    environment = context.answers.github_environment
    return Form("environment", environment) if environment else Form("branch", REHEARSAL_BRANCH)


async def _why(context: Context, api: GitHub, error: EcrwizError) -> EcrwizError:
    """For a role that was not to be had: the subject that was sent, and those that are trusted."""
    if "subject of its token" not in error.message or not context.answers.has_role:
        return error
    try:
        sent, trusted, _ = await _subjects(context, api)
        context.say("The run's token has one of these subjects:", *(f"  {subject}" for subject in sent))
        context.say("The role trusts:", *(f"  {subject}" for subject in trusted or ("nothing: there is no role",)))
    except EcrwizError as second:
        context.say(f"What the role trusts cannot be told: {second.message}")
    return error


async def _inputs(view: View) -> dict[str, str]:
    made = view.find(ProvisionResult)
    path = path_of(view.answers)
    text = files.read_text(view.paths.root / view.project.place.up / path, inside=view.paths.base)
    exported = view.find(GithubResult)
    trusted = files.read_text(view.paths.infra / TRUST_FILE, inside=view.paths.base) if view.answers.has_role else ""
    return {
        "workflow": files.digest(text or ""),
        "whom the role trusts": files.digest(trusted or ""),
        "names on GitHub": "" if exported is None else " ".join((exported.environment, *sorted(exported.variables))),
        "identity": "" if made is None else f"{made.aws_iam_access_id} {made.ci_role_arn}",
        "repository on GitHub": view.answers.github_repository,
    }


STEP = Step(
    id=StepId.REHEARSE,
    title="Rehearse the workflow on a branch",
    run=_run,
    inputs=_inputs,
    needs=(StepId.PROVISION, StepId.GITHUB),
)

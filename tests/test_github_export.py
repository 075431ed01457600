"""The step GITHUB and the plan before it: what is there, whose it is, what the person says, what is read back."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nacl.public import PublicKey, SealedBox

from ecrwiz.flow import github_plan, github_write
from ecrwiz.flow.context import Approvals, Context, View
from ecrwiz.flow.events import StepId
from ecrwiz.flow.github_access import check_destination
from ecrwiz.flow.github_entries import SECRETS
from ecrwiz.flow.github_ledger import Ledger
from ecrwiz.flow.github_write import targets
from ecrwiz.flow.journal import as_json
from ecrwiz.flow.project import Project
from ecrwiz.flow.steps import github
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, NeedMissingError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.sandbox import github_store
from ecrwiz.services.github import GitHub
from tests.github_kit import ACCESS_KEY, MADE, ROLE, SECRET, Hub, Ran, export, open_ready, running_hub

REPO = "octo/app"
VARIABLES = ("AWS_ACCOUNT_ID", "AWS_REGION", "ECR_REGISTRY", "ECR_REPOSITORY")


@pytest.fixture(scope="module")
def started() -> Iterator[Hub]:
    with running_hub() as hub:
        yield hub


@pytest.fixture
def hub(started: Hub) -> Hub:
    started.reset()
    return started


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    async def read(view: View, made: object) -> Secret:
        return Secret(SECRET)

    monkeypatch.setattr(github, "read_secret", read)


@pytest.fixture
async def project(hub: Hub, next_app: Path) -> Project:
    return await open_ready(next_app, hub, github_repository=REPO)


def put_secret(hub: Hub, name: str, value: str, place: str = f"/repos/{REPO}/actions") -> None:
    """Somebody else sets a secret."""
    key = hub.call("GET", f"{place}/secrets/public-key").json()
    sealed = SealedBox(PublicKey(base64.b64decode(key["key"]))).encrypt(value.encode())
    body = {"encrypted_value": base64.b64encode(sealed).decode(), "key_id": key["key_id"]}
    hub.call("PUT", f"{place}/secrets/{name}", body).raise_for_status()


async def actions(project: Project) -> dict[str, str]:
    plan = await github_plan.look(project)
    assert plan.problem is None, plan.problem
    return {entry.name: entry.action for entry in plan.entries}


def set_clock(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """GitHub tells whole seconds, so what is to differ is set on another day."""
    monkeypatch.setattr(github_store, "clock", lambda: datetime.now(UTC) + timedelta(days=days))


# --- the plan and the export agree ---------------------------------------------------------------------------


async def test_a_first_export_creates_everything_and_the_plan_said_so(project: Project, hub: Hub) -> None:
    assert await actions(project) == dict.fromkeys((*SECRETS, *VARIABLES), "create")
    ran = await export(project)
    assert ran.result is not None
    assert (ran.result.repository, ran.result.access_key_id) == (REPO, ACCESS_KEY)
    assert (ran.result.secrets, ran.result.variables, ran.result.kept) == (SECRETS, VARIABLES, ())
    held = hub.opened(REPO)
    assert held["secrets"] == {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    assert held["variables"]["ECR_REPOSITORY"] == "web/blog/app"
    assert ran.asked == []
    assert "gh secret set AWS_ACCESS_KEY_ID --repo octo/app" in ran.text
    again = await actions(project)
    assert again == dict.fromkeys(SECRETS, "replace") | dict.fromkeys(VARIABLES, "same")


async def test_the_secret_is_in_nothing_that_is_kept_or_shown(project: Project) -> None:
    ran = await export(project)
    kept = [path for path in project.paths.state.rglob("*") if path.is_file()]
    assert {"github.json", "journal.json"} <= {path.name for path in kept}
    for text in (repr(ran), *(path.read_text() for path in kept)):
        assert SECRET not in text
        assert "ghp_theToken" not in text


async def test_looking_changes_nothing(project: Project, hub: Hub) -> None:
    await github_plan.look(project)
    assert hub.opened(REPO) == {"secrets": {}, "variables": {}, "environments": {}}
    assert not (project.paths.state / "github.json").exists()


# --- whose it is -----------------------------------------------------------------------------------------------


async def test_what_somebody_else_put_there_is_asked_about(project: Project, hub: Hub) -> None:
    for name in SECRETS:
        put_secret(hub, name, "theirs")
    hub.variable(REPO, "AWS_REGION", "us-west-2")
    plan = await github_plan.look(project)
    there = {entry.name: entry for entry in plan.entries if entry.there}
    assert {name: (entry.action, entry.ours) for name, entry in there.items()} == dict.fromkeys(
        (*SECRETS, "AWS_REGION"), ("keep", False)
    )
    assert there["AWS_REGION"].value_there == "us-west-2"
    assert "Somebody else set it on 20" in there["AWS_REGION"].note

    for everything in (False, True):  # --yes does not cover what is somebody else's
        with pytest.raises(BadInputError) as refused:
            await export(project, everything=everything)
        assert "octo/app has AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION already" in refused.value.message
        assert "--replace AWS_REGION" in refused.value.hint
    assert hub.opened(REPO)["secrets"] == dict.fromkeys(SECRETS, "theirs")

    ran = await export(project, "keep")
    assert len(ran.asked) == 1
    assert any("It is us-west-2; ecrwiz's would be eu-west-1." in line for line in ran.asked[0].body)
    assert ran.result is not None
    assert (ran.result.secrets, ran.result.access_key_id) == ((), "")
    assert ran.result.kept == (*SECRETS, "AWS_REGION")
    assert hub.opened(REPO)["secrets"] == dict.fromkeys(SECRETS, "theirs")
    assert hub.opened(REPO)["variables"]["AWS_REGION"] == "us-west-2"

    done = (await export(project, "replace")).result
    assert done is not None
    assert done.secrets == SECRETS
    assert hub.opened(REPO)["variables"]["AWS_REGION"] == "eu-west-1"


async def test_stopping_sends_nothing(project: Project, hub: Hub) -> None:
    hub.variable(REPO, "AWS_REGION", "us-west-2")
    with pytest.raises(BadInputError, match="nothing was sent"):
        await export(project, "stop")
    assert hub.opened(REPO)["secrets"] == {}


async def test_each_is_done_as_was_said_beforehand(project: Project, hub: Hub) -> None:
    hub.variable(REPO, "AWS_REGION", "us-west-2")
    hub.variable(REPO, "AWS_ACCOUNT_ID", "999999999999")
    ran = await export(project, entries={"aws_region": "keep", "AWS_ACCOUNT_ID": "replace"})
    assert ran.asked == []
    assert ran.result is not None
    assert ran.result.kept == ("AWS_REGION",)
    assert hub.opened(REPO)["variables"]["AWS_ACCOUNT_ID"] == "123456789012"


@pytest.mark.parametrize("entries", [{"AWS_REGOIN": "keep"}, {"NODE_ENV": "replace"}])
async def test_a_name_that_is_not_exported_is_refused(project: Project, hub: Hub, entries: dict[str, str]) -> None:
    with pytest.raises(BadInputError, match="is exported"):
        await export(project, entries=entries)
    assert hub.opened(REPO)["secrets"] == {}


async def test_a_key_and_its_secret_are_replaced_together_or_not_at_all(project: Project, hub: Hub) -> None:
    await export(project)
    before = hub.opened(REPO)
    with pytest.raises(BadInputError, match="belong together"):
        await export(project, entries={"AWS_ACCESS_KEY_ID": "keep"})
    assert hub.opened(REPO) == before


async def test_our_own_may_be_kept(project: Project, hub: Hub) -> None:
    await export(project)
    ran = await export(project, entries=dict.fromkeys(SECRETS, "keep"))
    assert ran.result is not None
    assert (ran.result.secrets, ran.result.kept) == ((), SECRETS)


async def test_a_secret_that_somebody_replaced_since_is_not_ours_any_more(
    project: Project, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await export(project)
    set_clock(monkeypatch, 1)
    put_secret(hub, "AWS_SECRET_ACCESS_KEY", "theirs")
    plan = await github_plan.look(project)
    found = {entry.name: entry for entry in plan.entries}
    assert (found["AWS_ACCESS_KEY_ID"].ours, found["AWS_SECRET_ACCESS_KEY"].ours) == (True, False)
    assert "ecrwiz had set it on 20" in found["AWS_SECRET_ACCESS_KEY"].note
    with pytest.raises(BadInputError, match="AWS_SECRET_ACCESS_KEY already, which somebody else"):
        await export(project, everything=True)
    assert hub.opened(REPO)["secrets"]["AWS_SECRET_ACCESS_KEY"] == "theirs"


async def test_an_export_that_was_killed_knows_its_own_traces(
    project: Project, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any number of requests the process is gone; the next one goes on without a question."""
    full = {"secrets": {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET}}
    finished = False
    for cut in range(40):
        left = cut

        class Killed(BaseException):
            pass

        async def attempt(self: GitHub, *args: Any, real: Any = GitHub._attempt) -> Any:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            done = await real(self, *args)
            if left == 0:  # GitHub did it, and nobody heard the answer
                raise Killed
            return done

        with monkeypatch.context() as patch:
            patch.setattr(GitHub, "_attempt", attempt)
            try:
                await export(project)
                finished = True
            except Killed:
                project.journal.forget(StepId.GITHUB)  # as if the process had died before the journal's end
        if finished:
            break
        ran = await export(project)
        assert ran.asked == [], f"after {cut} requests"
        assert hub.opened(REPO)["secrets"] == full["secrets"]
        for name in SECRETS:
            hub.call("DELETE", f"/repos/{REPO}/actions/secrets/{name}").raise_for_status()
        project.journal.forget(StepId.GITHUB)
        (project.paths.state / "github.json").unlink()
        for name in VARIABLES:
            hub.call("DELETE", f"/repos/{REPO}/actions/variables/{name}").raise_for_status()
    assert finished


async def test_a_journal_from_before_the_ledger_counts(project: Project) -> None:
    await export(project)
    (project.paths.state / "github.json").unlink()
    assert (await actions(project))["AWS_SECRET_ACCESS_KEY"] == "replace"


async def test_without_ledger_and_journal_what_is_right_already_stays_whose_it_is(project: Project, hub: Hub) -> None:
    await export(project)
    (project.paths.state / "github.json").unlink()
    project.journal.forget(StepId.GITHUB)
    assert await actions(project) == dict.fromkeys(SECRETS, "keep") | dict.fromkeys(VARIABLES, "same")
    ran = await export(project, "replace")
    assert ran.result is not None
    assert (ran.result.secrets, ran.result.variables, ran.result.kept) == (SECRETS, (), VARIABLES)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"schema": 1}', '{"schema": 1, "places": {"x": []}}', '{"schema": 9}']
)
async def test_a_damaged_ledger_is_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "github.json").write_text(text)
    assert Ledger(tmp_path).of("https://api.github.com octo/app") == {}


async def test_a_refused_value_leaves_no_claim(project: Project, hub: Hub) -> None:
    hub.set(REPO, "secrets-read-only")
    with pytest.raises(EcrwizError):
        await export(project)
    hub.set(REPO)
    for name in SECRETS:
        put_secret(hub, name, "theirs")
    assert (await actions(project))["AWS_ACCESS_KEY_ID"] == "keep"


# --- environments and organisations ----------------------------------------------------------------------------


async def test_an_environment_is_made_on_agreement_and_holds_it_all(project: Project, hub: Hub) -> None:
    project.answer({"github_environment": "prod/eu"})
    plan = await github_plan.look(project)
    assert (plan.environment, plan.environment_there, plan.problem) == ("prod/eu", False, None)
    with pytest.raises(BadInputError, match="has no environment prod/eu, and it was not made"):
        await export(project)
    assert hub.opened(REPO)["environments"] == {}
    ran = await export(project, True)
    assert "made without protection rules" in " ".join(ran.asked[0].body)
    assert ran.result is not None
    assert ran.result.environment == "prod/eu"
    held = hub.opened(REPO)
    assert held["secrets"] == {}
    assert held["environments"]["prod/eu"]["secrets"]["AWS_SECRET_ACCESS_KEY"] == SECRET
    assert "--env prod/eu" in ran.text
    assert (await actions(project))["AWS_REGION"] == "same"


async def test_yes_makes_the_environment(project: Project, hub: Hub) -> None:
    project.answer({"github_environment": "prod"})
    await export(project, everything=True)
    assert hub.opened(REPO)["environments"]["prod"]["secrets"]["AWS_ACCESS_KEY_ID"] == ACCESS_KEY


async def test_the_rules_of_an_environment_are_explained(project: Project, hub: Hub) -> None:
    hub.set(REPO, "protected-environments")
    hub.call("PUT", f"/repos/{REPO}/environments/Prod", {}).raise_for_status()
    project.answer({"github_environment": "prod"})
    plan = await github_plan.look(project)
    assert plan.environment == "Prod"  # as GitHub spells it
    assert plan.warnings == (
        "A job gets what the environment Prod holds after a wait of 30 minutes, a review by one of its required "
        "reviewers and one of the branches and tags that it names.",
    )


async def test_what_ours_hides_is_said(project: Project, hub: Hub) -> None:
    theirs = {"secrets": {"AWS_SECRET_ACCESS_KEY": "org"}, "variables": {"AWS_REGION": "us-east-1"}}
    hub.set(REPO, owner_type="Organization", organisation=theirs)
    plan = await github_plan.look(project)
    notes = {entry.name: entry.note for entry in plan.entries if entry.note}
    assert notes == {
        "AWS_SECRET_ACCESS_KEY": "It hides the secret AWS_SECRET_ACCESS_KEY of the organisation from the workflow.",
        "AWS_REGION": "It hides the variable AWS_REGION of the organisation from the workflow.",
    }
    ran = await export(project)
    assert "It hides the variable AWS_REGION of the organisation" in ran.text


async def test_an_earlier_export_to_another_place_is_not_forgotten(project: Project, hub: Hub) -> None:
    await export(project)
    project.answer({"github_environment": "prod"})
    ran = await export(project, everything=True)
    assert "An earlier export left the access key in octo/app too." in ran.text
    assert "It hides the secret AWS_ACCESS_KEY_ID of the repository" in ran.text
    assert [str(target) for target in targets(View(project, StepId.GITHUB))] == [
        "the environment prod of octo/app",
        "octo/app",
    ]


# --- a role instead of a key -----------------------------------------------------------------------------------


async def with_role(project: Project, identity: str) -> Project:
    made = replace(MADE, ci_role_arn=ROLE)
    if identity == "oidc":
        made = replace(made, aws_iam_access_id="", aws_iam_access_key="", ci_user="")
    record = project.journal.get(StepId.PROVISION)
    assert record is not None
    project.journal.end(StepId.PROVISION, replace(record, outputs=as_json(made)))
    project.answer({"ci_identity": identity})
    return project


async def test_both_adds_the_role_and_leaves_the_secrets(project: Project, hub: Hub) -> None:
    await export(project)
    await with_role(project, "both")
    ran = await export(project)
    assert ran.result is not None
    assert ran.result.secrets == SECRETS
    held = hub.opened(REPO)
    assert held["variables"]["AWS_ROLE_ARN"] == ROLE
    assert held["secrets"]["AWS_SECRET_ACCESS_KEY"] == SECRET


async def test_a_role_alone_needs_no_secret_and_takes_ours_away(project: Project, hub: Hub) -> None:
    await export(project)
    await with_role(project, "oidc")
    assert (await actions(project))["AWS_SECRET_ACCESS_KEY"] == "remove"
    ran = await export(project)
    assert ran.result is not None
    assert (ran.result.secrets, ran.result.access_key_id) == ((), "")
    assert ran.result.variables == (*VARIABLES, "AWS_ROLE_ARN")
    assert hub.opened(REPO)["secrets"] == {}
    assert targets(View(project, StepId.GITHUB)) == ()


async def test_a_role_alone_leaves_somebody_elses_secrets(project: Project, hub: Hub) -> None:
    for name in SECRETS:
        put_secret(hub, name, "theirs")
    await with_role(project, "oidc")
    ran = await export(project)
    assert "somebody else put there, stay unused" in ran.text
    assert hub.opened(REPO)["secrets"] == dict.fromkeys(SECRETS, "theirs")


async def test_a_token_for_variables_is_enough_for_a_role(project: Project, hub: Hub) -> None:
    hub.set(REPO, "no-secrets-permission")
    await with_role(project, "oidc")
    assert (await export(project)).result is not None
    assert hub.opened(REPO)["variables"]["AWS_ROLE_ARN"] == ROLE


async def test_a_role_that_was_not_made_yet(project: Project) -> None:
    project.answer({"ci_identity": "both"})
    with pytest.raises(NeedMissingError, match="no role has been made yet"):
        await export(project)


# --- after a rotation, and at the end ----------------------------------------------------------------------------


def context(project: Project, ran: Ran, *replies: bool, **approvals: Any) -> Context:
    left = list(replies)

    async def ask(question: Any) -> Any:
        ran.asked.append(question)
        return left.pop(0) if left else None

    return Context(project, StepId.ROTATE, Approvals(**approvals), ran.events.append, ask)


NEW = Secret("a/secret+of/the/new/key/0123456789012345")


async def test_a_rotation_replaces_the_two_secrets_wherever_they_are(project: Project, hub: Hub) -> None:
    assert await github.replace_key(context(project, Ran()), "AKIANEW", NEW) == ""  # never exported
    await export(project)
    project.answer({"github_environment": "prod"})
    await export(project, everything=True)
    before = hub.opened(REPO)["variables"]
    assert await github.replace_key(context(project, Ran()), "AKIANEW", NEW) == REPO
    held = hub.opened(REPO)
    pair = {"AWS_ACCESS_KEY_ID": "AKIANEW", "AWS_SECRET_ACCESS_KEY": NEW.reveal()}
    assert held["secrets"] == held["environments"]["prod"]["secrets"] == pair
    assert held["variables"] == before
    assert (await actions(project))["AWS_SECRET_ACCESS_KEY"] == "replace"  # still known as ours


async def test_a_rotation_asks_before_it_replaces_what_somebody_set_since(
    project: Project, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await export(project)
    set_clock(monkeypatch, 1)
    put_secret(hub, "AWS_SECRET_ACCESS_KEY", "theirs")
    with pytest.raises(EcrwizError, match="was set by somebody else at 20"):
        await github.replace_key(context(project, Ran(), everything=True), "AKIANEW", NEW)
    assert hub.opened(REPO)["secrets"]["AWS_SECRET_ACCESS_KEY"] == "theirs"
    set_clock(monkeypatch, 2)
    assert await github.replace_key(context(project, Ran(), True), "AKIANEW", NEW) == REPO
    assert hub.opened(REPO)["secrets"]["AWS_SECRET_ACCESS_KEY"] == NEW.reveal()


async def test_a_rotation_follows_a_renamed_repository(project: Project, hub: Hub) -> None:
    await export(project)
    hub.set(REPO, full_name="acme/shop")
    assert await github.replace_key(context(project, Ran()), "AKIANEW", NEW) == "acme/shop"
    assert hub.opened("acme/shop")["secrets"]["AWS_ACCESS_KEY_ID"] == "AKIANEW"


async def test_whether_a_secret_was_set_since_a_moment(
    project: Project, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await github_write.set_since(context(project, Ran()), datetime.now(UTC)) == {}  # never exported
    await export(project)
    set_clock(monkeypatch, 2)
    project.answer({"github_environment": "prod"})
    await export(project, everything=True)
    between = datetime.now(UTC) + timedelta(days=1)
    found = await github_write.set_since(context(project, Ran()), between)
    assert {str(target): since for target, since in found.items()} == {
        REPO: False, f"the environment prod of {REPO}": True,
    }  # fmt: skip
    hub.call("DELETE", f"/repos/{REPO}/actions/secrets/AWS_SECRET_ACCESS_KEY").raise_for_status()
    found = await github_write.set_since(context(project, Ran()), between)
    assert [target.environment for target in found] == ["prod"], "where it is gone, there is nothing to work with"


async def test_a_server_that_does_not_say_when_decides_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def secrets(*_: object) -> dict[str, str]:
        return {"AWS_SECRET_ACCESS_KEY": ""}

    await export(project)
    monkeypatch.setattr(GitHub, "secrets", secrets)
    with pytest.raises(ToolFailedError, match="does not say when"):
        await github_write.set_since(context(project, Ran()), datetime.now(UTC))


@pytest.mark.parametrize("agrees", [True, False])
async def test_a_place_that_only_the_state_folder_names_is_in_doubt(project: Project, hub: Hub, agrees: bool) -> None:
    """As when the folder came in an archive whose sender wrote a place of their own into it."""
    await export(project)
    Ledger(project.paths.state).settle(
        github_write.Target(hub.url, "evil/place").where, dict.fromkeys((f"secret {name}" for name in SECRETS), "")
    )
    ran, known = Ran(), [target.repository for target in targets(context(project, Ran()))]
    assert known == [REPO, "evil/place"]
    asking = context(project, ran, *[True] * agrees, everything=True)
    await check_destination(asking, "Octo/App")
    assert ran.asked == [], "the person named it"
    if agrees:
        await check_destination(asking, "evil/place")
    else:
        with pytest.raises(BadInputError) as refused:
            await check_destination(asking, "evil/place")
        assert "evil/place is named by the notes of an earlier export in .ecrwiz/" in refused.value.message
        assert "ecrwiz credentials rotate --set github_repository=evil/place" in refused.value.hint
    assert [question.title for question in ran.asked] == [f"Send the CI secret to evil/place at {hub.url}?"]


async def test_the_key_is_removed_wherever_it_is_and_twice_does_no_harm(project: Project, hub: Hub) -> None:
    await export(project)
    assert await github.remove_key(context(project, Ran())) == (
        "GitHub secret AWS_ACCESS_KEY_ID of octo/app",
        "GitHub secret AWS_SECRET_ACCESS_KEY of octo/app",
    )
    assert hub.opened(REPO)["secrets"] == {}
    assert await github.remove_key(context(project, Ran())) == ()


async def test_all_of_it_is_removed_and_what_somebody_set_since_stays(
    project: Project, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.variable(REPO, "THEIRS", "x")
    await export(project)
    project.answer({"github_environment": "prod"})
    await export(project, everything=True)
    set_clock(monkeypatch, 1)
    hub.variable(REPO, "AWS_REGION", "us-west-2")
    noted: dict[str, bool] = {}
    ran = Ran()
    await github_write.remove_all(context(project, ran), lambda what, gone: noted.update({what: gone}))
    assert noted == {
        f"GitHub {name} of {place}": True
        for place in (REPO, f"the environment prod of {REPO}")
        for name in (*(f"secret {name}" for name in SECRETS), *(f"variable {name}" for name in VARIABLES))
        if (name, place) != ("variable AWS_REGION", REPO)
    }
    assert "GitHub variable AWS_REGION of octo/app stays: somebody else set it at 20" in ran.text
    assert hub.opened(REPO)["variables"] == {"THEIRS": "x", "AWS_REGION": "us-west-2"}
    noted.clear()
    hub.call("DELETE", f"/repos/{REPO}/environments/prod").raise_for_status()
    await github_write.remove_all(context(project, ran), lambda what, gone: noted.update({what: gone}))
    assert not any(noted.values())


async def test_a_refused_export_gives_no_right_to_remove_anything(project: Project, hub: Hub) -> None:
    for name in SECRETS:
        put_secret(hub, name, "theirs")
    with pytest.raises(BadInputError):
        await export(project)
    noted: list[str] = []
    await github_write.remove_all(context(project, Ran()), lambda what, _: noted.append(what))
    assert noted == []
    assert hub.opened(REPO)["secrets"] == dict.fromkeys(SECRETS, "theirs")


# --- what is read back, and other ends ---------------------------------------------------------------------------


async def test_a_secret_that_did_not_arrive_is_noticed(project: Project, hub: Hub) -> None:
    hub.set(REPO, "forgetful")
    with pytest.raises(ToolFailedError, match="does not list AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY after"):
        await export(project)


async def test_a_secret_whose_time_did_not_move_is_noticed(
    project: Project, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        set_clock(patch, -1)
        await export(project)
    hub.set(REPO, "slow-clock")
    with pytest.raises(ToolFailedError, match="still says that the last change was before"):
        await export(project)
    hub.set(REPO)
    await export(project)


async def test_twice_in_the_same_second_is_well(project: Project, hub: Hub) -> None:
    await export(project)
    hub.set(REPO, "slow-clock")  # the time does not move, and is that of now
    await export(project)


async def test_no_repository(project: Project) -> None:
    project.answer({"github_repository": ""})
    plan = await github_plan.look(project)
    assert isinstance(plan.problem, BadInputError)
    assert "No GitHub repository is known" in plan.problem.message


async def test_no_token(hub: Hub, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    project.tools.environ = {}
    plan = await github_plan.look(project)
    assert isinstance(plan.problem, MissingToolError)
    assert "gh auth login" in plan.problem.hint
    assert plan.problem.hint.endswith("and run the same again."), "it is said for every command"
    with pytest.raises(MissingToolError, match="There is no GitHub token"):
        await export(project)


async def test_a_plan_before_anything_was_provisioned(hub: Hub, next_app: Path) -> None:
    project = await open_ready(next_app, hub, github_repository=REPO)
    project.journal.forget(StepId.PROVISION)
    plan = await github_plan.look(project)
    assert isinstance(plan.problem, NeedMissingError)
    assert [entry.name for entry in plan.entries] == [*SECRETS, *VARIABLES]

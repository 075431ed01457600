"""`ecrwiz trust explain` against the sandbox: the role as it is in IAM, the repository as GitHub has it."""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ecrwiz.cli import commands
from ecrwiz.flow import trust
from ecrwiz.flow.context import View
from ecrwiz.flow.events import StepId
from ecrwiz.model.errors import BadInputError, MissingToolError
from ecrwiz.model.redact import Secret
from ecrwiz.model.trust import DeploymentEnvironment, SubjectTemplate, TrustedRepository
from ecrwiz.sandbox import Sandbox
from ecrwiz.services.github import GitHub
from ecrwiz.services.github.oidc import Oidc
from tests import infra_kit
from tests.hub_world import Hub

pytestmark = pytest.mark.skipif(shutil.which("docker-registry") is None, reason="the sandbox needs docker-registry")


@pytest.fixture
def hub(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    return Hub(box, tmp_path, monkeypatch, ci_identity="oidc")


def explain(hub: Hub, *words: str) -> Result:
    sets = {"project_id": hub.project_id, "region": "us-east-1", "github_repository": hub.full_name} | hub.answers
    options = [option for name, value in sets.items() for option in ("--set", f"{name}={value}")]
    return CliRunner().invoke(
        commands, ["-C", str(hub.root), "trust", "explain", *words, *options], standalone_mode=False
    )


def as_json(hub: Hub, *words: str) -> dict[str, Any]:
    answer = explain(hub, "--json", *words)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def main_of(hub: Hub) -> str:
    return f"repo:{hub.full_name}:ref:refs/heads/main"


def test_without_a_role_it_tells_what_would_be_trusted(hub: Hub) -> None:
    answer = explain(hub)
    assert answer.return_value == 0, answer.output
    assert f"The account has no role {hub.role} yet" in answer.output
    assert f"Trusts      {main_of(hub)}" in answer.output
    assert "✓ may" in answer.output


def test_the_role_in_iam_is_what_counts(hub: Hub) -> None:
    hub._make_role((f"repo:{hub.full_name}:environment:prod",))
    answer = explain(hub)
    assert answer.return_value == 1, answer.output
    assert f"Role        arn:aws:iam::123456789012:role/{hub.role}" in answer.output
    assert f"The role trusts repo:{hub.full_name}:environment:prod, which ecrwiz would not." in answer.output
    assert f"The role does not let in {main_of(hub)}, which ecrwiz would trust." in answer.output
    hub._make_role((main_of(hub),))
    assert explain(hub).return_value == 0


def test_in_both_the_rehearsal_branch_has_a_row(hub: Hub) -> None:
    hub.answers = {"ci_identity": "both"}
    rehearsal, old = f"repo:{hub.full_name}:ref:refs/heads/ecrwiz/rehearsal", "repo:Octo/before:ref:refs/heads/main"
    hub._make_role((main_of(hub), rehearsal, old))
    may = {row["who"]: row["subject"] for row in as_json(hub)["rows"] if row["verdict"] == "may"}
    assert may == {
        "the rendered workflow (branch:main)": main_of(hub),
        "a push to ecrwiz/rehearsal": rehearsal,
        "a run that sends just this": old,
    }


def test_dangers_of_a_policy_of_somebody_elses(hub: Hub) -> None:
    hub._make_role((main_of(hub),))
    iam = hub.client("iam")
    document = iam.get_role(RoleName=hub.role)["Role"]["AssumeRolePolicyDocument"]
    issuer = "token.actions.githubusercontent.com"
    document["Statement"][0]["Condition"] = {"StringLike": {f"{issuer}:sub": "repo:Octo/*"}}
    iam.update_assume_role_policy(RoleName=hub.role, PolicyDocument=json.dumps(document))
    found = as_json(hub)
    assert found["dangers"] == [
        "It does not check the audience (aud), so a token that was made for another service would do.",
        "StringLike on sub lets in everything that fits repo:Octo/*.",
    ]
    verdicts = {row["who"]: row["verdict"] for row in found["rows"]}
    assert verdicts["another repository of the same owner"] == "may"
    assert verdicts["a pull request from this repository"] == "may"


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ("rename to shop", ["repo:Octo@{owner}/shop@{id}:ref:refs/heads/main"]),
        ("environment prod", ["repo:{name}:environment:prod"]),
        ("branch dev", ["repo:{name}:ref:refs/heads/dev"]),
        ("pull_request", ["repo:{name}:pull_request"]),
    ],
)
def test_what_if(hub: Hub, change: str, after: list[str]) -> None:
    hub._make_role((main_of(hub),))
    hub.settings(id=int(hub.project_id.removeprefix("hub")) + 7000, owner_id=4711)
    found = as_json(hub, "--if", change)
    ids = {"owner": 4711, "id": int(hub.project_id.removeprefix("hub")) + 7000, "name": hub.full_name}
    assert found["then"]["subjects"] == [text.format_map(ids) for text in after]
    assert (found["rows"][0]["verdict"], found["rows"][0]["after"]) == ("may", "may not")
    text = explain(hub, "--if", change).output
    assert "Afterwards run `ecrwiz run render provision`" in text
    assert found["then"]["subjects"][0] in text


def test_words_that_say_no_change(hub: Hub) -> None:
    answer = explain(hub, "--if", "delete everything")
    assert isinstance(answer.exception, BadInputError)
    assert "rename to NAME" in answer.exception.hint


def test_a_new_repository_has_ids(hub: Hub) -> None:
    hub.settings(created_at="2026-08-01T00:00:00+00:00", id=99000 + int(hub.project_id[3:]), owner_id=12)
    (subject,) = as_json(hub)["trust"]["subjects"]
    assert subject == f"repo:Octo@12/{hub.project_id}@{99000 + int(hub.project_id[3:])}:ref:refs/heads/main"


async def view(hub: Hub, **answers: str) -> View:
    project = await hub.open()
    project.answer({"ci_identity": "oidc"} | answers)
    return View(project, StepId.PROVISION)


async def test_both_trusts_the_rehearsal_and_oidc_does_not(hub: Hub) -> None:
    assert (await trust.solve(await view(hub))).subjects == (main_of(hub),)
    both = await trust.solve(await view(hub, ci_identity="both"))
    assert both.subjects == (main_of(hub), f"repo:{hub.full_name}:ref:refs/heads/ecrwiz/rehearsal")
    inside = await trust.solve(await view(hub, ci_identity="both", github_environment="prod"))
    assert inside.subjects == (f"repo:{hub.full_name}:environment:prod",)


async def test_the_case_is_githubs(hub: Hub) -> None:
    hub.github()
    found = await trust.solve(await view(hub, github_repository=hub.full_name.lower()))
    assert found.subjects == (main_of(hub),)


async def test_an_environment_of_another_spelling_is_refused(hub: Hub) -> None:
    async with GitHub(hub.box.info.github, Secret(hub.box.info.github_token)) as api:
        await api.create_environment(hub.full_name, "Production")
    with pytest.raises(BadInputError, match="GitHub spells the environment 'Production'"):
        await trust.solve(await view(hub, github_environment="production"))
    assert await trust.solve(await view(hub, github_environment="Production"))


async def test_a_workflow_that_its_own_trust_leaves_out_is_warned_about(hub: Hub) -> None:
    found = await trust.solve(await view(hub, oidc_trust="tag:v1"))
    assert "oidc_trust does not list branch:main" in found.warnings[0]


MAIN = "repo:octo/web:ref:refs/heads/main"
RELEASE = "repo:octo/web:ref:refs/heads/release"
PULL = "repo:octo/web:pull_request"
PROD = "repo:octo/web:environment:prod"


@pytest.mark.parametrize(
    ("given", "environments", "own", "beyond", "warning"),
    [
        ({}, (), MAIN, (), ""),
        ({"ci_identity": "both"}, (), MAIN, (), ""),
        ({"oidc_trust": "branch:main, pull_request"}, (), MAIN, (PULL,), "before anybody has reviewed it"),
        ({"oidc_trust": "branch:release"}, (), MAIN, (RELEASE,), "oidc_trust does not list branch:main"),
        ({"oidc_trust": "branch:main, branch:ecrwiz/rehearsal"}, (), MAIN,
         ("repo:octo/web:ref:refs/heads/ecrwiz/rehearsal",), ""),
        ({"github_environment": "prod"}, (DeploymentEnvironment("prod", guarded=True),), PROD, (), ""),
        ({"github_environment": "prod"}, (DeploymentEnvironment("prod", guarded=False),), PROD, (PROD,),
         "has no rule about branches"),
        ({"github_environment": "prod"}, (DeploymentEnvironment("prod", exists=False, guarded=False),), PROD, (PROD,),
         "GitHub has no environment prod"),
        ({"github_environment": "prod"}, (DeploymentEnvironment("prod"),), PROD, (PROD,), "does not tell this token"),
        ({"workflow": "no"}, (), "", (), ""),
    ],
)  # fmt: skip
def test_what_goes_beyond_the_default_branch(
    given: dict[str, str], environments: tuple[DeploymentEnvironment, ...], own: str, beyond: tuple[str, ...],
    warning: str,
) -> None:  # fmt: skip
    web = TrustedRepository("octo", 1, "web", 2, datetime(2024, 1, 1, tzinfo=UTC), "main")
    template = SubjectTemplate(prefix="repo:octo/web")
    wanted = infra_kit.answers(**{"ci_identity": "oidc", "github_repository": "octo/web"} | given)
    found = trust.solve_from(wanted, trust.Known(web, template, "github.com", environments))
    assert (found.own, found.beyond) == ((own,) if own else (), beyond)
    assert warning in " ".join(found.warnings)
    assert bool(found.warnings) == bool(warning)


async def test_what_github_says_of_an_environments_rules(hub: Hub) -> None:
    url = hub.box.info.github
    async with GitHub(url, Secret(hub.box.info.github_token)) as api:
        oidc = Oidc(api, url)
        missing = await oidc.environment(hub.full_name, "prod")
        await api.create_environment(hub.full_name, "prod")
        bare = await oidc.environment(hub.full_name, "prod")
        hub.settings(modes=["protected-environments"])
        ruled = await oidc.environment(hub.full_name, "prod")
    assert missing == DeploymentEnvironment("prod", exists=False, guarded=False)
    assert bare == DeploymentEnvironment("prod", guarded=False)
    assert ruled == DeploymentEnvironment("prod", guarded=True)


async def test_without_a_token_or_a_repository_it_is_said(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInputError, match="trusts one repository on GitHub"):
        await trust.solve(await view(hub, github_repository=""))
    monkeypatch.delenv("GH_TOKEN")
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(MissingToolError, match="no GitHub token"):
        await trust.solve(await view(hub))

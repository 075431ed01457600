"""The rendered workflow: judged by zizmor and shellcheck, read as GitHub would read it, its steps run for real."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecrwiz.model.app import DockerfileFacts, NodeApp, PackageManager, Place, PublicVariable, RegistryAccess, Workspace
from ecrwiz.model.errors import BadInputError
from ecrwiz.services.templates.workflow import ACTIONS, REHEARSAL_BRANCH, ROLE_VARIABLE, VARIABLES, workflow_file
from tests.infra_kit import answers

TOP = Place()
NPM = PackageManager("npm", lockfile="package-lock.json", files=("package.json", "package-lock.json"))
PLAIN = NodeApp("web", "next", "next-standalone", manager=NPM, build="run build")
MEMBER = NodeApp(
    "web",
    "next",
    "next-standalone",
    manager=PackageManager(
        "pnpm", "9.15.4", "pnpm-lock.yaml", files=("package.json", "pnpm-lock.yaml", ".npmrc", "patches")
    ),
    build="run build",
    workspace=Workspace("../..", "apps/web", "@acme/web", ("apps/web/package.json", "packages/lib/package.json")),
    registry=RegistryAccess(("NPM_TOKEN",), "project"),
    public_variables=(PublicVariable("NEXT_PUBLIC_UNANSWERED", "x.js"),),
)
OWN = NodeApp("api", "own", "own", dockerfile=DockerfileFacts("docker/Dockerfile", ours=False))
PUBLIC = {"build_args.NEXT_PUBLIC_API_URL": "https://api.example.com"}
REPOSITORY = {"github_repository": "octocat/Hello-World"}


def text_of(app: NodeApp = PLAIN, place: Place = TOP, **options: str) -> str:
    file = workflow_file(answers(**REPOSITORY | options), app, place)
    assert file
    return file.text


def job_of(app: NodeApp = PLAIN, place: Place = TOP, **options: str) -> dict[str, Any]:
    workflow = yaml.safe_load(text_of(app, place, **options))
    job: dict[str, Any] = workflow["jobs"]["push"]
    return job


def step_of(job: dict[str, Any], name: str) -> dict[str, Any]:
    step: dict[str, Any] = next(step for step in job["steps"] if step["name"] == name or step.get("id") == name)
    return step


APPS: dict[str, tuple[NodeApp, Place, dict[str, str]]] = {
    "plain": (PLAIN, TOP, {}),
    "folder": (PLAIN, Place("..", "web app"), PUBLIC),
    "member": (MEMBER, Place("../..", "apps/web"), PUBLIC),
    "deep": (MEMBER, Place("../../..", "mono/apps/web"), {}),
    "own": (OWN, TOP, {"strategy": "own"}),
    "article": (PLAIN, TOP, {"strategy": "article"} | PUBLIC),
}
ALL = [
    (app, place, more | {"ecs_deploy": ecs, "tag_mutability": mutability, "platform": platform})
    for (app, place, more), ecs, mutability, platform in itertools.product(
        APPS.values(),
        ("yes", "no"),
        ("mutable", "immutable", "immutable-except-latest"),
        ("linux/amd64", "linux/arm64"),
    )
]
ALL += [
    (app, place, more | {"ci_identity": identity, "github_environment": name, "ecs_deploy": ecs, "region": region})
    for (app, place, more), identity, name, ecs, region in itertools.product(
        (APPS["plain"], APPS["member"]),
        ("access-key", "oidc", "both"),
        ("", "prod", "Prod: EU/1", "yes"),
        ("yes", "no"),
        ("eu-west-1", "cn-north-1"),
    )
]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them, each in a `.github/workflows/` of one folder."""
    folder = tmp_path_factory.mktemp("rendered") / ".github" / "workflows"
    folder.mkdir(parents=True)
    for number, (app, place, options) in enumerate(ALL):
        (folder / f"{number}.yml").write_text(text_of(app, place, **options))
    return folder


# What zizmor's strictest persona still finds, and why it stays.
ZIZMOR = {
    "secrets-outside-env": "The wizard exports to the repository's secrets; environments cost money in private ones.",
}


def test_zizmor_finds_nothing_that_is_not_explained(rendered: Path) -> None:
    zizmor = shutil.which("zizmor") or str(Path(sys.executable).with_name("zizmor"))
    argv = [zizmor, "--offline", "--no-progress", "--no-exit-codes", "--format", "json"]
    usual = subprocess.run([*argv, str(rendered)], capture_output=True, text=True, check=True)
    assert json.loads(usual.stdout) == []
    strict = subprocess.run([*argv, "--persona", "auditor", str(rendered)], capture_output=True, text=True, check=True)
    assert {finding["ident"] for finding in json.loads(strict.stdout)} == set(ZIZMOR)


def test_zizmor_would_find_something(rendered: Path, tmp_path: Path) -> None:
    """The check above can fail: a template injection and an action by its tag are found."""
    zizmor = shutil.which("zizmor") or str(Path(sys.executable).with_name("zizmor"))
    bad = tmp_path / ".github" / "workflows" / "bad.yml"
    bad.parent.mkdir(parents=True)
    text = text_of()
    bad.write_text(
        re.sub(r"actions/checkout@\w+ # \S+", "actions/checkout@v7", text).replace("$WANTED:", "${{ github.head_ref }}")
    )
    argv = [zizmor, "--offline", "--no-progress", "--no-exit-codes", "--format", "json", str(bad)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert {"template-injection", "unpinned-uses"} <= {finding["ident"] for finding in json.loads(done.stdout)}


# What each expression may read. Anything that somebody else can write (a title, a branch) is none of these.
KNOWN = re.compile(
    r"secrets\.[A-Z][A-Z0-9_]*|vars\.[A-Z][A-Z0-9_]*|github\.sha|github\.run_id|runner\.temp|steps\.(\w+)\.outputs\.[\w-]+"
)


IF = (
    "github.repository_owner == 'octocat' && "
    "(github.ref == format('refs/heads/{0}', github.event.repository.default_branch) "
    "|| github.ref == 'refs/heads/ecrwiz/rehearsal')"
)


@pytest.mark.parametrize("number", range(len(ALL)))
def test_as_github_reads_it(rendered: Path, number: int) -> None:
    text = (rendered / f"{number}.yml").read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    group = "ecrwiz-blog-nextjs-${{ github.ref }}"
    assert workflow["concurrency"] == {"group": group, "cancel-in-progress": False}
    assert set(workflow[True]) == {"push", "workflow_dispatch"}  # YAML 1.1 reads `on` as true
    job = workflow["jobs"]["push"]
    assert job["timeout-minutes"] <= 60
    assert job["if"] == IF
    role = "AWS_ROLE_ARN" in text
    assert job.get("permissions") == ({"contents": "read", "id-token": "write"} if role else None)
    seen: set[str] = set()
    for step in job["steps"]:
        assert step["name"]
        for expression in re.findall(r"\$\{\{ (.*?) \}\}", yaml.safe_dump(step, width=10000)):
            found = KNOWN.fullmatch(expression)
            assert found, expression
            assert found[1] is None or found[1] in seen, f"{expression} is of no earlier step"
        assert "${{" not in step.get("run", ""), "an expression in a script is code"
        if "id" in step:
            seen.add(step["id"])
        if "uses" in step:
            name, _, commit = step["uses"].partition("@")
            assert ACTIONS[name][0] == commit
    for name, (commit, version) in ACTIONS.items():
        assert text.count(f"{name}@") == text.count(f"{name}@{commit} # {version}\n")
    assert max(map(len, text.splitlines())) <= 130
    assert "\t" not in text


def test_every_script_passes_shellcheck(rendered: Path, tmp_path: Path) -> None:
    shellcheck = shutil.which("shellcheck")
    assert shellcheck, "shellcheck is missing; `make setup` installs it."
    scripts = {
        step["run"]
        for path in rendered.iterdir()
        for step in yaml.safe_load(path.read_text())["jobs"]["push"]["steps"]
        if "run" in step
    }
    assert len(scripts) >= 5
    for number, script in enumerate(sorted(scripts)):
        # As the runner starts it: bash -e, when nothing else is said.
        (tmp_path / f"{number}.sh").write_text(f"#!/bin/bash\nset -e\n{script}")
    argv = [shellcheck, "--severity=style", *map(str, sorted(tmp_path.glob("*.sh")))]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_where_it_lies() -> None:
    there = {
        TOP: ".github/workflows/ecrwiz-blog-nextjs.yml",
        Place("..", "web"): "../.github/workflows/ecrwiz-blog-nextjs.yml",
        Place("../..", "apps/web"): "../../.github/workflows/ecrwiz-blog-nextjs.yml",
    }
    for place, path in there.items():
        file = workflow_file(answers(**REPOSITORY), PLAIN, place)
        assert file
        assert (file.path, file.executable) == (path, False)


def test_two_applications_of_one_repository_share_nothing() -> None:
    """A monorepo's applications are all `nextjs` by default: their project tells them apart."""
    options = [{"project_id": "web"}, {"project_id": "docs"}, {"project_id": "web", "app": "admin"}]
    made = [workflow_file(answers(**REPOSITORY | more), MEMBER, Place("../..", "apps/web")) for more in options]
    found = [file for file in made if file]
    assert len({file.path for file in found}) == 3
    flows = [yaml.safe_load(file.text) for file in found]
    assert len({flow["name"] for flow in flows}) == 3
    assert len({flow["concurrency"]["group"] for flow in flows}) == 3
    builds = [step_of(flow["jobs"]["push"], "build")["with"] for flow in flows]
    assert len({build["cache-from"] for build in builds}) == 3
    assert all(f"{build['cache-from']}".removeprefix("type=gha,") in build["cache-to"] for build in builds)


@pytest.mark.parametrize("options", [{}, REPOSITORY | {"workflow": "no"}, {"github_repository": ""}])
def test_none_when_there_is_nothing_to_run_it_or_nobody_wants_it(options: dict[str, str]) -> None:
    assert workflow_file(answers(**options), PLAIN, TOP) is None


# application, place, options: context, Dockerfile
BUILDS = [
    (PLAIN, TOP, {}, (".", "Dockerfile")),
    (PLAIN, Place("..", "web app"), {}, ("web app", "web app/Dockerfile")),
    (MEMBER, Place("../..", "apps/web"), {}, (".", "apps/web/Dockerfile")),
    (MEMBER, Place("../../..", "mono/apps/web"), {}, ("mono", "mono/apps/web/Dockerfile")),
    (OWN, Place("..", "api"), {"strategy": "own"}, ("api", "api/docker/Dockerfile")),
    (PLAIN, Place("..", "on"), {}, ("on", "on/Dockerfile")),  # a word that YAML would read as true
]


@pytest.mark.parametrize(("app", "place", "options", "expected"), BUILDS)
def test_what_is_built(app: NodeApp, place: Place, options: dict[str, str], expected: tuple[str, str]) -> None:
    build = step_of(job_of(app, place, **options), "build")["with"]
    assert (build["context"], build["file"]) == expected
    assert build["provenance"] is False
    assert build["cache-from"] == "type=gha,scope=ecrwiz-blog-nextjs"


FILTERS = [
    (PLAIN, TOP, None),
    (PLAIN, Place("..", "web app"), ["web app/**"]),
    (PLAIN, Place("..", "app [old]"), ["app \\[old\\]/**"]),
    (MEMBER, Place("../..", "apps/web"),
     ["apps/**", "packages/**", "*.json", "pnpm-lock.yaml", ".npmrc", "patches", "patches/**"]),
    (MEMBER, Place("../../..", "mono/apps/web"),
     ["mono/apps/**", "mono/packages/**", "mono/*.json", "mono/pnpm-lock.yaml", "mono/.npmrc", "mono/patches",
      "mono/patches/**"]),
]  # fmt: skip


@pytest.mark.parametrize(("app", "place", "paths"), FILTERS)
def test_what_starts_a_build(app: NodeApp, place: Place, paths: list[str] | None) -> None:
    push = yaml.safe_load(text_of(app, place))[True]["push"]
    assert push.get("paths") == (None if paths is None else [*paths, ".github/workflows/ecrwiz-blog-nextjs.yml"])


TAG, NAME = "${{ steps.image.outputs.tag }}", "${{ steps.image.outputs.name }}"
LATEST = "${{ steps.image.outputs.latest }}"
TAGS = {
    "mutable": [f"{NAME}:{TAG}", LATEST],
    "immutable": [f"{NAME}:{TAG}"],
    "immutable-except-latest": [f"{NAME}:{TAG}", LATEST],
}


@pytest.mark.parametrize(("mutability", "tags"), TAGS.items())
def test_latest_is_pushed_where_it_may_move(mutability: str, tags: list[str]) -> None:
    build = step_of(job_of(tag_mutability=mutability), "build")
    assert build["with"]["tags"].splitlines() == tags
    assert ("if" in build) == (mutability != "mutable")


def test_public_values_and_secrets_of_the_build() -> None:
    build = step_of(job_of(MEMBER, Place("../..", "apps/web"), **PUBLIC), "build")
    assert build["with"]["build-args"].splitlines() == [
        f"VERSION={TAG}",
        "REVISION=${{ github.sha }}",
        "NEXT_PUBLIC_API_URL=${{ vars.NEXT_PUBLIC_API_URL }}",
    ]
    assert build["with"]["secrets"].strip() == "NPM_TOKEN=${{ secrets.NPM_TOKEN }}"
    assert build["with"]["secret-envs"].strip() == "npmrc=NPMRC"
    assert build["env"] == {"NPMRC": "${{ secrets.NPMRC }}"}
    # One that has no value would override what the application's own files say.
    assert "NEXT_PUBLIC_UNANSWERED" not in text_of(MEMBER, Place("../..", "apps/web"), **PUBLIC)


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "aws_session_token", "ECRWIZ_X", "x }} y", "A-B"])
def test_a_registry_that_asks_for_the_deployers_key_does_not_get_it(name: str) -> None:
    app = NodeApp("web", "next", "next-standalone", manager=NPM, registry=RegistryAccess((name,)))
    assert "secrets" not in step_of(job_of(app), "build")["with"]


@pytest.mark.parametrize("folder", ["a${{ secrets.X }}", "a\nb", 'a"b', "a: b", "a#b", "ä", "../out", "$(id)", "`id`"])
def test_a_folder_that_would_mean_something_is_refused(folder: str) -> None:
    with pytest.raises(BadInputError, match="workflow"):
        text_of(PLAIN, Place("..", folder))


def test_a_workspace_around_the_repository_is_refused() -> None:
    with pytest.raises(BadInputError, match="above the Git repository"):
        text_of(MEMBER, TOP)


def test_platforms() -> None:
    for platform, runner in (("linux/amd64", "ubuntu-24.04"), ("linux/arm64", "ubuntu-24.04-arm")):
        job = job_of(platform=platform)
        assert (job["runs-on"], step_of(job, "build")["with"]["platforms"]) == (runner, platform)


def test_the_article_builds_before_its_dockerfile_copies() -> None:
    job = job_of(PLAIN, TOP, strategy="article", **PUBLIC)
    names = [step["name"] for step in job["steps"]]
    step = step_of(job, "Install and build")
    assert names.index("Install and build") < names.index("Build and push")
    assert "node:24-slim sh -ceu 'npm ci" in step["run"]
    assert "npm run build'" in step["run"]
    assert "--env NEXT_PUBLIC_API_URL" in step["run"]
    assert step["env"] == {"NEXT_PUBLIC_API_URL": "${{ vars.NEXT_PUBLIC_API_URL }}"}


def test_deploying() -> None:
    given = {"ecs_cluster": "c", "ecs_service": "yes", "ecs_task_family": "fam", "ecs_container": "con"}
    job = job_of(PLAIN, TOP, ecs_deploy="yes", **given)
    assert step_of(job, "Read the task definition")["env"] == {"FAMILY": "fam"}
    task = step_of(job, "task")["with"]
    assert task["container-name"] == "con"
    assert task["image"] == NAME + "@${{ steps.pushed.outputs.digest }}"
    deploy = step_of(job, "Deploy to ECS")["with"]
    assert (deploy["cluster"], deploy["service"], deploy["wait-for-service-stability"]) == ("c", "yes", True)
    names = [step["name"] for step in job["steps"]]
    assert names.index("See that ECR has it") < names.index("Read the task definition")
    assert "ecs" not in text_of(ecs_deploy="no").lower().replace("see that", "")


def test_it_reads_what_the_wizard_exports() -> None:
    text = text_of(PLAIN, TOP, **PUBLIC)
    assert set(re.findall(r"vars\.(\w+)", text)) == {*VARIABLES, "NEXT_PUBLIC_API_URL"}
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


@pytest.mark.parametrize("identity", ["oidc", "both"])
def test_with_a_role_it_reads_no_secret(identity: str) -> None:
    text = text_of(PLAIN, TOP, ci_identity=identity, **PUBLIC)
    assert set(re.findall(r"vars\.(\w+)", text)) == {*VARIABLES, ROLE_VARIABLE, "NEXT_PUBLIC_API_URL"}
    assert "secrets." not in text
    assert "ACCESS_KEY" not in text
    step = step_of(job_of(ci_identity=identity), "Become the CI role")["with"]
    assert step == {
        "role-to-assume": "${{ vars.AWS_ROLE_ARN }}",
        "role-session-name": "ecrwiz-${{ github.run_id }}",
        "aws-region": "${{ vars.AWS_REGION }}",
        "allowed-account-ids": "${{ vars.AWS_ACCOUNT_ID }}",
    }
    assert "audience" not in step
    china = step_of(job_of(ci_identity=identity, region="cn-north-1"), "Become the CI role")["with"]
    assert china["audience"] == "sts.amazonaws.com.cn"


@pytest.mark.parametrize("identity", ["access-key", "oidc"])
@pytest.mark.parametrize("name", ["prod", "Prod: EU/1", "yes", "1.0", "a@b+c"])
def test_the_job_works_in_the_environment(identity: str, name: str) -> None:
    assert job_of(ci_identity=identity, github_environment=name)["environment"] == name
    assert "environment" not in job_of(ci_identity=identity)
    assert f"into the environment {name} (Settings, Environments)" in text_of(github_environment=name)


def test_a_rehearsal_deploys_nothing() -> None:
    job = job_of(ecs_deploy="yes", ci_identity="oidc")
    names = [step["name"] for step in job["steps"]]
    for step in job["steps"][names.index("Read the task definition") :]:
        assert step["if"] == f"github.ref != 'refs/heads/{REHEARSAL_BRANCH}'"
    assert names[-1] == "Deploy to ECS"
    assert "if" not in step_of(job, "See that ECR has it")


SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "a" * 64


def run_step(tmp_path: Path, step: dict[str, Any], aws: str, **environ: str) -> tuple[int, str, str]:
    """Run a step's script as a runner does, with this script in the place of the AWS command line."""
    tools = tmp_path / "bin"
    tools.mkdir(exist_ok=True)
    (tools / "aws").write_text(f'#!/bin/bash\necho "$*" >> {tmp_path}/calls\n{aws}\n')
    (tools / "aws").chmod(0o755)
    files = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    given = {"PATH": f"{tools}:/usr/bin:/bin", "GITHUB_SHA": SHA, "RUNNER_TEMP": str(tmp_path)} | files | environ
    argv = ["bash", "-e", "-c", step["run"]]
    done = subprocess.run(argv, env=given, capture_output=True, text=True, check=False)
    output = tmp_path / "GITHUB_OUTPUT"
    return done.returncode, done.stdout, output.read_text() if output.exists() else ""


NAMED = "tag=0123456789ab\nname=host/web/blog/nextjs\n"


@pytest.mark.parametrize(
    ("mutability", "ref", "latest"),
    [
        ("mutable", "refs/heads/main", "latest=host/web/blog/nextjs:latest\n"),
        ("immutable-except-latest", "refs/heads/main", "latest=host/web/blog/nextjs:latest\nthere=yes\n"),
        ("immutable", "refs/heads/main", "there=yes\n"),
        ("mutable", f"refs/heads/{REHEARSAL_BRANCH}", ""),
        ("immutable-except-latest", f"refs/heads/{REHEARSAL_BRANCH}", "there=yes\n"),
        ("mutable", f"refs/heads/{REHEARSAL_BRANCH}2", "latest=host/web/blog/nextjs:latest\n"),
    ],
)
def test_the_tag_is_the_commits_first_twelve_characters(tmp_path: Path, mutability: str, ref: str, latest: str) -> None:
    """And `latest` is not moved by a rehearsal, which says that it is one."""
    step = step_of(job_of(tag_mutability=mutability), "image")
    environ = {"IMAGE": "host/web/blog/nextjs", "REPOSITORY": "web/blog/nextjs", "GITHUB_REF": ref}
    code, _, output = run_step(tmp_path, step, "exit 0", **environ)
    assert (code, output) == (0, NAMED + latest)
    summary = tmp_path / "GITHUB_STEP_SUMMARY"
    assert summary.exists() == ("rehearsal" in ref and not ref.endswith("2"))
    assert not summary.exists() or summary.read_text().startswith("This is a rehearsal: no `latest` is pushed")


@pytest.mark.parametrize(("aws", "there"), [("exit 0", "there=yes\n"), ("exit 254", "")])
def test_an_immutable_tag_that_is_taken_is_not_pushed_again(tmp_path: Path, aws: str, there: str) -> None:
    step = step_of(job_of(tag_mutability="immutable"), "image")
    ref = "refs/heads/main"
    code, _, output = run_step(tmp_path, step, aws, IMAGE="host/r", REPOSITORY="web/blog/nextjs", GITHUB_REF=ref)
    assert (code, output) == (0, f"tag=0123456789ab\nname=host/r\n{there}")
    asked = (tmp_path / "calls").read_text()
    assert "--repository-name web/blog/nextjs --image-ids imageTag=0123456789ab" in asked


@pytest.mark.parametrize(
    ("pushed", "listed", "fine"),
    [(DIGEST, DIGEST, True), (DIGEST, "sha256:" + "b" * 64, False), ("", DIGEST, True)],
)
def test_what_was_pushed_is_compared_with_what_ecr_lists(tmp_path: Path, pushed: str, listed: str, fine: bool) -> None:
    step = step_of(job_of(), "pushed")
    code, said, output = run_step(
        tmp_path, step, f"echo {listed}", REPOSITORY="web/blog/nextjs", TAG="0123456789ab", PUSHED=pushed
    )
    assert (code == 0) is fine
    assert output == (f"digest={listed}\n" if fine else "")
    assert fine or said == f"::error::ECR has {listed} as web/blog/nextjs:0123456789ab, and {pushed} was pushed.\n"


def test_an_image_that_ecr_does_not_list_fails(tmp_path: Path) -> None:
    step = step_of(job_of(), "pushed")
    code, _, output = run_step(tmp_path, step, "exit 254", REPOSITORY="r", TAG="t", PUSHED=DIGEST)
    assert (code, output) == (254, "")


@pytest.mark.parametrize(("found", "code"), [("web/blog/nextjs", 0), ("web/other/nextjs", 1), ("", 1)])
def test_settings_of_another_application_stop_it_before_anything_is_done(tmp_path: Path, found: str, code: int) -> None:
    job = job_of()
    step = step_of(job, "See that the settings are this application's")
    assert job["steps"].index(step) == 1
    environ = step["env"] | {"FOUND": found}
    assert environ["WANTED"] == "web/blog/nextjs"
    ended, said, _ = run_step(tmp_path, step, "exit 9", **environ)
    assert ended == code
    assert code == 0 or f"ECR_REPOSITORY is '{found}'" in said


@pytest.mark.parametrize(("role", "code"), [("arn:aws:iam::123456789012:role/ci", 0), ("", 1)])
def test_a_role_that_was_not_exported_is_told(tmp_path: Path, role: str, code: int) -> None:
    step = step_of(job_of(ci_identity="oidc"), "See that the settings are this application's")
    environ = step["env"] | {"FOUND": "web/blog/nextjs", "ROLE": role}
    ended, said, _ = run_step(tmp_path, step, "exit 9", **environ)
    assert ended == code
    assert code == 0 or "The variable AWS_ROLE_ARN is not set: run 'ecrwiz run github'" in said


def test_rendered_twice_it_is_the_same() -> None:
    for app, place, options in ALL:
        assert text_of(app, place, **options) == text_of(app, place, **options)

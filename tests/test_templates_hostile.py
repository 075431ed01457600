"""No accepted answer, and nothing in an application's files, breaks out of a rendered file."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

import hcl2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecrwiz.model.answers import FIELDS, Answers, Origin, resolve
from ecrwiz.model.app import NodeApp, PackageManager, PublicVariable, RegistryAccess, Start, SystemNeed, Workspace
from ecrwiz.model.errors import BadInputError
from ecrwiz.services.templates import render
from tests.test_templates import APP, NPM, PLAIN, SERVER, answers, files, instructions, nothing, stages

STRATEGIES = ("multi-stage", "article")
HOSTILE = st.text(st.sampled_from("ab-z09._/ \"'\\${}%\n\r\t`;&|<>#@:\x00\x1b\u2028é*?~!()[]=,"), max_size=30)
NAMES = st.from_regex(r"[a-z0-9]{1,12}([._-][a-z0-9]{1,8}){0,2}", fullmatch=True)
ANYTHING = HOSTILE | NAMES | st.builds(lambda a, b, c: a + b + c, NAMES, HOSTILE, NAMES)
BASE = {strategy: files(existing={}, strategy=strategy) for strategy in STRATEGIES}


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {"project_id": ANYTHING, "app": ANYTHING, "env": ANYTHING, "port": st.integers(-9, 70000).map(str) | HOSTILE},
        optional={
            "region": st.sampled_from(["us-east-1", "cn-north-1"]) | HOSTILE,
            "github_repository": ANYTHING,
            "github_api_url": HOSTILE.map("https://a.example/".__add__),
        },
    ),
    st.sampled_from(STRATEGIES),
)
def test_no_accepted_answer_breaks_out(values: dict[str, str], strategy: str) -> None:
    raw = {"region": "us-east-1", "strategy": strategy, **values}
    resolved = resolve([{k: (v, Origin("you")) for k, v in raw.items()}], ["us-east-1", "cn-north-1"])
    if resolved.answers is None:
        assert resolved.problems
        return
    check_rendered(resolved.answers)


@settings(deadline=None)
@given(NAMES, NAMES, NAMES, st.integers(1, 65535), st.sampled_from(STRATEGIES))
def test_every_usual_answer_arrives_as_it_is(project_id: str, env: str, app: str, port: int, strategy: str) -> None:
    raw = {"project_id": project_id, "env": env, "app": app, "port": str(port), "strategy": strategy}
    layer = {name: (value, Origin("you")) for name, value in {"region": "us-east-1", **raw}.items()}
    found = resolve([layer], ["us-east-1"])
    if found.answers is not None:  # env and project_id together may be too long for IAM
        assert found.answers.project_id == project_id
        check_rendered(found.answers)


def check_rendered(accepted: Answers) -> None:
    rendered = {file.path: file.text for file in render(accepted, APP, nothing)}
    base = BASE[accepted.strategy]
    read = {key: str(value).strip('"') for key, value in hcl2.loads(rendered["infra/terraform.tfvars"]).items()}
    wanted = {
        "project_id": accepted.project_id,
        "env": accepted.env,
        "app": accepted.app,
        "aws_region": accepted.region,
    }
    assert {key: read[key] for key in wanted} == wanted
    # The files are those of harmless answers with the value in its place, and it holds nothing special.
    assert re.fullmatch(r"[a-z0-9._/-]+", accepted.repository_name)
    title = f'title="{accepted.repository_name}"'
    assert rendered["Dockerfile"] == base["Dockerfile"].replace('title="web/blog/nextjs"', title).replace(
        "EXPOSE 3000", f"EXPOSE {accepted.port}"
    )
    assert rendered["start.sh"] == base["start.sh"].replace("3000", str(accepted.port))
    changed = {path for path, text in rendered.items() if text != base[path]}
    assert changed <= {"Dockerfile", "start.sh", "infra/terraform.tfvars"}
    assert set(FIELDS) >= {"project_id", "env", "app", "region", "port"}


@settings(deadline=None)
@given(ANYTHING, ANYTHING)
def test_nothing_in_next_config_breaks_out_of_the_dockerfile(path: str, other: str) -> None:
    config = f'import a from "./{path}"\nconst b = require("./{other}/x")\n{path}'

    def everywhere(name: str) -> str | None:
        return config if len(name) < 60 and "ignore" not in name else None

    for existing in ({PLAIN.config_file: config}.get, everywhere):
        try:
            text = render(answers(strategy="article"), PLAIN, existing)[0].text
        except BadInputError:
            continue
        (run,) = stages(text).values()
        for line in run:
            if line.startswith("COPY"):
                assert re.fullmatch(r"COPY( --[\w=:]+)* ([\w@/.-]+ )+[\w@/.-]+", line), line


def test_imports_without_an_end_are_refused() -> None:
    """Two folders that are links to `.` make a file that imports from both exist under ever more names."""
    config = 'import "./a/c.js"; import "./b/c.js"'

    def circle(name: str) -> str | None:
        return config if re.fullmatch(r"(?:[ab]/)*(?:c|next\.config)\.m?js", name) else None

    with pytest.raises(BadInputError, match="imports more than 100 files"):
        render(answers(strategy="article"), PLAIN, circle)


EVIL = [
    "a b", "a\nRUN id", "$(id)", "`id`", "a;id", "a&&id", "a|id", "a'", 'a"', "a\\", "../x", "/etc", "x/../../y", "-x",
    "a/-x", "${X}", "*", "a?", "[a]", "#a", "\u202ea", "a\x00", "", "é",
]  # fmt: skip


@pytest.mark.parametrize("evil", EVIL)
def test_a_path_that_is_more_than_a_name_is_refused(evil: str) -> None:
    cases = [
        replace(SERVER, manager=replace(NPM, files=("package.json", evil))),
        replace(SERVER, workspace=Workspace("..", evil, "@a/b")),
        replace(APP, dist_dir=evil),
        *([replace(SERVER, serving="static", output=evil)] if evil else []),
        *([replace(SERVER, self_contained=True, output=evil)] if evil else []),
    ]
    for app in cases:
        with pytest.raises(BadInputError) as error:
            files(app)
        assert "\n" not in str(error.value)
        assert "\x00" not in str(error.value)


@pytest.mark.parametrize("evil", [*EVIL, "A=B", "1A", "A-B"])
def test_a_name_that_is_no_variable_is_refused(evil: str) -> None:
    for app in (
        replace(SERVER, public_variables=(PublicVariable(evil, "x"),)),
        replace(SERVER, registry=RegistryAccess((evil,))),
        replace(SERVER, start=Start("node a", {evil: "x"})),
    ):
        with pytest.raises(BadInputError):
            files(app)


@pytest.mark.parametrize("evil", [*(text for text in EVIL if text), "1", "1.2", "latest", "1.2.3 x", "1.2.3;id"])
def test_a_version_that_is_none_is_refused(evil: str) -> None:
    for name in ("npm", "pnpm"):
        manager = PackageManager("npm" if name == "npm" else "pnpm", evil, "")
        with pytest.raises(BadInputError, match="no exact version"):
            files(replace(SERVER, manager=manager))


@pytest.mark.parametrize("evil", [text for text in EVIL if text not in ("a/-x", "x/../../y")])
def test_a_package_name_that_is_none_is_refused(evil: str) -> None:
    workspace = Workspace("../..", "apps/web", evil)
    with pytest.raises(BadInputError):
        files(replace(SERVER, workspace=workspace, manager=PackageManager("pnpm", "9.0.0")))
    with pytest.raises(BadInputError, match="Debian"):
        files(replace(SERVER, system=(SystemNeed("a", "b", run=(evil,)),)))


@pytest.mark.parametrize("evil", ["a\nRUN id", "a\\", "[id]", "--mount=type=bind x", "cat <<X", "a\x1b", "#x"])
def test_a_build_command_that_is_more_than_a_line_is_refused(evil: str) -> None:
    with pytest.raises(BadInputError, match="The build command is"):
        files(replace(SERVER, build=evil))


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_whatever_a_command_says_it_stays_in_its_place(build: str, start: str, value: str) -> None:
    app = replace(SERVER, build=build, start=Start(start, {"A": value}))
    plain = files(replace(SERVER, build="run build", start=Start("node a", {"A": "b"})))
    try:
        found = files(app)
    except BadInputError:
        return
    heads = [name for name, _ in instructions(found["Dockerfile"])]
    wanted = [name for name, _ in instructions(plain["Dockerfile"])]
    assert [name for name in heads if name != "ENV"] == [name for name in wanted if name != "ENV"] or not build
    assert heads[-1] == "ENTRYPOINT"
    assert found["start.sh"].count("\n") in range(plain["start.sh"].count("\n"), plain["start.sh"].count("\n") + 3)
    line = next(line for line in found["start.sh"].split("\n") if line.startswith("export A="))
    assert shlex.split(line, comments=False) == ["export", f"A={value}"] or value in ("$PORT", "$HOSTNAME")


def test_names_in_package_json_files_do_not_break_out() -> None:
    evil = "@x/a\nRUN id"
    there = {
        "package.json": f'{{"name": "w", "dependencies": {{"{evil.encode("unicode_escape").decode()}": "*"}}}}',
        "../../packages/a b/package.json": f'{{"name": "{evil.encode("unicode_escape").decode()}"}}',
    }
    workspace = Workspace("../..", "apps/web", "w", ("packages/a b/package.json",))
    with pytest.raises(BadInputError, match="The folder of a package of the workspace"):
        files(replace(SERVER, workspace=workspace), there)
    for text in ("[]", "{", "null", '{"dependencies": 3, "scripts": [1]}', "[" * 100_000):
        assert "RUN" in files(SERVER, {"package.json": text})["Dockerfile"]
    assert isinstance(SERVER, NodeApp)

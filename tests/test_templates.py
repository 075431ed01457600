from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from itertools import product
from pathlib import Path

import hcl2
import pytest
from docker.utils.build import exclude_paths
from hypothesis import given, settings
from hypothesis import strategies as st

from ecrwiz.model.answers import FIELDS, Answers, Origin, resolve
from ecrwiz.model.app import NodeApp
from ecrwiz.model.errors import BadInputError
from ecrwiz.services import templates
from ecrwiz.services.templates import base_image, merge_ignore, render

APP = NodeApp(
    name="blog",
    framework="next",
    manager="npm",
    lockfile="package-lock.json",
    package_files=("package.json", "package-lock.json"),
    node_major=24,
    standalone=True,
    config_file="next.config.mjs",
    has_public=True,
    built_on_host=True,
    port=3000,
)
PLAIN = replace(APP, standalone=False)
YARN = replace(PLAIN, manager="yarn", lockfile="yarn.lock", package_files=("package.json", "yarn.lock"))
STRATEGIES = ("multi-stage", "article")


def answers(**values: str) -> Answers:
    raw = {"project_id": "blog", "region": "us-east-1", "app": "nextjs", **values}
    layer = {name: (value, Origin("you")) for name, value in raw.items()}
    return resolve([layer], ["us-east-1", "cn-north-1"]).require()


def files(app: NodeApp = APP, existing: dict[str, str] | None = None, **values: str) -> dict[str, str]:
    there = {app.config_file: "export default {}"} if existing is None else existing
    return {file.path: file.text for file in render(answers(**values), app, there.get)}


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """(instruction, rest) in order, as the engine reads the file."""
    lines = [line for line in dockerfile.split("\n") if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").split("\n")
    return [(line.split(None, 1)[0], re.sub(r"\s+", " ", line.split(None, 1)[1])) for line in joined]


def stages(dockerfile: str) -> list[list[str]]:
    """The lines of each stage, without the ARG before the first."""
    flat = [" ".join(item) for item in instructions(dockerfile)]
    starts = [i for i, line in enumerate(flat) if line.startswith("FROM ")]
    return [flat[a:b] for a, b in zip(starts, [*starts[1:], len(flat)], strict=True)]


VARIANTS = [
    pytest.param(app, strategy, id=f"{app.manager}-{app.standalone}-{strategy}-{app.config_file}-{app.has_public}")
    for app, strategy in product(
        (APP, PLAIN, YARN, replace(APP, manager="yarn", lockfile="yarn.lock"), replace(PLAIN, config_file=""),
         replace(PLAIN, config_file="next.config.ts"), replace(APP, has_public=False)),
        STRATEGIES,
    )
]  # fmt: skip


@pytest.mark.parametrize(("app", "strategy"), VARIANTS)
def test_every_file_has_lf_and_one_newline_at_its_end(app: NodeApp, strategy: str) -> None:
    rendered = render(answers(strategy=strategy), app, {app.config_file: ""}.get)
    for file in rendered:
        assert "\r" not in file.text, file.path
        assert re.search(r"[^\n]\n\Z", file.text), file.path
        assert not re.search(r"[ \t]$", file.text, re.MULTILINE), file.path
        assert "{{" not in file.text, file.path
        assert "{%" not in file.text, file.path
        assert file.executable == (file.path == "start.sh")
    assert [file.path for file in rendered][:4] == ["Dockerfile", "start.sh", ".dockerignore", ".gitignore"]


@pytest.mark.parametrize(("app", "strategy"), VARIANTS)
def test_what_every_dockerfile_promises(app: NodeApp, strategy: str) -> None:
    text = files(app, strategy=strategy)["Dockerfile"]
    assert "--mount" not in text
    assert "--chmod" not in text
    assert "<<" not in text
    assert instructions(text)[0] == ("ARG", "NODE_IMAGE=node:24-slim")
    *earlier, last = stages(text)
    # The install needs devDependencies: NODE_ENV=production before it would leave them out.
    assert not any("NODE_ENV" in line for stage in earlier for line in stage)
    assert "ENV NODE_ENV=production NEXT_TELEMETRY_DISABLED=1" in last
    assert last.index("USER 1001:1001") < last.index('ENTRYPOINT ["/opt/app/start.sh"]')
    assert last[-1] == 'ENTRYPOINT ["/opt/app/start.sh"]'
    assert "EXPOSE 3000" in last
    assert not any(" npm " in line or " yarn " in line for line in last)
    label = next(line for line in last if line.startswith("LABEL"))
    assert 'image.title="web/blog/nextjs"' in label
    assert 'image.version="${VERSION}"' in label
    assert 'image.revision="${REVISION}"' in label
    assert last.index("ARG VERSION=unknown") == last.index("USER 1001:1001") + 2
    assert any("chmod 0755 start.sh" in line for stage in (earlier, [last]) for line in str(stage).split("', '"))
    assert len(earlier) == (2 if strategy == "multi-stage" else 0)


def test_standalone_copies_what_server_js_needs() -> None:
    rendered = files()
    build, run = stages(rendered["Dockerfile"])[1:]
    assert any("mv .next/static .next/standalone/.next/static" in line for line in build)
    assert "COPY --from=build /opt/app/.next/standalone ./" in run
    assert "COPY --from=build --chown=1001:1001 /opt/next ./.next" in run
    assert not any("node_modules" in line for line in run)
    assert rendered["start.sh"].endswith("\nexec node server.js\n")


def test_without_standalone_only_production_dependencies_go_along() -> None:
    rendered = files(PLAIN)
    build, run = stages(rendered["Dockerfile"])[1:]
    assert any("npm prune --omit=dev --ignore-scripts" in line for line in build)
    assert "COPY --from=build /opt/app/package.json /opt/app/next.config.mjs ./" in run
    assert rendered["start.sh"].endswith('dist/bin/next start -p "$PORT" -H "$HOSTNAME"\n')


def test_yarn() -> None:
    deps, build, _ = stages(files(YARN)["Dockerfile"])
    assert "COPY package.json yarn.lock ./" in deps
    assert any("npm install --global yarn@1.22.22" in line for line in deps)
    assert any(line.startswith("RUN yarn install --frozen-lockfile") and "production=false" in line for line in deps)
    assert any("yarn install --frozen-lockfile --non-interactive --production " in line for line in build)
    assert "npm ci" not in files(YARN)["Dockerfile"]


def test_the_install_gets_the_files_that_it_reads_at_their_places() -> None:
    app = replace(APP, package_files=(*APP.package_files, ".npmrc", "patches", "scripts/after.js"))
    deps = stages(files(app)["Dockerfile"])[0]
    assert "COPY package.json package-lock.json .npmrc ./" in deps
    assert "COPY patches ./patches" in deps
    assert "COPY scripts/after.js ./scripts/after.js" in deps


def test_typescript_configuration_keeps_what_reads_it() -> None:
    app = replace(PLAIN, config_file="next.config.ts")
    there = {"next.config.ts": 'import { x } from "./lib/env.js"', "lib/env.ts": "", "tsconfig.json": "{}"}
    build, run = stages(files(app, there)["Dockerfile"])[1:]
    assert not any("prune" in line for line in build)
    assert "COPY --from=build /opt/app/package.json /opt/app/next.config.ts /opt/app/tsconfig.json ./" in run
    assert "COPY --from=build /opt/app/lib/env.ts ./lib/env.ts" in run


def test_configuration_that_imports_files_that_import_files() -> None:
    there = {
        "next.config.mjs": "import a from './a.mjs'\nconst b = require(\"./lib\"); import('../outside.js'); import 'x'",
        "a.mjs": "export * from './lib/deep/c'; import './gone.js'; import './next.config.mjs'",
        "lib/index.js": "",
        "lib/deep/c.json": "{}",
        "../outside.js": "",
    }
    run = stages(files(PLAIN, there)["Dockerfile"])[2]
    copies = " ".join(line for line in run if line.startswith("COPY"))
    assert re.findall(r"\S+(?:\.mjs|\.js|\.json)\b", copies) == [
        "/opt/app/package.json",
        "/opt/app/next.config.mjs",
        "/opt/app/a.mjs",
        "/opt/app/lib/index.js",
        "./lib/index.js",
        "/opt/app/lib/deep/c.json",
        "./lib/deep/c.json",
    ]


@pytest.mark.parametrize("has_public", [True, False])
def test_article_copies_from_this_machine(has_public: bool) -> None:
    rendered = files(replace(APP, has_public=has_public), strategy="article")
    run = stages(rendered["Dockerfile"])[0]
    assert ("COPY ./public ./public" in run) == has_public
    assert "COPY ./node_modules ./node_modules" in run
    assert "COPY ./package.json ./next.config.mjs ./" in run
    assert "COPY --chown=1001:1001 ./.next ./.next" in run
    # A standalone build on the host is there too, but the article's image starts Next itself.
    assert "next start" in rendered["start.sh"]


@pytest.mark.parametrize("major", [20, 22, 24])
def test_base_image(major: int) -> None:
    app = replace(APP, node_major=major)
    assert base_image(app) == f"node:{major}-slim"
    assert f"ARG NODE_IMAGE=node:{major}-slim\n" in files(app)["Dockerfile"]


def test_other_frameworks_get_a_sentence() -> None:
    with pytest.raises(BadInputError, match=r"In this version ecrwiz renders for Next\.js"):
        files(replace(APP, framework="node"))


def test_no_lockfile_stops_the_multi_stage_form_alone() -> None:
    app = replace(APP, lockfile="", package_files=("package.json",))
    with pytest.raises(BadInputError, match="no package-lock") as error:
        files(app)
    assert "npm install" in error.value.hint
    assert "COPY" in files(app, strategy="article")["Dockerfile"]


def test_templates_are_found_inside_a_wheel_and_beside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (templates.terraform_templates() / "main.tf").is_file()
    monkeypatch.setattr(templates, "_PACKAGE", tmp_path / "ecrwiz")
    assert templates.terraform_templates() == tmp_path / "terraform_templates"
    (tmp_path / "ecrwiz" / "_terraform_templates").mkdir(parents=True)
    assert templates.terraform_templates() == tmp_path / "ecrwiz" / "_terraform_templates"


# --- start.sh, run by a real shell ------------------------------------------------------------------


def start(folder: Path, app: NodeApp = APP, port: str = "3000", **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the rendered start.sh with a `node` that says how it was called."""
    script = folder / "start.sh"
    script.write_text(files(app, port=port)["start.sh"])
    script.chmod(0o755)
    node = folder / "bin" / "node"
    node.parent.mkdir(exist_ok=True)
    node.write_text('#!/bin/sh\necho "$PWD|$PORT|$HOSTNAME|$NODE_ENV|$NEXT_TELEMETRY_DISABLED|$$|$*"\n')
    node.chmod(0o755)
    environ = {"PATH": f"{node.parent}:{os.environ['PATH']}", **environ}
    process = subprocess.Popen(
        [script], env=environ, cwd="/", text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = process.communicate(timeout=30)
    return subprocess.CompletedProcess(str(process.pid), process.returncode, out, err)


@pytest.mark.parametrize(("given_port", "used"), [({}, "4321"), ({"PORT": "5000"}, "5000"), ({"PORT": ""}, "4321")])
def test_start_sh_listens_where_it_is_told(tmp_path: Path, given_port: dict[str, str], used: str) -> None:
    done = start(tmp_path, APP, "4321", HOSTNAME="ip-10-0-0-1", NODE_ENV="development", **given_port)
    # The pid is the one that was started: exec, so that node gets the signals.
    assert done.stdout == f"{tmp_path}|{used}|0.0.0.0|production|1|{done.args}|server.js\n", done.stderr


def test_start_sh_without_standalone(tmp_path: Path) -> None:
    done = start(tmp_path, PLAIN, PORT="65535", BIND_ADDRESS="::")
    assert done.stdout.endswith(f"|{done.args}|node_modules/next/dist/bin/next start -p 65535 -H ::\n")


@pytest.mark.parametrize(
    "bad", ["0", "65536", "99999", "123456", "-1", "3e3", " 80", "80 ", "08", "$(id)", "8;id", "*", "8\n9", "٣٠٠٠"]
)
def test_start_sh_refuses_what_is_no_port(tmp_path: Path, bad: str) -> None:
    done = start(tmp_path, PORT=bad)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.startswith(f'start.sh: PORT is "{bad}"; it must be a whole number from 1 to 65535')


@pytest.mark.parametrize("app", [APP, PLAIN])
def test_start_sh_is_posix(app: NodeApp, tmp_path: Path) -> None:
    script = tmp_path / "start.sh"
    script.write_text(files(app)["start.sh"])
    assert script.read_text().startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", script], check=True, timeout=30)
    shellcheck = shutil.which("shellcheck")
    assert shellcheck, "shellcheck is not on this machine; .ci/setup installs it"
    done = subprocess.run([shellcheck, script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


# --- ignore files -----------------------------------------------------------------------------------


SECRETS = (".env", ".env.production", "app/.env.local", "server.pem", "keys/a.key", ".aws/credentials",
           "terraform.tfstate", "infra/terraform.tfstate.backup", ".ssh/id_rsa", "plan.tfplan",
           "deep/.netrc", "node_modules/a/.env")  # fmt: skip
WANTED = {".env.example", "package.json", "start.sh", "public/a.png", "app/page.js", "next.config.mjs"}
BUILT = {"node_modules/a/index.js", "node_modules/a/node_modules/b/ca.pem", ".next/BUILD_ID"}
UNWANTED = ("infra/main.tf", ".git/HEAD", ".ecrwiz/journal.json", "ecrwiz.toml", "Dockerfile.ecrwiz-backup",
            "npm-debug.log", ".next/cache/0.pack", "node_modules/.cache/x")  # fmt: skip


def sent(root: Path, dockerignore: str) -> set[str]:
    """The files that docker-py sends to the engine from a folder with secrets and much else in it."""
    for name in (*SECRETS, *WANTED, *BUILT, *UNWANTED):
        path = Path(os.path.normpath(root / name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    patterns = [line.strip() for line in dockerignore.split("\n") if line.strip() and not line.startswith("#")]
    return {name for name in exclude_paths(str(root), patterns) if (root / name).is_file()}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("before", [None, "", "!.env\n!.env.*\n!*.pem\n!**/*.key\n!.aws\n", "*\n!**\n"])
def test_secrets_stay_out_of_the_image_whatever_was_there(strategy: str, before: str | None, tmp_path: Path) -> None:
    existing = {".dockerignore": before} if before is not None else {}
    found = sent(tmp_path, files(existing=existing, strategy=strategy)[".dockerignore"])
    assert found & {os.path.normpath(name) for name in SECRETS} == set()
    assert found >= WANTED


@pytest.mark.parametrize("before", [None, "node_modules\n.next\n/.next/\n**/node_modules\n"])
def test_dockerignore_of_each_strategy(before: str | None, tmp_path: Path) -> None:
    existing = {".dockerignore": before} if before is not None else {}
    inside = sent(tmp_path, files(existing=existing)[".dockerignore"])
    assert inside - {".dockerignore"} == WANTED
    host = sent(tmp_path, files(existing=existing, strategy="article")[".dockerignore"])
    assert host - {".dockerignore"} == WANTED | BUILT


def test_ignore_files_of_another_strategy_leave_no_trace() -> None:
    before = "mine\n"
    first = files(existing={".dockerignore": before}, strategy="article")[".dockerignore"]
    assert "!node_modules" in first
    assert (
        files(existing={".dockerignore": first})[".dockerignore"]
        == files(existing={".dockerignore": before})[".dockerignore"]
    )


def test_what_the_person_has_is_not_said_twice() -> None:
    before = "# mine\n/.ecrwiz/\ninfra/.terraform\n\n!*.tfplan\n"
    merged = files(existing={".gitignore": before})[".gitignore"]
    assert merged.startswith(before.rstrip("\n") + "\n\n# >>> ecrwiz")
    assert [line for line in merged.split("\n") if line and line[0] != "#"] == [
        *("/.ecrwiz/", "infra/.terraform", "!*.tfplan"),
        *("*.tfstate", "*.tfstate.*", "*.ecrwiz-backup*"),
    ]
    complete = ".ecrwiz/\ninfra/.terraform/\n*.tfstate\n*.tfstate.*\n*.tfplan\n*.ecrwiz-backup*\n"
    assert files(existing={".gitignore": complete})[".gitignore"] == complete


def test_lines_that_the_person_added_below_the_block_move_above_it() -> None:
    first = merge_ignore(None, ["a"], [".env"])
    again = merge_ignore(first + "!.env\n", ["a"], [".env"])
    assert again.startswith("!.env\n\n# >>> ecrwiz")
    assert again.split("\n")[-3] == ".env"


def test_a_block_without_its_end_loses_no_line() -> None:
    cut = merge_ignore("mine\n", ["a"], ["z"]).replace("# <<< ecrwiz <<<\n", "") + "theirs\n"
    merged = merge_ignore(cut, ["a"], ["z"])
    assert {"mine", "theirs", "a", "z"} <= set(merged.split("\n"))
    assert merged.count(">>> ecrwiz") == 1


LINES = st.lists(st.sampled_from(["", "a", "!a", "b/", "# c", " d ", ".env", "!.env", "\u00e9\x0c"]), max_size=8)


@settings(deadline=None)
@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_merging_keeps_the_persons_lines_and_is_stable(lines: list[str], end: str, newline: bool) -> None:
    before = end.join(lines) + (end if newline else "")
    entries, always = ["# one", "a", "b", "# two", "c"], ["# last", ".env"]
    merged = merge_ignore(before, entries, always)
    assert merge_ignore(merged, entries, always) == merged
    assert merged.endswith("\n# last\n.env\n# <<< ecrwiz <<<\n")
    kept = "\n".join(lines).rstrip()
    own = merged.split("# >>> ecrwiz", 1)[0]
    assert own.startswith(kept)
    assert own.strip() == kept.strip() or kept.strip() == own.strip("\n ").strip()
    said = {line.strip().strip("!/ ") for line in merged.split("\n")}
    assert {"a", "b", "c"} <= said


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rendering_over_its_own_output_changes_nothing(strategy: str) -> None:
    first = files(existing={".dockerignore": "mine"}, strategy=strategy)
    assert files(existing=first, strategy=strategy) == first


# --- no accepted answer breaks out of a rendered file ------------------------------------------------

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


def nothing(_path: str) -> None:
    """An application without any of the files that are asked for."""


def check_rendered(accepted: Answers) -> None:
    rendered = {file.path: file.text for file in render(accepted, APP, nothing)}
    base = BASE[accepted.strategy]
    read = {key: value.strip('"') for key, value in hcl2.loads(rendered["infra/terraform.tfvars"]).items()
            if not key.startswith("__")}  # fmt: skip
    assert read == {"project_id": accepted.project_id, "env": accepted.env, "app": accepted.app,
                    "aws_region": accepted.region}  # fmt: skip
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
    text = stages({f.path: f.text for f in render(answers(), PLAIN, {PLAIN.config_file: config}.get)}["Dockerfile"])
    assert len(text) == 3
    everything = {f.path: f.text for f in render(answers(), PLAIN, lambda name: config if len(name) < 60 else None)}
    for line in stages(everything["Dockerfile"])[2]:
        if line.startswith("COPY"):
            assert re.fullmatch(r"COPY( --[\w=:]+)* ([\w@/.-]+ )+[\w@/.-]+", line), line

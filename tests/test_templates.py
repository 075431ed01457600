from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from ecrwiz.model.answers import Answers, Origin, resolve
from ecrwiz.model.app import (
    DockerfileFacts,
    NodeApp,
    PackageManager,
    PublicVariable,
    RegistryAccess,
    Start,
    SystemNeed,
    Workspace,
)
from ecrwiz.model.errors import BadInputError
from ecrwiz.services import templates
from ecrwiz.services.docker.dockerfile import plain_form
from ecrwiz.services.templates import base_image, render

NPM = PackageManager("npm", "", "package-lock.json", files=("package.json", "package-lock.json"))
MANAGERS = {
    "npm": NPM,
    "yarn": PackageManager("yarn", "", "yarn.lock", files=("package.json", "yarn.lock", ".npmrc")),
    "berry": PackageManager("berry", "4.18.1", "yarn.lock", files=("package.json", "yarn.lock", ".yarnrc.yml")),
    "pnp": PackageManager("berry", "4.18.1", "yarn.lock", "pnp", ("package.json", "yarn.lock", ".yarnrc.yml")),
    "release": PackageManager(
        "berry", "4.18.1", "yarn.lock", files=("package.json", "yarn.lock", ".yarnrc.yml", ".yarn/releases")
    ),
    "pnpm": PackageManager("pnpm", "9.15.4", "pnpm-lock.yaml", files=("package.json", "pnpm-lock.yaml", "patches")),
    "bun": PackageManager("bun", "", "bun.lock", files=("package.json", "bun.lock")),
}
APP = NodeApp(
    name="blog",
    framework="next",
    serving="next-standalone",
    manager=NPM,
    build="run build",
    config_file="next.config.mjs",
    has_public=True,
    built_on_host=True,
)
PLAIN = replace(APP, serving="next")
SERVER = NodeApp("api", "express", "command", NPM, build="run build", start=Start("node dist/main.js"))
SIMPLE = replace(SERVER, build="")
NUXT = NodeApp(
    "shop", "nuxt", "command", NPM, build="run build", output=".output", self_contained=True,
    start=Start("node .output/server/index.mjs", {"HOST": "$HOSTNAME"}, handles_sigterm=True),
)  # fmt: skip
SITE = NodeApp("site", "vite", "static", NPM, build="vite build", output="dist", single_page=True)
PAGES = replace(SITE, build="", output="www", single_page=False)
SHAPES = {
    "standalone": APP,
    "next": PLAIN,
    "command": SERVER,
    "plain": SIMPLE,
    "nuxt": NUXT,
    "static": SITE,
    "pages": PAGES,
}
WORKSPACE = Workspace(
    "../..", "apps/web", "@acme/web",
    ("apps/other/package.json", "apps/web/package.json",
     "packages/lib/package.json", "packages/lib/tools/package.json"),
)  # fmt: skip
TREE = {
    "package.json": '{"name": "@acme/web", "dependencies": {"@acme/lib": "*", "express": "5"}}',
    "../../packages/lib/package.json": '{"name": "@acme/lib", "dependencies": {"@acme/tools": "*"}}',
    "../../packages/lib/tools/package.json": '{"name": "@acme/tools", "peerDependencies": {"@acme/lib": "*"}}',
    "../../apps/other/package.json": '{"name": "@acme/other"}',
    ".yarnrc.yml": "yarnPath: .yarn/releases/yarn-4.18.1.cjs\n",
    "../../.yarnrc.yml": "yarnPath: .yarn/releases/yarn-4.18.1.cjs\n",
}


def answers(**values: str) -> Answers:
    raw = {"project_id": "blog", "region": "us-east-1", "app": "nextjs", "workflow": "no", **values}
    layer = {name: (value, Origin("you")) for name, value in raw.items()}
    return resolve([layer], ["us-east-1", "cn-north-1"]).require()


def files(app: NodeApp = APP, existing: dict[str, str] | None = None, **values: str) -> dict[str, str]:
    there = {app.config_file: "export default {}"} if existing is None else existing
    return {file.path: file.text for file in render(answers(**values), app, there.get)}


def dockerfile(app: NodeApp = APP, existing: dict[str, str] | None = None, **values: str) -> str:
    return files(app, existing, **values)["Dockerfile"]


def variants() -> list[tuple[str, NodeApp]]:
    """Every shape with every manager, alone and in a workspace, plain and with all that a Dockerfile can need."""
    made = []
    for (shape, app), (name, manager), inside, full in product(
        SHAPES.items(), MANAGERS.items(), (False, True), (False, True)
    ):
        changed = replace(app, manager=manager, workspace=WORKSPACE if inside else None)
        if full:
            changed = replace(
                changed,
                system=(SystemNeed("canvas", "draws with Cairo", ("g++", "libcairo2-dev"), ("libcairo2",)),),
                registry=RegistryAccess(("NPM_TOKEN",), "user"),
                public_variables=(PublicVariable("VITE_API", "src/a.ts:1"),),
            )
            if changed.start:
                changed = replace(changed, start=replace(changed.start, keeps_dev=True, environment={"A": "it's $1"}))
        made.append((f"{shape}-{name}-{'workspace' if inside else 'alone'}-{'full' if full else 'bare'}", changed))
    bun = replace(MANAGERS["bun"], files=("package.json", "bun.lock"))
    prisma = (SystemNeed("@prisma/client", "OpenSSL", ("openssl",), ("openssl",)),)
    return [
        *made,
        ("bun-runs", replace(SIMPLE, manager=bun, start=Start("bun src/server.ts", runtime="bun"))),
        ("typed", replace(PLAIN, config_file="next.config.ts")),
        ("custom-server", replace(PLAIN, serving="command", start=Start("node server.js"))),
        ("nx", replace(SERVER, workspace=replace(WORKSPACE, tool="nx"), build="nx build @acme/web")),
        ("prisma-npm", replace(SERVER, system=prisma)),
        ("prisma-pnpm", replace(SERVER, system=prisma, manager=MANAGERS["pnpm"])),
        ("prisma-workspace", replace(SERVER, system=prisma, workspace=WORKSPACE)),
        ("prisma-pnp", replace(SERVER, system=prisma, workspace=WORKSPACE, manager=MANAGERS["pnp"])),
        ("no-lockfile", replace(SERVER, manager=PackageManager("npm"))),
        ("shell", replace(SIMPLE, start=Start("sh -c 'node a.js & node b.js'"))),
        ("old-yarn", replace(SERVER, manager=replace(MANAGERS["berry"], version="3.8.7"))),
        ("dist", replace(APP, dist_dir="build/next")),
        ("chain", replace(SERVER, build="cd ../../packages/lib && run build && cd ../../apps/web && nest build",
                          workspace=WORKSPACE, registry=RegistryAccess(("A_TOKEN", "B_TOKEN")))),
    ]  # fmt: skip


VARIANTS = [pytest.param(app, id=name) for name, app in variants()]


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """(instruction, rest) in order, as the engine reads the file."""
    lines = [line for line in dockerfile.split("\n") if line.strip() and not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ").split("\n")
    return [(line.split(None, 1)[0], re.sub(r"\s+", " ", line.split(None, 1)[1])) for line in joined]


def stages(dockerfile: str) -> dict[str, list[str]]:
    """The lines of each stage by its name, without the ARG before the first."""
    found: dict[str, list[str]] = {}
    name = ""
    for instruction, rest in instructions(dockerfile):
        if instruction == "FROM":
            name = rest.split(" AS ")[1]
            found[name] = []
        if name:
            found[name].append(f"{instruction} {rest}")
    return found


def nothing(_path: str) -> None:
    """An application without any of the files that are asked for."""


ARTICLE = [
    pytest.param(app, id=f"{app.manager.name}-{app.serving}-{app.config_file}-{app.has_public}")
    for app in (
        APP,
        PLAIN,
        replace(PLAIN, manager=MANAGERS["yarn"]),
        replace(PLAIN, config_file=""),
        replace(APP, has_public=False),
        replace(APP, manager=MANAGERS["berry"], dist_dir="build"),
    )
]


@pytest.mark.parametrize("app", VARIANTS)
def test_what_every_file_promises(app: NodeApp) -> None:
    rendered = render(answers(), app, TREE.get)
    ignore = "Dockerfile.dockerignore" if app.workspace else ".dockerignore"
    assert [file.path for file in rendered][:4] == ["Dockerfile", "start.sh", ignore, ".gitignore"]
    for file in rendered:
        assert "\r" not in file.text, file.path
        assert re.search(r"[^\n]\n\Z", file.text), file.path
        assert not re.search(r"[ \t]$", file.text, re.MULTILINE), file.path
        assert "\n\n\n" not in file.text, file.path
        assert "{{" not in file.text.replace("${{", ""), file.path
        assert "{%" not in file.text, file.path
        assert not re.search(r"&& *(\\\n *)?&&|\\\n\n", file.text), file.path
        assert file.executable == (file.path == "start.sh")
        assert all(len(line) <= 120 for line in file.text.split("\n") if line.startswith("#")), file.path
    assert render(answers(), app, TREE.get) == rendered


@pytest.mark.parametrize("app", VARIANTS)
def test_what_every_dockerfile_promises(app: NodeApp) -> None:
    text = dockerfile(app, TREE)
    assert text.startswith("# Rendered by ecrwiz")
    # What the Dockerfile frontend of Docker 20.10 does not know, or what would have to be fetched.
    assert not re.search(r"--chmod|<<|# *syntax=|secret[^\n]*,env=[^\n]*\\\n", text)
    assert instructions(text)[0] == ("ARG", "NODE_IMAGE=node:24-slim")
    found = stages(text)
    last = found.pop("runtime")
    assert list(stages(text))[-1] == "runtime"
    # The install needs devDependencies: NODE_ENV=production before it would leave them out.
    assert not any("NODE_ENV" in line for stage in found.values() for line in stage)
    assert any(line.startswith("ENV NODE_ENV=production") for line in last)
    assert last[-1] == 'ENTRYPOINT ["/opt/app/start.sh"]'
    assert "EXPOSE 3000" in last
    user = last.index("USER 1001:1001")
    assert last[user + 1 :] == [
        "EXPOSE 3000",
        "ARG VERSION=unknown",
        "ARG REVISION=unknown",
        'LABEL org.opencontainers.image.title="web/blog/nextjs" org.opencontainers.image.version="${VERSION}" '
        'org.opencontainers.image.revision="${REVISION}"',
        'ENTRYPOINT ["/opt/app/start.sh"]',
    ]
    assert "RUN rm -rf /usr/local/lib/node_modules" in text
    written = [line for line in last if "--chown" in line]
    assert all(line.split()[-2] == "/opt/next" for line in written)
    assert len(written) == (app.framework == "next")
    assert len([line for line in last if line.startswith("COPY")]) <= 4
    named = set(re.findall(r"--from=(\w+)", text)) | set(re.findall(r"^FROM (\w+)", text, re.MULTILINE))
    assert named <= set(found), "a stage that is not there"
    used = named | {"runtime"}
    assert set(found) <= used, "a stage that nothing uses"


@pytest.mark.parametrize("app", VARIANTS)
def test_mounts_come_first_so_that_a_builder_without_them_can_leave_them_out(app: NodeApp) -> None:
    text = dockerfile(app, TREE)
    for instruction, rest in instructions(text):
        assert "--mount" not in (re.sub(r"^(?:--mount=\S+ )*", "", rest) if instruction == "RUN" else rest)
    plain = plain_form(text)
    assert "--mount" not in plain
    without = [(name, re.sub(r"--mount=\S+ ", "", rest)) for name, rest in instructions(text)]
    assert instructions(plain) == without


@pytest.mark.parametrize("app", VARIANTS)
def test_no_token_is_anywhere_but_in_one_command(app: NodeApp) -> None:
    text = dockerfile(app, TREE)
    for name in app.registry.variables:
        for instruction, rest in instructions(text):
            if name in rest:
                assert instruction == "RUN"
                if "/run/secrets" not in rest:
                    assert f'export {name}=""' in rest


def test_standalone_copies_what_server_js_needs() -> None:
    """What is gathered is in test_templates_gather.py."""
    found = stages(dockerfile())
    copies = [line for line in found["runtime"] if line.startswith("COPY")]
    assert copies == ["COPY --from=build /opt/out ./", "COPY --from=build --chown=1001:1001 /opt/next ./.next"]
    assert files()["start.sh"].endswith("\nexec node server.js\n")


def test_standalone_in_a_workspace_runs_in_its_folder() -> None:
    found = stages(dockerfile(replace(APP, workspace=WORKSPACE), TREE))
    assert found["runtime"].count("COPY --from=build --chown=1001:1001 /opt/next ./apps/web/.next") == 1
    start = files(replace(APP, workspace=WORKSPACE), TREE)["start.sh"]
    assert 'cd -- "$root/apps/web"' in start


def test_another_build_folder_of_next() -> None:
    found = stages(dockerfile(replace(APP, dist_dir="build/next")))
    assert any("mv build/next/static /opt/out/build/next/static" in line for line in found["build"])
    assert "COPY --from=build --chown=1001:1001 /opt/next ./build/next" in found["runtime"]


@pytest.mark.parametrize(
    ("name", "install", "production"),
    [
        ("npm", "npm ci --include=dev --no-audit --no-fund", "npm prune --omit=dev --ignore-scripts"),
        ("yarn", "yarn install --frozen-lockfile --non-interactive --production=false",
         "yarn install --frozen-lockfile --non-interactive --production --ignore-scripts"),
        ("berry", "yarn install --immutable", "yarn workspaces focus --production"),
        ("pnp", "yarn install --immutable", "rm -rf .yarn/unplugged .yarn/cache && yarn workspaces focus --production"),
        ("pnpm", "CI=true pnpm install --frozen-lockfile --prod=false", "CI=true pnpm prune --prod --ignore-scripts"),
        ("bun", "bun install --frozen-lockfile", "rm -rf node_modules && bun install --frozen-lockfile --production"),
    ],
)  # fmt: skip
def test_frozen_install_and_what_runs_of_it(name: str, install: str, production: str) -> None:
    found = stages(dockerfile(replace(SERVER, manager=MANAGERS[name])))
    assert any(line.split("--mount", 1)[-1].split(" ", 1)[-1].endswith(install) for line in found["deps"])
    assert production in " ".join(found["production"])
    assert found["production"][0] == "FROM deps AS production"
    source = "/opt/modules ./" if name == "pnp" else "/opt/app/node_modules ./node_modules"
    copies = [line for line in found["runtime"] if line.startswith("COPY")]
    assert copies == [f"COPY --from=production {source}", "COPY --from=build /opt/out ./"]


@pytest.mark.parametrize(
    ("name", "setup"),
    [
        ("npm", ""),
        ("yarn", "rm -f /usr/local/bin/yarn /usr/local/bin/yarnpkg && npm install --global yarn@1.22.22"),
        ("berry", "rm -f /usr/local/bin/yarn /usr/local/bin/yarnpkg && npm install --global @yarnpkg/cli-dist@4.18.1"),
        ("pnpm", "npm install --global pnpm@9.15.4"),
        ("bun", "npm install --global bun@1.4.5"),
    ],
)
def test_the_exact_manager(name: str, setup: str) -> None:
    text = dockerfile(replace(SERVER, manager=MANAGERS[name]))
    lines = [line for line in stages(text)["deps"] if "--global" in line]
    assert lines == ([f"RUN --mount=type=cache,target=/root/.npm {setup}"] if setup else [])
    declared = replace(MANAGERS[name], version="11.2.3")
    assert re.search(r"--global \S+@11\.2\.3\n", dockerfile(replace(SERVER, manager=declared)))
    assert not re.search(r"corepack (enable|use|prepare)", text)
    assert ("names no version" in text) == (name in ("yarn", "bun"))


@pytest.mark.parametrize(
    ("manager", "head", "expected"),
    [
        (PackageManager("pnpm", "", "pnpm-lock.yaml"), "lockfileVersion: 5.4\n", "pnpm@7.33.7"),
        (PackageManager("pnpm", "", "pnpm-lock.yaml"), "lockfileVersion: '6.0'\n", "pnpm@8.15.9"),
        (PackageManager("pnpm", "", "pnpm-lock.yaml"), "lockfileVersion: '9.0'\n", "pnpm@10.34.8"),
        (PackageManager("pnpm"), "", "pnpm@10.34.8"),
        (PackageManager("berry", "", "yarn.lock"), "# x\n\n__metadata:\n  version: 6\n", "cli-dist@3.8.7"),
        (PackageManager("berry", "", "yarn.lock"), "# x\n\n__metadata:\n  version: 8\n", "cli-dist@4.18.1"),
        (PackageManager("berry"), "", "cli-dist@4.18.1"),
    ],
)
def test_a_manager_whose_version_is_not_named(manager: PackageManager, head: str, expected: str) -> None:
    for workspace, path in ((None, manager.lockfile), (WORKSPACE, f"../../{manager.lockfile}")):
        text = dockerfile(
            replace(SERVER, manager=manager, workspace=workspace), {path: head, "package.json": '{"name": "@acme/web"}'}
        )
        assert re.search(rf"{re.escape(expected)}\n", text)


def test_a_yarn_release_in_the_repository_is_used() -> None:
    found = stages(dockerfile(replace(SERVER, manager=MANAGERS["release"]), TREE))["deps"]
    setup = (
        "RUN chmod 0755 .yarn/releases/yarn-4.18.1.cjs"
        " && ln -sf /opt/app/.yarn/releases/yarn-4.18.1.cjs /usr/local/bin/yarn"
    )
    assert found.index("COPY .yarn/releases ./.yarn/releases") < found.index(setup)
    assert not any("--global" in line for line in found)


@pytest.mark.parametrize("path", ["/etc/x.cjs", "../x.cjs", ".yarn/releases/../../x.cjs", ".yarn/other/yarn-4.cjs"])
def test_a_yarn_release_elsewhere_is_not(path: str) -> None:
    text = dockerfile(replace(SERVER, manager=MANAGERS["release"]), {".yarnrc.yml": f"yarnPath: {path}\n"})
    assert "ln -sf" not in text
    assert "--global @yarnpkg/cli-dist@4.18.1" in text


def test_without_a_lockfile_the_loss_is_said() -> None:
    text = dockerfile(replace(SERVER, manager=PackageManager("npm")))
    assert "npm install --include=dev" in text
    assert "There is no lockfile, so every build may get other versions" in text


def test_the_install_gets_the_files_that_it_reads_at_their_places() -> None:
    manager = replace(NPM, files=(*NPM.files, ".npmrc", "patches", "scripts/after.js"))
    deps = stages(dockerfile(replace(APP, manager=manager)))["deps"]
    assert "COPY package.json package-lock.json .npmrc ./" in deps
    assert "COPY patches ./patches" in deps
    assert "COPY scripts/after.js ./scripts/after.js" in deps


@pytest.mark.parametrize("script", ["tsc", "npm run build", "turbo run gen", "node x && vite build"])
def test_an_install_script_that_builds_gets_all_files(script: str) -> None:
    for there in (
        {"package.json": f'{{"scripts": {{"postinstall": "{script}"}}}}'},
        {"package.json": f'{{"scripts": {{"prepare": "{script}"}}}}'},
    ):
        assert "COPY . ./" in stages(dockerfile(SERVER, there))["deps"]
    harmless = {"package.json": '{"scripts": {"prepare": "husky", "postinstall": "prisma generate", "build": "tsc"}}'}
    assert "COPY . ./" not in stages(dockerfile(SERVER, harmless))["deps"]


def test_an_application_without_dependencies_has_a_node_modules_to_copy() -> None:
    assert "mkdir -p node_modules" in dockerfile(SIMPLE, {"package.json": "{}"})
    assert "mkdir -p node_modules" not in dockerfile(SIMPLE, {"package.json": '{"dependencies": {"a": "1"}}'})


def test_a_server_without_a_build_is_copied_as_it_is() -> None:
    found = stages(dockerfile(SIMPLE))
    assert list(found) == ["deps", "production", "runtime"]
    assert "COPY . ./" in found["runtime"]
    assert "RUN chmod 0755 start.sh" in found["runtime"]


def test_a_self_contained_build_takes_nothing_else_along() -> None:
    found = stages(dockerfile(NUXT))
    assert list(found) == ["deps", "build", "runtime"]
    assert any("cp -R --parents .output package.json /opt/out/" in line for line in found["build"])
    assert [line for line in found["runtime"] if line.startswith("COPY")] == ["COPY --from=build /opt/out ./"]


def test_static_files_get_a_pinned_server() -> None:
    found = stages(dockerfile(SITE))
    assert any("npm install --prefix /opt/server" in line and line.endswith("serve@14.2.7") for line in found["server"])
    assert any("cp -R dist /opt/out/site" in line for line in found["build"])
    assert "production" not in found
    start = files(SITE)["start.sh"]
    assert '--listen "tcp://$address:$PORT"' in start
    assert "--single" in start
    assert "--single" not in files(PAGES)["start.sh"]
    assert list(stages(dockerfile(PAGES))) == ["build", "server", "runtime"]


@pytest.mark.parametrize(("handles", "init"), [(True, False), (False, True)])
def test_a_server_without_a_handler_of_sigterm_gets_an_init_process(handles: bool, init: bool) -> None:
    app = replace(SERVER, start=Start("node dist/main.js", handles_sigterm=handles))
    rendered = files(app)
    assert ("--no-install-recommends tini" in rendered["Dockerfile"]) == init
    assert rendered["start.sh"].endswith(f"\nexec {'tini -- ' if init else ''}node dist/main.js\n")


def test_a_shell_before_the_server_hands_signals_to_all_below_it() -> None:
    start = files(replace(SERVER, start=Start("sh -c 'node a.js; node b.js'")))["start.sh"]
    assert start.endswith("\nexec tini -g -- sh -c 'node a.js; node b.js'\n")


def test_what_runs_by_a_devdependency_keeps_them() -> None:
    found = stages(dockerfile(replace(SIMPLE, start=Start("tsx src/main.ts", keeps_dev=True))))
    assert "production" not in found
    assert "COPY --from=deps /opt/app/node_modules ./node_modules" in found["runtime"]
    assert "prune" not in str(found)


DEV_STAYS = [
    (replace(SIMPLE, start=Start("tsx src/main.ts", keeps_dev=True)), "the application is started by one of them"),
    (replace(SERVER, start=Start("tsx src/main.ts", keeps_dev=True)), "the application is started by one of them"),
    (replace(PLAIN, config_file="next.config.ts"), "next.config.ts is read at every start, and some versions of Next"),
    (replace(PLAIN, config_file="next.config.ts", workspace=WORKSPACE), "next.config.ts is read at every start"),
]


@pytest.mark.parametrize(("app", "why"), DEV_STAYS)
def test_why_devdependencies_stay_stands_where_they_are_kept(app: NodeApp, why: str) -> None:
    text = dockerfile(app, TREE)
    assert text.count(f"# devDependencies stay: {why}") == 1
    if app.workspace is None:
        assert re.search(r"# devDependencies stay: .*\.\nCOPY --from=deps /opt/app/node_modules", text)
    assert "devDependencies stay" not in dockerfile(replace(app, config_file="", start=SERVER.start), TREE)


def test_typescript_configuration_keeps_what_reads_it() -> None:
    text = dockerfile(replace(PLAIN, config_file="next.config.ts"))
    assert "prune" not in text
    assert "COPY --from=deps /opt/app/node_modules" in text


def test_what_a_build_generates_into_node_modules_runs() -> None:
    prisma = (SystemNeed("@prisma/client", "finds its engine by OpenSSL", ("openssl",), ("openssl",)),)
    found = stages(dockerfile(replace(SERVER, system=prisma)))
    assert any("npm prune" in line for line in found["build"])
    assert [line for line in found["runtime"] if line.startswith("COPY")] == ["COPY --from=build /opt/app ./"]
    assert "apt-get install -y --no-install-recommends openssl tini" in str(found["runtime"])
    for name in ("yarn", "pnpm", "bun", "berry"):
        text = dockerfile(replace(SERVER, system=prisma, manager=MANAGERS[name]))
        assert not re.search(r"prune|--production(?!=false)|focus", text), name


def test_system_packages_are_where_they_are_needed() -> None:
    need = SystemNeed("canvas", "draws with Cairo\nRUN evil", ("g++", "libcairo2-dev"), ("libcairo2",))
    found = stages(dockerfile(replace(SERVER, system=(need,))))
    assert "g++ libcairo2-dev" in str(found["deps"])
    assert "libcairo2 tini" in str(found["runtime"])
    assert "g++" not in str(found["runtime"])
    assert "# canvas: draws with Cairo RUN evil\n" in dockerfile(replace(SERVER, system=(need,)))
    assert "PUPPETEER_SKIP_DOWNLOAD=true" in dockerfile(
        replace(SERVER, system=(SystemNeed("puppeteer", "drives a browser", (), ("chromium",)),))
    )


def test_a_token_is_a_build_secret() -> None:
    app = replace(SERVER, registry=RegistryAccess(("NPM_TOKEN",), "project"), manager=MANAGERS["yarn"])
    found = stages(dockerfile(app))
    mounts = (
        "--mount=type=cache,sharing=locked,target=/usr/local/share/.cache/yarn --mount=type=secret,id=NPM_TOKEN"
        " --mount=type=secret,id=npmrc,target=/root/.npmrc"
    )
    token = 'NPM_TOKEN="$(cat /run/secrets/NPM_TOKEN 2>/dev/null || true)"'
    assert any(line.startswith(f"RUN {mounts} {token} yarn install --frozen-lockfile") for line in found["deps"])
    assert any(line.startswith(f"RUN {mounts} {token} yarn install") for line in found["production"])
    # Yarn refuses to run a script while a variable of its settings is missing; the script gets no token for that.
    assert any('export NPM_TOKEN="" && yarn run build' in line for line in found["build"])
    assert "**/.npmrc" in files(app)[".dockerignore"]


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "aws_session_token", "ECRWIZ_X", "GITHUB_TOKEN_X y"])
def test_a_registry_does_not_get_a_key_to_something_else(name: str) -> None:
    with pytest.raises(BadInputError):
        dockerfile(replace(SERVER, registry=RegistryAccess((name,))))


def test_public_variables_are_arguments_of_the_build_alone() -> None:
    app = replace(SERVER, public_variables=(PublicVariable("VITE_A", "x"), PublicVariable("VITE_B", "x")))
    chosen = answers(**{"build_args.VITE_Z": "1", "build_args.VITE_A": "2"})
    found = stages(render(chosen, app, nothing)[0].text)
    assert [line for line in found["build"] if line.startswith("ARG")] == ["ARG VITE_A", "ARG VITE_B", "ARG VITE_Z"]
    assert "VITE" not in str({**found, "build": []})
    assert "everybody can read them" in dockerfile(app)


def test_a_build_command_of_several_parts() -> None:
    build = "cd ../../packages/lib && run build && cd ../../apps/web && prisma generate"
    npm = stages(dockerfile(replace(SERVER, build=build, workspace=WORKSPACE), TREE))["build"]
    assert "RUN cd ../../packages/lib && npm run build && cd ../../apps/web && prisma generate" in npm
    assert "ENV PATH=/opt/app/apps/web/node_modules/.bin:/opt/app/node_modules/.bin:$PATH" in npm
    pnp = stages(dockerfile(replace(SERVER, build=build, workspace=WORKSPACE, manager=MANAGERS["pnp"]), TREE))["build"]
    assert "RUN cd ../../packages/lib && yarn run build && cd ../../apps/web && yarn run prisma generate" in pnp
    assert "ENV PATH" not in str(pnp)


def test_a_workspace_takes_what_the_application_uses() -> None:
    found = stages(dockerfile(replace(SERVER, workspace=WORKSPACE), TREE))
    assert found["manifests"][2:] == [
        "COPY . ./",
        "RUN find . ! -type d ! -name package.json -delete && find . -type d -empty -delete",
    ]
    assert "COPY --from=manifests /opt/app ./" in found["deps"]
    assert any("for folder in . apps/web packages/lib packages/lib/tools; do" in line for line in found["production"])
    gathered = found["build"][-1]
    # A member inside another moves along with it.
    assert re.findall(r"mv (\S+) /opt/out/\1", gathered) == ["apps/web", "packages/lib"]
    assert "apps/other" not in str(found)
    copies = [line for line in found["runtime"] if line.startswith("COPY")]
    assert copies == ["COPY --from=production /opt/modules ./", "COPY --from=build /opt/out ./"]


def test_nx_keeps_its_packages_where_no_package_json_names_them() -> None:
    found = stages(dockerfile(replace(SERVER, workspace=replace(WORKSPACE, tool="nx")), TREE))
    assert "! -name node_modules -exec cp -R -t /opt/out {} +" in found["build"][-1]
    assert "ENV NX_DAEMON=false" in found["build"]


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("pnpm", "CI=true pnpm --filter @acme/web... install --prod --frozen-lockfile --ignore-scripts"),
        ("berry", "yarn workspaces focus --production @acme/web"),
        ("bun", "find . -name node_modules -prune -exec rm -rf {} + && bun install --frozen-lockfile --production"),
    ],
)
def test_production_in_a_workspace(name: str, command: str) -> None:
    found = stages(dockerfile(replace(SERVER, workspace=WORKSPACE, manager=MANAGERS[name]), TREE))
    assert any(command in line for line in found["production"])


def test_install_scripts_of_the_application_do_not_run_again_without_what_they_need() -> None:
    there = {"package.json": '{"name": "@acme/web", "scripts": {"prepare": "husky", "postinstall": "prisma generate"}}'}
    bun = stages(dockerfile(replace(SERVER, manager=MANAGERS["bun"]), there))["production"]
    assert "npm pkg delete scripts.postinstall scripts.prepare && rm -rf node_modules && bun install" in str(bun)
    inside = replace(SERVER, manager=MANAGERS["berry"], workspace=WORKSPACE)
    berry = str(stages(dockerfile(inside, there))["production"])
    assert "(cd apps/web && npm pkg delete scripts.postinstall scripts.prepare) && yarn workspaces focus" in berry


@pytest.mark.parametrize("app", ARTICLE)
def test_what_the_articles_dockerfile_promises(app: NodeApp) -> None:
    text = dockerfile(app, strategy="article")
    assert "--mount" not in text
    (last,) = stages(text).values()
    assert last.index("USER 1001:1001") < last.index('ENTRYPOINT ["/opt/app/start.sh"]')
    assert last[-1] == 'ENTRYPOINT ["/opt/app/start.sh"]'
    assert "RUN chmod 0755 start.sh" in last
    assert ("COPY ./public ./public" in last) == app.has_public
    assert "COPY ./node_modules ./node_modules" in last
    assert f"COPY --chown=1001:1001 ./{app.dist_dir} ./{app.dist_dir}" in last
    # A standalone build on the host is there too, but the article's image starts Next itself.
    assert 'next start -p "$PORT"' in files(app, strategy="article")["start.sh"]
    assert files(app, strategy="article") == files(app, strategy="article")


def test_configuration_that_imports_files_that_import_files() -> None:
    there = {
        "next.config.mjs": "import a from './a.mjs'\nconst b = require(\"./lib\"); import('../outside.js'); import 'x'",
        "a.mjs": "export * from './lib/deep/c'; import './gone.js'; import './next.config.mjs'",
        "lib/index.js": "",
        "lib/deep/c.json": "{}",
        "../outside.js": "",
    }
    run = stages(dockerfile(PLAIN, there, strategy="article"))["runner"]
    copies = " ".join(line for line in run if line.startswith("COPY"))
    assert re.findall(r"\S+(?:\.mjs|\.js|\.json)\b", copies) == [
        "./package.json",
        "./next.config.mjs",
        "./a.mjs",
        *("./lib/index.js", "./lib/index.js"),
        *("./lib/deep/c.json", "./lib/deep/c.json"),
    ]


def test_typescript_configuration_in_the_articles_image() -> None:
    app = replace(PLAIN, config_file="next.config.ts")
    there = {"next.config.ts": 'import { x } from "./lib/env.js"', "lib/env.ts": "", "tsconfig.json": "{}"}
    run = stages(dockerfile(app, there, strategy="article"))["runner"]
    assert "COPY ./package.json ./next.config.ts ./tsconfig.json ./" in run
    assert "COPY ./lib/env.ts ./lib/env.ts" in run


@pytest.mark.parametrize("major", [20, 22, 24])
def test_base_image(major: int) -> None:
    app = replace(APP, node_major=major)
    assert base_image(app) == f"node:{major}-slim"
    assert f"ARG NODE_IMAGE=node:{major}-slim\n" in dockerfile(app)


OWN = DockerfileFacts("Dockerfile", ours=False)


def test_the_strategy_own_leaves_the_dockerfile_alone() -> None:
    for app in (replace(APP, dockerfile=OWN), NodeApp("go", "own", "own", dockerfile=OWN)):
        rendered = files(app, {}, strategy="own")
        assert not {"Dockerfile", "start.sh"} & set(rendered)
        assert {".dockerignore", ".gitignore", "infra/main.tf"} <= set(rendered)
        assert "**/.env*" in rendered[".dockerignore"]
        assert "node_modules" not in rendered[".dockerignore"]
        assert "**/.ecrwiz" in rendered[".dockerignore"]


@pytest.mark.parametrize(
    ("app", "strategy", "sentence"),
    [
        (APP, "own", "there is none in the application's folder"),
        (NodeApp("go", "own", "own", dockerfile=OWN), "multi-stage", "There is no package.json"),
        (replace(SITE, output=""), "multi-stage", "which folder the build writes"),
        (replace(SERVER, start=None), "multi-stage", "Nothing says how the application is started"),
        (SERVER, "article", r"for Next\.js alone"),
        (SITE, "article", r"for Next\.js alone"),
        (replace(APP, workspace=WORKSPACE), "article", "copies node_modules of one folder"),
        (replace(APP, manager=MANAGERS["pnp"]), "article", "Plug'n'Play makes none"),
        (replace(SERVER, workspace=replace(WORKSPACE, package=""), manager=MANAGERS["pnpm"]), "multi-stage",
         "package name is ''"),
    ],
)  # fmt: skip
def test_what_cannot_be_rendered_gets_a_sentence(app: NodeApp, strategy: str, sentence: str) -> None:
    with pytest.raises(BadInputError, match=sentence) as error:
        files(app, strategy=strategy)
    assert error.value.hint


def test_templates_are_found_inside_a_wheel_and_beside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (templates.terraform_templates() / "modules" / "ci_user").is_dir()
    monkeypatch.setattr("ecrwiz.services.templates.terraform.PACKAGE", tmp_path / "ecrwiz")
    assert templates.terraform_templates() == tmp_path / "terraform_templates"
    (tmp_path / "ecrwiz" / "_terraform_templates").mkdir(parents=True)
    assert templates.terraform_templates() == tmp_path / "ecrwiz" / "_terraform_templates"

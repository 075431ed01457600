from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.model.app import Workspace
from ecrwiz.model.errors import BadInputError
from ecrwiz.services.node_app import detect, workspaces
from ecrwiz.services.node_app.reading import Files
from tests.test_node_app import lay_out, server, warnings

ROOT: dict[str, Any] = {"name": "root", "private": True, "workspaces": ["apps/*", "packages/*"]}


def workspace(root: Path, package: object = ROOT, **files: object) -> Path:
    """A workspace of these files; a value that is no text is written as JSON."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in files.items()}
    return lay_out(root, package, **texts)


WEB = server(name="@acme/web", dependencies={"express": "5", "@acme/lib": "workspace:*"})


@pytest.mark.parametrize(
    ("package", "files", "origin"),
    [
        (ROOT, {}, "package.json of the workspace"),
        ({**ROOT, "workspaces": {"packages": ["apps/*", "packages/**"]}}, {}, "package.json of the workspace"),
        ({**ROOT, "workspaces": ["./apps/web", "packages/lib/"]}, {}, "package.json of the workspace"),
        ({**ROOT, "workspaces": ["{apps,packages}/*"]}, {}, "package.json of the workspace"),
        (
            {"name": "root"},
            {"pnpm-workspace.yaml": "# ours\npackages:\n  - 'apps/*'\n  - packages/* # all\ncatalog:\n  - x\n"},
            "pnpm-workspace.yaml of the workspace",
        ),
        (
            {"name": "root"},
            {"pnpm-workspace.yaml": 'packages: ["apps/*", "packages/*"]\n'},
            "pnpm-workspace.yaml of the workspace",
        ),
    ],
)
def test_the_workspace_around_an_application(tmp_path: Path, package: Any, files: dict[str, str], origin: str) -> None:
    root = workspace(
        tmp_path, package, **files, **{"apps/web/package.json": WEB, "packages/lib/package.json": {"name": "@acme/lib"}}
    )
    found = detect(root / "apps/web")
    manifests = ("apps/web/package.json", "packages/lib/package.json")
    assert found.workspace == Workspace("../..", "apps/web", "@acme/web", manifests)
    assert found.origins["workspace"] == origin
    assert (found.up, found.in_context("Dockerfile")) == ("../..", "apps/web/Dockerfile")


def test_lockfile_and_settings_are_the_roots(tmp_path: Path) -> None:
    files = {
        "pnpm-lock.yaml": "",
        ".npmrc": "//x/:_authToken=${ROOT_TOKEN}\n",
        ".nvmrc": "22",
        "patches/a.patch": "",
        "apps/web/package.json": {**WEB, "scripts": {"start": "node a.js", "postinstall": "prisma generate"}},
        "apps/web/prisma/schema.prisma": "",
        "apps/web/package-lock.json": "{}",
    }
    found = detect(workspace(tmp_path, {**ROOT, "packageManager": "pnpm@10.2.0"}, **files) / "apps/web")
    assert (found.manager.name, found.manager.version, found.manager.lockfile) == ("pnpm", "10.2.0", "pnpm-lock.yaml")
    assert found.origins["manager"] == "package.json of the workspace (packageManager)"
    assert found.manager.files == ("package.json", "pnpm-lock.yaml", ".npmrc", "apps/web/prisma", "patches")
    assert (found.node_major, found.origins["node_major"]) == (22, ".nvmrc of the workspace")
    assert found.registry.variables == ("ROOT_TOKEN",)


def test_what_is_left_out_of_a_workspace(tmp_path: Path) -> None:
    package = {**ROOT, "workspaces": ["apps/**", "!**/old", "gone", "../up/*"]}
    files = {
        name: {"name": name} for name in ("apps/web/package.json", "apps/x/old/package.json", "apps/x/y/package.json")
    }
    hidden = {name: {"name": "no"} for name in ("apps/node_modules/a/package.json", "apps/.hidden/package.json")}
    workspace(tmp_path / "up", {}, **{"z/package.json": {}})
    root = workspace(tmp_path / "repo", package, **files, **hidden)
    (root / "apps/link").symlink_to("web")
    found = detect(root / "apps/web").workspace
    assert found is not None
    assert found.manifests == ("apps/web/package.json", "apps/x/y/package.json")


@pytest.mark.parametrize(
    ("files", "build"),
    [
        ({}, "cd ../../packages/lib && run build && cd ../../apps/web && run build"),
        ({"turbo.json": '{ // c\n "tasks": {"build": {},}, }'}, "turbo run build --filter=@acme/web"),
        ({"turbo.json": '{"pipeline": {"build": {}}}'}, "turbo run build --filter=@acme/web"),
        (
            {"turbo.json": '{"tasks": {"test": {}}}'},
            "cd ../../packages/lib && run build && cd ../../apps/web && run build",
        ),
        ({"nx.json": "{}"}, "export NX_DAEMON=false && nx build @acme/web"),
    ],
)
def test_how_it_is_built(tmp_path: Path, files: dict[str, str], build: str) -> None:
    web = {**WEB, "scripts": {"start": "node a.js", "build": "tsc"}}
    lib = {"name": "@acme/lib", "scripts": {"build": "tsc"}}
    package = {**ROOT, "packageManager": "npm@11.0.0", "devDependencies": {"turbo": "2", "nx": "20"}}
    root = workspace(tmp_path, package, **files, **{"apps/web/package.json": web, "packages/lib/package.json": lib})
    found = detect(root / "apps/web")
    assert found.build == build
    assert found.workspace is not None
    tool = {"turbo": "turborepo", "export": "nx"}.get(build.split()[0], "")
    assert found.workspace.tool == (tool if tool or "turbo.json" not in files else "")


def test_a_tool_that_is_not_installed_is_not_used(tmp_path: Path) -> None:
    web = {**WEB, "scripts": {"start": "node a.js", "build": "tsc"}}
    root = workspace(tmp_path, ROOT, **{"apps/web/package.json": web, "turbo.json": '{"tasks": {"build": {}}}'})
    assert detect(root / "apps/web").build == "run build"


def test_turbo_without_a_package_manager_to_run_would_refuse(tmp_path: Path) -> None:
    web = {**WEB, "scripts": {"start": "node a.js", "build": "tsc"}}
    package = {**ROOT, "devDependencies": {"turbo": "2"}}
    root = workspace(tmp_path, package, **{"apps/web/package.json": web, "turbo.json": '{"tasks": {"build": {}}}'})
    assert detect(root / "apps/web").build == "run build"


def test_packages_are_built_before_those_that_use_them(tmp_path: Path) -> None:
    built = {"scripts": {"build": "tsc"}}
    files = {
        "apps/web/package.json": {**WEB, "scripts": {"start": "node a.js"}},
        "packages/lib/package.json": {"name": "@acme/lib", "dependencies": {"@acme/core": "^1"}, **built},
        "packages/core/package.json": {"name": "@acme/core", "devDependencies": {"@acme/lib": "*"}, **built},
        "packages/unused/package.json": {"name": "@acme/unused", **built},
    }
    found = detect(workspace(tmp_path, ROOT, **files) / "apps/web")
    assert found.build == ""  # nothing builds the application itself
    files["apps/web/package.json"] = {**WEB, "scripts": {"start": "node a.js", "build": "tsc"}}
    found = detect(workspace(tmp_path, ROOT, **files) / "apps/web")
    expected = "cd ../../packages/core && run build && cd ../lib && run build && cd ../../apps/web && run build"
    assert found.build == expected
    assert found.build_command("pnpm").count("pnpm run build") == 3


def test_what_the_packages_need_counts(tmp_path: Path) -> None:
    files = {
        "apps/web/package.json": {**WEB, "dependencies": {"next": "16", "@acme/lib": "*"}},
        "packages/lib/package.json": {"name": "@acme/lib", "dependencies": {"canvas": "3"}},
        "packages/lib/src/a.ts": "process.env.NEXT_PUBLIC_FROM_LIB",
        "packages/other/src/a.ts": "process.env.NEXT_PUBLIC_FROM_OTHER",
    }
    found = detect(workspace(tmp_path, ROOT, **files) / "apps/web")
    assert [need.package for need in found.system] == ["canvas"]
    assert [(v.name, v.where) for v in found.public_variables] == [
        ("NEXT_PUBLIC_FROM_LIB", "../../packages/lib/src/a.ts:1")
    ]


def test_the_root_of_a_workspace_names_its_applications(tmp_path: Path) -> None:
    files = {
        "apps/web/package.json": {"name": "web", "dependencies": {"next": "16"}},
        "apps/api/package.json": {"name": "api", "scripts": {"start": "node a.js"}},
        "packages/lib/package.json": {"name": "lib"},
    }
    package = {**ROOT, "scripts": {"start": "turbo run start", "build": "turbo run build"}}
    with pytest.raises(BadInputError) as error:
        detect(workspace(tmp_path, package, **files))
    assert "apps/api, apps/web." in error.value.message
    assert "packages/lib" not in error.value.message
    assert error.value.hint == "Go into one: cd apps/api"


NX: dict[str, Any] = {"name": "root", "dependencies": {"next": "16", "express": "5"}, "devDependencies": {"nx": "22"}}
NX_FILES: dict[str, object] = dict.fromkeys(
    ("nx.json", "apps/api/project.json", "apps/api-e2e/project.json", "libs/a/project.json"), "{}"
)


@pytest.mark.parametrize("scripts", [{}, {"start": "nx serve"}])
def test_the_root_of_nx_names_the_projects_that_it_cannot_read(tmp_path: Path, scripts: dict[str, str]) -> None:
    with pytest.raises(BadInputError) as error:
        detect(workspace(tmp_path, {**NX, "scripts": scripts}, **NX_FILES))
    assert error.value.message.endswith("have no package.json of their own, which ecrwiz does not read: apps/api.")
    assert "Dockerfile in apps/api" in error.value.hint
    with pytest.raises(BadInputError) as error:
        detect(tmp_path / "apps/api")
    assert "does not read project.json" in error.value.hint


@pytest.mark.parametrize("name", ["project.json", "next.config.mjs"])
def test_the_root_of_nx_that_is_an_application(tmp_path: Path, name: str) -> None:
    assert detect(workspace(tmp_path, NX, **NX_FILES, **{name: "{}"})).framework == "next"


def test_a_workspace_whose_root_is_an_application(tmp_path: Path) -> None:
    package = {**ROOT, "dependencies": {"next": "16"}}
    found = detect(workspace(tmp_path, package, **{"packages/lib/package.json": {"name": "lib"}}))
    assert (found.framework, found.workspace) == ("next", None)


def test_the_root_of_a_workspace_with_a_dockerfile_of_its_own(tmp_path: Path) -> None:
    found = detect(workspace(tmp_path, ROOT, **{"apps/a/package.json": {"name": "a"}, "Dockerfile": "FROM node:24\n"}))
    assert found.serving == "own"


@pytest.mark.parametrize("marker", [".git/HEAD", "apps/.git"])
def test_nothing_above_the_work_tree_is_looked_at(tmp_path: Path, marker: str) -> None:
    root = workspace(tmp_path / "repo", ROOT, **{"apps/web/package.json": WEB, marker: ""})
    assert (detect(root / "apps/web").workspace is None) is (marker == "apps/.git")


def test_the_home_folder_is_not_looked_at(tmp_path: Path) -> None:
    workspace(Path.home(), ROOT, **{"apps/web/package.json": WEB})
    assert detect(Path.home() / "apps/web").workspace is None


def test_a_folder_that_is_no_member(tmp_path: Path) -> None:
    root = workspace(tmp_path, ROOT, **{"tools/x/package.json": WEB})
    assert detect(root / "tools/x").workspace is None


def test_a_broken_package_json_above_is_none_of_its_business(tmp_path: Path) -> None:
    root = workspace(tmp_path, "{", **{"apps/web/package.json": WEB})
    assert detect(root / "apps/web").workspace is None


def test_a_member_with_a_broken_package_json_is_left_out(tmp_path: Path) -> None:
    files = {"apps/web/package.json": WEB, "packages/lib/package.json": "{"}
    found = detect(workspace(tmp_path, ROOT, **files) / "apps/web")
    assert found.workspace is not None
    assert found.framework == "express"


@pytest.mark.parametrize("name", ["my app", "a;b", "$(x)", "a\nb", "-a"])
def test_a_folder_whose_name_cannot_stand_in_a_dockerfile(tmp_path: Path, name: str) -> None:
    root = workspace(tmp_path, ROOT, **{f"apps/{name}/package.json": WEB})
    with pytest.raises(BadInputError, match="cannot stand in a Dockerfile"):
        detect(root / "apps" / name)
    other = workspace(tmp_path, ROOT, **{"apps/web/package.json": WEB})
    found = detect(other / "apps/web").workspace
    assert found is not None
    assert found.manifests == ("apps/web/package.json",)


@pytest.mark.parametrize("name", ["a b", "x; curl evil", "--filter", "@acme/$(x)", "../x"])
def test_a_package_name_that_no_shell_may_read(tmp_path: Path, name: str) -> None:
    web = {**WEB, "name": name, "scripts": {"start": "node a.js", "build": "tsc"}}
    package = {**ROOT, "devDependencies": {"turbo": "2"}}
    root = workspace(tmp_path, package, **{"apps/web/package.json": web, "turbo.json": '{"tasks": {"build": {}}}'})
    found = detect(root / "apps/web")
    assert found.build == "run build"
    assert found.workspace is not None
    assert found.workspace.package == ""


def test_at_most_500_members(tmp_path: Path) -> None:
    for number in range(520):
        folder = tmp_path / "packages" / f"p{number:03}"
        folder.mkdir(parents=True)
        (folder / "package.json").write_text("{}")
    found = detect(workspace(tmp_path, ROOT, **{"apps/web/package.json": WEB}) / "apps/web").workspace
    assert found is not None
    assert len(found.manifests) == 500


def test_patterns_made_to_take_for_ever(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(7):
        folder = folder / "a"
        folder.mkdir()
    root = workspace(tmp_path, {**ROOT, "workspaces": ["**/**/**/**/**/x", "**/*/**/*/**", *["**/**"] * 1000]})
    assert detect(root).framework == "node"


def test_a_package_of_the_workspace_is_not_outside(tmp_path: Path) -> None:
    web = {**WEB, "dependencies": {"express": "5", "lib": "file:../../packages/lib"}}
    found = detect(workspace(tmp_path, ROOT, **{"apps/web/package.json": web}) / "apps/web")
    assert not any("outside" in text for text in warnings(found))


def test_a_member_is_one_however_many_there_are(tmp_path: Path) -> None:
    files = {f"packages/p{number}/package.json": {"name": f"p{number}"} for number in range(520)}
    root = workspace(tmp_path, ROOT, **files, **{"packages/zz/package.json": WEB})
    found = detect(root / "packages" / "zz")
    assert found.workspace is not None
    assert found.workspace.app == "packages/zz"
    assert len(found.workspace.manifests) == 501


def test_a_folder_that_everybody_may_write_into_is_no_workspace(tmp_path: Path) -> None:
    root = workspace(tmp_path / "shared", ROOT, **{"apps/web/package.json": WEB})
    root.chmod(0o1777)
    assert detect(root / "apps" / "web").workspace is None
    root.chmod(0o755)
    assert detect(root / "apps" / "web").workspace is not None


def test_packages_that_are_large_together_are_not_all_read(tmp_path: Path) -> None:
    large = json.dumps({"name": "@acme/lib", "x": "\U0001f600" * 100_000}, ensure_ascii=False)
    root = workspace(tmp_path, ROOT, **{"apps/web/package.json": WEB, "packages/lib/package.json": large})
    assert detect(root / "apps" / "web").build == ""
    members = workspaces.Members(Files(root), root, ["apps/*", "packages/*"])
    assert set(members.by_name()) == {"@acme/web"}, "a package.json of 400 kB is nobody's own"

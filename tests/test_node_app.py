from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.model.app import NodeApp, Note, PackageManager, Start
from ecrwiz.model.errors import BadInputError
from ecrwiz.services.node_app import detect, suggest

NEXT: dict[str, Any] = {"name": "@acme/My_Blog", "dependencies": {"next": "16.4.5", "react": "19.0.0"}}


def lay_out(root: Path, package: object = NEXT, **files: str) -> Path:
    """An application of these files, by their paths; no package.json when `package` is None."""
    root.mkdir(parents=True, exist_ok=True)
    if package is not None:
        (root / "package.json").write_text(package if isinstance(package, str) else json.dumps(package))
    for key, text in files.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def app(root: Path, package: object = NEXT, /, **files: str) -> NodeApp:
    return detect(lay_out(root, package, **files))


def server(start: str = "node server.js", **more: object) -> dict[str, Any]:
    """The package.json of an Express application."""
    return {"name": "api", "scripts": {"start": start}, "dependencies": {"express": "5.0.0"}, **more}


def warnings(found: NodeApp) -> list[str]:
    return [note.text for note in found.notes if note.warning]


def test_a_next_application_with_npm(tmp_path: Path) -> None:
    found = app(tmp_path, **{"package-lock.json": "{}", ".npmrc": "", "public/a.txt": "a", "next.config.js": ""})
    assert found == NodeApp(
        name="@acme/My_Blog",
        framework="next",
        serving="next",
        manager=PackageManager("npm", "", "package-lock.json", files=("package.json", "package-lock.json", ".npmrc")),
        node_major=24,
        build="next build",
        start=Start('next start -p "$PORT" -H "$HOSTNAME"', handles_sigterm=True),
        config_file="next.config.js",
        has_public=True,
        port=3000,
        origins=found.origins,
        notes=found.notes,
    )
    assert warnings(found) == []
    assert found.origins["manager.lockfile"] == "package-lock.json"
    assert found.origins["node_major"] == "default"
    assert suggest(tmp_path, found) == {
        "project_id": ("my-blog", "package.json"),
        "app": ("nextjs", "package.json"),
        "port": ("3000", "default"),
    }


def test_every_detected_value_says_where_it_was_read(tmp_path: Path) -> None:
    package = {
        **NEXT,
        "packageManager": "pnpm@10.1.0",
        "scripts": {"start": "next start -p 4000", "build": "next build"},
    }
    files = {
        "pnpm-lock.yaml": "lockfileVersion: '9.0'\n",
        "next.config.ts": "export default { output: 'standalone', distDir: 'made' }",
        ".nvmrc": "22",
        "app/page.tsx": "process.env.NEXT_PUBLIC_API",
        "Dockerfile": "FROM node:24\nEXPOSE 8080\n",
        ".npmrc": "//npm.acme.io/:_authToken=${ACME_TOKEN}\n",
    }
    found = app(tmp_path, {**package, "dependencies": {**package["dependencies"], "prisma": "6"}}, **files)
    assert {name: found.origins[name] for name in sorted(found.origins)} == {
        "build": "package.json",
        "config_file": "next.config.ts",
        "dist_dir": "next.config.ts",
        "dockerfile": "Dockerfile",
        "framework": "package.json",
        "manager": "package.json (packageManager)",
        "manager.lockfile": "pnpm-lock.yaml",
        "manager.name": "package.json (packageManager)",
        "manager.version": "package.json (packageManager)",
        "name": "package.json",
        "node_major": ".nvmrc",
        "port": 'package.json (scripts["start"])',
        "public_variables": "app/page.tsx",
        "registry": ".npmrc",
        "registry.variables": ".npmrc",
        "serving": "next.config.ts",
        "start": "next.config.ts",
        "system": "package.json",
    }


def test_no_package_json_names_the_folder_and_the_flag(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as error:
        detect(tmp_path)
    assert str(tmp_path) in error.value.message
    assert "-C" in error.value.hint


def test_no_package_json_here_but_below(tmp_path: Path) -> None:
    lay_out(tmp_path, None, **{"web/package.json": "{}", "api/package.json": "{}", "node_modules/a/package.json": "{}"})
    with pytest.raises(BadInputError) as error:
        detect(tmp_path)
    assert error.value.hint == "One lies in api, web: cd api"


@pytest.mark.parametrize("text", ['{\n "name": \n}', "[]", "", "[" * 100_000, '"next"', '{"a": ' + "1" * 5000 + "}"])
def test_broken_package_json(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInputError, match=r"package\.json"):
        app(tmp_path, text)


def test_package_json_that_is_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_bytes(b'{"name": "caf\xe9"}')
    with pytest.raises(BadInputError, match="not UTF-8"):
        detect(tmp_path)


@pytest.mark.parametrize(
    "package",
    [{"name": 5}, {"dependencies": [], "scripts": "x", "engines": None}, {"scripts": {"start": 1}}, {"name": ""}],
)
def test_odd_shapes_are_no_crash(tmp_path: Path, package: object) -> None:
    found = app(tmp_path, package)
    assert found.framework == "node"
    assert found.name == tmp_path.name
    assert found.origins["name"] == "the folder's name"
    assert suggest(tmp_path, found)["app"] == ("node", "package.json")


def test_a_name_of_which_nothing_can_be_used_gives_the_folders(tmp_path: Path) -> None:
    root = tmp_path / "Shop 7"
    assert suggest(root, app(root, {"name": "@acme/___"}))["project_id"] == ("shop-7", "the folder's name")


def test_built_on_host_needs_a_finished_build(tmp_path: Path) -> None:
    assert not app(tmp_path, **{".next/trace": "", "node_modules/next/package.json": "{}"}).built_on_host
    assert app(tmp_path, **{".next/BUILD_ID": "x"}).built_on_host


def test_built_on_host_looks_into_the_configured_folder(tmp_path: Path) -> None:
    files = {"next.config.js": "module.exports = { distDir: 'made' }", "node_modules/a": "", ".next/BUILD_ID": "x"}
    assert not app(tmp_path, **files).built_on_host
    assert app(tmp_path, **files, **{"made/BUILD_ID": "x"}).built_on_host


def test_nothing_that_says_how_it_starts_is_a_warning(tmp_path: Path) -> None:
    found = app(tmp_path, {"name": "x"})
    assert (found.serving, found.start) == ("command", None)
    assert any("Nothing says how the application is started" in text for text in warnings(found))


@pytest.mark.parametrize("wanted", ["file:../other", "link:../../other", "portal:../other"])
def test_a_package_outside_of_the_build(tmp_path: Path, wanted: str) -> None:
    found = app(tmp_path / "a", server(dependencies={"other": wanted}))
    assert any("outside of what a build gets to see" in text for text in warnings(found))
    inside = app(tmp_path / "b", server(dependencies={"other": "file:./packages/other"}))
    assert not any("outside" in text for text in warnings(inside))


def test_notes_are_said_once(tmp_path: Path) -> None:
    source = "app.listen(1, 'localhost')\n"
    found = app(tmp_path, server(), **{"server.js": source, "package-lock.json": "{}"})
    assert len(found.notes) == len({note.text for note in found.notes})
    assert all(isinstance(note, Note) and note.text.endswith(".") for note in found.notes)


# Somebody else's repository


def test_a_file_too_large_to_be_what_its_name_says(tmp_path: Path) -> None:
    lay_out(tmp_path)
    with (tmp_path / ".nvmrc").open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk, and would take all of the memory
    with pytest.raises(BadInputError, match="larger than 5 MB"):
        detect(tmp_path)


def test_of_a_large_lockfile_only_the_beginning_is_read(tmp_path: Path) -> None:
    lay_out(tmp_path, **{"yarn.lock": "# yarn lockfile v1\n"})
    with (tmp_path / "yarn.lock").open("r+b") as file:
        file.truncate(2**40)
    assert detect(tmp_path).manager.name == "yarn"


@pytest.mark.parametrize("name", ["package.json", ".nvmrc", ".node-version", "Dockerfile", ".env", ".npmrc"])
def test_what_is_no_ordinary_file(tmp_path: Path, name: str) -> None:
    lay_out(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)  # reading it would wait for ever
    with pytest.raises(BadInputError, match="no ordinary file"):
        detect(tmp_path)


@pytest.mark.parametrize("name", ["package.json", ".nvmrc", ".env", "next.config.js", "Dockerfile", ".npmrc"])
def test_a_link_that_leads_out_is_not_followed(tmp_path: Path, name: str) -> None:
    root = lay_out(tmp_path / "clone")
    (root / name).unlink(missing_ok=True)
    (tmp_path / "precious").write_text("{}")
    (root / name).symlink_to("../precious")
    with pytest.raises(BadInputError, match="leads out"):
        detect(root)


def test_a_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    root = lay_out(tmp_path, **{"config/nvmrc": "22"})
    (root / ".nvmrc").symlink_to("config/nvmrc")
    assert detect(root).node_major == 22


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    lay_out(tmp_path / "real", {"dependencies": {"next": "16"}})
    (tmp_path / "link").symlink_to("real")
    assert detect(tmp_path / "link").name == "real"


def test_sources_behind_a_link_are_not_read(tmp_path: Path) -> None:
    lay_out(tmp_path / "other", None, **{"a.js": "process.env.NEXT_PUBLIC_SECRET"})
    root = lay_out(tmp_path / "clone")
    (root / "src").symlink_to("../other")
    (root / "a.js").symlink_to("../other/a.js")
    assert detect(root).public_variables == ()


HEAVY = {
    "next.config.js": [
        "/*" * 30_000,
        '\\"' * 30_000,
        "`\\" * 30_000,
        "output:" * 9000,
        "'" * 60_000,
        "root: join(" * 6000,
    ],
    "turbo.json": ["/*" * 500_000, '{"a": ' * 100_000],
    "tsconfig.json": [", " * 500_000 + "]"],
    "server.js": [".listen(x) " * 18_000, "{PORT " * 30_000, "} = process.env\n" * 12_000, "const x = y\n" * 15_000],
    "a.ts": ["".join(f"NEXT_PUBLIC_{n} " for n in range(9000)), "// NEXT_PUBLIC_A\n" * 10_000],
    ".npmrc": ["\n" * 4_000_000, "${A:" * 1_000_000, "//" * 2_000_000, " " * 4_000_000],
    "pnpm-workspace.yaml": ["packages:\n  - " + " " * 4_000_000 + "x", "packages:\n" + "  - a\n" * 300_000],
    ".env": ["NEXT_PUBLIC_A=" + " " * 4_000_000 + "x", "NEXT_PUBLIC_A=1\n" * 200_000],
    "Dockerfile": ["FROM a\n" + "EXPOSE 1 2 3\n" * 300_000, "\\\n" * 2_000_000, "FROM a\n" + "ENV A=1\n" * 300_000],
    ".nvmrc": ["^1 " * 1_000_000, "1.1.1.1" * 500_000],
    ".tool-versions": ["node 22\n" * 500_000],
}


@pytest.mark.parametrize(
    ("name", "text"),
    [pytest.param(name, text, id=f"{name}-{n}") for name, texts in HEAVY.items() for n, text in enumerate(texts)],
)
def test_files_made_to_take_for_ever_do_not(tmp_path: Path, name: str, text: str) -> None:
    package = {**NEXT, "devDependencies": {"turbo": "2"}, "scripts": {"start": "node server.js"}, "workspaces": ["a/*"]}
    root = lay_out(tmp_path, package, **{name: text})
    began = time.process_time()
    detect(root)
    assert time.process_time() - began < 3


def test_package_json_made_to_take_for_ever_does_not(tmp_path: Path) -> None:
    package = {
        **server("a " * 500_000),
        "main": "x" * 300,
        "workspaces": ["**/" * 100 + "x" * 300] * 500 + ["!" + "*a" * 100] * 500,
        "engines": {"node": ">=1 " * 100_000},
        "dependencies": {f"p{n}": "x" * 50 for n in range(20_000)},
        "prisma": {"schema": "x" * 300},
        "devDependencies": {"prisma": "6"},
    }
    began = time.process_time()
    app(tmp_path, package)
    assert time.process_time() - began < 3

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ecrwiz.model.app import NodeApp
from ecrwiz.model.errors import BadInputError
from ecrwiz.services.node_app import SUPPORTED_MAJORS, detect, suggest

NEXT: dict[str, Any] = {"name": "@acme/My_Blog", "dependencies": {"next": "16.4.5", "react": "19.0.0"}}


def lay_out(root: Path, package: object = NEXT, **files: str) -> Path:
    """An application of these files; `__` in a keyword stands for `/`, a leading `dot_` for `.`."""
    (root / "package.json").write_text(package if isinstance(package, str) else json.dumps(package))
    for key, text in files.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def app(root: Path, package: object = NEXT, /, **files: str) -> NodeApp:
    return detect(lay_out(root, package, **files))


def test_a_next_application_with_npm(tmp_path: Path) -> None:
    found = app(tmp_path, **{"package-lock.json": "{}", ".npmrc": "", "public/a.txt": "a", "next.config.js": ""})
    assert found == NodeApp(
        name="@acme/My_Blog",
        framework="next",
        manager="npm",
        lockfile="package-lock.json",
        package_files=("package.json", "package-lock.json", ".npmrc"),
        node_major=24,
        standalone=False,
        config_file="next.config.js",
        has_public=True,
        built_on_host=False,
        port=3000,
        origins=found.origins,
    )
    assert found.origins["lockfile"] == "package-lock.json"
    assert found.origins["node_major"] == "default"
    assert suggest(tmp_path, found) == {
        "project_id": ("my-blog", "package.json"),
        "app": ("nextjs", "package.json"),
        "port": ("3000", "package.json"),
    }


def test_yarn_1(tmp_path: Path) -> None:
    found = app(tmp_path, **{"yarn.lock": "# yarn lockfile v1\n", ".yarnrc": "", "package-lock.json": "{}"})
    assert (found.manager, found.lockfile) == ("yarn", "yarn.lock")
    assert found.package_files == ("package.json", "yarn.lock", ".yarnrc")


def test_the_field_package_manager_decides_between_two_lockfiles(tmp_path: Path) -> None:
    package = {**NEXT, "packageManager": "npm@11.0.0"}
    found = app(tmp_path, package, **{"yarn.lock": "", "package-lock.json": "{}"})
    assert (found.manager, found.lockfile) == ("npm", "package-lock.json")
    assert found.origins["manager"] == "package.json"


def test_no_lockfile_is_known_but_no_failure_yet(tmp_path: Path) -> None:
    assert app(tmp_path).lockfile == ""


@pytest.mark.parametrize(
    ("field", "files", "word"),
    [
        ("", {"pnpm-lock.yaml": ""}, "pnpm"),
        ("", {"bun.lock": ""}, "bun"),
        ("", {"bun.lockb": ""}, "bun"),
        ("", {"yarn.lock": "# generated\n\n__metadata:\n  version: 8\n"}, "Yarn 2"),
        ("pnpm@10.1.0", {"package-lock.json": "{}"}, "pnpm"),
        ("yarn@4.5.0+sha224.abc", {"yarn.lock": ""}, "Yarn 2"),
    ],
)
def test_managers_of_later_versions(tmp_path: Path, field: str, files: dict[str, str], word: str) -> None:
    with pytest.raises(BadInputError, match=word) as error:
        app(tmp_path, {**NEXT, "packageManager": field}, **files)
    assert "npm install" in error.value.hint


def test_no_package_json_names_the_folder_and_the_flag(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as error:
        detect(tmp_path)
    assert str(tmp_path) in error.value.message
    assert "-C" in error.value.hint


@pytest.mark.parametrize("text", ['{\n "name": \n}', "[]", "", "[" * 100_000, '"next"'])
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
    root.mkdir()
    assert suggest(root, app(root, {"name": "@acme/___"}))["project_id"] == ("shop-7", "the folder's name")


@pytest.mark.parametrize(
    "config",
    [
        "module.exports = { output: 'standalone' }",
        'export default { output: "standalone", images: {} }',
        "export default { output : `standalone` }",
        '{ "output": "standalone" }',
        "const c: NextConfig = { x: 'https://a.b//c', output: 'standalone' as const }",
        "nextConfig.output = 'standalone'",
        "{ // output: 'export'\n output: 'standalone' }",
    ],
)
def test_standalone_is_set(tmp_path: Path, config: str) -> None:
    assert app(tmp_path, **{"next.config.ts": config}).standalone


@pytest.mark.parametrize(
    "config",
    [
        "module.exports = {}",
        "module.exports = { output: 'export' }",
        "// output: 'standalone'",
        "/* output: 'standalone',\n */ module.exports = {}",
        "console.log(\"output: 'standalone'\")",
        "{ output: process.env.STANDALONE ? 'standalone' : undefined }",
        "{ output: standalone }",
        "{ outputMode: 'standalone' }",
    ],
)
def test_standalone_is_not_set(tmp_path: Path, config: str) -> None:
    assert not app(tmp_path, **{"next.config.mjs": config}).standalone


def test_the_configuration_that_next_itself_reads_first(tmp_path: Path) -> None:
    found = app(tmp_path, **{"next.config.mjs": "", "next.config.ts": "x = { output: 'standalone' }"})
    assert (found.config_file, found.standalone) == ("next.config.mjs", False)


def test_another_framework_has_no_next_configuration(tmp_path: Path) -> None:
    assert app(tmp_path, {"name": "x"}, **{"next.config.js": "a = { output: 'standalone' }"}).config_file == ""


@pytest.mark.parametrize(
    ("engines", "major"),
    [
        ("", 24),
        ("*", 24),
        ("20", 20),
        ("20.x", 20),
        (">=18", 24),
        (">= 20.9.0", 24),
        ("^18.17.0 || >=20.5", 24),
        ("^18.17.0 || ^20.5", 20),
        ("18 - 22", 22),
        (">=20 <23", 22),
        ("<=22", 22),
        ("<22", 20),
        (">22", 24),
        ("~20.1", 20),
        ("=22.3.1", 22),
        (">=22.0.0 <22.5", 22),
        ("16", 20),
        (">=26", 24),
        ("whatever", 24),
    ],
)
def test_node_major_from_engines(tmp_path: Path, engines: str, major: int) -> None:
    found = app(tmp_path, {**NEXT, "engines": {"node": engines}})
    assert found.node_major == major
    assert found.node_major in SUPPORTED_MAJORS
    assert found.origins["node_major"] == ("default" if engines in {"", "whatever"} else "package.json")


@pytest.mark.parametrize(
    ("text", "major"), [("v20.11.0\n", 20), ("22", 22), ("lts/*", 24), ("lts/jod", 22), ("node\n", 24)]
)
def test_node_major_from_nvmrc(tmp_path: Path, text: str, major: int) -> None:
    assert app(tmp_path, **{".nvmrc": text}).node_major == major


def test_nvmrc_is_nearer_to_what_the_person_uses_than_engines(tmp_path: Path) -> None:
    found = app(tmp_path, {**NEXT, "engines": {"node": ">=18"}}, **{".nvmrc": "20"})
    assert (found.node_major, found.origins["node_major"]) == (20, ".nvmrc")


@pytest.mark.parametrize(
    ("start", "port"),
    [
        ("next start", 3000),
        ("next start -p 4000", 4000),
        ("next start --port=4001", 4001),
        ("next start --port 4002 -H 0.0.0.0", 4002),
        ("PORT=4003 node server.js", 4003),
        ("cross-env PORT='4004' next start", 4004),
        ("next start -p $PORT", 3000),
        ("next start -p ${PORT:-8080}", 3000),
        ("next start -p 99999", 3000),
        ("next start -p 123456", 3000),
        ("next start --support 5", 3000),
        ("REPORT=5 next start", 3000),
    ],
)
def test_port_from_the_start_script(tmp_path: Path, start: str, port: int) -> None:
    assert app(tmp_path, {**NEXT, "scripts": {"start": start}}).port == port


def test_files_that_the_install_scripts_read(tmp_path: Path) -> None:
    scripts = {"postinstall": "patch-package && node ./scripts/after.js && node gone.js", "prepare": "prisma generate"}
    files = {"patches/a.patch": "", "prisma/schema.prisma": "", "scripts/after.js": "", "yarn.lock": ""}
    found = app(tmp_path, {**NEXT, "scripts": scripts}, **files)
    assert found.package_files == ("package.json", "yarn.lock", "patches", "prisma", "scripts/after.js")


def test_built_on_host_needs_a_finished_build(tmp_path: Path) -> None:
    assert not app(tmp_path, **{".next/trace": "", "node_modules/next/package.json": "{}"}).built_on_host
    assert app(tmp_path, **{".next/BUILD_ID": "x"}).built_on_host


def test_a_file_too_large_to_be_what_its_name_says(tmp_path: Path) -> None:
    lay_out(tmp_path)
    with (tmp_path / "yarn.lock").open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk, and would take all of the memory
    with pytest.raises(BadInputError, match="larger than 5 MB"):
        detect(tmp_path)


@pytest.mark.parametrize("name", ["package.json", ".nvmrc", ".node-version"])
def test_what_is_no_ordinary_file(tmp_path: Path, name: str) -> None:
    lay_out(tmp_path)
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)  # reading it would wait for ever
    with pytest.raises(BadInputError, match="no ordinary file"):
        detect(tmp_path)

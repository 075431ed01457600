from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.test_node_app import NEXT, app, server, warnings

BERRY_LOCK = "# This file is generated\n\n__metadata:\n  version: 8\n  cacheKey: 10c0\n"


@pytest.mark.parametrize(
    ("field", "files", "expected"),
    [
        ("", {"package-lock.json": "{}"}, ("npm", "", "package-lock.json", "node-modules")),
        (
            "",
            {"npm-shrinkwrap.json": "{}", "package-lock.json": ""},
            ("npm", "", "npm-shrinkwrap.json", "node-modules"),
        ),
        ("npm@11.0.0", {"package-lock.json": "{}"}, ("npm", "11.0.0", "package-lock.json", "node-modules")),
        ("", {"yarn.lock": "# yarn lockfile v1\n"}, ("yarn", "", "yarn.lock", "node-modules")),
        ("yarn@1.22.19", {"yarn.lock": ""}, ("yarn", "1.22.19", "yarn.lock", "node-modules")),
        ("", {"yarn.lock": BERRY_LOCK}, ("berry", "", "yarn.lock", "pnp")),
        ("", {"yarn.lock": BERRY_LOCK.replace("8", "6")}, ("berry", "3.8.7", "yarn.lock", "pnp")),
        (
            "",
            {"yarn.lock": BERRY_LOCK, ".yarnrc.yml": "nodeLinker: node-modules\n"},
            ("berry", "", "yarn.lock", "node-modules"),
        ),
        ("yarn@4.5.0+sha224.abc", {"yarn.lock": BERRY_LOCK}, ("berry", "4.5.0", "yarn.lock", "pnp")),
        (
            "yarn@4.5.0",
            {"yarn.lock": "", ".yarnrc.yml": 'nodeLinker: "pnpm"'},
            ("berry", "4.5.0", "yarn.lock", "node-modules"),
        ),
        ("", {"pnpm-lock.yaml": "lockfileVersion: '9.0'\n"}, ("pnpm", "", "pnpm-lock.yaml", "node-modules")),
        ("", {"pnpm-lock.yaml": "lockfileVersion: '6.0'\n"}, ("pnpm", "8.15.9", "pnpm-lock.yaml", "node-modules")),
        ("", {"pnpm-lock.yaml": "lockfileVersion: 5.4\n"}, ("pnpm", "7.33.7", "pnpm-lock.yaml", "node-modules")),
        ("pnpm@10.1.0", {"pnpm-lock.yaml": ""}, ("pnpm", "10.1.0", "pnpm-lock.yaml", "node-modules")),
        ("pnpm@latest", {"pnpm-lock.yaml": ""}, ("pnpm", "", "pnpm-lock.yaml", "node-modules")),
        ("pnpm@9.0.0; curl x", {"pnpm-lock.yaml": ""}, ("pnpm", "", "pnpm-lock.yaml", "node-modules")),
        ("", {"bun.lock": ""}, ("bun", "", "bun.lock", "node-modules")),
        ("", {"bun.lockb": ""}, ("bun", "", "bun.lockb", "node-modules")),
        ("bun@1.2.3", {"bun.lock": ""}, ("bun", "1.2.3", "bun.lock", "node-modules")),
    ],
)
def test_managers(tmp_path: Path, field: str, files: dict[str, str], expected: tuple[str, str, str, str]) -> None:
    found = app(tmp_path, {**NEXT, "packageManager": field}, **files).manager
    assert (found.name, found.version, found.lockfile, found.linker) == expected


def test_the_field_package_manager_decides_between_two_lockfiles(tmp_path: Path) -> None:
    package = {**NEXT, "packageManager": "npm@11.0.0"}
    found = app(tmp_path, package, **{"yarn.lock": "", "package-lock.json": "{}"})
    assert (found.manager.name, found.manager.lockfile) == ("npm", "package-lock.json")
    assert found.origins["manager"] == "package.json (packageManager)"
    assert warnings(found) == []
    assert any("several lockfiles (package-lock.json, yarn.lock)" in note.text for note in found.notes)


def test_without_a_word_yarns_lockfile_wins(tmp_path: Path) -> None:
    found = app(tmp_path, **{"yarn.lock": "", "package-lock.json": "{}"})
    assert (found.manager.name, found.origins["manager"]) == ("yarn", "yarn.lock")
    assert "package-lock.json" in warnings(found)[0]


def test_a_declared_manager_with_the_lockfile_of_another(tmp_path: Path) -> None:
    found = app(tmp_path, {**NEXT, "packageManager": "pnpm@10.0.0"}, **{"package-lock.json": "{}"})
    assert (found.manager.name, found.manager.lockfile) == ("pnpm", "")
    assert any("the lockfile there is package-lock.json" in text for text in warnings(found))


def test_dev_engines(tmp_path: Path) -> None:
    package = {**NEXT, "devEngines": {"packageManager": {"name": "pnpm", "version": "9.1.2"}}}
    found = app(tmp_path, package)
    assert (found.manager.name, found.manager.version) == ("pnpm", "9.1.2")


@pytest.mark.parametrize(
    ("engines", "name"),
    [
        ({"pnpm": ">=9"}, "pnpm"),
        ({"yarn": "1.x", "npm": "please-use-yarn"}, "yarn"),
        ({"npm": "10"}, "npm"),
        ({}, "npm"),
    ],
)
def test_no_lockfile_asks_engines_and_says_what_is_lost(tmp_path: Path, engines: dict[str, str], name: str) -> None:
    found = app(tmp_path, {**NEXT, "engines": engines})
    assert (found.manager.name, found.manager.lockfile) == (name, "")
    assert any("no lockfile" in text for text in warnings(found))
    assert found.origins["manager"] == ("package.json (engines)" if engines else "default")


@pytest.mark.parametrize(
    ("more", "files", "version", "origin"),
    [
        ({"volta": {"pnpm": "9.3.0"}}, {}, "9.3.0", "package.json (volta)"),
        ({"engines": {"pnpm": "9.4.0"}}, {}, "9.4.0", "package.json (engines)"),
        ({"engines": {"pnpm": "^9.4.0"}}, {}, "", ""),
        ({}, {".tool-versions": "pnpm 9.5.0\n"}, "9.5.0", ".tool-versions"),
        ({}, {"mise.toml": '[tools]\npnpm = "9.6.0"\n'}, "9.6.0", "mise.toml"),
    ],
)
def test_versions(tmp_path: Path, more: dict[str, object], files: dict[str, str], version: str, origin: str) -> None:
    found = app(tmp_path, {**NEXT, **more}, **{"pnpm-lock.yaml": ""}, **files)
    assert found.manager.version == version
    assert found.origins.get("manager.version", "") == origin


def test_yarn_from_the_repository(tmp_path: Path) -> None:
    files = {
        "yarn.lock": BERRY_LOCK,
        ".yarnrc.yml": "nodeLinker: node-modules\nyarnPath: .yarn/releases/yarn-4.1.1.cjs\n",
        ".yarn/releases/yarn-4.1.1.cjs": "",
        ".yarn/plugins/a.cjs": "",
        ".yarn/cache/b.zip": "",
    }
    found = app(tmp_path, **files)
    assert (found.manager.version, found.origins["manager.version"]) == ("4.1.1", ".yarnrc.yml")
    assert found.manager.files == ("package.json", "yarn.lock", ".yarnrc.yml", ".yarn/plugins", ".yarn/releases")


def test_yarn_1_from_the_repository(tmp_path: Path) -> None:
    files = {
        "yarn.lock": "",
        ".yarnrc": 'yarn-path ".yarn/releases/yarn-1.22.19.cjs"\n',
        ".yarn/releases/yarn-1.22.19.cjs": "",
    }
    found = app(tmp_path, **files)
    assert (found.manager.name, found.manager.version) == ("yarn", "1.22.19")
    assert found.manager.files == ("package.json", "yarn.lock", ".yarnrc", ".yarn/releases")


def test_pnp_is_seen_by_its_own_file(tmp_path: Path) -> None:
    found = app(tmp_path, **{"yarn.lock": BERRY_LOCK, ".pnp.cjs": ""})
    assert found.origins["manager.linker"] == ".pnp.cjs"


def test_files_that_the_install_scripts_read(tmp_path: Path) -> None:
    scripts = {"postinstall": "patch-package && node ./scripts/after.js && node gone.js", "prepare": "prisma generate"}
    files = {
        "patches/a.patch": "",
        "prisma/schema.prisma": "",
        "scripts/after.js": "",
        "yarn.lock": "",
        "next.config.js": "",
    }
    found = app(tmp_path, {**NEXT, "scripts": scripts}, **files)
    assert found.manager.files == ("package.json", "yarn.lock", "patches", "prisma", "scripts/after.js")


def test_an_install_script_that_reads_the_configuration(tmp_path: Path) -> None:
    package = {"dependencies": {"nuxt": "4"}, "scripts": {"postinstall": "nuxt prepare"}}
    found = app(tmp_path, package, **{"nuxt.config.ts": "", "tsconfig.json": "{}", "server/x.ts": ""})
    assert found.manager.files == ("package.json", "nuxt.config.ts", "tsconfig.json")


def test_patches_of_pnpm(tmp_path: Path) -> None:
    package = server(
        pnpm={"patchedDependencies": {"a@1": "patches/a.patch", "b@1": "../out.patch", "c@1": "etc/c.patch"}}
    )
    files = {
        "pnpm-lock.yaml": "",
        "patches/a.patch": "",
        "etc/c.patch": "",
        "pnpm-workspace.yaml": "onlyBuiltDependencies: []",
    }
    found = app(tmp_path, package, **files)
    assert found.manager.files == ("package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml", "patches", "etc/c.patch")
    assert found.workspace is None


# Private registries


@pytest.mark.parametrize(
    ("file", "lock", "text", "variables"),
    [
        (".npmrc", "package-lock.json", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n", ("NPM_TOKEN",)),
        (".npmrc", "package-lock.json", "//a/:_authToken=${A}\n//b/:_authToken=${B-}\ncache=${HOME}/c\n", ("A", "B")),
        (".npmrc", "package-lock.json", "# ${OLD}\n; ${OLDER}\n", ()),
        (".yarnrc.yml", "yarn.lock", "npmAuthToken: '${YARN_TOKEN:-}'\n", ("YARN_TOKEN",)),
        (
            "bunfig.toml",
            "bun.lock",
            '[install.scopes]\nacme = { token = "$BUN_TOKEN", url = "https://x" }',
            ("BUN_TOKEN",),
        ),
    ],
)
def test_tokens_from_variables(tmp_path: Path, file: str, lock: str, text: str, variables: tuple[str, ...]) -> None:
    found = app(tmp_path, **{file: text, lock: BERRY_LOCK if lock == "yarn.lock" else ""})
    assert found.registry.variables == variables
    assert found.registry.npmrc == ""
    assert file in found.manager.files
    assert found.origins.get("registry.variables") == (file if variables else None)


@pytest.mark.parametrize(
    "line", ["//r.io/:_authToken=npm_SECRET", "_auth=c2VjcmV0U0VDUkVU", "//r.io/:_password = SECRET"]
)
def test_a_token_in_plain_text_is_kept_out(tmp_path: Path, line: str) -> None:
    found = app(tmp_path, **{".npmrc": line + "\n", "package-lock.json": "{}"})
    assert found.registry.npmrc == "project"
    assert ".npmrc" not in found.manager.files
    assert any(".npmrc holds a registry token" in text for text in warnings(found))
    assert "SECRET" not in repr(found)
    assert "c2Vj" not in repr(found)


@pytest.mark.parametrize(
    ("file", "lock", "text"),
    [
        (".yarnrc.yml", "yarn.lock", "npmAuthToken: npm_SECRET\n"),
        ("bunfig.toml", "bun.lock", '[install]\nregistry = { url = "https://x", token = "SECRET" }\n'),
    ],
)
def test_a_token_elsewhere_is_kept_out_too(tmp_path: Path, file: str, lock: str, text: str) -> None:
    found = app(tmp_path, **{file: text, lock: BERRY_LOCK if lock == "yarn.lock" else ""})
    assert file not in found.manager.files
    assert any(f"{file} holds a registry token" in text for text in warnings(found))
    assert "SECRET" not in repr(found)


def test_a_token_of_the_person(tmp_path: Path) -> None:
    (Path.home() / ".npmrc").write_text("//npm.pkg.github.com/:_authToken=ghp_SECRET\n")
    found = app(tmp_path, **{".npmrc": "@acme:registry=https://npm.pkg.github.com/\n", "package-lock.json": "{}"})
    assert found.registry.npmrc == "user"
    assert ".npmrc" in found.manager.files
    assert "SECRET" not in repr(found)


@pytest.mark.parametrize("npmrc", ["", "registry=https://registry.npmjs.org/\n", "@acme:registry=https://other.io\n"])
def test_a_token_of_the_person_for_another_registry(tmp_path: Path, npmrc: str) -> None:
    (Path.home() / ".npmrc").write_text("//npm.pkg.github.com/:_authToken=ghp_SECRET\n")
    assert app(tmp_path, **{".npmrc": npmrc}).registry.npmrc == ""


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".npmrc", "@corp:registry=https://ci:s3cr3t@reg.corp/\n"),
        (".npmrc", "//r.io/:_authToken=a$b\n"),
        (".npmrc", "//r.io/:_authToken=${NPM_TOKEN-npm_real}\n"),
        (".npmrc", '"//r.io/:_authToken"="npm_real"\n'),
        (".npmrc", 'key="-----BEGIN PRIVATE KEY-----"\n'),
        (".yarnrc", '"//r.io/:_authToken" "npm_real"\n'),
        (".yarnrc.yml", "npmScopes: {corp: {npmAuthToken: npm_real}}\n"),
        (".yarnrc.yml", '"npmAuthToken": npm_real\n'),
        ("bunfig.toml", 'registry = "https://ci:s3cr3t@reg.corp/"\n'),
    ],
)
def test_tokens_in_plain_text_however_they_are_spelled(tmp_path: Path, file: str, text: str) -> None:
    found = app(tmp_path, **{file: text})
    assert found.registry.token_files == (file,)
    assert file not in found.manager.files
    assert any(f"{file} holds a registry token" in warning for warning in warnings(found))


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".npmrc", "always-auth=true\nregistry=https://registry.npmjs.org/\nsave-exact=true\n"),
        (".npmrc", "//r.io/:_authToken=${NPM_TOKEN}\n# _authToken=npm_old\n"),
        (".yarnrc.yml", "npmAlwaysAuth: true\nnodeLinker: node-modules\nnpmAuthToken: '${YARN_TOKEN:-}'\n"),
        ("bunfig.toml", 'x = { token = "$BUN_TOKEN", url = "https://$USER:$PASS@reg.corp" }\n'),
    ],
)
def test_configurations_without_a_token_stay(tmp_path: Path, file: str, text: str) -> None:
    assert app(tmp_path, **{file: text}).registry.token_files == ()


def test_a_very_long_line_of_configuration_is_read_fast(tmp_path: Path) -> None:
    started = time.monotonic()
    app(tmp_path, **{"bunfig.toml": "//a:" * 12_000})
    assert time.monotonic() - started < 2

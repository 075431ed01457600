from __future__ import annotations

from pathlib import Path

import pytest

from ecrwiz.services.node_app import SUPPORTED_MAJORS
from tests.test_node_app import NEXT, app, warnings


@pytest.mark.parametrize(
    ("engines", "major"),
    [
        ("", 24),
        ("*", 24),
        ("24", 24),
        (">=18", 24),
        (">= 20.9.0", 24),
        ("^18.17.0 || >=20.5", 24),
        ("18 - 22", 22),
        (">=20 <23", 22),
        ("<=22", 22),
        ("<24", 22),
        (">22", 24),
        (">=24 <25", 24),
        (">24", 26),
        (">=25", 26),
        (">=26", 26),
        ("26.x", 26),
        ("=22.3.1", 22),
        (">=22.0.0 <22.5", 22),
        ("whatever", 24),
    ],
)
def test_a_supported_major_from_engines(tmp_path: Path, engines: str, major: int) -> None:
    found = app(tmp_path, {**NEXT, "engines": {"node": engines}}, **{"package-lock.json": "{}"})
    assert found.node_major == major
    assert found.node_major in SUPPORTED_MAJORS
    assert warnings(found) == []
    assert found.origins["node_major"] == ("default" if engines in {"", "whatever"} else "package.json")


@pytest.mark.parametrize(
    ("engines", "major", "words"),
    [
        ("20", 20, "no security fixes since 2026-04-30"),
        ("20.x", 20, "no security fixes since 2026-04-30"),
        ("~20.1", 20, "no security fixes since 2026-04-30"),
        ("^18.17.0 || ^20.5", 20, "no security fixes since 2026-04-30"),
        ("<22", 20, "no security fixes since 2026-04-30"),
        ("18", 18, "no security fixes since 2025-04-30"),
        ("21", 21, "no security fixes since 2024-06-01"),
        ("25", 25, "no security fixes since 2026-06-01"),
        ("16", 22, "older than Node 18"),
        ("<=14", 22, "older than Node 18"),
        (">=28", 28, "does not know"),
        (">=9000", 26, "older"),
    ],
)
def test_a_major_that_gets_no_fixes_is_used_with_a_warning(
    tmp_path: Path, engines: str, major: int, words: str
) -> None:
    found = app(tmp_path, {**NEXT, "engines": {"node": engines}})
    assert found.node_major == major
    assert any("asks for Node" in text for text in warnings(found))
    if engines != ">=9000":
        assert any(words in text for text in warnings(found))


@pytest.mark.parametrize(
    ("text", "major"),
    [
        ("v22.11.0\n", 22),
        ("22", 22),
        ("# ours\n22 # until May\n", 22),
        ("lts/*", 24),
        ("lts/jod", 22),
        ("lts/Krypton", 24),
        ("lts/lithium", 26),
        ("node\n", 24),
        ("node-22", 22),
        ("v20.11.0\n", 20),
    ],
)
def test_node_major_from_nvmrc(tmp_path: Path, text: str, major: int) -> None:
    assert app(tmp_path, **{".nvmrc": text}).node_major == major


@pytest.mark.parametrize(
    ("file", "text", "origin"),
    [
        (".node-version", "22.1.0", ".node-version"),
        (".tool-versions", "ruby 3\nnodejs 22.1.0\n", ".tool-versions"),
        ("mise.toml", '[tools]\nnode = "22"\n', "mise.toml"),
        ("mise.toml", "[tools]\nnode = 22\n", "mise.toml"),
        (".mise.toml", '[tools]\nnode = ["22.1", "20"]\n', ".mise.toml"),
        ("mise.toml", '[tools.node]\nversion = "22"\n', "mise.toml"),
    ],
)
def test_version_files(tmp_path: Path, file: str, text: str, origin: str) -> None:
    found = app(tmp_path, {**NEXT, "engines": {"node": ">=18"}}, **{file: text})
    assert (found.node_major, found.origins["node_major"]) == (22, origin)


def test_volta(tmp_path: Path) -> None:
    found = app(tmp_path, {**NEXT, "volta": {"node": "22.3.0"}, "engines": {"node": ">=18"}})
    assert (found.node_major, found.origins["node_major"]) == (22, "package.json (volta)")


def test_a_toml_file_that_is_none_says_nothing(tmp_path: Path) -> None:
    assert app(tmp_path, **{"mise.toml": "[[["}).node_major == 24


def test_nvmrc_is_nearer_to_what_the_person_uses_than_engines(tmp_path: Path) -> None:
    found = app(tmp_path, {**NEXT, "engines": {"node": ">=18"}}, **{".nvmrc": "22"})
    assert (found.node_major, found.origins["node_major"]) == (22, ".nvmrc")


@pytest.mark.parametrize(
    ("dependencies", "old"),
    [
        ({"next": "10.0.1"}, True),
        ({"next": "~12.0.7"}, True),
        ({"next": "^10.0.1"}, True),
        ({"next": "12.1.0"}, False),
        ({"next": "^12.0.7"}, False),
        ({"next": "latest"}, False),
        ({"react-scripts": "4.0.3"}, True),
        ({"react-scripts": "5.0.1"}, False),
        ({"@vue/cli-service": "~4.5.0"}, True),
    ],
)
def test_builds_that_openssl_3_refuses(tmp_path: Path, dependencies: dict[str, str], old: bool) -> None:
    found = app(tmp_path, {"dependencies": dependencies, "scripts": {"build": "x build"}})
    before = "export NODE_OPTIONS=--openssl-legacy-provider && "
    assert found.build == (before if old else "") + "run build"
    assert any("openssl-legacy-provider" in note.text for note in found.notes) is old
    assert found.build_command("npm").endswith("npm run build")


def test_a_build_that_already_allows_the_old_hash(tmp_path: Path) -> None:
    scripts = {"build": "NODE_OPTIONS=--openssl-legacy-provider next build"}
    assert app(tmp_path, {"dependencies": {"next": "10.0.1"}, "scripts": scripts}).build == "run build"

"""The lines that ecrwiz adds to .gitignore and .dockerignore."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from docker.utils.build import exclude_paths
from hypothesis import given, settings
from hypothesis import strategies as st

from ecrwiz.model.app import DockerfileFacts, NodeApp, RegistryAccess
from ecrwiz.services.templates import merge_ignore
from tests.test_templates import APP, MANAGERS, NPM, SERVER, SITE, TREE, WORKSPACE, files

STRATEGIES = ("multi-stage", "article")
SECRETS = (".env", ".env.production", "app/.env.local", "server-key.pem", "tls/privkey.pem", "private.pem",
           "keys/a.key", "id_ecdsa", "cert.p12", "cert.pfx", ".aws/credentials",
           "terraform.tfstate", "infra/terraform.tfstate.backup", ".ssh/id_rsa", "plan.tfplan",
           "deep/.netrc", "node_modules/a/.env")  # fmt: skip
WANTED = {
    ".env.example",
    "package.json",
    "start.sh",
    "public/a.png",
    "app/page.js",
    "next.config.mjs",
    "certs/global-bundle.pem",
}
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


INSIDE = replace(APP, workspace=WORKSPACE)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rendering_over_its_own_output_changes_nothing(strategy: str) -> None:
    first = files(existing={".dockerignore": "mine"}, strategy=strategy)
    assert files(existing=first, strategy=strategy) == first


def test_in_a_workspace_the_root_keeps_its_own_and_its_lines_come_first() -> None:
    name = "Dockerfile.dockerignore"
    there = {**TREE, "../../.dockerignore": "docs\n**/*.md\n"}
    first = files(INSIDE, there)
    lines = first[name].split("\n")
    assert ".dockerignore" not in first
    assert lines[0].startswith("# >>> ecrwiz")
    assert lines[2:4] == ["docs", "**/*.md"]
    assert files(INSIDE, {**there, **first}) == first
    changed = files(INSIDE, {**there, **first, "../../.dockerignore": "other\n"})[name].split("\n")
    assert changed[2] == "other"
    assert "docs" not in changed


def test_a_block_of_ecrwiz_in_the_roots_file_is_left_out() -> None:
    root = "docs\n" + merge_ignore(None, ["root-only"], ["root-always"])
    text = files(INSIDE, {**TREE, "../../.dockerignore": root})["Dockerfile.dockerignore"]
    assert "docs\n" in text
    assert "root-" not in text
    assert text.count(">>> ecrwiz") == 1


def test_what_a_workspace_sends(tmp_path: Path) -> None:
    wanted = {
        "package.json",
        "apps/web/start.sh",
        "apps/web/package.json",
        "packages/lib/index.js",
        "package-lock.json",
    }
    unwanted = ("apps/web/.env", ".env", "apps/web/infra/main.tf", "apps/web/.ecrwiz/j.json", "node_modules/a/i.js",
                "apps/web/node_modules/a/i.js", "packages/lib/node_modules/b.js", "apps/web/.next/x", ".git/HEAD",
                "apps/web/Dockerfile.dockerignore", "deploy.key", "apps/web/terraform.tfstate")  # fmt: skip
    for name in (*wanted, *unwanted):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    text = files(INSIDE, {**TREE, "../../.dockerignore": "*.sh\n**/start.sh\npackage-lock.json\n"})[
        "Dockerfile.dockerignore"
    ]
    patterns = [line for line in text.split("\n") if line and not line.startswith("#")]
    found = {name for name in exclude_paths(str(tmp_path), patterns) if (tmp_path / name).is_file()}
    assert found - {"Dockerfile", ".dockerignore"} == wanted


@pytest.mark.parametrize("before", ["*.sh\n", "package-lock.json\n", "*\n!src\n"])
def test_what_the_dockerfile_copies_by_name_gets_in(before: str, tmp_path: Path) -> None:
    for name in ("start.sh", "package.json", "package-lock.json", ".npmrc", "src/a.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    app = replace(APP, manager=replace(NPM, files=(*NPM.files, ".npmrc")))
    text = files(app, {".dockerignore": before})[".dockerignore"]
    patterns = [line for line in text.split("\n") if line and not line.startswith("#")]
    found = set(exclude_paths(str(tmp_path), patterns))
    assert {"start.sh", "package.json", "package-lock.json", ".npmrc", "src/a.js"} <= found


def test_a_file_with_a_token_stays_out() -> None:
    with_token = replace(APP, registry=RegistryAccess((), "project"))
    assert "**/.npmrc" in files(with_token)[".dockerignore"].split("\n")
    for access in (RegistryAccess(("NPM_TOKEN",)), RegistryAccess((), "user")):
        assert "**/.npmrc" not in files(replace(APP, registry=access))[".dockerignore"].split("\n")


def test_what_the_build_makes_anew_stays_out() -> None:
    assert "dist" in files(SITE)[".dockerignore"].split("\n")
    assert "dist" not in files(replace(SITE, build=""))[".dockerignore"].split("\n")
    inside = files(replace(SITE, workspace=WORKSPACE), TREE)["Dockerfile.dockerignore"].split("\n")
    assert "apps/web/dist" in inside
    pnp = files(replace(SERVER, manager=MANAGERS["pnp"]))[".dockerignore"].split("\n")
    assert {".pnp.*", ".yarn/cache", ".yarn/unplugged"} <= set(pnp)
    committed = replace(MANAGERS["pnp"], files=("package.json", "yarn.lock", ".yarn/cache"))
    assert ".yarn/cache" not in files(replace(SERVER, manager=committed))[".dockerignore"].split("\n")


@pytest.mark.parametrize("workspace", [False, True])
def test_an_own_dockerfile_gets_the_secrets_part_alone(workspace: bool) -> None:
    own = NodeApp("go", "own", "own", dockerfile=DockerfileFacts("docker/Dockerfile", ours=False))
    app = replace(own, workspace=WORKSPACE) if workspace else own
    text = files(app, {}, strategy="own")["docker/Dockerfile.dockerignore" if workspace else ".dockerignore"]
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    assert {"**/.env*", "**/.ecrwiz", "**/*.tfstate", "**/*.key"} <= set(lines)
    # The person's Dockerfile may copy certificates, and nothing above the block could let them in again.
    assert ".pem" not in text
    assert not [line for line in lines if not line.startswith(("**/", "!**/.env.example"))]


def test_files_with_a_token_stay_out_of_the_context() -> None:
    access = RegistryAccess(token_files=("bunfig.toml", "apps/web/.npmrc"))
    lines = files(replace(APP, registry=access))[".dockerignore"].split("\n")
    assert {"bunfig.toml", "apps/web/.npmrc"} <= set(lines)
    assert "**/.npmrc" not in lines, "the root's own has no token and is wanted by the install"

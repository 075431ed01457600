"""Lines for .gitignore and .dockerignore, added without losing what the person wrote there."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Final

from ecrwiz.model.app import NodeApp, RenderedFile
from ecrwiz.services.templates import checks, engine

__all__ = ["dockerignore", "gitignore", "merge_ignore"]

_BEGIN: Final = "# >>> ecrwiz writes this block; put lines of your own above it >>>"
_END: Final = "# <<< ecrwiz <<<"


def gitignore(existing: Callable[[str], str | None]) -> RenderedFile:
    """The application's .gitignore, with what ecrwiz and Terraform keep on this machine."""
    return RenderedFile(".gitignore", merge_ignore(existing(".gitignore"), _entries("gitignore.j2", {}), ()))


def dockerignore(strategy: str, app: NodeApp, existing: Callable[[str], str | None]) -> RenderedFile:
    """The file that keeps secrets, and what an image never needs, out of the build context.

    In a workspace the context is its root, whose .dockerignore belongs to all of its applications: the file is then
    `Dockerfile.dockerignore`, which builders read instead (BuildKit's rule; ecrwiz's own build follows it).

    Args:
        strategy: the answer of that name.
        app: what was read of the application.
        existing: gives the text of a file relative to the application's folder; None when there is none.
    """
    workspace = app.workspace is not None
    path = f"{_dockerfile(strategy, app)}.dockerignore" if workspace else ".dockerignore"
    before = existing(path)
    roots = _without_block(_lines(existing(f"{app.up}/.dockerignore"))) if workspace else []
    values = {
        "article": strategy == "article",
        "folder": app.in_context("."),
        "needed": _needed(strategy, app) if _patterns([*_own(before), *roots]) else [],
        "outputs": _outputs(strategy, app),
        "own": strategy == "own",
        "pnp": app.manager.linker == "pnp",
        "ready_cache": any(name.startswith(".yarn/cache") for name in app.manager.files),
        "token_files": _token_files(app),
        "workspace": workspace,
    }
    first = ["# The .dockerignore of the workspace's root, which the builder does not read beside this file.", *roots]
    text = merge_ignore(
        before,
        _entries("dockerignore.j2", values),
        _entries("dockerignore-always.j2", values),
        first=first if _patterns(roots) else (),
    )
    return RenderedFile(path, text)


def _token_files(app: NodeApp) -> list[str]:
    named = [checks.path(path, "A file with a token") for path in app.registry.token_files]
    return [*(["**/.npmrc"] if app.registry.npmrc == "project" else []), *named]


def merge_ignore(before: str | None, entries: Iterable[str], always: Iterable[str], first: Collection[str] = ()) -> str:
    """Add lines to a .gitignore or .dockerignore, in a block of their own at its end.

    The person's lines stay as they are and come first. Doing it again changes nothing.

    Args:
        before: the file's text; None when there is none.
        entries: lines to add unless the person has them, or has decided the opposite with `!`.
        always: lines that stand last whatever the person has, because the last line that fits decides.
        first: lines of another file of the person's, which begin the block.
    """
    own = _own(before)
    decided = _patterns([*own, *first])
    added = _missing(entries, decided)
    block = [*first, *([""] if first else []), *added, *always]
    while own and not own[-1].strip():
        own.pop()
    if any(line.strip() for line in block):
        own += ([""] if own else []) + [_BEGIN, *block, _END]
    return "\n".join(own) + "\n"


def _dockerfile(strategy: str, app: NodeApp) -> str:
    return app.dockerfile.path if strategy == "own" and app.dockerfile else "Dockerfile"


def _needed(strategy: str, app: NodeApp) -> list[str]:
    """What the Dockerfile copies by name; a line of the person's that keeps it out would fail the build."""
    if strategy == "own":
        return []
    installed = () if strategy == "article" else app.manager.files
    names = ["package.json", *installed, app.in_context("package.json"), app.in_context("start.sh")]
    return [_escaped(name) for name in dict.fromkeys(names) if name.isprintable()]


def _escaped(path: str) -> str:
    return re.sub(r"([*?\[\\])", r"\\\1", path)


def _outputs(strategy: str, app: NodeApp) -> list[str]:
    """The folders that the build makes anew, so that a stale one of this machine is not taken for them."""
    if strategy != "multi-stage" or not app.build:
        return []
    names = [app.output if app.output not in {"", ".", "public", "static"} else "", app.dist_dir.strip("/")]
    plain = (name for name in dict.fromkeys(names) if re.fullmatch(r"[\w.@-][\w./@-]*", name) and ".." not in name)
    return [app.in_context(name) for name in plain if name != ".next"]


def _own(before: str | None) -> list[str]:
    return _without_block(_lines(before))


def _lines(text: str | None) -> list[str]:
    return (text or "").removeprefix("\ufeff").replace("\r\n", "\n").split("\n")


def _without_block(lines: list[str]) -> list[str]:
    if _BEGIN in lines and _END in lines[lines.index(_BEGIN) :]:
        begin = lines.index(_BEGIN)
        end = lines.index(_END, begin)
        return _without_block(lines[:begin] + lines[end + 1 :])
    return [line for line in lines if line not in (_BEGIN, _END)]


def _pattern(line: str) -> str:
    return line.strip().lstrip("!").strip("/")


def _patterns(lines: Iterable[str]) -> set[str]:
    return {_pattern(line) for line in lines if not line.startswith("#")} - {""}


def _missing(entries: Iterable[str], decided: Collection[str]) -> list[str]:
    """The entries that nobody decided on, each group with its comment."""
    kept: list[str] = []
    comment: list[str] = []
    in_comment = False
    for line in entries:
        if line.startswith("#"):
            comment = [*comment, line] if in_comment else [line]
        elif _pattern(line) not in decided:
            kept += [*comment, line]
            comment = []
        in_comment = line.startswith("#")
    return kept


def _entries(name: str, values: dict[str, object]) -> list[str]:
    return [line for line in engine.template(name, values).split("\n") if line]

"""Renders the files that ecrwiz puts beside an application. Nothing is written here."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from ecrwiz.model.answers import Answers
from ecrwiz.model.app import NodeApp, RenderedFile
from ecrwiz.model.errors import BadInputError

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["base_image", "hcl_quote", "merge_ignore", "render", "terraform_templates"]

_PACKAGE: Final = Path(__file__).resolve().parent.parent
_BEGIN: Final = "# >>> ecrwiz writes this block; put lines of your own above it >>>"
_END: Final = "# <<< ecrwiz <<<"

_IMPORT = re.compile(r"""(?:\bfrom|\bimport|\brequire|\bimport\s*\(|\brequire\s*\()\s*["'](\.{1,2}/[\w./@-]+)["']""")
_SUFFIXES: Final = (".js", ".mjs", ".cjs", ".ts", ".mts", ".json", "/index.js", "/index.ts")


def base_image(app: NodeApp) -> str:
    """The image that the Dockerfile starts from, such as `node:24-slim`."""
    return f"node:{app.node_major}-slim"


def terraform_templates() -> Path:
    """The folder whose files become `infra/`: inside the package, or beside it in an editable install."""
    packed = _PACKAGE / "_terraform_templates"
    return packed if packed.is_dir() else _PACKAGE.parent / "terraform_templates"


def render(answers: Answers, app: NodeApp, existing: Callable[[str], str | None]) -> tuple[RenderedFile, ...]:
    """Render every file for an application.

    Args:
        answers: the checked answers.
        app: what was read of the application.
        existing: gives the text of a file of the application by its path relative to the application's
            folder, with `/`; None when there is none. Asked for ignore files, to keep what the person wrote
            there, and for Next's configuration, to find the files that it imports.

    Returns:
        The files in the order in which a person reads them.

    Raises:
        BadInputError: this version of ecrwiz has no Dockerfile for such an application.
    """
    check_supported(answers, app)
    values = _values(answers, app, existing)
    docker = _entries("dockerignore.j2", values), _entries("dockerignore-always.j2", values)
    return (
        RenderedFile("Dockerfile", _template(f"Dockerfile.{answers.strategy}.j2", values)),
        RenderedFile("start.sh", _template("start.sh.j2", values), executable=True),
        RenderedFile(".dockerignore", merge_ignore(existing(".dockerignore"), *docker)),
        RenderedFile(".gitignore", merge_ignore(existing(".gitignore"), _entries("gitignore.j2", values), ())),
        *_infra(answers),
    )


def check_supported(answers: Answers, app: NodeApp) -> None:
    """Say early what cannot be rendered.

    Raises:
        BadInputError: this version has no template for such an application.
    """
    if app.framework != "next":
        raise BadInputError(
            "In this version ecrwiz renders for Next.js, and package.json names no dependency next.",
            "Run it in the folder of a Next.js application.",
        )
    if answers.strategy == "multi-stage" and not app.lockfile:
        raise BadInputError(
            "There is no package-lock.json or yarn.lock, so an install in the image could not be repeated.",
            "Run `npm install` once and commit package-lock.json.",
        )


def _values(answers: Answers, app: NodeApp, existing: Callable[[str], str | None]) -> dict[str, Any]:
    article = answers.strategy == "article"
    flat = [name for name in app.package_files if "/" not in name and "." in name]
    configs = _config_files(app.config_file, existing)
    return {
        "article": article,
        "base_image": base_image(app),
        "config_file": app.config_file,
        "config_imports": [path for path in configs if "/" in path],
        "config_sources": [path for path in configs if "/" not in path],
        "has_public": app.has_public,
        "keep_dev": app.config_file.endswith("ts"),
        "manager": app.manager,
        "package_files": flat,
        "package_paths": [name for name in app.package_files if name not in flat],
        "port": answers.port,
        "server_js": app.standalone and not article,
        "standalone": app.standalone,
        "title": answers.repository_name,
    }


def _config_files(config_file: str, existing: Callable[[str], str | None]) -> list[str]:
    """Next's configuration and the files that it imports by a relative path, itself first.

    `next start` reads it again, so an image without the standalone form needs all of them.
    """
    found: dict[str, None] = {}
    waiting = [config_file] if config_file else []
    while waiting:
        path = waiting.pop()
        text = existing(path)
        if text is None or path in found:
            continue
        found[path] = None
        for target in _IMPORT.findall(text):
            base = _normal(PurePosixPath(path).parent / target)
            # TypeScript lets an import say .js for a file that is .ts.
            names = [base, re.sub(r"\.([cm]?)js$", r".\1ts", base)] if PurePosixPath(base).suffix else []
            names += [base + suffix for suffix in _SUFFIXES]
            waiting += [name for name in names if not name.startswith("..") and existing(name) is not None][:1]
    if config_file.endswith("ts") and existing("tsconfig.json") is not None:
        found["tsconfig.json"] = None  # its `paths` decide what the imports mean
    return list(found)


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _infra(answers: Answers) -> Iterable[RenderedFile]:
    root = terraform_templates()
    for path in sorted(root.rglob("*.tf"), key=lambda path: (len(path.parts), path.name)):
        name = path.relative_to(root).as_posix()
        if not name.startswith("."):  # someone's .terraform beside the templates
            yield RenderedFile(f"infra/{name}", _lines(path.read_text(encoding="utf-8")))
    text = _environment(root).get_template("terraform.tfvars.j2").render(answers.model_dump())
    yield RenderedFile("infra/terraform.tfvars", _lines(text))


def merge_ignore(before: str | None, entries: Iterable[str], always: Iterable[str]) -> str:
    """Add lines to a .gitignore or .dockerignore, in a block of their own at its end.

    The person's lines stay as they are and come first. Doing it again changes nothing.

    Args:
        before: the file's text; None when there is none.
        entries: lines to add unless the person has them, or has decided the opposite with `!`.
        always: lines that stand last whatever the person has, because the last line that fits decides.
    """
    own = _without_block((before or "").replace("\r\n", "\n").split("\n"))
    block = [*_missing(entries, {_pattern(line) for line in own}), *always]
    while own and not own[-1].strip():
        own.pop()
    if block:
        own += ([""] if own else []) + [_BEGIN, *block, _END]
    return "\n".join(own) + "\n"


def _without_block(lines: list[str]) -> list[str]:
    if _BEGIN in lines and _END in lines[lines.index(_BEGIN) :]:
        begin = lines.index(_BEGIN)
        end = lines.index(_END, begin)
        return _without_block(lines[:begin] + lines[end + 1 :])
    return [line for line in lines if line not in (_BEGIN, _END)]


def _pattern(line: str) -> str:
    return line.strip().lstrip("!").strip("/")


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


def _entries(name: str, values: Mapping[str, Any]) -> list[str]:
    return _template(name, values).rstrip("\n").split("\n")


def _template(name: str, values: Mapping[str, Any]) -> str:
    return _lines(_environment(_PACKAGE / "app_templates").get_template(name).render(values))


def _lines(text: str) -> str:
    """LF line ends and one newline at the end, whatever a checkout made of the template."""
    return text.replace("\r\n", "\n").rstrip("\n") + "\n"


@cache
def _environment(folder: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(  # noqa: S701  # no HTML is made here; each format has a filter of its own
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["hcl"] = hcl_quote
    return environment


def hcl_quote(text: str) -> str:
    """A quoted HCL string whose value is this text, whatever it holds."""
    named = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    quoted = "".join(named.get(c) or (c if c.isprintable() else f"\\U{ord(c):08x}") for c in text)
    # ${ and %{ start a template. Doubling the sign would be read wrongly after another such sign.
    return '"' + quoted.replace("${", "\\u0024{").replace("%{", "\\u0025{") + '"'

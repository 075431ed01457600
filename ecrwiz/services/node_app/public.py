"""The variables that a build bakes into what browsers get."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ecrwiz.model.app import PublicVariable
from ecrwiz.services.node_app.javascript import Config
from ecrwiz.services.node_app.plans import variants
from ecrwiz.services.node_app.reading import Project
from ecrwiz.services.node_app.sources import MOST_FILES, Sources

__all__ = ["PREFIXES", "Prefix", "public_variables"]


@dataclass(frozen=True, slots=True)
class Prefix:
    """A beginning of a variable's name that makes it public.

    Attributes:
        text: the beginning.
        packages: the packages whose builds bake it in.
        near: what must stand before the name, or somewhere in the file, when the beginning alone is no proof.
    """

    text: str
    packages: tuple[str, ...]
    near: str = ""


PREFIXES: Final = (
    Prefix("NEXT_PUBLIC_", ("next",)),
    Prefix("VITE_", ("vite", "astro", "nuxt", "vitepress", "@quasar/app-vite", "vinxi")),
    Prefix("REACT_APP_", ("react-scripts",)),
    Prefix("PUBLIC_", ("astro", "@sveltejs/kit"), "$env/static/public"),
    Prefix("GATSBY_", ("gatsby",)),
    Prefix("VUE_APP_", ("@vue/cli-service",)),
)
# Later files win, as in the frameworks. `.env.local` is the person's own and is not read.
_ENV_FILES: Final = (".env.example", ".env", ".env.production")
_LINE = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]{0,200})[ \t]*=(.*)$")
# A value under such a name is neither shown nor suggested: it would stand in logs, command lines, a GitHub variable.
_SECRET = re.compile(r"SECRET|PASSWORD|PASSWD|PRIVATE|TOKEN|CREDENTIAL|ACCESS_KEY", re.IGNORECASE)
_MOST: Final = 200


def public_variables(project: Project, sources: Sources) -> tuple[PublicVariable, ...]:
    """The public variables that the sources and the committed env files name, sorted by name.

    Of an env file only lines with a public beginning are looked at.
    """
    prefixes = [*_prefixes(project)]
    if not prefixes:
        return ()
    found = dict(_in_sources(prefixes, sources))
    values: dict[str, tuple[str, str]] = {}
    for file, name, value in _in_env_files(project, prefixes):
        found.setdefault(name, file)
        if file != ".env.example" and not _SECRET.search(name):
            values[name] = (value, file)
    variables = tuple(
        PublicVariable(name, found[name], values.get(name, ("", ""))[0]) for name in sorted(found)[:_MOST]
    )
    _note(project, variables, sources)
    if variables:
        project.origins["public_variables"] = ", ".join(dict.fromkeys(v.where.rsplit(":", 1)[0] for v in variables[:3]))
    return variables


def _prefixes(project: Project) -> Iterator[Prefix]:
    yield from (prefix for prefix in PREFIXES if project.package.has(*prefix.packages))
    name = project.first(variants("vite"))
    own = Config(project.files.text(project.root / name) or "").string("envPrefix") if name else None
    if own and re.fullmatch(r"[A-Z][A-Z0-9_]{1,40}_", own):
        yield Prefix(own, ())


def _in_sources(prefixes: list[Prefix], sources: Sources) -> Iterator[tuple[str, str]]:
    # One pattern for each beginning, so that each starts with plain text, which is searched much faster.
    patterns = [
        (re.compile(prefix.text.encode() + rb"[A-Za-z0-9_]{1,100}"), prefix.text.encode(), prefix.near.encode())
        for prefix in prefixes
    ]
    seen: set[bytes] = set()
    for source in sources.files:
        if len(seen) >= _MOST:
            return
        for pattern, beginning, near in patterns:
            if beginning not in source.text:
                continue
            for name in sorted(set(pattern.findall(source.text)) - seen)[:_MOST]:
                if (offset := _use(source.text, name, near)) >= 0:
                    seen.add(name)
                    yield name.decode(), f"{source.path}:{source.line_of(offset)}"


def _use(text: bytes, name: bytes, near: bytes) -> int:
    """Where a source uses a variable first, outside comments; -1 when nowhere."""
    for match in re.finditer(rb"(?<![\w$])" + name + rb"\b(?!\s*\()", text):
        before = text[max(0, match.start() - 6) : match.start()]
        proven = not near or near in text or re.search(rb"env(?:\.|\[['\"])$", before)
        if proven and not _is_comment(text, match.start()):
            return match.start()
    return -1


def _is_comment(text: bytes, offset: int) -> bool:
    return text[text.rfind(b"\n", 0, offset) + 1 : offset].lstrip().startswith((b"//", b"*", b"/*"))


def _in_env_files(project: Project, prefixes: list[Prefix]) -> Iterator[tuple[str, str, str]]:
    beginnings = tuple(prefix.text for prefix in prefixes)
    for file in _ENV_FILES:
        for line in (project.files.text(project.root / file) or "").splitlines()[:5000]:
            match = _LINE.match(line)
            if match and match[1].startswith(beginnings) and match[1] not in beginnings:
                yield file, match[1], _value(match[2].strip())


def _value(text: str) -> str:
    """The value of a line in an env file; empty when it is made of other variables or spans lines."""
    quote = text[:1]
    if quote in ("'", '"', "`"):
        end = text.find(quote, 1)
        if end < 0:
            return ""
        text = text[1:end]
    else:
        text = re.split(r"\s#", text, maxsplit=1)[0].strip()
    usable = text.isprintable() and len(text) <= 2000 and ("$" not in text or quote == "'") and "\\" not in text
    return text if usable else ""


def _note(project: Project, variables: tuple[PublicVariable, ...], sources: Sources) -> None:
    for variable in variables:
        if _SECRET.search(variable.name):
            project.note(
                f"{variable.name} ({variable.where}) looks like a secret, and everybody can read it in the browser; "
                "its value is not taken from the env file.",
                "Rename it so that only the server reads it, without the public beginning; if it is meant for "
                f"everybody, give it by hand: --set build_args.{variable.name}=VALUE",
                warning=True,
            )
        if re.search(r"//(?:localhost|127\.0\.0\.1)\b", variable.value):
            project.note(
                f"{variable.name} is {variable.value[:100]} in the env file, and the build bakes that into the image.",
                f"Give the real address: --set build_args.{variable.name}=https://...",
                warning=True,
            )
    if not sources.whole:
        project.note(
            f"The sources are many: about {MOST_FILES} files were read for public variables and the port, not all.",
            "Add a variable that is missing here with --set build_args.NAME=VALUE.",
        )

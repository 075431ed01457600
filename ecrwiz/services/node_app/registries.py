"""What a private npm registry wants of an install: the names of variables, never a token's value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from ecrwiz.model.app import RegistryAccess
from ecrwiz.model.errors import BadInputError
from ecrwiz.services.node_app.reading import Files, Project, is_plain_path

__all__ = ["holds_token", "registry_access"]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,99})(?:[:?-][^}]{0,200})?\}")
_BUN_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]{0,99})\}?")
_LONGEST: Final = 50_000  # characters that are looked at
# What every shell sets.
_ALWAYS_SET: Final = frozenset({"HOME", "PATH", "PWD", "USER", "TMPDIR"})
_NPM_SECRET = re.compile(r"^[ \t]*(?:(//[^=\s]*?):)?(_authToken|_password|_auth)[ \t]*=[ \t]*(\S.*)$", re.MULTILINE)
# A name that stands for a secret, however it is quoted, and what it is set to; within one line.
_SECRET = re.compile(
    r"(?:auth(?:token|ident)?|password|token|key)[\"']?\s*(?:[=:]|\s(?=[\"']))\s*"
    r"(\"[^\"]*\"|'[^']*'|\$\{[^}]*\}[^\s,}]*|[^\s,}]+)",
    re.IGNORECASE,
)
_ONLY_A_VARIABLE = re.compile(r"\$\{[A-Za-z_]\w*(?::?-|\?)?\}|\$[A-Za-z_]\w*")
_USER_IN_URL = re.compile(r"://[^\s/@:]{0,200}:([^\s/@]{1,500})@")
_LONGEST_LINE: Final = 2000
_REGISTRY = re.compile(r"^[ \t]*(?:@[\w.~-]+:)?registry[ \t]*=[ \t]*[\"']?(https?://[^\s\"']+)", re.MULTILINE)
_PUBLIC: Final = frozenset({"registry.npmjs.org", "registry.yarnpkg.com", "registry.npmmirror.com", "npm.jsr.io"})
_CONFIGURATIONS: Final = (".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml")


def holds_token(files: Files, path: Path) -> bool:
    """Whether a registry's configuration holds a token in plain text; False for every other file."""
    if path.name not in _CONFIGURATIONS:
        return False
    return any(_is_secret(line[:_LONGEST_LINE]) for line in _code(files.text(path) or "").splitlines())


def _is_secret(line: str) -> bool:
    values = [match[1].strip("\"'") for match in (*_SECRET.finditer(line), *_USER_IN_URL.finditer(line))]
    return any(value and value not in ("true", "false") and not _ONLY_A_VARIABLE.fullmatch(value) for value in values)


def _code(text: str) -> str:
    return re.sub(r"(?m)^[ \t]*[#;].*$", "", text[:_LONGEST])


def registry_access(project: Project) -> RegistryAccess:
    """Read .npmrc, .yarnrc.yml and bunfig.toml of the context, and what the person's own ~/.npmrc covers."""
    names: dict[str, str] = {}
    texts = {name: _code(project.files.text(project.base / name) or "") for name in _CONFIGURATIONS}
    for name, text in texts.items():
        pattern = _BUN_VARIABLE if name == "bunfig.toml" else _VARIABLE
        for variable in pattern.findall(text):
            names.setdefault(variable, name)
    variables = tuple(name for name in names if name not in _ALWAYS_SET)
    owner = ""
    token_files = tuple(_token_files(project))
    for path in token_files:
        _warn(project, path)
        owner = "project" if path == ".npmrc" else owner
    hosts = list(_without_token(texts[".npmrc"]))
    if not owner and hosts and not variables and (known := _known_to_the_person(hosts)):
        project.note(f"Your own ~/.npmrc holds the token for {known}; the build gets that file as a secret.")
        owner = "user"
    if variables:
        project.origins["registry.variables"] = ", ".join(dict.fromkeys(names[name] for name in variables))
    if owner:
        project.origins["registry.npmrc"] = ".npmrc" if owner == "project" else "~/.npmrc"
    if variables or owner:
        project.origins["registry"] = project.origins.get("registry.variables") or project.origins["registry.npmrc"]
    whose: Literal["", "project", "user"] = "project" if owner == "project" else "user" if owner else ""
    return RegistryAccess(variables, whose, token_files)


def _token_files(project: Project) -> Iterator[str]:
    """Files with a token in plain text, relative to the context: its own, and those in the application's folder."""
    for folder in dict.fromkeys((project.base, project.root)):
        for name in _CONFIGURATIONS:
            path = (folder / name).relative_to(project.base).as_posix()
            if holds_token(project.files, folder / name) and is_plain_path(path):
                yield path


def _warn(project: Project, name: str) -> None:
    if name == ".npmrc":
        rest = "it goes into the build as a secret and not into the image"
    else:
        rest = f"{name} is kept out of the image, so the install lacks it"
    project.note(
        f"{name} holds a registry token in plain text; {rest}.",
        "Write ${NPM_TOKEN} in its place, set that variable where you build, and never commit the token.",
        warning=True,
    )


def _without_token(npmrc: str) -> Iterator[str]:
    """The private hosts that .npmrc points to without a token of its own for them."""
    covered = [match[1] or "" for match in _NPM_SECRET.finditer(npmrc)]
    for url in _REGISTRY.findall(npmrc):
        try:
            host = urlsplit(url).netloc
        except ValueError:
            continue
        if host and host not in _PUBLIC and not any(host in place for place in covered):
            yield host


def _known_to_the_person(hosts: list[str]) -> str:
    home = Path.home()
    try:
        text = _code(Files(home).text(home / ".npmrc") or "")
    except BadInputError:
        return ""
    covered = [match[1] or "" for match in _NPM_SECRET.finditer(text)]
    return next((host for host in hosts if any(place.startswith(f"//{host}") for place in covered)), "")

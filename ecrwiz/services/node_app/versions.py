"""Version ranges as package.json writes them, and which major version of Node an application gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ecrwiz.services.node_app.reading import Package, Project, table

__all__ = [
    "DEFAULT_MAJOR",
    "EXACT",
    "RELEASES",
    "SUPPORTED_MAJORS",
    "Release",
    "Version",
    "node_major",
    "ranges",
    "tool_versions",
]


@dataclass(frozen=True, slots=True)
class Release:
    """A major version of Node.

    Attributes:
        major: its number.
        end: the day after which it gets no more fixes, as ISO date. Source: nodejs/Release, schedule.json.
        supported: it is not past that day.
    """

    major: int
    end: str
    supported: bool = False


RELEASES: Final = (
    Release(26, "2029-04-30", supported=True),
    Release(24, "2028-04-30", supported=True),
    Release(22, "2027-04-30", supported=True),
    Release(25, "2026-06-01"),
    Release(23, "2025-06-01"),
    Release(21, "2024-06-01"),
    Release(20, "2026-04-30"),
    Release(19, "2023-06-01"),
    Release(18, "2025-04-30"),
)
SUPPORTED_MAJORS: Final = tuple(release.major for release in RELEASES if release.supported)
DEFAULT_MAJOR: Final = 24
_ENDS: Final = {release.major: release.end for release in RELEASES}
# The oldest that is rendered for though it gets no more fixes.
_OLDEST: Final = 18
# Long-term releases are named in alphabetical order: hydrogen is 18, iron 20, jod 22, krypton 24 and so on.
_FIRST_LTS_LETTER: Final = ("a", 4)

Version = tuple[int, int, int]
_LAST: Final[Version] = (10**9, 0, 0)
_PART = r"(?:\.(\d{1,9}|[xX*]))?"
_COMPARATOR = re.compile(r"(\^|~>?|>=|<=|>|<|=)?\s*v?(\d{1,9}|[xX*])" + _PART + _PART + r"(?:[-+][\w.+-]*)?")
EXACT = re.compile(r"v?(\d{1,6}\.\d{1,6}\.\d{1,6}(?:-[0-9A-Za-z.-]{1,40})?)(?:\+[\w.+/=-]*)?", re.ASCII)


def ranges(text: str) -> list[tuple[Version, Version]]:
    """The half-open version ranges that a text such as `^18.17 || >=20` names; none when it names none."""
    found = []
    for alternative in text[:500].split("||"):
        low, high = (0, 0, 0), _LAST
        hyphen = re.sub(r"(\S+)\s+-\s+(\S+)", r">=\1 <=\2", alternative.strip())
        comparators = list(_COMPARATOR.finditer(hyphen))
        if not comparators or _COMPARATOR.sub("", hyphen).strip(" ,"):
            continue
        for comparator in comparators:
            bottom, top = _interval(comparator)
            low, high = max(low, bottom), min(high, top)
        found.append((low, high))
    return sorted(found)


def _interval(comparator: re.Match[str]) -> tuple[Version, Version]:
    operator = comparator[1] or ""
    parts: list[int] = []
    for part in comparator.groups()[1:]:
        if not part or not part.isdigit():
            break
        parts.append(int(part))
    if not parts:
        return (0, 0, 0), _LAST
    version: Version = (parts[0], parts[1] if len(parts) > 1 else 0, parts[2] if len(parts) > 2 else 0)
    width = 1 if operator == "^" else min(len(parts), 2) if operator.startswith("~") else len(parts)
    above: Version = tuple(n + (i == width - 1) if i < width else 0 for i, n in enumerate(version))  # type: ignore[assignment]
    if operator == ">":
        return above, _LAST
    if operator == ">=":
        return version, _LAST
    if operator == "<":
        return (0, 0, 0), version
    return ((0, 0, 0) if operator == "<=" else version), above


def node_major(project: Project) -> int:
    """The major version of Node for the image: the default if the application allows it, else the newest allowed.

    One that is past its end of life is used when nothing else is allowed, with a warning: the application was
    written for it. The first of .nvmrc, .node-version, volta, mise, asdf and engines that says anything decides.
    """
    for origin, text in _said(project):
        allowed = ranges(_lts(text))
        if not allowed:
            continue
        project.origins["node_major"] = origin
        return _chosen(project, allowed, origin, text)
    project.origins["node_major"] = "default"
    return DEFAULT_MAJOR


def _chosen(project: Project, allowed: list[tuple[Version, Version]], origin: str, text: str) -> int:
    candidates = (DEFAULT_MAJOR, *SUPPORTED_MAJORS)
    whole = [major for major in candidates if _allows(allowed, (major, 10**6, 0), (major, 10**6, 1))]
    some = [major for major in candidates if _allows(allowed, (major, 0, 0), (major + 1, 0, 0))]
    if whole or some:
        return [*whole, *some][0]
    shown = f"{origin} asks for Node {' '.join(text.split())[:40]}"
    # Even numbers first: only they were long-term releases.
    for major in sorted((major for major in _ENDS if major not in SUPPORTED_MAJORS), key=lambda m: (m % 2, -m)):
        if _allows(allowed, (major, 0, 0), (major + 1, 0, 0)):
            project.note(
                f"{shown}, and Node {major} has had no security fixes since {_ENDS[major]}.",
                f"Try the application with Node {DEFAULT_MAJOR} and change {origin} to {DEFAULT_MAJOR}.",
                warning=True,
            )
            return major
    lowest = allowed[0][0][0]
    if SUPPORTED_MAJORS[0] < lowest < 100:
        project.note(f"{shown}, which ecrwiz does not know; the image uses node:{lowest}-slim.", warning=True)
        return lowest
    nearest = SUPPORTED_MAJORS[0] if lowest > SUPPORTED_MAJORS[0] else min(SUPPORTED_MAJORS)
    project.note(
        f"{shown}, which is older than Node {_OLDEST}; the image uses Node {nearest}, the oldest that gets fixes.",
        f"Try the application with Node {nearest} before you push the image.",
        warning=True,
    )
    return nearest


def _allows(allowed: list[tuple[Version, Version]], low: Version, high: Version) -> bool:
    return any(max(low, bottom) < min(high, top) for bottom, top in allowed)


def _lts(text: str) -> str:
    """`lts/jod` as `22`; `lts/*` says nothing, and everything else stays as it is."""
    text = text.strip()
    if not text.lower().startswith("lts/"):
        return text
    name = text[4:].lower()
    first, number = _FIRST_LTS_LETTER
    return str(number + 2 * (ord(name[0]) - ord(first))) if re.fullmatch(r"[a-z]{3,12}", name) else ""


def _said(project: Project) -> Iterator[tuple[str, str]]:
    for name in (".nvmrc", ".node-version"):
        origin, text = project.nearest(name)
        lines = [line.split("#")[0].strip() for line in (text or "").splitlines()]
        yield origin, next((line for line in lines if line), "").removeprefix("node-")
    for package in project.packages:
        yield _of(project, package, "volta"), package.texts("volta").get("node", "")
    for origin, tools in tool_versions(project):
        yield origin, tools.get("node") or tools.get("nodejs") or ""
    for package in project.packages:
        yield _of(project, package, "engines"), package.texts("engines").get("node", "")
        runtime = table(table(package.data.get("devEngines")).get("runtime"))
        if runtime.get("name") == "node" and isinstance(runtime.get("version"), str):
            yield _of(project, package, "devEngines"), runtime["version"]


def _of(project: Project, package: Package, field: str) -> str:
    """The origin's name: plain package.json for `engines`, which is what a person expects there."""
    name = "package.json" if package is project.package else "package.json of the workspace"
    return name if field == "engines" else f"{name} ({field})"


def tool_versions(project: Project) -> Iterator[tuple[str, dict[str, str]]]:
    """The versions that mise and asdf files ask for: where, and version by tool."""
    for name in ("mise.toml", ".mise.toml"):
        origin, text = project.nearest(name)
        if not text:
            continue
        import tomllib  # few applications have such a file

        try:
            tools = table(tomllib.loads(text).get("tools"))
        except (RecursionError, ValueError):  # TOMLDecodeError is a ValueError
            continue
        values = {key: table(value).get("version", value) for key, value in tools.items()}
        firsts = {key: value[0] if isinstance(value, list) and value else value for key, value in values.items()}
        yield origin, {key: str(value) for key, value in firsts.items() if isinstance(value, str | int | float)}
    origin, text = project.nearest(".tool-versions")
    lines = (line.split("#")[0].split() for line in (text or "").splitlines())
    yield origin, {line[0]: line[1] for line in lines if len(line) > 1}

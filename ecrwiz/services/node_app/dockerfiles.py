"""Reads what an existing Dockerfile says; nothing of it is built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Final

from ecrwiz.model.app import DockerfileFacts, Note
from ecrwiz.services.node_app.reading import Files
from ecrwiz.services.node_app.versions import DEFAULT_MAJOR, RELEASES

__all__ = ["MARKER", "dockerfile_notes", "read_dockerfile"]

MARKER: Final = "# Rendered by ecrwiz"
_NAME: Final = "Dockerfile"
_MOST: Final = 2000  # instructions that are read
_LONGEST: Final = 200_000  # characters
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?[-+]([^}]*))?\}|(\w+))")
_HEREDOC = re.compile(r"<<-?([\"']?)([A-Za-z_]\w*)\1")
_SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|PRIVATE_KEY|ACCESS_KEY|API_KEY", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Stage:
    name: str = ""
    expose: tuple[int, ...] = ()
    healthcheck: bool = False
    user: str = ""
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Instruction:
    word: str
    rest: str
    line: int


def read_dockerfile(files: Files, root: Path) -> DockerfileFacts | None:
    """What the Dockerfile of a folder says, or None when there is none.

    The last stage counts, and what it is built on.

    Raises:
        BadInputError: it cannot be read.
    """
    text = files.text(root / _NAME)
    if text is None:
        return None
    stage, args = _Stage(), dict[str, str]()
    stages: dict[str, _Stage] = {}
    names: dict[str, None] = {}
    for instruction in islice(_instructions(text), _MOST):
        if instruction.word == "FROM":
            stage = _from(instruction.rest, stages)
            stages[stage.name or str(len(stages))] = stage
            continue
        if instruction.word == "ARG":
            for name, value in _pairs(instruction.rest):
                names[name] = None
                args[name] = value
        stage = _apply(stage, instruction, args)
        stages[stage.name or str(len(stages) - 1)] = stage
    return DockerfileFacts(
        path=_NAME,
        ours=any(line.startswith(MARKER) for line in text.splitlines()[:5]),
        expose=stage.expose,
        healthcheck=stage.healthcheck,
        user=stage.user,
        names_port=any(re.search(r"\bPORT\b", i.rest) for i in islice(_instructions(text), _MOST)),
        build_args=tuple(names),
    )


def _from(rest: str, stages: dict[str, _Stage]) -> _Stage:
    parts = [part for part in rest.split() if not part.startswith("--")]
    name = parts[2].lower() if len(parts) > 2 and parts[1].lower() == "as" else ""
    return replace(stages.get(parts[0].lower() if parts else "", _Stage()), name=name)


def _apply(stage: _Stage, instruction: _Instruction, args: dict[str, str]) -> _Stage:
    known = {**args, **stage.variables}
    if instruction.word == "ENV":
        return replace(stage, variables={**stage.variables, **dict(_pairs(instruction.rest))})
    if instruction.word == "EXPOSE":
        ports = [*stage.expose]
        for part in _filled(instruction.rest, known).split():
            number, _, protocol = part.partition("/")
            if re.fullmatch(r"[0-9]{1,5}", number) and protocol in ("", "tcp") and 1 <= int(number) <= 65535:
                ports.append(int(number))
        return replace(stage, expose=tuple(dict.fromkeys(ports)))
    if instruction.word == "HEALTHCHECK":
        return replace(stage, healthcheck=not instruction.rest.upper().startswith("NONE"))
    if instruction.word == "USER":
        user = _filled(instruction.rest, known).strip()
        return replace(stage, user="" if user.split(":")[0] in ("root", "0") else user)
    return stage


def _filled(text: str, known: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda match: known.get(match[1] or match[3], match[2] or ""), text)


def _pairs(rest: str) -> Iterator[tuple[str, str]]:
    """The names and values of an ARG or ENV."""
    if "=" not in rest:
        name, _, value = rest.strip().partition(" ")
        if re.fullmatch(r"\w+", name):
            yield name, value.strip()
        return
    for match in re.finditer(r"(\w+)(?:=(\"[^\"]*\"|'[^']*'|\S*))?", rest):
        yield match[1], (match[2] or "").strip("\"'")


def _instructions(text: str) -> Iterator[_Instruction]:
    """The instructions, with continued lines joined and comments and here-documents left out."""
    escape = "`" if re.match(r"(?:#.*\n)*#\s*escape\s*=\s*`", text, re.IGNORECASE) else "\\"
    current, began, until = "", 0, ""
    for number, line in enumerate(text[:_LONGEST].splitlines(), 1):
        if until:
            until = "" if line.strip() == until else until
            continue
        if line.lstrip().startswith("#") or (not line.strip() and not current):
            continue
        began = began or number
        stripped = line.rstrip()
        if stripped.endswith(escape):
            current += stripped[:-1] + " "
            continue
        word, _, rest = (current + stripped).strip().partition(" ")
        yield _Instruction(word.upper(), rest.strip(), began)
        heredoc = _HEREDOC.search(rest) if word.upper() in ("RUN", "COPY", "ADD") else None
        until = heredoc[2] if heredoc else ""
        current, began = "", 0
    if current.strip():
        word, _, rest = current.strip().partition(" ")
        yield _Instruction(word.upper(), rest.strip(), began)


def dockerfile_notes(files: Files, root: Path, facts: DockerfileFacts) -> Iterator[Note]:
    """Where the pipeline would trip over a Dockerfile that the person wrote."""
    text = files.text(root / _NAME) or ""
    if not facts.expose and not facts.names_port:
        yield Note(
            "The Dockerfile has no EXPOSE and never names PORT, so the port to try the image on is a guess.",
            "Add an EXPOSE line, or answer with --set port=...",
            warning=True,
        )
    elif not facts.names_port:
        shown = ", ".join(map(str, facts.expose))
        yield Note(f"The Dockerfile never names PORT: the image is tried on {shown}, which its EXPOSE says.")
    if not facts.user:
        yield Note("The Dockerfile sets no USER, so the container runs as root.", "Add a USER line at its end.")
    if facts.healthcheck:
        yield Note("The Dockerfile has a HEALTHCHECK; Amazon ECS looks only at the one in its task definition.")
    args: dict[str, str] = {}
    for instruction in islice(_instructions(text), _MOST):
        if instruction.word == "ARG":
            args.update(_pairs(instruction.rest))
        yield from _instruction_notes(instruction, root)
        if instruction.word == "FROM":
            yield from _old_node(instruction, args)


def _old_node(instruction: _Instruction, args: dict[str, str]) -> Iterator[Note]:
    """A base image with a Node that gets no more fixes."""
    words = [word for word in _filled(instruction.rest, args).split() if not word.startswith("--")]
    match = re.fullmatch(r"(?:[\w.:-]+/){0,4}node:v?([0-9]{1,3})(?:[.-][\w.-]*)?(?:@\S*)?", words[0]) if words else None
    major = int(match[1]) if match else 0
    ends = {release.major: release.end for release in RELEASES if not release.supported}
    known = [release.major for release in RELEASES]
    if match and (major in ends or major < min(known)):
        since = f"since {ends[major]}" if major in ends else "for years"
        yield Note(
            f"{_NAME}:{instruction.line} uses {words[0][:80]}, and Node {major} has had no security fixes {since}.",
            f"Try the application with Node {DEFAULT_MAJOR}, and name node:{DEFAULT_MAJOR} there.",
            warning=True,
        )


def _instruction_notes(instruction: _Instruction, root: Path) -> Iterator[Note]:
    where = f"{_NAME}:{instruction.line}"
    rest = instruction.rest
    if instruction.word in ("COPY", "ADD") and "--from=" not in rest:
        sources = [part for part in rest.split() if not part.startswith("--")][:-1]
        if any(re.search(r"(?:^|/)\.env(?:$|\.(?!example))", source) for source in sources):
            yield Note(
                f"{where} copies an env file into the image, where everybody who can pull it reads it.",
                "Give its values to the container when it runs.",
                warning=True,
            )
        missing = [s for s in sources if re.fullmatch(r"(?:\./)?[\w.-]{1,200}/?", s) and not (root / s).exists()]
        if missing:
            yield Note(
                f"{where} copies {missing[0]}, which is not there; the build will fail.",
                "Build it first, or build it inside the image.",
                warning=True,
            )
    if instruction.word in ("ARG", "ENV"):
        for name, value in _pairs(rest):
            if _SECRET.search(name) and (value or instruction.word == "ARG"):
                yield Note(
                    f"{where} takes {name} by {instruction.word}, and its value stays readable in the image's history.",
                    "Use RUN --mount=type=secret in a build, or give it to the container when it runs.",
                    warning=True,
                )
    if instruction.word == "RUN" and "--mount=type=ssh" in rest:
        yield Note(f"{where} wants an SSH agent, which ecrwiz does not pass to builds.", warning=True)
    if instruction.word == "FROM" and re.match(r"(?:--\S+\s+)*[^\s:@$]+(?::latest)?(?:\s|$)", rest):
        image = next(part for part in rest.split() if not part.startswith("--"))
        if "/" in image or image.lower().removesuffix(":latest") in (
            "node",
            "alpine",
            "debian",
            "ubuntu",
            "python",
            "golang",
            "nginx",
            "ruby",
        ):
            yield Note(f"{where} uses {image} without a version, which changes under the application one day.")

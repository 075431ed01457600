"""The port that an application's code uses, and the address that it listens on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Final

from ecrwiz.services.node_app.reading import Project
from ecrwiz.services.node_app.sources import Source, Sources

__all__ = ["Listening", "find_port"]

_CALL: Final = re.compile(
    rb"\.listen\s*\(|\b(?:Bun\.)?serve\s*\(\s*(?=\{)|\bnew\s+(?:Hapi\.)?Server\s*\(|\bHapi\.server\s*\("
)
_READS_PORT: Final = re.compile(rb"\benv(?:\.|\[['\"])PORT\b|\bget(?:OrThrow)?(?:<\w{1,30}>)?\(\s{0,9}['\"]PORT['\"]")
_TAKEN_FROM_ENV: Final = re.compile(rb"\}[ \t]{0,9}=[ \t]{0,9}process\.env\b")
_MOST_CALLS: Final = 20  # in one file
_ENV: Final = re.compile(rb"\benv(?:\.|\[['\"])([A-Z][A-Z0-9_]{0,60})\b")
_GET: Final = re.compile(rb"\bget(?:OrThrow)?(?:<\w+>)?\(\s*['\"]([A-Z][A-Z0-9_]{0,60})['\"]")
_DEFAULT: Final = re.compile(rb"(?:\|\||\?\?|,|\?\s*[^:]{1,60}:)\s*[\"']?(\d{2,5})\b")
# The address stands alone: `process.env.HOST || 'localhost'` can be told another.
_LOOPBACK: Final = re.compile(rb"(?:,|\bhost(?:name)?\s*:)\s*[\"'`](localhost|127\.0\.0\.1|::1)[\"'`]")
_USUAL: Final = ("main", "server", "index", "app", "www", "start")
_LOOKED_AT: Final = 400  # bytes behind `listen(`


@dataclass(frozen=True, slots=True)
class Listening:
    """What the code says about the port.

    Attributes:
        port: the number; 0 when the code names none.
        where: `path:line`.
        fixed: it listens on `port` whatever the environment says.
        variable: the environment variable that it reads the port from; empty when none.
    """

    port: int = 0
    where: str = ""
    fixed: bool = False
    variable: str = ""


def find_port(project: Project, sources: Sources, start: str) -> Listening:
    """What the application's own sources say about its port; adds a note on an address that nobody else reaches.

    Args:
        project: the application.
        sources: what was read of it.
        start: the command that starts it: the file in it is looked at first.
    """
    own = [source for source in sources.files if source.own and not source.path.endswith((".html", ".vue", ".svelte"))]
    reads_port = any(b"PORT" in source.text and _reads_port(source.text) for source in own)
    found: list[tuple[int, Listening]] = []
    for source in own:
        if b"listen" not in source.text and b"erver(" not in source.text and b"serve(" not in source.text:
            continue
        for match in islice(_CALL.finditer(source.text), _MOST_CALLS):
            if _is_comment(source.text, match.start()):
                continue
            where = f"{source.path}:{source.line_of(match.start())}"
            arguments = _arguments(source.text, match.end())
            _note_address(project, arguments, where)
            said = _classify(_port_expression(arguments), source, where)
            if said is not None:
                found.append((_rank(source.path, start), said))
    if not found:
        return Listening()
    said = min(found, key=lambda pair: pair[0])[1]
    if said.fixed and reads_port:
        return Listening(said.port, said.where)
    return said


def _reads_port(text: bytes) -> bool:
    if _READS_PORT.search(text):
        return True
    taken = (text[max(0, match.start() - 300) : match.start()] for match in _TAKEN_FROM_ENV.finditer(text))
    return any(re.search(rb"\bPORT\b", part.rsplit(b"{", 1)[-1]) for part in taken)


def _rank(path: str, start: str) -> int:
    stem = path.rsplit("/", 1)[-1].split(".")[0]
    if path.rsplit(".", 1)[0] in start or path in start:
        return 0
    # The build of src/main.ts is dist/main.js.
    if re.search(rf"(?:^|[/\s]){re.escape(stem)}(?:\.\w+)?(?:\s|$)", start):
        return 1 + path.count("/")
    return (10 if stem in _USUAL else 30) + path.count("/")


def _is_comment(text: bytes, offset: int) -> bool:
    line = text[text.rfind(b"\n", 0, offset) + 1 : offset].lstrip()
    return line.startswith((b"//", b"*", b"/*", b"#"))


def _arguments(text: bytes, start: int) -> bytes:
    """What stands between the brackets of a call, at most so many bytes."""
    part = text[start : start + _LOOKED_AT]
    depth = 1
    for index, byte in enumerate(part):
        depth += (byte in b"({[") - (byte in b")}]")
        if depth == 0:
            return part[:index]
    return part


def _first_argument(text: bytes) -> bytes:
    depth = 0
    for index, byte in enumerate(text):
        depth += (byte in b"({[") - (byte in b")}]")
        if depth < 0 or (depth == 0 and byte == ord(",")):
            return text[:index].strip()
    return text.strip()


def _port_expression(arguments: bytes) -> bytes:
    stripped = arguments.strip()
    if not stripped.startswith(b"{"):
        return _first_argument(stripped)
    match = re.search(rb"(?<![\w$.])port\s*(:|,|\}|$)", stripped)
    if match is None:
        return b""
    return _first_argument(stripped[match.end() :]) if match[1] == b":" else b"port"


def _classify(expression: bytes, source: Source, where: str, depth: int = 0) -> Listening | None:
    """What an expression says about the port; None when it says nothing."""
    expression = re.sub(rb"^(?:Number|parseInt|\+|String)\s*\(?", b"", expression.strip()).strip()
    number = re.match(rb"[\"'(]?(\d{2,5})[\"')]*(?:,\s*10\)?)?$", expression)
    if number and 1 <= int(number[1]) <= 65535:
        return Listening(int(number[1]), where, fixed=True)
    variable = _ENV.search(expression) or _GET.search(expression)
    if variable:
        default = _DEFAULT.search(expression, variable.end())
        port = int(default[1]) if default and int(default[1]) <= 65535 else 0
        return Listening(port, where, variable=variable[1].decode())
    name = re.match(rb"([A-Za-z_$][\w$]*)\b(?!\s*[.(])", expression)
    if name is None or depth > 2:
        return None
    word = re.escape(name[1])
    taken = re.search(rb"\{([^{}]{0,400})\}\s*=\s*(?:process|Bun)\.env\b", source.text)
    if taken and (
        part := re.search(rb"(?:([A-Z][A-Z0-9_]*)\s*:\s*)?\b" + word + rb"\b(?:\s*=\s*[\"']?(\d+))?", taken[1])
    ):
        port = int(part[2]) if part[2] and len(part[2]) <= 5 else 0
        return Listening(port, where, variable=(part[1] or name[1]).decode())
    assigned = re.search(rb"\b(?:const|let|var)\s+" + word + rb"\s*(?::\s*[\w| ]+)?=\s*([^;\n]{1,200})", source.text)
    if assigned is None:
        return None
    line = f"{source.path}:{source.line_of(assigned.start())}"
    return _classify(assigned[1], source, line, depth + 1)


def _note_address(project: Project, arguments: bytes, where: str) -> None:
    loopback = _LOOPBACK.search(arguments)
    if loopback:
        project.note(
            f"{where} listens on {loopback[1].decode()}, which nothing outside the container reaches.",
            "Listen on 0.0.0.0, which a rendered image has in HOSTNAME.",
            warning=True,
        )
    # Fastify's own default is localhost (fastify.dev, Server.listen).
    elif project.package.runs("fastify") and not project.package.runs("@nestjs/core"):
        options = arguments.strip()
        if re.match(rb"\{[^}]*\bport\b", options) and not re.search(rb"\bhost\b|\bpath\b|\.\.\.", options):
            project.note(
                f"{where} names no host, and Fastify then listens on localhost, which nothing outside reaches.",
                "Write listen({ port, host: '0.0.0.0' }).",
                warning=True,
            )

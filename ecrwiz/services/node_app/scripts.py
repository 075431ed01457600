"""Turns a script of package.json into one simple command that needs no package manager."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = [
    "Command",
    "port_in",
    "quoted",
    "read_script",
    "replace_port",
    "replace_port_in_shell",
    "safe_environment",
]

_DEEPEST: Final = 8  # scripts that call scripts
_LONGEST: Final = 2000
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_OPERATOR = re.compile(r"&&|\|\||[;|&<>()\n]")
# Signs by which a shell would change a word that shlex gives as it stands.
_EXPANDED = re.compile(r"[`*?\[\]~{}\\]|\$\(")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::?-([\w./:-]*))?\}|([A-Za-z_]\w*))")
_WITH_VARIABLE = re.compile(r"(?:[\w./:=@,+-]|\$\{[A-Za-z_]\w*(?::?-[\w./:-]*)?\}|\$[A-Za-z_]\w*)+")
_PORT_FLAG = re.compile(r"(?:-p|--port)(?:=|$)")
_HOST_FLAG = re.compile(r"(?:--host|--hostname)(?:=|$)")
# What .dockerignore keeps out of every image; Node ends at once when such a file is missing.
_ENV_FILE = re.compile(r"(?:[\w./@+-]*/)?\.env(?:\.[\w.-]*)?")
_ENV_FILE_FLAG = re.compile(r"--env-file(?:-if-exists)?(?:=(.*))?")
_ENV_FILE_IN_SHELL = re.compile(
    r"\s--env-file(?:-if-exists)?(?:=|\s+)([\"']?)(?:[\w./@+-]*/)?\.env(?:\.[\w.-]*)?\1(?=\s|$)"
)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

# What only hands on to the command behind it.
_WRAPPERS: Final = frozenset(
    {"cross-env", "cross-env-shell", "env", "exec", "npx", "bunx", "pnpx", "dotenv", "env-cmd"}
)
_ENV_FILES: Final = frozenset({"dotenv", "env-cmd"})
_OPTIONS_WITH_VALUE: Final = frozenset({"-e", "-f", "--file", "-p", "--package", "-c", "-r", "--environments"})
_MANAGERS: Final = frozenset({"npm", "yarn", "pnpm", "bun"})
_RUNS: Final = frozenset({"run", "run-script"})


@dataclass
class Command:
    """A command read from a script.

    Attributes:
        words: its words; empty when it needs a shell.
        shell: the whole script when it needs a shell, else empty.
        environment: the assignments before it.
        before: the commands that the script ran first.
        env_files: it was read through a program, or had an option, that loads a .env file.
        script: the name of the script that it stands in.
    """

    words: list[str] = field(default_factory=list)
    shell: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    before: list[str] = field(default_factory=list)
    env_files: bool = False
    script: str = ""

    @property
    def program(self) -> str:
        """The name of the program, without its folder."""
        return self.words[0].rsplit("/", 1)[-1] if self.words else ""

    @property
    def text(self) -> str:
        """The command as POSIX shell, to stand behind `exec`."""
        if self.shell:
            return f"sh -c {shlex.quote(self.shell)}"
        return " ".join(quoted(word) for word in self.words)


def quoted(word: str) -> str:
    """A word as POSIX shell: nothing in it is expanded but variables, an unset one to nothing."""
    if "$" in word and _WITH_VARIABLE.fullmatch(word):

        def value(match: re.Match[str]) -> str:
            name = match[1] or match[3]
            if name in ("PORT", "HOSTNAME"):
                return f"${name}" if match.end() == len(word) else f"${{{name}}}"
            return f"${{{name}:-{match[2] or ''}}}"

        return '"' + _VARIABLE.sub(value, word) + '"'
    return shlex.quote(word)


def read_script(name: str, scripts: Mapping[str, str], *, depth: int = 0) -> Command:
    """The command that a script comes down to.

    Scripts that it calls through a package manager are followed. Of commands joined by `&&` the last is taken.

    Args:
        name: the script's name; it must be one of `scripts`.
        scripts: the scripts of package.json.
        depth: how many scripts led here.
    """
    text = scripts[name].strip()
    without = _ENV_FILE_IN_SHELL.sub("", text)
    whole = Command(shell=without, script=name, env_files=without != text)
    if depth > _DEEPEST or len(text) > _LONGEST:
        return whole
    try:
        # Without comments: a shell script in package.json has none, and a # in an address is no comment.
        parts = _split(text)
        found = [shlex.split(part) for part in parts]
    except ValueError:
        return whole
    if not found or not found[-1] or any(_needs_shell(part) for part in parts[-1:]):
        return whole
    command = Command(script=name, before=[part.strip() for part in parts[:-1]])
    _unwrap(found[-1], command)
    _drop_env_files(command)
    if not command.words:
        return whole
    called = _called(command.words, scripts)
    if called is None:
        command.words = _without_manager(command.words)
        return command
    inner_name, arguments = called
    inner = read_script(inner_name, scripts, depth=depth + 1)
    if inner.shell and arguments:
        inner.shell += " " + shlex.join(arguments)
    else:
        inner.words += arguments
    inner.environment = {**command.environment, **inner.environment}
    inner.before = [*command.before, *inner.before]
    inner.env_files |= command.env_files
    return inner


def _split(text: str) -> list[str]:
    """The commands between `&&`; raises ValueError when the script has another operator outside quotes."""
    parts, current = [], ""
    for piece in re.findall(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|&&|.", text):
        if piece == "&&":
            parts.append(current)
            current = ""
        elif len(piece) == 1 and _OPERATOR.match(piece):
            raise ValueError(piece)
        else:
            current += piece
    return [*parts, current]


def _needs_shell(part: str) -> bool:
    unquoted = re.sub(r"'[^']*'", "", part)
    if "$(" in unquoted or "`" in unquoted:
        return True
    # Single quotes keep a $ from being a variable; shlex does not say afterwards which it was.
    single = any("$" in quoted_part for quoted_part in re.findall(r"'[^']*'", part))
    bare = re.sub(r"\"(?:\\.|[^\"\\])*\"", "", unquoted)
    if single or _EXPANDED.search(_VARIABLE.sub("", bare)):
        return True
    return any("$" in word and not _WITH_VARIABLE.fullmatch(word) for word in shlex.split(part))


def _unwrap(words: list[str], command: Command) -> None:
    """Take assignments and programs that only hand on from the front."""
    waiting = list(words)
    while waiting:
        if match := _ASSIGNMENT.fullmatch(waiting[0]):
            command.environment[match[1]] = match[2]
            waiting.pop(0)
        elif waiting[0] in _WRAPPERS:
            program = waiting.pop(0)
            command.env_files |= program in _ENV_FILES
            _drop_options(waiting)
        elif waiting[0] in _MANAGERS and waiting[1:2] in (["exec"], ["dlx"], ["x"], ["--bun"]):
            del waiting[:2]
            _drop_options(waiting)
            if waiting[:1] == ["run"]:  # bun --bun run X
                waiting.insert(0, "bun")
                break
        else:
            break
    command.words = waiting


def _drop_options(waiting: list[str]) -> None:
    while waiting and waiting[0].startswith("-"):
        option = waiting.pop(0)
        if option == "--":
            return
        if option in _OPTIONS_WITH_VALUE and waiting:
            waiting.pop(0)


def _drop_env_files(command: Command) -> None:
    kept: list[str] = []
    waiting = list(command.words)
    while waiting:
        word = waiting.pop(0)
        flag = _ENV_FILE_FLAG.fullmatch(word)
        value = (flag[1] if flag[1] is not None else "".join(waiting[:1])) if flag else ""
        if flag is None or not _ENV_FILE.fullmatch(value):
            kept.append(word)
            continue
        command.env_files = True
        if flag[1] is None:
            del waiting[:1]
    command.words = kept


def _called(words: list[str], scripts: Mapping[str, str]) -> tuple[str, list[str]] | None:
    """The script that a command runs through a package manager, and what it hands to it."""
    if words[0] == "node" and words[1:2] == ["--run"] and len(words) > 2:
        words = ["npm", "run", *words[2:]]
    if words[0] not in _MANAGERS:
        return None
    rest = [word for word in words[1:] if word not in ("-s", "--silent")]
    if rest[:1] and rest[0] in _RUNS:
        rest = rest[1:]
    elif words[0] == "npm" and rest[:1] != ["start"]:
        return None  # npm runs nothing else by its bare name
    rest = [word for index, word in enumerate(rest) if index or word not in ("-s", "--silent")]
    if not rest or rest[0] not in scripts:
        return None
    arguments = rest[1:]
    return rest[0], [word for word in arguments if word != "--"] if words[0] == "npm" else arguments


def _without_manager(words: list[str]) -> list[str]:
    """`yarn next start` and `bun run src/index.ts` without what only hands on."""
    if words[0] in ("yarn", "pnpm") and len(words) > 1 and words[1] not in _RUNS and re.match(r"[\w@.]", words[1]):
        return words[1:]
    if words[:2] == ["bun", "run"] and len(words) > 2:
        return ["bun", *words[2:]]
    return words


def port_in(command: Command) -> int | None:
    """The port that a command names, as an option or by PORT=."""
    texts = [command.environment.get("PORT", "")]
    for index, word in enumerate(command.words):
        if _PORT_FLAG.match(word):
            texts.append(word.partition("=")[2] or "".join(command.words[index + 1 : index + 2]))
    if command.shell:
        texts += re.findall(r"(?:(?<![\w-])(?:-p|--port)(?:\s+|=)|\bPORT=)[\"']?(\d{1,5})(?!\d)", command.shell)
    ports = (int(text) for text in texts if re.fullmatch(r"[0-9]{1,5}", text))
    return next((port for port in ports if 1 <= port <= 65535), None)


def replace_port(words: list[str], *, host: bool = True) -> list[str]:
    """The words with a port, and an address that only this machine reaches, replaced by the image's own."""
    found = list(words)
    for index, word in enumerate(words):
        flag, equals, value = word.partition("=")
        last = index + 1 >= len(words)
        if not equals:
            value = "" if last else words[index + 1]
        new = ""
        if _PORT_FLAG.match(word) and re.fullmatch(r"[0-9]{1,5}", value):
            new = "$PORT"
        elif host and _HOST_FLAG.match(word) and value in _LOOPBACK:
            new = "$HOSTNAME"
        if new and equals:
            found[index] = f"{flag}={new}"
        elif new:
            found[index + 1] = new
    return found


def replace_port_in_shell(text: str) -> str:
    """The same for a script that needs a shell."""
    text = re.sub(r"(?:\bcross-env\s+)?\bPORT=[\"']?\d{1,5}[\"']?\s+", "", text)
    return re.sub(r"((?<![\w-])(?:-p|--port)(?:\s+|=))[\"']?\d{1,5}(?![\d.])[\"']?", r"\1$PORT", text)


def safe_environment(values: Mapping[str, str]) -> dict[str, str]:
    """The assignments that an image needs: not those that it makes itself, and only values of one line."""
    own = {"PORT", "HOSTNAME", "HOST"}
    kept = {name: value for name, value in values.items() if name not in own and value.isprintable()}
    if kept.get("NODE_ENV") == "production":
        del kept["NODE_ENV"]
    # A value made of other variables would need a shell to be read.
    return {name: value for name, value in kept.items() if "$" not in value and "`" not in value}

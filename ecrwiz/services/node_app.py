"""Reads what a Node application is from its files; nothing of it is run and node_modules is never walked."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from ecrwiz.model.app import NodeApp
from ecrwiz.model.errors import BadInputError
from ecrwiz.model.validation import suggest_name

__all__ = ["DEFAULT_PORT", "SUPPORTED_MAJORS", "detect", "suggest"]

SUPPORTED_MAJORS: Final = (24, 22, 20)
DEFAULT_PORT: Final = 3000
_LARGEST: Final = 5_000_000  # bytes of a file that is read

# The order in which Next itself looks for its configuration.
_CONFIGS: Final = ("next.config.js", "next.config.mjs", "next.config.cjs", "next.config.ts")
_LOCKFILES: Final[Mapping[str, tuple[str, ...]]] = {
    # yarn.lock first, as in Next's own example: a stray `npm install` leaves a package-lock.json beside it.
    "yarn": ("yarn.lock",),
    "npm": ("package-lock.json", "npm-shrinkwrap.json"),
    "pnpm": ("pnpm-lock.yaml",),
    "bun": ("bun.lock", "bun.lockb"),
}
_INSTALL_SCRIPTS: Final = ("preinstall", "install", "postinstall", "prepare")
_LTS_NAMES: Final = {"iron": 20, "jod": 22, "krypton": 24}

_TOKEN = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)"
    r"|(?P<string>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)"
    r"|(?P<word>[\w$]+)|(?P<other>\S)",
    re.DOTALL,
)
_PORT = re.compile(r"(?:(?<![\w-])(?:-p|--port)(?:\s+|=)|\bPORT=)[\"']?(\d{1,5})(?!\d)")
_PART = r"(?:\.(\d+|[xX*]))?"
_COMPARATOR = re.compile(r"(\^|~>?|>=|<=|>|<|=)?\s*v?(\d+|[xX*])" + _PART + _PART + r"(?:[-+]\S*)?")

_Version = tuple[int, int, int]
_LAST: Final[_Version] = (10**9, 0, 0)


def detect(root: Path) -> NodeApp:
    """Read the application in a folder.

    Args:
        root: the folder that holds package.json.

    Raises:
        BadInputError: no package.json, one that cannot be read, or a package manager that this version of
            ecrwiz does not render for.
    """
    package = _package(root)
    origins: dict[str, str] = {}
    name = package.get("name")
    origins["name"] = "package.json" if isinstance(name, str) and name else "the folder's name"
    manager, lockfile = _manager(root, package, origins)
    framework = _framework(package, origins)
    configs = _CONFIGS if framework == "next" else ()
    config_file = next((name for name in configs if (root / name).is_file()), "")
    standalone = bool(config_file) and _is_standalone(_text(root / config_file) or "")
    if config_file:
        origins["config_file"] = origins["standalone"] = config_file
    return NodeApp(
        name=name if isinstance(name, str) and name else root.resolve().name,
        framework=framework,
        manager=manager,
        lockfile=lockfile,
        package_files=_package_files(root, package, manager, lockfile),
        node_major=_node_major(root, package, origins),
        standalone=standalone,
        config_file=config_file,
        has_public=(root / "public").is_dir(),
        # `next dev` makes a .next as well; only a finished `next build` leaves a BUILD_ID.
        built_on_host=(root / ".next" / "BUILD_ID").is_file() and (root / "node_modules").is_dir(),
        port=_port(package, origins),
        origins=origins,
    )


def suggest(root: Path, app: NodeApp) -> dict[str, tuple[str, str]]:
    """Answers that the application's files suggest.

    Args:
        root: the application's folder.
        app: what `detect` read in it.

    Returns:
        A map of answer to (raw value, where it came from).
    """
    scopeless = app.name.rsplit("/", 1)[-1]
    source = app.origins.get("name", "package.json")
    if suggest_name(scopeless) == suggest_name(""):  # nothing of the name can be used
        scopeless, source = root.resolve().name, "the folder's name"
    return {
        "project_id": (suggest_name(scopeless), source),
        "app": ("nextjs" if app.framework == "next" else "node", "package.json"),
        "port": (str(app.port), "package.json"),
    }


def _package(root: Path) -> dict[str, Any]:
    text = _text(root / "package.json")
    if text is None:
        raise BadInputError(
            f"There is no package.json in {root}, so this is not a Node application's folder.",
            "Change to the application's folder, or name it with -C DIR.",
        )
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        place = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        sentence = f"{root / 'package.json'} is not valid JSON{place}."
        raise BadInputError(sentence, "Mend it: `npm pkg get name` shows the same error.") from error
    if not isinstance(data, dict):
        sentence = f"{root / 'package.json'} holds no JSON object."
        raise BadInputError(sentence, "It starts with { and ends with }.")
    return data


def _text(path: Path) -> str | None:
    try:
        # Looked at before it is opened: a clone may hold a link to a device, and some act on being opened.
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadInputError(f"{path} is no ordinary file.", "Replace it by a file.")
        # Some files of /proc are ordinary by their look and would let the reader wait for ever.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            data = file.read(_LARGEST + 1) or b""
        if len(data) > _LARGEST:
            raise BadInputError(
                f"{path} is larger than {_LARGEST // 1_000_000} MB.", "Make it smaller or move it away."
            )
        return data.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path} is not UTF-8 text.", "Save it as UTF-8 and try again.") from error
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error


def _table(package: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = package.get(key)
    return value if isinstance(value, dict) else {}


def _framework(package: Mapping[str, Any], origins: dict[str, str]) -> Literal["next", "node"]:
    origins["framework"] = "package.json"
    found = "next" in _table(package, "dependencies") or "next" in _table(package, "devDependencies")
    return "next" if found else "node"


def _manager(root: Path, package: Mapping[str, Any], origins: dict[str, str]) -> tuple[Literal["npm", "yarn"], str]:
    """The package manager and its lockfile: the field `packageManager` decides, then the lockfiles."""
    declared, _, version = str(package.get("packageManager") or "").partition("@")
    present: dict[str, str] = {}
    for manager, names in _LOCKFILES.items():
        if found := next((name for name in names if (root / name).is_file()), ""):
            present[manager] = found
    manager = declared if declared in _LOCKFILES else next(iter(present), "npm")
    lockfile = present.get(manager, "")
    origins["manager"] = "package.json" if manager == declared else lockfile or "default"
    if lockfile:
        origins["lockfile"] = lockfile
    # Only Yarn 2 and later writes __metadata into its lockfile.
    lock = _text(root / "yarn.lock") or ""
    modern = (manager == declared and version[:1] > "1") or "\n__metadata:" in lock
    if manager == "yarn" and not modern:
        return "yarn", lockfile
    if manager == "npm":
        return "npm", lockfile
    shown = "Yarn 2 or later" if manager == "yarn" else manager
    raise BadInputError(
        f"This application is installed with {shown} (says {origins['manager']}); "
        "in this version ecrwiz renders for npm and Yarn 1.",
        "To use npm, remove the other lockfile and the packageManager field, and run `npm install` once.",
    )


def _package_files(root: Path, package: Mapping[str, Any], manager: str, lockfile: str) -> tuple[str, ...]:
    wanted = ["package.json", lockfile, ".npmrc", ".yarnrc" if manager == "yarn" else ""]
    scripts = " ".join(str(_table(package, "scripts").get(name, "")) for name in _INSTALL_SCRIPTS).strip()
    if scripts:
        # They run during the install, when the rest of the application is not in the image yet.
        wanted += ["patches" if "patch-package" in scripts else "", "prisma" if "prisma" in scripts else ""]
        wanted += re.findall(r"(?<![\w./-])(?:\./)?(\w[\w-]*(?:/[\w-][\w.-]*)*\.[cm]?[jt]s)\b", scripts)
    found = (name for name in dict.fromkeys(wanted) if name and (root / name).exists())
    return tuple(found)


def _port(package: Mapping[str, Any], origins: dict[str, str]) -> int:
    origins["port"] = "package.json"
    found = _PORT.search(str(_table(package, "scripts").get("start", "")))
    return int(found[1]) if found and 1 <= int(found[1]) <= 65535 else DEFAULT_PORT


def _is_standalone(config: str) -> bool:
    """Whether a Next configuration sets `output` to 'standalone' in so many words.

    A condition (`output: process.env.X ? 'standalone' : undefined`) counts as no: an image made without
    the standalone form works for both, one made with it fails when the form was not made.
    """
    tokens = [match for match in _TOKEN.finditer(config) if match.lastgroup != "comment"]
    texts = [token[0][1:-1] if token.lastgroup == "string" else token[0] for token in tokens]
    return any(
        texts[i : i + 3] in (["output", ":", "standalone"], ["output", "=", "standalone"])
        and tokens[i + 2].lastgroup == "string"
        and texts[i + 3 : i + 4] not in (["="], ["?"])
        for i in range(len(tokens) - 2)
    )


def _node_major(root: Path, package: Mapping[str, Any], origins: dict[str, str]) -> int:
    """The newest supported major that the application's own word on Node allows."""
    said = {name: (_text(root / name) or "").strip() for name in (".nvmrc", ".node-version")}
    said["package.json"] = str(_table(package, "engines").get("node") or "").strip()
    for origin, text in said.items():
        ranges = _ranges(text)
        if not ranges:
            continue
        origins["node_major"] = origin
        newest = [major for major in SUPPORTED_MAJORS if _allows(ranges, (major, 10**6, 0), (major, 10**6, 1))]
        some = [major for major in SUPPORTED_MAJORS if _allows(ranges, (major, 0, 0), (major + 1, 0, 0))]
        # When a version is asked for that is too old or too new: the nearest, shown with its origin.
        oldest = SUPPORTED_MAJORS[-1]
        nearest = oldest if ranges[0][0] < (oldest, 0, 0) else SUPPORTED_MAJORS[0]
        return [*newest, *some, nearest][0]
    origins["node_major"] = "default"
    return SUPPORTED_MAJORS[0]


def _allows(ranges: list[tuple[_Version, _Version]], low: _Version, high: _Version) -> bool:
    return any(max(low, bottom) < min(high, top) for bottom, top in ranges)


def _ranges(text: str) -> list[tuple[_Version, _Version]]:
    """The half-open version ranges in an `engines.node` or `.nvmrc` text; none for a text that names none."""
    text = text.removeprefix("lts/")
    if text in _LTS_NAMES:
        text = str(_LTS_NAMES[text])
    found = []
    for alternative in text.split("||"):
        low, high = (0, 0, 0), _LAST
        hyphen = re.sub(r"(\S+)\s+-\s+(\S+)", r">=\1 <=\2", alternative.strip())
        comparators = list(_COMPARATOR.finditer(hyphen))
        if not comparators or _COMPARATOR.sub("", hyphen).strip():
            continue
        for comparator in comparators:
            bottom, top = _interval(comparator)
            low, high = max(low, bottom), min(high, top)
        found.append((low, high))
    return sorted(found)


def _interval(comparator: re.Match[str]) -> tuple[_Version, _Version]:
    operator = comparator[1] or ""
    parts = [int(part) for part in comparator.groups()[1:] if part and part.isdigit()]
    if not parts:
        return (0, 0, 0), _LAST
    version: _Version = (parts[0], parts[1] if len(parts) > 1 else 0, parts[2] if len(parts) > 2 else 0)
    width = 1 if operator == "^" else min(len(parts), 2) if operator.startswith("~") else len(parts)
    above: _Version = tuple(n + (i == width - 1) if i < width else 0 for i, n in enumerate(version))  # type: ignore[assignment]
    if operator == ">":
        return above, _LAST
    if operator == ">=":
        return version, _LAST
    if operator == "<":
        return (0, 0, 0), version
    return ((0, 0, 0) if operator == "<=" else version), above

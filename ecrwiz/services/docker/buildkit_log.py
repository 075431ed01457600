"""BuildKit's plain progress: how far a build is, and why it failed.

Its lines begin with the number of a piece of work, such as `#7 [deps 3/5] RUN npm ci`, `#7 1.204 what it printed`,
`#7 DONE 3.1s`, `#7 CACHED` and `#7 ERROR: why`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from ecrwiz.model.errors import EcrwizError, ToolFailedError
from ecrwiz.model.ports import OnProgress
from ecrwiz.model.redact import clean_line, plain
from ecrwiz.services.docker.build_faults import build_hint, buildkit_fault, unwrapped
from ecrwiz.services.docker.faults import engine_fault, no_answer
from ecrwiz.services.docker.records import cause_of, short
from ecrwiz.services.docker.tables import sentence

__all__ = ["BuildKitLog"]

_LINE: Final = re.compile(r"^#(\d+) (.*)")
_NAMED: Final = re.compile(
    r"^\[(?!internal\])(?:\S+/\S+ )?(?:(?P<stage>\S+) +)?(?P<step>\d+)/(?P<count>\d+)\] (?P<what>.*)"
)
_PRINTED: Final = re.compile(r"^\d+\.\d+ ?(.*)")
_SENT: Final = re.compile(r"^transferring context: (\d+(?:\.\d+)?) ?([kMGT]?)B\b")
_PULLED: Final = re.compile(r"^sha256:\w+ (\d+(?:\.\d+)?) ?([kMGT]?)B / (\d+(?:\.\d+)?) ?([kMGT]?)B\b")
_EXIT: Final = re.compile(r"exit code: (\d+)")
_LAST: Final = re.compile(r"^(?:ERROR:|error:|failed to|executor failed|could not|unknown flag)", re.IGNORECASE)
_NOISE: Final = ("View build details", "See 'docker", "Usage:", "DEPRECATED", "Run 'docker")
_SENDING: Final = "sending the files to the Docker engine"
_METADATA: Final = "[internal] load metadata for "
_UNITS: Final = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@dataclass(slots=True)
class _Work:
    """A piece of work: its name, its place in its stage, and what it printed."""

    name: str
    stage: str = ""
    step: int = 0
    count: int = 0
    printed: list[str] = field(default_factory=list)
    error: str = ""
    done: bool = False


class BuildKitLog:
    """Reads a build's lines as they come."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress = on_progress
        self._work: dict[str, _Work] = {}
        self._outside: list[str] = []
        self._layers: dict[str, tuple[float, float]] = {}

    def take(self, lines: Iterable[str]) -> None:
        """Follow these lines; tells how far the build is when that has changed."""
        told: tuple[float, float | None, str, str] | None = None
        for raw in lines:
            line = plain(clean_line(raw)).rstrip()
            found = _LINE.match(line)
            if found:
                told = self._take(found[1], found[2]) or told
            elif line.strip():
                self._outside.append(line.strip())
                del self._outside[:-50]
        if told:
            self._on_progress(*told)

    def _take(self, number: str, text: str) -> tuple[float, float | None, str, str] | None:
        work = self._work.get(number)
        if work is None:
            return self._begin(number, text)
        if printed := _PRINTED.match(text):
            work.printed.append(printed[1])
            del work.printed[:-200]
        elif text.startswith("ERROR: "):
            work.error = text.removeprefix("ERROR: ")
        elif text == "CACHED" or text.startswith("DONE "):
            work.done = True
            return self._steps(work.name) if work.count else None
        elif sent := _SENT.match(text):
            return _bytes(sent[1], sent[2]), None, "bytes", _SENDING
        elif pulled := _PULLED.match(text):
            self._layers[text.partition(" ")[0]] = _bytes(pulled[1], pulled[2]), _bytes(pulled[3], pulled[4])
            done, total = (sum(pair) for pair in zip(*self._layers.values(), strict=True))
            return done, total, "bytes", "pulling the base image"
        return None

    def _begin(self, number: str, text: str) -> tuple[float, float | None, str, str] | None:
        named = _NAMED.match(text)
        if not named:
            self._work[number] = _Work(text)
            return (0, None, "bytes", _SENDING) if text == "[internal] load build context" else None
        work = _Work(short(named["what"]), named["stage"] or "", int(named["step"]), int(named["count"]))
        self._work[number] = work
        return self._steps(work.name)

    def _steps(self, name: str) -> tuple[float, float | None, str, str]:
        """How many steps are done, of the stages that have begun: within a stage they go in order."""
        done: dict[str, int] = {}
        counts: dict[str, int] = {}
        for work in self._work.values():
            if work.count:
                counts[work.stage] = work.count
                finished = work.step if work.done else work.step - 1
                done[work.stage] = max(done.get(work.stage, 0), finished)
        return sum(done.values()), sum(counts.values()), "steps", name

    def failure(self) -> EcrwizError:
        """Why the build has failed."""
        failed = [work for work in self._work.values() if work.error and "context canceled" not in work.error]
        said = self._last_words()
        work = failed[0] if failed else None
        if work and (code := _EXIT.search(work.error)):
            return _command_failed(work, code[1])
        text = unwrapped(said or (work.error if work else ""))
        if work and work.name.startswith("resolve image config for"):
            return _no_frontend(work)
        for known in (buildkit_fault(said), buildkit_fault(work.error) if work else None, _no_engine(said)):
            if known:
                return _named(known, work)
        at = f" at {_place(work)}" if work and work.count else ""
        return ToolFailedError(
            f"The build failed{at}: {sentence(short(text or 'it printed nothing'))}", build_hint(text)
        )

    def _last_words(self) -> str:
        spoken = [line for line in self._outside if not line.startswith(_NOISE)]
        told = [line for line in spoken if _LAST.match(line)]
        return (told or spoken or [""])[-1]


def _command_failed(work: _Work, code: str) -> ToolFailedError:
    said = [line.strip() for line in work.printed if line.strip()]
    return ToolFailedError(
        f"The build failed at {_place(work)}, which ended with code {code}: {sentence(short(cause_of(said)))}",
        build_hint("\n".join([*said, work.error])),
    )


def _no_frontend(work: _Work) -> ToolFailedError:
    return ToolFailedError(
        f"The Dockerfile's first line asks for {work.name.split()[-1]}, which could not be pulled: "
        f"{sentence(short(unwrapped(work.error)))}",
        "Remove the line `# syntax=...` when nothing in the file needs it, or check the network.",
    )


def _named(error: EcrwizError, work: _Work | None) -> EcrwizError:
    """Put the name into a message about a base image, of which a Dockerfile may have several."""
    name = work.name.removeprefix(_METADATA) if work and work.name.startswith(_METADATA) else ""
    if not name or name in error.message:
        return error
    return type(error)(error.message.replace("The base image ", f"The base image {name} ", 1), error.hint)


def _no_engine(said: str) -> EcrwizError | None:
    if "permission denied while trying to connect" in said:
        return engine_fault(said)
    return no_answer("building the image") if "Cannot connect to the Docker daemon" in said else None


def _place(work: _Work) -> str:
    if not work.count:
        return f"`{work.name}`"
    stage = f" of stage {work.stage}" if work.stage else ""
    return f"step {work.step} of {work.count}{stage}, `{work.name}`"


def _bytes(number: str, unit: str) -> float:
    return float(number) * _UNITS[unit]

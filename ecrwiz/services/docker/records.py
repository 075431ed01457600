"""The records that the engine answers with while it builds, pulls and pushes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.redact import clean_line, plain
from ecrwiz.services.docker.bridge import Feed
from ecrwiz.services.docker.build_faults import base_image_fault, build_hint
from ecrwiz.services.docker.faults import push_error
from ecrwiz.services.docker.tables import sentence

__all__ = ["BuildLog", "Layers", "PushLog", "cause_of", "short"]

Record = Mapping[str, Any]

_STEP: Final = re.compile(r"^Step (\d+)/(\d+) : (.*)")
_EXIT: Final = re.compile(r"returned a non-zero code: (\d+)")
_TELLING: Final = re.compile(r"\berr(or|!)|not found|cannot|could not|unable|denied|no such|failed", re.IGNORECASE)
_MOVING: Final = ("Pushing", "Downloading", "Extracting", "Buffering to disk")
_DONE: Final = ("Pushed", "Layer already exists", "Already exists", "Pull complete", "Download complete")
_LONGEST: Final = 300  # characters of somebody else's text in a message of ours


class Layers:
    """Adds up the layers of a push or pull."""

    def __init__(self) -> None:
        self._bytes: dict[str, tuple[int, int]] = {}
        self._state: dict[str, str] = {}

    def take(self, record: Record) -> bool:
        """Note a record; True when a layer's state has changed, which is worth a line."""
        layer, status = str(record["id"]), str(record["status"])
        if status.startswith("Pulling from"):
            return True  # here the id is the image's tag
        detail = record.get("progressDetail") or {}
        if status in ("Pushing", "Downloading") and "current" in detail:
            current = int(detail["current"])
            self._bytes[layer] = (current, max(current, int(detail.get("total") or 0)))
        elif status in ("Pushed", "Download complete", "Pull complete") and layer in self._bytes:
            total = self._bytes[layer][1]
            self._bytes[layer] = (total, total)
        changed = self._state.get(layer) != status
        self._state[layer] = status
        return changed

    @property
    def done(self) -> int:
        """Bytes that went over."""
        return sum(current for current, _ in self._bytes.values())

    @property
    def total(self) -> int:
        """Bytes to go over, of the layers that have begun."""
        return sum(total for _, total in self._bytes.values())

    def __str__(self) -> str:
        finished = sum(state in _DONE for state in self._state.values())
        return f"{finished} of {len(self._state)} layers"


class BuildLog:
    """Reads a build's records.

    Attributes:
        image_id: `sha256:...`, once the image is made.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._pull = Layers()
        self._step = ""
        self._command = ""
        self._output: list[str] = []
        self.image_id = ""

    def take(self, record: Record) -> None:
        """Hand a record on.

        Raises:
            ToolFailedError: it says that the build has failed.
        """
        if "error" in record:
            detail = record.get("errorDetail") or {}
            raise self._failure(str(detail.get("message") or record["error"]))
        if isinstance(record.get("aux"), dict):
            self.image_id = record["aux"].get("ID", self.image_id)
        elif "stream" in record:
            self._printed(str(record["stream"]))
        elif "id" in record and "status" in record:
            _layer(record, self._pull, self._feed, "pulling the base image: ")
        elif "status" in record:
            self._feed.write(f"{record['status']}\n".encode())

    def _printed(self, text: str) -> None:
        self._feed.write(text.encode("utf-8", "replace"))
        if step := _STEP.match(text):
            number, count, self._command = int(step[1]), int(step[2]), short(step[3])
            self._step, self._output = f"step {number} of {count}", []
            self._feed.progress(number - 1, count, "steps", self._command)
        else:
            self._output += text.splitlines()
            del self._output[:-200]

    def _failure(self, text: str) -> ToolFailedError:
        if base := base_image_fault(text):
            return base
        said = [line for raw in self._output if (line := plain(clean_line(raw)).strip()) and line[:4] != "--->"]
        code = _EXIT.search(text)
        if not code:
            where = f" at {self._step}, `{self._command}`" if self._step else ""
            return ToolFailedError(f"The build failed{where}: {sentence(short(text))}", build_hint(text))
        cause = cause_of(said)
        return ToolFailedError(
            f"The build failed at {self._step}, `{self._command}`, which ended with code {code[1]}: "
            f"{sentence(short(cause))}",
            build_hint("\n".join([*said, text])),
        )


class PushLog:
    """Reads a push's records.

    Attributes:
        digest: `sha256:...` of the manifest, once it is in the registry.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._layers = Layers()
        self.digest = ""

    def take(self, record: Record) -> None:
        """Hand a record on.

        Raises:
            ToolFailedError: it says that the push has failed.
        """
        if "error" in record:
            detail = record.get("errorDetail") or {}
            raise push_error(str(detail.get("message") or record["error"]))
        if isinstance(record.get("aux"), dict):
            self.digest = record["aux"].get("Digest", self.digest)
        elif "id" in record and "status" in record:
            _layer(record, self._layers, self._feed, "")
        elif "status" in record:
            self._feed.write(f"{record['status']}\n".encode())


def _layer(record: Record, layers: Layers, feed: Feed, prefix: str) -> None:
    """A layer's record: progress, and a line when it has come to something new."""
    changed = layers.take(record)
    if changed and record["status"] not in (*_MOVING, "Waiting", "Preparing", "Pulling fs layer"):
        feed.write(f"{record['id']}: {record['status']}\n".encode())
    feed.progress(layers.done, layers.total or None, "bytes", f"{prefix}{layers}")


def cause_of(said: list[str]) -> str:
    """The line that tells most about why a command failed: the first that speaks of an error, or else the last."""
    return next((line for line in said if _TELLING.search(line)), said[-1] if said else "it printed nothing")


def short(text: str) -> str:
    """Somebody else's text on one line, cut when it is long."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"

"""What this folder put into GitHub, and when GitHub says it was set: so what somebody else set since is not lost.

The names are written down before the first value is sent, so that an export that is cut finds its own traces.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import RemoteError
from ecrwiz.services import files

__all__ = ["Ledger", "place"]

_SCHEMA: Final = 1
_LARGEST: Final = 1024 * 1024  # characters


def place(api_url: str, repository: str, environment: str) -> str:
    """Name a place that holds secrets and variables."""
    return " ".join((api_url.rstrip("/"), repository.lower(), environment.lower())).rstrip()


class Ledger:
    """The file of one project. It holds names and times, never a value.

    A file that cannot be read counts as empty: then the person is asked once more.
    """

    def __init__(self, state: Path) -> None:
        self._path = state / "github.json"
        self._places = self._load()

    def of(self, where: str) -> Mapping[str, str]:
        """What was put there: `kind NAME` and when it was set; empty for what was about to be sent."""
        return self._places.get(where, {})

    def places(self, api_url: str) -> tuple[tuple[str, str], ...]:
        """Repository and environment of each place at this API that something was put into."""
        start = place(api_url, "", "") + " "
        found = [where.removeprefix(start).partition(" ") for where in self._places if where.startswith(start)]
        return tuple((repository, environment) for repository, _, environment in found)

    @contextlib.contextmanager
    def intent(self, where: str, name: str) -> Iterator[None]:
        """Note that an entry is about to be sent; forget it again when it is refused.

        A crash leaves the note: then it may be there or not, and in both cases it was meant to be ecrwiz's.
        """
        before = dict(self.of(where))
        self.settle(where, {name: ""})
        try:
            yield
        except RemoteError:
            self._places[where] = before
            self._write()
            raise

    def settle(self, where: str, times: Mapping[str, str]) -> None:
        """Note when GitHub says that entries were set."""
        self._places[where] = {**self.of(where), **times}
        self._write()

    def drop(self, where: str, names: Iterable[str]) -> None:
        """Note that something is not there any more, or is somebody else's."""
        gone = set(names)
        self._places[where] = {name: time for name, time in self.of(where).items() if name not in gone}
        self._write()

    def _load(self) -> dict[str, dict[str, str]]:
        text = files.read_text(self._path, inside=self._path.parent)
        try:
            data = json.loads((text or "{}")[:_LARGEST])
            if data.get("schema") != _SCHEMA:
                return {}
            return {
                str(where): {str(name): str(time) for name, time in entries.items()}
                for where, entries in data["places"].items()
            }
        except (ValueError, RecursionError, AttributeError, KeyError, TypeError):
            return {}

    def _write(self) -> None:
        text = json.dumps({"schema": _SCHEMA, "places": self._places}, indent=1, sort_keys=True) + "\n"
        files.write_atomic(self._path, text, private=True, inside=self._path.parent)

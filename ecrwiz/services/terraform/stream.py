"""Terraform's JSON stream, read into lines, planned changes, progress and the reason of a failure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ecrwiz.model.ports import OnLines, OnProgress
from ecrwiz.model.results import PlannedChange

__all__ = ["Stream"]

_QUIET = {"version", "outputs", "resource_drift"}
# What Terraform warns of whenever `-target` is given; ecrwiz gives it where it means just these resources.
_TARGETED = {"Resource targeting is in effect", "Applied changes may be incomplete"}


class Stream:
    """Takes lines of one `terraform ... -json` as they come.

    Attributes:
        changes: the changes that were planned.
        errors: (summary, detail) of every error diagnostic.
    """

    def __init__(self, on_lines: OnLines, progress: tuple[int, OnProgress] | None = None) -> None:
        self.changes: list[PlannedChange] = []
        self.errors: list[tuple[str, str]] = []
        self._on_lines = on_lines
        self._progress = progress
        self._done = self._told = 0
        self._last = ""
        self._plain: list[str] = []

    def feed(self, lines: Sequence[str]) -> None:
        """Read lines; what is no JSON (a warning about the CLI configuration, say) is shown as it is."""
        shown: list[str] = []
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if isinstance(message, dict):
                shown += self._message(message)
            elif line.strip():
                self._plain.append(line)
                shown.append(line)
        if shown:
            self._on_lines(shown)
        if self._progress and self._done > self._told:
            total, tell = self._progress
            self._told = self._done
            tell(min(self._done, total), total, "resources", self._last)

    def failure(self, command: str, returncode: int) -> str:
        """One sentence on why the command failed."""
        if self.errors:
            summary, detail = self.errors[0]
            said = f"{summary}: {' '.join(detail.split())}" if detail else summary
        else:
            said = " ".join(" ".join(self._plain[-3:]).split()) or f"exit code {returncode}"
        return f"terraform {command} failed: {said[:600].rstrip('.')}."

    def _message(self, message: Mapping[str, Any]) -> Iterator[str]:
        kind = message.get("type")
        if kind in _QUIET:
            return
        if "diagnostic" in message:
            yield from self._diagnostic(message["diagnostic"])
            return
        if kind == "planned_change":
            self._planned(message.get("change", {}))
            if self._progress:
                return  # an apply repeats its plan
        if kind in {"apply_complete", "apply_errored"}:
            self._applied(message.get("hook", {}))
        yield from str(message.get("@message", "")).splitlines()

    def _diagnostic(self, found: Mapping[str, Any]) -> Iterator[str]:
        summary, detail = str(found.get("summary", "")), str(found.get("detail", ""))
        if summary in _TARGETED and found.get("severity") == "warning":
            return
        if found.get("severity") == "error":
            self.errors.append((summary, detail))
        word = "Error" if found.get("severity") == "error" else "Warning"
        where = f" ({found['address']})" if found.get("address") else ""
        yield f"{word}: {summary}{where}"
        yield from (f"  {line}" for line in detail.splitlines())

    def _planned(self, change: Mapping[str, Any]) -> None:
        address = str(change.get("resource", {}).get("addr", ""))
        action, reason = str(change.get("action", "")), str(change.get("reason", ""))
        if "importing" in change and action in ("noop", "no-op", "import", "update"):
            action, reason = "import", "update" if action == "update" else reason
        self.changes.append(PlannedChange(address, action, reason))

    def _applied(self, hook: Mapping[str, Any]) -> None:
        if hook.get("action") != "read":
            self._done += 1
            self._last = str(hook.get("resource", {}).get("addr", ""))

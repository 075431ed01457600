"""What was done, remembered across runs in `.ecrwiz/journal.json`.

Every change is written at once and atomically, so a process that is killed leaves the last true state: a step
that was running then shows as `cut`. The file holds no secret: `Secret` refuses to be encoded.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from ecrwiz.flow.events import CHAIN, Failure, Status, StepId
from ecrwiz.model import results
from ecrwiz.model.errors import NeedMissingError
from ecrwiz.services import files

__all__ = ["Journal", "Record", "Results", "as_json"]

SCHEMA = 1

R = TypeVar("R", bound=results.Result)

_MADE_BY: Mapping[type[results.Result], StepId] = {
    results.RenderResult: StepId.RENDER,
    results.BuildResult: StepId.BUILD,
    results.SmokeResult: StepId.SMOKE_TEST,
    results.ProvisionResult: StepId.PROVISION,
    results.PushResult: StepId.PUSH,
    results.CredentialsResult: StepId.CREDENTIALS,
    results.VerifyResult: StepId.VERIFY,
    results.GithubResult: StepId.GITHUB,
    results.RehearseResult: StepId.REHEARSE,
    results.RotateResult: StepId.ROTATE,
    results.RetireResult: StepId.RETIRE,
    results.RevokeResult: StepId.REVOKE,
    results.DestroyResult: StepId.DESTROY,
}


@dataclass(frozen=True, slots=True)
class Record:
    """The last time a step was run.

    Attributes:
        status: `running` while it runs, then how it ended.
        run: the run's id, which names its log folder.
        started: seconds since the epoch.
        seconds: how long it took.
        inputs: fingerprints of what it was made of, by name.
        outputs: its result as plain values; those of the last success are kept when a later run fails.
        error: why it failed.
        note: why it was skipped.
        commands: what was run, redacted, as a person could type it.
    """

    status: Status
    run: str
    started: float
    seconds: float = 0.0
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, object] = field(default_factory=dict)
    error: Failure | None = None
    note: str = ""
    commands: tuple[str, ...] = ()


_RECORDS: TypeAdapter[dict[StepId, Record]] = TypeAdapter(dict[StepId, Record])


class Journal:
    """The records of one project, loaded once and written through on each change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.unreadable = ""
        self._records: dict[StepId, Record] = {}
        self._waiting = False
        self.reload()

    def reload(self) -> None:
        """Read the file again; another process may have written it. What cannot be read counts as absent."""
        text = files.read_text(self._path, inside=self._path.parent)
        if text is None:
            self._records = {}
            return
        try:
            data = json.loads(text)
            if data["schema"] != SCHEMA:
                raise ValueError(f"schema {data['schema']}")
            self._records = _RECORDS.validate_python(data["steps"])
        except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
            self._records = {}
            self.unreadable = f"{self._path} cannot be read as a journal; every step counts as not run."

    def get(self, step: StepId) -> Record | None:
        """The step's record, or None when it was never run."""
        return self._records.get(step)

    def begin(self, step: StepId, run: str, started: float) -> None:
        """Note that a step runs; what it made before stays known."""
        before = self._records.get(step)
        outputs = before.outputs if before else {}
        self._put(step, Record(Status.RUNNING, run, started, outputs=outputs))

    def end(self, step: StepId, record: Record) -> None:
        """Note how a step ended; a failure keeps the outputs of the success before it."""
        before = self._records.get(step)
        if record.status is not Status.OK and before and not record.outputs:
            record = replace(record, outputs=before.outputs)
        self._put(step, record)

    def spoil(self, step: StepId, reason: str) -> None:
        """Note that what a step made is of no use, so that it counts as stale; its outputs stay known."""
        record = self._records.get(step)
        if record is not None:
            self._put(step, replace(record, status=Status.STALE, note=reason))

    def amend(self, step: StepId, outputs: Mapping[str, object], inputs: Mapping[str, str]) -> None:
        """Note that what a step made was replaced since, as an access key is by a rotation.

        Args:
            step: the step; one that never made anything stays as it is.
            outputs: the values that are other now; the rest stays known.
            inputs: the fingerprints that are other now, so that the step is not stale by what is known to be right.
        """
        record = self._records.get(step)
        if record is not None and record.outputs:
            changed = replace(record, outputs={**record.outputs, **outputs}, inputs={**record.inputs, **inputs})
            self._put(step, changed)

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Write what changes in the block together at its end: all of it is known after a crash, or nothing."""
        before, self._waiting = dict(self._records), True
        try:
            yield
        except BaseException:
            self._records = before
            raise
        finally:
            self._waiting = False
        self._write()

    def forget(self, *steps: StepId) -> None:
        """Drop records, as when what they made was destroyed."""
        for step in steps:
            self._records.pop(step, None)
        self._write()

    def _put(self, step: StepId, record: Record) -> None:
        self._records[step] = record
        self._write()

    def _write(self) -> None:
        if self._waiting:
            return
        steps = {step.value: asdict(record) for step, record in self._records.items()}
        text = json.dumps({"schema": SCHEMA, "steps": steps}, indent=1) + "\n"
        files.write_atomic(self._path, text, private=True, inside=self._path.parent)


class Results:
    """What the steps made so far, typed."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def find(self, kind: type[R]) -> R | None:
        """The result of this type, or None when its step was not done."""
        record = self._journal.get(_MADE_BY[kind])
        if record is None or not record.outputs:
            return None
        try:
            return TypeAdapter(kind).validate_python(dict(record.outputs))
        except ValidationError:
            return None  # made by another version of ecrwiz: to be made again

    def need(self, kind: type[R], by: StepId) -> R:
        """The result of this type.

        Raises:
            NeedMissingError: its step was not done.
        """
        found = self.find(kind)
        if found is None:
            raise need_missing(by, _MADE_BY[kind])
        return found


def need_missing(by: StepId, needed: StepId) -> NeedMissingError:
    """The error of a step that was asked for before what it needs."""
    needs = CHAIN.index(needed) if needed in CHAIN else 0
    before = "" if needs == 0 else ", or everything that is not fresh with: ecrwiz run"
    return NeedMissingError(
        f"{by} needs what {needed} makes, and {needed} has not been done.",
        f"Run it first with: ecrwiz run {needed}{before}",
    )


def as_json(result: results.Result) -> dict[str, object]:
    """A result as plain values for the journal, the events and `--json`."""
    return asdict(result)

"""The rules by which a cut rotation goes on, for any world; and the journal's part in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ecrwiz.flow.events import Status, StepId
from ecrwiz.flow.journal import Journal, Record
from ecrwiz.flow.rotation import SENDING, Note, Standing, World, marks, standing
from ecrwiz.model.errors import EcrwizError
from ecrwiz.services.iam import AccessKey

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
IDS = ("K1", "K2", "K3")
ids = st.sampled_from(IDS)
maybe = st.sampled_from(("", *IDS))
nonces = st.sampled_from(("", "mine", "theirs"))


@st.composite
def keys(draw: st.DrawFn) -> dict[str, AccessKey]:
    chosen = draw(st.sets(ids, max_size=2))
    minutes = st.sampled_from((-9000, -4, 0, 4, 9000))
    return {key: AccessKey(key, NOW + timedelta(minutes=draw(minutes)), draw(st.booleans())) for key in sorted(chosen)}


@st.composite
def notes(draw: st.DrawFn) -> Note | None:
    if draw(st.booleans()):
        return None
    new = draw(maybe)
    github = draw(st.sampled_from((None, "", "o/r", SENDING)))
    return Note("mine", "1", "ci", NOW.timestamp(), draw(ids), new, draw(st.sampled_from(("", "ring"))), github)


worlds = st.builds(
    World,
    user=st.just("ci"),
    keys=keys(),
    marks=st.dictionaries(st.sampled_from(("mine", "theirs")), st.just("2026-07-01"), max_size=2),
    used=st.frozensets(ids),
    kept=maybe,
    pending=st.tuples(maybe, nonces),
    locked=st.sampled_from(("", "locked.")),
    known=maybe,
    note=notes(),
)


def _decided(world: World) -> Standing | None:
    """What is to be done; None when a person is told what to do."""
    note = world.note
    assume(note is None or note.old not in (note.new, world.pending[0]))
    told = ""
    try:
        return standing(world)
    except EcrwizError as error:
        told = error.hint
    assert told
    return None


@given(worlds)
def test_what_is_deleted_is_nobodys(world: World) -> None:
    todo = _decided(world)
    for key in todo.lost if todo else ():
        assert todo is not None
        assert world.note is not None
        assert todo.stage == "make"
        assert key != world.note.old
        assert not (set(world.marks) - {"mine"})
        if key != world.note.new:
            assert key not in {world.kept, world.known, world.pending[0], *world.used}
            assert "mine" in world.marks
            assert world.keys[world.note.old].active
            assert abs(world.keys[key].created - NOW) <= timedelta(minutes=10)


@given(worlds)
def test_what_is_done_can_be_done(world: World) -> None:
    todo = _decided(world)
    if todo is None:
        return
    left = set(world.keys) - set(todo.lost)
    if todo.stage == "make":
        assert todo.new == ""
        assert left <= {todo.old}, "there is room, and nobody's key beside the one that is replaced"
    else:
        assert todo.new in left
        assert todo.new != todo.old
        assert todo.lost == ()
    if todo.stage == "use":
        assert world.pending[0] == todo.new, "its secret is at hand"
    if todo.stage == "ask":
        assert world.note is not None
        assert world.note.github == SENDING
        assert {todo.old, todo.new} <= left, "one of the two has to go"
    if todo.stage == "retire":
        assert world.note is not None
        assert world.note.new == todo.new
        assert world.kept == todo.new or world.note.github, "somebody has its secret"


@given(worlds)
def test_without_a_note_and_with_a_mark_nothing_is_done(world: World) -> None:
    if world.note is None and world.marks:
        with pytest.raises(EcrwizError, match="Another rotation"):
            standing(world)


def test_the_usual_cases() -> None:
    made = {key: AccessKey(key, NOW) for key in IDS}
    one, two = {"K1": made["K1"]}, {"K1": made["K1"], "K2": made["K2"]}
    note = Note("mine", "1", "ci", NOW.timestamp(), "K1")
    known = Note("mine", "1", "ci", NOW.timestamp(), "K1", "K2", "ring", "o/r")
    mark = {"mine": "2026-07-01"}
    assert standing(World("ci", one, kept="K1", known="K1")) == Standing("make", "K1")
    assert standing(World("ci", {}, known="K1")) == Standing("make", "K1")
    assert standing(World("ci", one, mark, kept="K1", note=note)) == Standing("make", "K1")
    assert standing(World("ci", two, mark, kept="K1", note=note)) == Standing("make", "K1", lost=("K2",))
    ready = ("K2", "mine")
    assert standing(World("ci", two, mark, kept="K1", pending=ready, note=note)) == Standing("use", "K1", "K2")
    assert standing(World("ci", two, mark, kept="K2", note=known)) == Standing("retire", "K1", "K2")
    sending = Note("mine", "1", "ci", NOW.timestamp(), "K1", "K2", "", SENDING)
    assert standing(World("ci", two, mark, known="K1", note=sending)) == Standing("ask", "K1", "K2")
    assert standing(World("ci", one, mark, known="K1", note=sending)) == Standing("make", "K1")
    new = {"K2": made["K2"]}
    assert standing(World("ci", new, mark, known="K1", note=sending)) == Standing("make", "K2")
    assert standing(World("ci", new, mark, kept="K2", note=known)) == Standing("retire", "K1", "K2")
    after = {"K3": made["K3"]}  # everything was destroyed and made anew since
    assert standing(World("ci", after, kept="K3", known="K3", note=known)) == Standing("make", "K3")
    assert standing(World("ci", two, kept="K1", pending=("K2", "gone"))) == Standing("use", "K1", "K2")
    assert standing(World("ci", new, kept="K2", known="K1", pending=("K2", "gone"))) == Standing("use", "K1", "K2")


def test_only_its_own_tags_are_marks() -> None:
    tags = {"project": "blog", "ecrwiz-rotation": "x", "ecrwiz-rotation/a1": "when", "Xecrwiz-rotation/b": ""}
    assert marks(tags) == {"a1": "when"}


def _journal(folder: Path) -> Journal:
    journal = Journal(folder / "journal.json")
    for step in (StepId.PROVISION, StepId.GITHUB):
        outputs, inputs = {"access_key_id": "K1", "account": "1"}, {"access key": "K1", "region": "r"}
        journal.end(step, Record(Status.OK, "run", 0.0, inputs=inputs, outputs=outputs))
    return journal


def test_amending_changes_what_is_named_and_nothing_else(tmp_path: Path) -> None:
    journal = _journal(tmp_path)
    journal.amend(StepId.GITHUB, {"access_key_id": "K2"}, {"access key": "K2"})
    journal.amend(StepId.PUSH, {"access_key_id": "K2"}, {})
    again = Journal(tmp_path / "journal.json")
    record = again.get(StepId.GITHUB)
    assert record is not None
    assert record.status is Status.OK
    assert record.outputs == {"access_key_id": "K2", "account": "1"}
    assert record.inputs == {"access key": "K2", "region": "r"}
    assert again.get(StepId.PUSH) is None, "what was never done is not made up"


def _amend_and_stop(journal: Journal) -> None:
    with journal.at_once():
        journal.amend(StepId.PROVISION, {"access_key_id": "K2"}, {})
        raise KeyboardInterrupt


def test_changes_at_once_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    journal, path = _journal(tmp_path), tmp_path / "journal.json"
    before = path.read_text()
    with pytest.raises(KeyboardInterrupt):
        _amend_and_stop(journal)
    assert path.read_text() == before
    record = journal.get(StepId.PROVISION)
    assert record is not None
    assert record.outputs["access_key_id"] == "K1"
    with journal.at_once():
        journal.amend(StepId.PROVISION, {"access_key_id": "K2"}, {})
        journal.amend(StepId.GITHUB, {"access_key_id": "K2"}, {})
    steps = json.loads(path.read_text())["steps"]
    assert {step["outputs"]["access_key_id"] for step in steps.values()} == {"K2"}

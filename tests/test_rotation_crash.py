"""A rotation that is cut before each of its effects, two operators at once, and both together."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecrwiz.flow import ci_key, second_key
from ecrwiz.flow.events import Status, StepId
from ecrwiz.services.iam import Iam, LastUse
from tests.aws_program import Aws, serve
from tests.fake_steps import Heard
from tests.rotation_world import Operator, Ring, World, assert_settled

# What a rotation changes outside of its process, in this order; a cut may come before each of them.
EFFECTS = (
    "_write",  # the engine notes that the step runs
    "write_note", "tag_user", "create_access_key", "store", "write_note",
    "write_note",  # GitHub is about to get it
    "put AWS_ACCESS_KEY_ID", "put AWS_SECRET_ACCESS_KEY", "write_note",
    "store", "write_note", "_write", "delete", "write_note",
    "set_access_key", "delete_access_key",
    "terraform state rm", "terraform import", "terraform refresh",
    "untag_user", "forget",
    "_write",  # and how it ended
)  # fmt: skip


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with serve() as running:
        yield running


@pytest.fixture
def world(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(ci_key, "_WAITS", (0.0, 0.0, 0.1))
    monkeypatch.setattr(second_key, "_WAITS", (0.0, 0.1))
    return World(aws, tmp_path, monkeypatch)


def assert_nothing_is_lost(world: World, *people: Operator) -> None:
    """At any moment: whoever has a key has one that works, or has the one of before beside it."""
    listed = world.listed()
    assert 1 <= len(listed) <= 2
    for person in people:
        kept = person.entry()
        assert kept is not None
        ready = person.entry("/next")
        assert world.works(kept) or (ready is not None and world.works(ready)), "the keyring has a key that works"
    pair = world.on_github()
    known = [entry for person in people for name in ("", "/next") if (entry := person.entry(name))]
    whole = pair in known or pair == world.first
    if whole:
        assert world.works(pair), "GitHub has a key that works"
    else:  # between its two secrets
        assert pair[0] in listed


def error_of(heard: Heard, step: StepId = StepId.ROTATE) -> str:
    end = heard.ends()[step]
    return f"{end.error.message} {end.error.hint}" if end.error else ""


@pytest.mark.parametrize("number", range(len(EFFECTS)), ids=[f"{n}-{name}" for n, name in enumerate(EFFECTS)])
async def test_a_cut_before_any_effect_loses_nothing_and_the_next_run_ends_it(world: World, number: int) -> None:
    person = await world.operator()
    world.dies_before(number)
    end, _ = await person.run()
    assert end.status is Status.CANCELLED
    assert tuple(world.effects) == EFFECTS[: number + 1]
    world.goes_on()
    assert_nothing_is_lost(world, person)
    made = [entry for name in ("/next", "") if (entry := person.entry(name)) not in (None, world.first)]
    end, heard = await person.run()
    assert end.exit_code == 0, error_of(heard)
    kept = await assert_settled(world, person)
    assert kept != world.first
    over = number == len(EFFECTS) - 1  # only the journal does not know yet: another rotation is a new one
    assert over or kept in (made or [kept]), "what was made and kept is used"


async def test_a_whole_run_has_no_other_effects(world: World) -> None:
    person = await world.operator()
    world.goes_on()
    await person.run()
    assert tuple(world.effects) == EFFECTS


@pytest.mark.parametrize("second", ["create_access_key", "store", "put AWS_SECRET_ACCESS_KEY", "delete_access_key"])
@pytest.mark.parametrize("first", ["store", "put AWS_SECRET_ACCESS_KEY", "_write", "terraform import"])
async def test_cut_twice(world: World, first: str, second: str) -> None:
    person = await world.operator()
    world.dies_before(EFFECTS.index(first, 1))
    await person.run()
    world.goes_on()

    def at(name: str) -> None:
        if name == second:
            from tests.rotation_world import Death

            raise Death

    world.at = at
    await person.run()
    world.goes_on()
    assert_nothing_is_lost(world, person)
    end, heard = await person.run()
    assert end.exit_code == 0, error_of(heard)
    await assert_settled(world, person)


# --- a key whose secret a crash took along -------------------------------------------------------------------


async def _cut_before_the_secret_is_kept(world: World) -> tuple[Operator, str]:
    person = await world.operator()
    world.dies_before(EFFECTS.index("store"))
    await person.run()
    world.goes_on()
    (lost,) = set(world.listed()) - {world.first[0]}
    return person, lost


async def test_a_key_whose_secret_was_lost_is_deleted_and_another_made(world: World) -> None:
    person, lost = await _cut_before_the_secret_is_kept(world)
    end, heard = await person.run()
    assert end.exit_code == 0, error_of(heard)
    assert (await assert_settled(world, person))[0] != lost


@pytest.mark.parametrize("doubt", ["its mark is gone", "it was used", "it is older", "another's mark", "no old key"])
async def test_a_key_that_may_be_somebodys_is_left_and_told(
    world: World, monkeypatch: pytest.MonkeyPatch, doubt: str
) -> None:
    person, lost = await _cut_before_the_secret_is_kept(world)
    iam = world.client("iam")
    if doubt == "its mark is gone":  # as Terraform takes off a tag that its files do not name
        iam.untag_user(UserName=world.user, TagKeys=world.marks())
    elif doubt == "another's mark":
        iam.tag_user(UserName=world.user, Tags=[{"Key": "ecrwiz-rotation/0123", "Value": "2026-07-01"}])
    elif doubt == "no old key":
        iam.delete_access_key(UserName=world.user, AccessKeyId=world.first[0])
    elif doubt == "it was used":

        async def last_use(*_: object) -> LastUse:
            from datetime import UTC, datetime

            return LastUse(datetime.now(UTC), "sts", "us-east-1")

        monkeypatch.setattr(Iam, "last_use", last_use)
    else:
        path = person.root / ".ecrwiz" / "rotation.json"
        note = person.note
        assert note is not None
        path.write_text(path.read_text().replace(str(note["started"]), str(note["started"] + 3600)))
    end, heard = await person.run()
    assert end.exit_code == 1
    assert lost in world.listed()
    told = error_of(heard)
    assert f"--access-key-id {lost}" in told or "Another rotation" in told


# --- two operators -------------------------------------------------------------------------------------------

SHARED = [e for e in EFFECTS if e not in ("_write", "write_note", "forget")]


async def _interleaved(world: World, number: int, *, one_keyring: bool, dies: int | None) -> tuple[Operator, Operator]:
    """A runs; before its shared effect of this number B runs to its end, or to its death."""
    ring = Ring()
    a = await world.operator("a", ring)
    b = await world.operator("b", ring if one_keyring else Ring())
    count = iter(range(1000))

    async def meanwhile(_: str) -> None:
        if next(count) == number:
            world.meanwhile = None
            if dies is not None:
                world.dies_before(dies)
            await b.run()
            world.at = None
            assert_nothing_is_lost(world)

    world.meanwhile = meanwhile
    await a.run()
    world.goes_on()
    return a, b


@pytest.mark.parametrize("one_keyring", [False, True], ids=["two-keyrings", "one-keyring"])
@pytest.mark.parametrize("number", range(len(SHARED)), ids=[f"{n}-{name}" for n, name in enumerate(SHARED)])
async def test_two_operators_at_once(world: World, number: int, one_keyring: bool) -> None:
    a, b = await _interleaved(world, number, one_keyring=one_keyring, dies=None)
    (new,) = world.listed()
    assert new != world.first[0]
    winners = [person for person in (a, b) if (entry := person.entry()) and entry[0] == new]
    assert winners == ([a, b] if one_keyring else winners[:1])
    entry = winners[0].entry()
    assert entry is not None
    assert world.works(entry)
    assert world.on_github() == entry
    assert world.marks() == []
    assert a.note is b.note is None


@pytest.mark.parametrize("seed", range(12))
async def test_two_operators_one_of_whom_dies(world: World, seed: int) -> None:
    chance = random.Random(seed)
    number, dies = chance.randrange(len(SHARED)), chance.randrange(len(EFFECTS))
    a, b = await _interleaved(world, number, one_keyring=False, dies=dies)
    assert 1 <= len(world.listed()) <= 2
    for _ in range(2):  # each tries again; whoever was cut ends it, whoever came second is told
        for person in (b, a):
            await person.run()
    listed = world.listed()
    assert "Active" in listed.values()
    working = [person for person in (a, b) if (entry := person.entry()) and world.works(entry)]
    assert working, "somebody has a key that works"
    assert world.works(world.on_github())

"""Answers that changed since: what another project or environment has is neither revoked nor replaced by mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecrwiz.flow import ci_key, second_key
from ecrwiz.flow.context import Approvals
from ecrwiz.flow.events import StepId
from ecrwiz.model.redact import Secret
from ecrwiz.services import keychain
from tests.aws_program import Aws, serve
from tests.rotation_world import ACCOUNT, Operator, Ring, World, assert_settled
from tests.test_rotation_crash import EFFECTS, error_of

YES = Approvals(everything=True)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with serve() as running:
        yield running


@pytest.fixture
def world(aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(ci_key, "_WAITS", (0.0, 0.0, 0.1))
    monkeypatch.setattr(second_key, "_WAITS", (0.0, 0.1))
    return World(aws, tmp_path, monkeypatch)


def assert_untouched(world: World, person: Operator, entries: dict[tuple[str, str], str]) -> None:
    assert world.listed() == {world.first[0]: "Active"}
    assert world.on_github() == world.first
    assert person.ring.backend.kept == entries
    assert world.marks() == []


@pytest.mark.parametrize("step", [StepId.REVOKE, StepId.ROTATE])
@pytest.mark.parametrize("stray", [{"env": "prod"}, {"project_id": "other"}], ids=["env", "project_id"])
async def test_stray_answers_stop_it_before_anything(world: World, step: StepId, stray: dict[str, str]) -> None:
    person = await world.operator()
    names = {"project_id": world.project_id, "env": "dev", **stray}
    entry = keychain.entry_name(ACCOUNT, names["project_id"], names["env"])
    person.ring.backend.kept[keychain.SERVICE, entry] = keychain.pack("AKIAOTHER", Secret("o" * 40)).reveal()
    before = dict(person.ring.backend.kept)
    person.stray = stray
    end, heard = await person.run(step, approvals=YES)
    assert end.exit_code == 2
    told = error_of(heard, step)
    assert f"ci-{names['project_id']}-{names['env']}-server-user" in told
    assert world.user in told
    assert "ecrwiz.toml" in told, "it says where to look"
    assert_untouched(world, person, before)


async def test_a_wrong_repository_or_region_keeps_no_leaked_key_alive(world: World) -> None:
    person = await world.operator()
    person.stray = {"app": "another", "region": "eu-west-1"}
    end, heard = await person.run(StepId.REVOKE, approvals=YES)
    assert end.exit_code == 0, error_of(heard, StepId.REVOKE)
    assert world.listed() == {}


async def _cut(world: World, ring: Ring | None = None) -> Operator:
    person = await world.operator(ring=ring)
    world.dies_before(EFFECTS.index("store"))
    await person.run()
    world.goes_on()
    assert person.note is not None
    return person


def _about(person: Operator, **changes: str) -> None:
    """Let the note be about something else."""
    path = person.root / ".ecrwiz" / "rotation.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


async def test_revoking_forgets_no_other_users_rotation(world: World) -> None:
    person = await _cut(world)
    _about(person, user="ci-somebody-dev-server-user")
    end, heard = await person.run(StepId.REVOKE, approvals=YES)
    assert end.exit_code == 0, error_of(heard, StepId.REVOKE)
    assert person.note is not None


async def test_a_note_about_a_user_that_is_gone_is_no_dead_end(world: World) -> None:
    person = await world.operator()
    note = {"nonce": "old", "account": ACCOUNT, "user": "ci-gone-dev-server-user", "started": 1.0, "old": "AKIAGONE"}
    path = person.root / ".ecrwiz" / "rotation.json"
    path.write_text(json.dumps(note))
    end, heard = await person.run()
    assert end.exit_code == 0, error_of(heard)
    await assert_settled(world, person)


async def test_a_note_about_a_user_that_is_there_or_out_of_sight_stops_it(world: World) -> None:
    person = await _cut(world)
    world.client("iam").create_user(UserName=f"{world.user}-2")
    for changes in ({"user": f"{world.user}-2"}, {"account": "999999999999", "user": "ci-gone-dev-server-user"}):
        _about(person, **changes)
        end, heard = await person.run()
        assert end.exit_code == 2
        assert "Go back to the earlier answers" in error_of(heard)
        assert person.note is not None

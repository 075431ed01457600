"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecrwiz.model.errors import BadInputError
from ecrwiz.model.settings import Settings


def test_nothing_said_gives_the_documented_defaults() -> None:
    found = Settings.from_environment({"PATH": "/bin"})
    assert found == Settings()
    assert (found.keyring_seconds, found.smoke_seconds, found.keep_logs) == (20.0, 60.0, 20)


def test_what_is_said_counts() -> None:
    found = Settings.from_environment(
        {"ECRWIZ_STATE_DIR": "/x/state", "ECRWIZ_SMOKE_SECONDS": "2.5", "ECRWIZ_KEEP_LOGS": "3", "ECRWIZ_PORT": "80"}
    )
    assert (found.state_dir, found.smoke_seconds, found.keep_logs) == (Path("/x/state"), 2.5, 3)


@pytest.mark.parametrize("value", ["0", "-1", "soon", "nan", "1e99"])
def test_a_number_that_cannot_be_used_names_itself_and_one_that_can(value: str) -> None:
    with pytest.raises(BadInputError, match=r"ECRWIZ_KEYRING_SECONDS is .*such as 20"):
        Settings.from_environment({"ECRWIZ_KEYRING_SECONDS": value})


def test_a_misspelt_variable_is_not_passed_over() -> None:
    with pytest.raises(BadInputError, match="ECRWIZ_REGOIN is no setting") as caught:
        Settings.from_environment({"ECRWIZ_REGOIN": "us-east-1"})
    assert "ECRWIZ_REGION" in caught.value.hint

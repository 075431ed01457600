"""`ecrwiz.toml`: comments and order survive, values come back as they were."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrwiz.model.errors import BadInputError
from ecrwiz.services import answers_file


def test_comments_order_and_foreign_layout_survive() -> None:
    before = '# mine\nregion = "eu-west-1"   # near\n\nport = 3000\n'
    after = answers_file.dumps(before, {"port": "8080", "env": "prod", "region": "eu-west-1"})
    assert after == '# mine\nregion = "eu-west-1"   # near\n\nport = 8080\nenv = "prod"\n'


def test_a_new_file_says_what_it_is() -> None:
    text = answers_file.dumps(None, {"project_id": "shop"})
    assert text.startswith("# Answers for ecrwiz")
    assert answers_file.loads(text) == {"project_id": "shop"}


def test_nothing_changed_is_byte_identical() -> None:
    text = answers_file.dumps(None, {"project_id": "shop", "port": "3000"})
    assert answers_file.dumps(text, {"project_id": "shop", "port": "3000"}) == text


@given(st.text())
def test_any_text_comes_back(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        return  # half a surrogate pair is no text that a file could hold
    assert answers_file.loads(answers_file.dumps(None, {"app": value})) == {"app": value}


@pytest.mark.parametrize("text", ["port = ", "a = [1]", "[section]\nx = 1", "flag = true", "port = 1.5"])
def test_what_cannot_be_used_is_told(text: str) -> None:
    with pytest.raises(BadInputError, match=r"ecrwiz\.toml"):
        answers_file.loads(text)


def test_build_variables_have_a_table_of_their_own() -> None:
    text = answers_file.dumps("port = 3000\n", {"build_args.NEXT_PUBLIC_A": 'say "hi"', "keep_images": "5"})
    text = answers_file.dumps(text, {"build_args.NEXT_PUBLIC_B": "2", "env": "prod"})
    assert text.index('env = "prod"') < text.index("[build_args]")
    assert answers_file.loads(text) == {
        "port": "3000",
        "keep_images": "5",
        "env": "prod",
        "build_args.NEXT_PUBLIC_A": 'say "hi"',
        "build_args.NEXT_PUBLIC_B": "2",
    }
    assert answers_file.dumps(text, {"build_args.NEXT_PUBLIC_B": "2"}) == text


@pytest.mark.parametrize("text", ["build_args = 1", "[build_args]\nA = [1]", "[build_args.A]\nb = 1"])
def test_build_variables_are_plain_values(text: str) -> None:
    with pytest.raises(BadInputError, match="build_args"):
        answers_file.loads(text)

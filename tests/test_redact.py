"""Text from outside, made fit for a terminal or a log."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecrwiz.model.redact import clean_line, plain

# What moves the cursor, changes the terminal, or turns the order of letters round.
DANGEROUS = "\x00\x07\x08\x0b\x1b\x7f\x85\x90\x9b\x9c\x9d\u2028\u2029\u202a\u202e\u2066\u2069"


@pytest.mark.parametrize("sign", DANGEROUS)
def test_a_sign_that_a_terminal_obeys_goes_without_any_escape_around(sign: str) -> None:
    assert plain(f"a{sign}") == "a"


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("\x9b31mred", "31mred"),
        ("\x9d0;title\x9c", "0;title"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;aGk=\x1b\\text", "text"),
        ("\x1b\x1b[2Jtext", "text"),
        ("two\nlines\tkept", "two\nlines\tkept"),
        ("שלום, مرحبا, ü 🐳", "שלום, مرحبا, ü 🐳"),
    ],
)
def test_plain(line: str, left: str) -> None:
    assert plain(line) == left


@given(st.text(st.sampled_from(DANGEROUS + "[]0;mJP\\a\n\t") | st.characters()))
@example("\x1b\x1b[\x9b")
def test_nothing_dangerous_is_left(text: str) -> None:
    left = plain(text)
    assert not set(left) & set(DANGEROUS)
    assert not [sign for sign in left if unicodedata.category(sign) == "Cc" and sign not in "\n\t"]
    assert plain(left) == left


@given(st.text(st.sampled_from(DANGEROUS + "[]0;mJP\\a\r") | st.characters()))
def test_a_clean_line_keeps_colours_alone(text: str) -> None:
    left = re.sub(r"\x1b\[[0-9;:]*m", "", clean_line(text))
    assert not set(left) & set(DANGEROUS)

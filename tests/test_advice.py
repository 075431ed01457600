"""What other programs say, in plain words."""

from __future__ import annotations

import pytest

from ecrwiz.services import advice


@pytest.mark.parametrize("rule", advice.rules(), ids=lambda rule: rule.message[:30])
def test_each_rule_fits_its_own_text_first(rule: advice.Advice) -> None:
    found = advice.advise(f"the step failed\n\n{rule.sample}\nexit status 1")
    assert found is rule, f"{found.message if found else 'nothing'} is given for {rule.sample}"


@pytest.mark.parametrize("rule", advice.rules("rehearsal"), ids=lambda rule: rule.message[:30])
def test_each_rule_for_workflow_runs_fits_its_own_text_first(rule: advice.Advice) -> None:
    found = advice.advise(f"what was done before\n{rule.sample}\n", "rehearsal")
    assert found is rule, f"{found.message if found else 'nothing'} is given for {rule.sample}"


@pytest.mark.parametrize("rule", [*advice.rules(), *advice.rules("rehearsal")], ids=lambda rule: rule.message[:30])
def test_each_rule_says_what_happened_and_what_to_do(rule: advice.Advice) -> None:
    for sentence in (rule.message, rule.hint):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
    assert rule.link == "" or rule.link.startswith("https://")


@pytest.mark.parametrize("text", ["", "Exit code 1.", "The file is locked by the person.", "state of affairs"])
def test_what_is_not_known_gets_no_advice(text: str) -> None:
    assert advice.advise(text) is None
    assert advice.hint_for(text) == ""


def test_a_hint_is_found_by_the_words() -> None:
    assert "AWS_PROFILE" in advice.hint_for("Error: No valid credential sources found")


def test_a_huge_text_is_looked_at_in_part() -> None:
    assert advice.advise("x" * 5_000_000 + "ENOSPC") is None

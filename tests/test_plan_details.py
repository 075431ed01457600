"""A saved plan's attributes before and after, and its policies: from Terraform's documented JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ecrwiz.model.errors import ToolFailedError
from ecrwiz.model.results import KNOWN_LATER, SENSITIVE, AttributeChange, Plan, PlannedChange
from ecrwiz.services.terraform.details import with_details

ADDRESS = 'aws_ecr_repository.this["a"]'


def looked(kind: str = "aws_ecr_repository", address: str = ADDRESS, **change: Any) -> Plan:
    item = {"address": address, "mode": "managed", "type": kind, "change": {"actions": ["update"], **change}}
    data = {**item, "address": "data.x.y", "mode": "data"}
    plan = Plan((PlannedChange(address, "update"),))
    return with_details(plan, json.dumps({"format_version": "1.2", "resource_changes": [item, data]}))


def details(**change: Any) -> list[AttributeChange]:
    return list(looked(**change).changes[0].details)


def test_only_what_changes_is_told() -> None:
    found = details(
        before={"name": "a", "tags": {"env": "dev", "x": "y"}, "rules": [{"n": 1}, {"n": 2}], "list": ["p"]},
        after={"name": "a", "tags": {"env": "prod", "x": "y"}, "rules": [{"n": 1}, {"n": 3}], "list": ["p", "q"]},
    )
    assert found == [
        AttributeChange("list", '["p"]', '["p", "q"]'),
        AttributeChange("rules[1].n", "2", "3"),
        AttributeChange("tags.env", "dev", "prod"),
    ]


def test_what_only_aws_knows_comes_last_and_empty_values_not_at_all() -> None:
    found = details(
        before=None,
        after={"name": "a", "nothing": None, "none": [], "blank": "", "off": False, "block": [{}]},
        after_unknown={"arn": True, "id": True, "block": [{"key": True}], "other": [False]},
    )
    assert found == [
        AttributeChange("name", None, "a"),
        AttributeChange("off", None, "false"),
        AttributeChange("arn, block[0].key, id", None, KNOWN_LATER),
    ]
    later = details(before={"arn": "x"}, after={}, after_unknown={"arn": True})
    assert later == [AttributeChange("arn", "x", KNOWN_LATER)]


def test_sensitive_values_are_never_in_it() -> None:
    found = looked(
        before={"secret": "hidden-1", "deep": {"token": "hidden-2"}, "same": "hidden-3"},
        after={"secret": "hidden-4", "deep": {"token": "hidden-5"}, "same": "hidden-3", "made": None},
        before_sensitive={"secret": True, "deep": {"token": True}, "same": True},
        after_sensitive={"secret": True, "deep": {"token": True}, "same": True, "made": True},
        after_unknown={"made": True},
    )
    assert "hidden" not in repr(found)
    assert [item.name for item in found.changes[0].details] == ["deep.token", "made", "secret"]
    assert {item.after for item in found.changes[0].details} == {SENSITIVE}


def test_what_makes_it_anew_comes_first_and_json_is_laid_out() -> None:
    found = details(
        before={"a": "1", "encryption": [{"kms_key": "x"}], "policy": '{"b":1}', "text": "{no json"},
        after={"a": "2", "encryption": [{"kms_key": "y"}], "policy": '{"b":2}', "text": "[/foo]\x1b]52;c;x\x07"},
        replace_paths=[["encryption", 0, "kms_key"]],
    )
    assert found[0] == AttributeChange("encryption[0].kms_key", "x", "y", forces=True)
    assert AttributeChange("policy", '{\n  "b": 1\n}', '{\n  "b": 2\n}') in found
    assert AttributeChange("text", "{no json", "[/foo]") in found


def test_details_do_not_count_when_plans_are_compared() -> None:
    plan = looked(before=None, after={"x": "1"})
    assert plan.changes[0].details
    assert frozenset(plan.changes) == frozenset({PlannedChange(ADDRESS, "update")})


def test_every_policy_is_found_with_its_holder() -> None:
    user = looked("aws_iam_user_policy", before=None, after={"policy": "{}", "user": "ci"}).policies[0]
    assert (user.holder, user.kind, user.document) == ("ci", "permissions", "{}")
    later = looked("aws_iam_role_policy", before=None, after={}, after_unknown={"policy": True, "role": True}).policies[
        0
    ]
    assert (later.holder, later.document) == ("", None)
    role = looked("aws_iam_role", before={}, after={"name": "r", "assume_role_policy": '{"a":1}'}).policies[0]
    assert (role.holder, role.kind, role.document) == ("r", "trust", '{"a":1}')
    assert looked("aws_iam_user_policy", before={"policy": "{}"}, after=None).policies == ()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"resource_changes": [{"mode": "managed"}]}', '{"resource_changes": 3}']
)
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ToolFailedError, match="a form that ecrwiz does not know"):
        with_details(Plan(()), text)


def test_a_huge_plan_is_bounded() -> None:
    after = {f"a{number}": "x" * 100_000 for number in range(300)}
    found = details(before=None, after=after)
    assert len(found) == 200
    assert max(len(item.after or "") for item in found) <= 20_001

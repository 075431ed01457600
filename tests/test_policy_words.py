"""Policies in plain English, made from the documents."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrwiz.flow.policy_words import explain, trust

REPOSITORY = "arn:aws:ecr:eu-west-1:123456789012:repository/web/blog/nextjs"
PUSH = (
    "ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload",
    "ecr:PutImage", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:DescribeImages",
)  # fmt: skip
ECS = "arn:aws:ecs:eu-west-1:123456789012"
HUB = "token.actions.githubusercontent.com"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **item} for item in statements]})


LOGIN = {"Action": "ecr:GetAuthorizationToken", "Resource": "*"}
CI = policy(LOGIN, {"Action": list(PUSH), "Resource": [REPOSITORY]})


def test_the_ci_policy_statement_by_statement() -> None:
    words = explain(CI)
    assert words.may == (
        "May log in to the registry (AWS knows no narrower resource for this).",
        "May push images, pull images and see which images are there, only for the repository web/blog/nextjs in "
        "eu-west-1.",
    )
    assert words.beware == ()
    assert "Cannot delete images or repositories." in words.cannot
    assert "Cannot push to any other repository." in words.cannot
    assert "Cannot use any AWS service besides ECR." in words.cannot


def test_the_deploy_policy_with_its_conditions() -> None:
    words = explain(
        CI,
        policy(
            {"Action": ["ecs:UpdateService", "ecs:DescribeServices"], "Resource": f"{ECS}:service/c/s",
             "Condition": {"ArnEquals": {"ecs:cluster": f"{ECS}:cluster/c"},
                           "ArnLikeIfExists": {"ecs:task-definition": f"{ECS}:task-definition/t:*"}}},
            {"Action": "iam:PassRole", "Resource": ["arn:aws:iam::1:role/A", "arn:aws:iam::1:role/p/B"],
             "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}},
        ),
    )  # fmt: skip
    assert words.may[2] == (
        "May start a revision in a service, and watch it, only for the service s of the cluster c in eu-west-1, if its "
        "cluster is the cluster c in eu-west-1 and what it starts (when the call names one) is the task definition t "
        "in eu-west-1."
    )
    assert words.may[3] == (
        "May hand over a role, only for the role A and the role B, if the service that gets it is exactly "
        "ecs-tasks.amazonaws.com."
    )
    assert "Cannot hand over any other role." in words.cannot
    assert "Cannot use any AWS service besides ECR, ECS and IAM." in words.cannot


def test_what_is_allowed_is_never_among_what_cannot_be_done() -> None:
    def cannot(*statements: dict[str, Any]) -> str:
        return " ".join(explain(policy(*statements)).cannot)

    assert "delete images" not in cannot({"Action": "ecr:*", "Resource": REPOSITORY})
    assert "delete images" not in cannot({"Action": "ECR:batchdelete*", "Resource": "*"})
    assert "delete images" not in cannot({"NotAction": "iam:*", "Resource": "*"})
    assert "any other repository" not in cannot({"Action": "ecr:PutImage", "Resource": "arn:aws:ecr:*:*:repository/*"})
    assert "besides" not in cannot({"Action": "*", "Resource": "*"})
    assert "another role" not in cannot({"Action": "sts:AssumeRole", "Resource": "arn:aws:iam::1:role/x"})
    denied = policy({"Action": "ecr:*", "Resource": "*"}, {"Effect": "Deny", "Action": "ecr:Delete*", "Resource": "*"},
                    {"Effect": "Deny", "Action": "ecr:BatchDeleteImage", "Resource": "*"})  # fmt: skip
    assert "Cannot delete images or repositories: that is denied." in explain(denied).cannot
    assert any(line.startswith("May never") for line in explain(denied).may)


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ({"Action": "*", "Resource": "*"}, "* on every resource is far more than CI needs."),
        ({"Action": "s3:*", "Resource": "*"}, "s3:* on every resource"),
        ({"Action": "iam:PassRole", "Resource": "*"}, "iam:PassRole for more than named roles"),
        ({"Action": "iam:Pass*", "Resource": "arn:aws:iam::1:role/*"}, "iam:PassRole for more than named roles"),
        ({"NotAction": "iam:*", "Resource": "*"}, "NotAction with Allow"),
    ],
)
def test_too_much_is_told(statement: dict[str, Any], word: str) -> None:
    assert any(word in line for line in explain(policy(statement)).beware)


def test_what_is_not_known_is_named_as_it_stands() -> None:
    words = explain(policy({"Action": ["odd:[/foo]", "s3:Get*"], "Resource": "odd-arn[0]",
                            "Condition": {"NumericLessThan": {"odd:key": "3"}}}))  # fmt: skip
    assert words.may == (
        "May use odd:[/foo] and use s3:Get*, only for odd-arn[0], if odd:key meets NumericLessThan 3.",
    )
    assert "no JSON" in explain("{").beware[0]
    assert explain('{"Statement": [3]}').may == ()


def test_who_may_assume_a_role() -> None:
    def document(operator: str = "StringEquals", **keys: str) -> str:
        condition = {operator: {f"{HUB}:{key}": value for key, value in keys.items()}}
        return policy({"Principal": {"Federated": f"arn:aws:iam::1:oidc-provider/{HUB}"},
                       "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition})  # fmt: skip

    good = trust(document(aud="sts.amazonaws.com", sub="repo:octo/web:ref:refs/heads/main"))
    assert good.may == (
        "May be assumed by runs of GitHub's workflows, if the token's audience is exactly sts.amazonaws.com and the "
        "token's subject is exactly repo:octo/web:ref:refs/heads/main.",
    )
    assert good.beware == ()
    assert "asks for no sub" in trust(document(aud="x")).beware[0]
    assert "with a pattern (repo:octo/*)" in trust(document("StringLike", aud="x", sub="repo:octo/*")).beware[0]
    assert "ForAllValues" in trust(document("ForAllValues:StringEquals", aud="x", sub="y")).beware[0]
    anybody = policy({"Principal": "*", "Action": "sts:AssumeRole"})
    assert trust(anybody).beware == ("Anybody with an AWS account could assume this role.",)


TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "Condition", "Sid"])


@given(
    st.lists(st.dictionaries(NAMES, VALUE | st.sampled_from(["Allow", "Deny", "*", "ecr:*"]), max_size=6), max_size=4)
)
def test_no_document_breaks_it(statements: list[dict[str, Any]]) -> None:
    document = json.dumps({"Statement": statements})
    for words in (explain(document), trust(document)):
        assert all("\x1b" not in line for line in (*words.may, *words.cannot, *words.beware))

"""The estimate of what ecrwiz's resources cost."""

from __future__ import annotations

import re

import pytest

from ecrwiz.flow.cost import Cost, ImageSize, dollars, estimate
from ecrwiz.services import prices
from tests.infra_kit import KMS_KEY, answers

SIZE = ImageSize(62_000_000, measured=True)


def line(cost: Cost, what: str) -> str:
    return next(line.why for line in cost.lines if line.what == what)


def test_storage_is_size_times_images_times_price() -> None:
    cost = estimate(answers(keep_images="30"), SIZE)
    assert cost.total == pytest.approx(0.062 * 30 * 0.10)
    assert cost.summary == "at most $0.19 a month"
    assert line(cost, "ECR storage") == "30 images of 62 MB (as ECR measured) at $0.10 per GB-month"
    assert "stays below $0.19" in cost.compared
    assert re.search(r"about \$49 a month", cost.compared), "(0.045 + 0.0225) x 730"
    assert prices.date() in cost.rests_on


def test_what_is_not_known_is_not_made_up() -> None:
    assert estimate(answers(), None).total is None
    assert "not built yet" in line(estimate(answers(), None), "ECR storage")
    local = estimate(answers(), ImageSize(200_000_000, measured=False))
    assert "compressed, at about a third" in line(local, "ECR storage")
    forever = estimate(answers(keep_images="0"), SIZE)
    assert forever.total is None
    assert "each image of 62 MB (as ECR measured) adds less than $0.01" in line(forever, "ECR storage")
    china = estimate(answers(region="cn-north-1"), SIZE)
    assert (china.total, china.compared) == (None, "")
    assert "no prices for aws-cn" in line(china, "ECR storage")


def test_a_key_of_ones_own_and_the_identity_are_named() -> None:
    cost = estimate(answers(kms_key=KMS_KEY, ci_identity="both", github_repository="o/r"), SIZE)
    assert [row.what for row in cost.lines] == ["ECR storage", "Transfer", "KMS key", "CI user and CI role"]
    assert cost.total == pytest.approx(1.186)
    assert estimate(answers(ci_identity="oidc", github_repository="o/r"), SIZE).lines[-1].what == "CI role"


def test_amounts() -> None:
    assert [dollars(amount) for amount in (0, 0.004, 0.1, 1234.5)] == ["$0.00", "less than $0.01", "$0.10", "$1,234.50"]


def test_every_price_has_a_source_at_aws_and_a_place() -> None:
    for name in ("storage", "transfer_same_region", "transfer_out", "kms_key", "iam", "nat_gateway", "load_balancer"):
        found = prices.price(name, "aws")
        assert found is not None
        assert found.source.startswith("https://aws.amazon.com/")
        assert found.dollars >= 0
        assert prices.price(name, "aws-iso") is None
    assert re.fullmatch(r"20\d\d-\d\d", prices.date())

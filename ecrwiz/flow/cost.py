"""What ecrwiz's resources cost per month: an estimate from a table of list prices, with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ecrwiz.flow.project import Project
from ecrwiz.model.answers import Answers
from ecrwiz.model.results import BuildResult, PushResult
from ecrwiz.services import prices, regions

__all__ = ["Cost", "CostLine", "ImageSize", "dollars", "estimate", "image_size"]

_GB: Final = 1e9
_FREE: Final = 0.0


@dataclass(frozen=True, slots=True)
class ImageSize:
    """How large one image is.

    Attributes:
        count: bytes.
        measured: ECR said so, of the compressed image; else it is the local image's, which is larger.
    """

    count: int
    measured: bool


@dataclass(frozen=True, slots=True)
class CostLine:
    """One thing that may cost something.

    Attributes:
        what: in words.
        dollars: a month, at most; None when it cannot be told.
        why: what it rests on.
    """

    what: str
    dollars: float | None
    why: str


@dataclass(frozen=True, slots=True)
class Cost:
    """The estimate.

    Attributes:
        lines: thing by thing.
        total: a month, at most; None when a part of it cannot be told.
        compared: one sentence that sets it beside the network of the article's later parts; may be empty.
        rests_on: the table's date and what the estimate leaves out.
    """

    lines: tuple[CostLine, ...]
    total: float | None
    compared: str
    rests_on: str

    @property
    def summary(self) -> str:
        """A few words: `at most $0.19 a month`."""
        if self.total is None:
            return "depends on the image's size"
        return f"at most {dollars(self.total)} a month" if self.total else "nothing"


def image_size(project: Project) -> ImageSize | None:
    """The size of the image that was pushed, or else built; None before there is one."""
    pushed = project.results.find(PushResult)
    if pushed is not None:
        return ImageSize(pushed.size, measured=True)
    built = project.results.find(BuildResult)
    return ImageSize(built.size, measured=False) if built is not None else None


def estimate(answers: Answers, size: ImageSize | None) -> Cost:
    """Estimate the monthly cost of what is made for these answers.

    Args:
        answers: the region, how many images stay, and whether a KMS key of one's own encrypts them.
        size: of one image; None while it is not known.
    """
    partition = regions.partition_of(answers.region)
    lines = [_storage(answers, size, partition), _transfer(partition)]
    if answers.kms_key:
        key = prices.price("kms_key", partition)
        lines.append(CostLine("KMS key", key.dollars if key else None, "yours, whether or not ecrwiz uses it"))
    lines.append(CostLine(_identity(answers), _FREE, "IAM costs nothing, nor does ECR's basic scan of each image"))
    known = [line.dollars for line in lines if line.dollars is not None]
    total = sum(known) if len(known) == len(lines) else None
    rests_on = (
        f"An estimate from AWS list prices of {prices.date()} in US dollars, without taxes, free tiers and discounts; "
        "images share layers, and ECR stores a shared layer once, so it is usually less."
    )
    return Cost(tuple(lines), total, _compared(total, partition), rests_on)


def dollars(amount: float) -> str:
    """An amount: `$0.19`, or `less than $0.01`."""
    return "less than $0.01" if 0 < amount < 0.01 else f"${amount:,.2f}"


def _storage(answers: Answers, size: ImageSize | None, partition: str) -> CostLine:
    price = prices.price("storage", partition)
    if price is None:
        return CostLine("ECR storage", None, f"the table has no prices for {partition}; see AWS's page on ECR pricing")
    per_gb = f"{dollars(price.dollars)} per GB-month"
    keep = answers.keep_images
    if size is None:
        kept = f"the {keep} newest images stay" if keep else "every image stays (keep_images is 0)"
        return CostLine("ECR storage", None, f"{per_gb}; {kept}; the image is not built yet")
    megabytes = f"{size.count / 1e6:,.0f} MB"
    one = price.dollars * size.count / _GB
    how = "as ECR measured" if size.measured else "as built; ECR stores it compressed, at about a third"
    if not keep:
        return CostLine(
            "ECR storage", None, f"{per_gb}; each image of {megabytes} ({how}) adds {dollars(one)}; all stay"
        )
    images = f"{keep} image{'' if keep == 1 else 's'} of {megabytes}"
    return CostLine("ECR storage", one * keep, f"{images} ({how}) at {per_gb}")


def _transfer(partition: str) -> CostLine:
    out = prices.price("transfer_out", partition)
    internet = f"; pulls over the internet cost {dollars(out.dollars)} a GB" if out is not None else ""
    return CostLine("Transfer", _FREE, f"for pushes, and for pulls by AWS services in the region{internet}")


def _identity(answers: Answers) -> str:
    if answers.has_key and answers.has_role:
        return "CI user and CI role"
    return "CI role" if answers.has_role else "CI user"


def _compared(total: float | None, partition: str) -> str:
    gateway, balancer = prices.price("nat_gateway", partition), prices.price("load_balancer", partition)
    if gateway is None or balancer is None:
        return ""
    network = (gateway.dollars + balancer.dollars) * prices.HOURS
    mine = f", and stays below {dollars(total)}" if total else ""
    return (
        f"The network of the article's series (one NAT gateway, one load balancer, us-east-1) costs about "
        f"${network:,.0f} a month before any traffic; ecrwiz makes none of it{mine}."
    )

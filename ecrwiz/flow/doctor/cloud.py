"""Checks of AWS: who we are there, what we may do, and whether the clocks agree."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from ecrwiz.flow.doctor.finding import Finding, Patient, fine, from_error, problem, unknown, warning
from ecrwiz.model.errors import EcrwizError
from ecrwiz.services.aws import Credentials, Identity, known_regions
from ecrwiz.services.iam import Iam

__all__ = ["ACTIONS", "clock", "credentials", "permissions"]

_SOON: Final = timedelta(minutes=20)  # a run with a large image takes so long
_SKEW: Final = timedelta(minutes=4)  # AWS refuses signatures that are 5 minutes off, some services 15

_SET_CLOCK: Final = "sudo timedatectl set-ntp true"

# What the steps and Terraform's AWS provider ask for, by the resource that it is asked for.
ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "account": ("ecr:GetAuthorizationToken",),
    "repository": (
        *("ecr:CreateRepository", "ecr:DescribeRepositories", "ecr:DeleteRepository", "ecr:ListTagsForResource"),
        *("ecr:TagResource", "ecr:PutLifecyclePolicy", "ecr:GetLifecyclePolicy", "ecr:DeleteLifecyclePolicy"),
        *("ecr:BatchCheckLayerAvailability", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart"),
        *("ecr:CompleteLayerUpload", "ecr:PutImage", "ecr:BatchGetImage", "ecr:DescribeImages"),
        "ecr:BatchDeleteImage",
    ),
    "user": (
        *("iam:CreateUser", "iam:GetUser", "iam:DeleteUser", "iam:TagUser", "iam:ListUserTags"),
        *("iam:PutUserPolicy", "iam:GetUserPolicy", "iam:DeleteUserPolicy"),
        *("iam:CreateAccessKey", "iam:ListAccessKeys", "iam:DeleteAccessKey", "iam:ListGroupsForUser"),
    ),
}


async def credentials(patient: Patient) -> Finding:
    """Whose credentials are used, whether they last, and in which region."""
    try:
        found = await patient.once("credentials", patient.aws.credentials)
        who = await patient.identity()
    except EcrwizError as error:
        command = "aws sso login" if "session" in error.message else ""
        return from_error(error, command)
    return judge_credentials(found, who, patient.region, datetime.now(UTC))


def judge_credentials(found: Credentials, who: Identity, region: str, now: datetime) -> Finding:
    """What it means whose credentials these are."""
    facts = {
        "account": who.account, "arn": who.arn, "access key": found.key_id, "from": found.source, "region": region,
        "expires": f"{found.expires:%Y-%m-%d %H:%M} UTC" if found.expires else "not known, or never",
    }  # fmt: skip
    name = who.arn.rpartition(":")[2]
    if who.is_root:
        return warning(
            f"These are the root credentials of account {who.account}: they may do everything, and cannot be limited.",
            "Use a user or a role with fewer rights (AWS_PROFILE).",
            facts,
        )
    if region not in known_regions():
        return problem(f"{region} is no region that AWS knows.", "Choose another with --set region=...", facts)
    said = f"{name} in account {who.account}, region {region}, from {found.source}"
    if found.expires is None:
        return fine(f"{said}.", facts)
    left = found.expires - now
    minutes = max(0, round(left.total_seconds() / 60))
    if left < _SOON:
        return warning(
            f"{said}; they end in {minutes} minutes.", "Log in again before a long run.", facts, command="aws sso login"
        )
    return fine(f"{said}; they end in {minutes // 60} h {minutes % 60:02d} min.", facts)


async def permissions(patient: Patient) -> Finding:
    """Whether IAM would allow what the steps do; asked by a simulation, nothing is done."""
    try:
        who = await patient.identity()
    except EcrwizError:
        return unknown("What you may do cannot be asked without credentials.", "See the row AWS identity.")
    if who.is_root:
        return unknown("The root user may do everything; IAM does not simulate it.")
    iam = Iam(patient.aws.call)
    try:
        principal = await iam.principal(who.arn)
        if not principal:
            return unknown(f"IAM cannot simulate what {who.arn} may do.", "Steps will say what they lack.")
        decided: dict[str, bool | None] = {}
        for kind, actions in ACTIONS.items():
            found = await iam.simulate(principal, actions, resource(patient, who, kind))
            if patient.answers is None and kind != "account":  # a narrower policy than for `*` may do
                found = {action: allowed or None for action, allowed in found.items()}
            decided |= found
    except EcrwizError as error:
        return unknown(
            f"What you may do cannot be asked: {error.message}",
            "Allow iam:SimulatePrincipalPolicy to this identity to check it here; steps will say what they lack.",
        )
    return judge_permissions(decided)


def resource(patient: Patient, who: Identity, kind: str) -> str:
    """The ARN of what the steps will make, or `*` while the answers are not known."""
    answers, partition = patient.answers, who.arn.split(":")[1]
    if answers is None or kind == "account":
        return "*"
    if kind == "repository":
        return f"arn:{partition}:ecr:{answers.region}:{who.account}:repository/{answers.repository_name}"
    return f"arn:{partition}:iam::{who.account}:user/{answers.ci_user_name}"


def judge_permissions(decided: Mapping[str, bool | None]) -> Finding:
    """What it means what IAM decided."""
    denied = sorted(action for action, allowed in decided.items() if allowed is False)
    unsure = sorted(action for action, allowed in decided.items() if allowed is None)
    facts = {"asked about": str(len(decided)), "denied": ", ".join(denied) or "none"}
    if unsure:
        facts["not decided"] = ", ".join(unsure)
    if denied:
        few = ", ".join(denied[:3]) + (f" and {len(denied) - 3} more" if len(denied) > 3 else "")
        return problem(
            f"IAM would deny {few}.", "Ask for these permissions, or use another profile (AWS_PROFILE).", facts
        )
    if unsure:
        return unknown(f"IAM cannot decide {len(unsure)} of {len(decided)} actions without the real call.", facts=facts)
    return fine(f"IAM would allow all {len(decided)} actions that the steps need.", facts)


async def clock(patient: Patient) -> Finding:
    """Whether this machine's clock agrees with AWS's: every request is signed with the time."""
    try:
        return judge_clock(await patient.aws.clock_skew())
    except EcrwizError as error:
        return unknown(f"The time at AWS cannot be asked: {error.message}", error.hint)


def judge_clock(skew: timedelta) -> Finding:
    """What it means that the clocks differ; AWS tells whole seconds."""
    seconds = round(abs(skew.total_seconds()))
    if seconds <= 2:
        return fine("This machine's clock agrees with AWS's.")
    side = "ahead of" if skew > timedelta() else "behind"
    said = f"This machine's clock is {seconds} seconds {side} AWS's"
    if abs(skew) >= _SKEW:
        return problem(
            f"{said}: AWS refuses requests that are 5 minutes off.", "Let the clock set itself.", command=_SET_CLOCK
        )
    if seconds >= 60:
        return warning(f"{said}.", "Let the clock set itself.", command=_SET_CLOCK)
    return fine(f"{said}; up to 5 minutes do no harm.")

"""Looks whether this machine and the accounts have what a run needs; nothing is changed but a trial entry.

Every check stands alone, runs beside the others and has a deadline of its own, so that one that hangs costs
its own row and no more. What cannot be told is said to be unknown; it is never guessed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from ecrwiz.flow.doctor import cloud, hub, machine
from ecrwiz.flow.doctor.finding import Check, Finding, Health, Patient, from_error, unknown
from ecrwiz.model.errors import EcrwizError

__all__ = ["CHECKS", "Check", "Finding", "Health", "Patient", "examine", "exit_code", "sum_up"]

CHECKS: Final = (
    Check("python", "Python", "The interpreter and ecrwiz's own version.", machine.python),
    Check("terraform", "Terraform", "The program that makes the resources; 1.9 or newer.", machine.terraform),
    Check("provider", "AWS provider", "Terraform's plugin for AWS can be installed or is there.", machine.provider),
    Check("docker", "Docker engine", "Builds the image and tries it out.", machine.docker),
    Check("builder", "Builder", "BuildKit, or the engine's older builder.", machine.builder),
    Check("git", "Git", "The image's tag comes from the commit.", machine.git_program),
    Check("aws", "AWS identity", "Whose credentials are used, and how long they last.", cloud.credentials, 20),
    Check("permissions", "Permissions", "What the steps will ask AWS for, simulated by IAM.", cloud.permissions, 30),
    Check("clock", "Clock", "Every request to AWS is signed with the time.", cloud.clock),
    Check("keyring", "Keyring", "Keeps the CI secret on this machine; tried with a trial entry.", machine.keyring, 45),
    Check("github-token", "GitHub token", "Writes the secrets and variables of the repository.", hub.token, 40),
    Check("github", "Repository", "Is reached, and gives the key for which secrets are sealed.", hub.repository, 40),
    Check("actions", "Actions", "Workflows may run in the repository.", hub.actions, 40),
    Check("port", "Free port", "The smoke test asks the image over 127.0.0.1.", machine.port),
    Check("disk", "Disk", "Room for the project's build and for temporary files.", machine.disk),
    Check("terminal", "Terminal", "Size and colours, for the wizard.", machine.terminal),
)
_LOOKS_AT_THE_KEYRING: Final = ("keyring", "github-token", "github", "actions")


async def examine(
    patient: Patient, on_found: Callable[[Check, Finding, float], None], checks: Iterable[Check] = CHECKS
) -> dict[str, Finding]:
    """Run the checks at the same time.

    Args:
        patient: what is looked at.
        on_found: takes each finding as soon as it is there, and how many seconds it took.
        checks: which.

    Returns:
        The findings by the check's id, in the order of the table.
    """
    found: dict[str, Finding] = {}
    checks = tuple(checks)

    async def one(check: Check) -> None:
        began = time.monotonic()
        found[check.id] = await _run(check, patient)
        on_found(check, found[check.id], time.monotonic() - began)

    async with asyncio.TaskGroup() as group:
        for check in checks:
            group.create_task(one(check), name=f"doctor: {check.id}")
    return {check.id: found[check.id] for check in checks}


async def _run(check: Check, patient: Patient) -> Finding:
    seconds = check.seconds
    if check.id in _LOOKS_AT_THE_KEYRING:  # its own deadline is told in better words
        seconds += patient.project.tools.settings.keyring_seconds
    try:
        async with asyncio.timeout(seconds):
            return await check.run(patient)
    except TimeoutError:
        return unknown(f"There was no answer within {seconds:g} seconds.", "Check again; see whether it hangs.")
    except EcrwizError as error:
        return from_error(error)
    except (OSError, ValueError) as error:  # a library's word for a setting that it cannot use
        return unknown(f"This could not be looked at: {str(error).rstrip('.')}.")


def exit_code(found: Mapping[str, Finding]) -> int:
    """0 without a problem, 3 when a tool or a service is missing, else 1."""
    problems = [finding for finding in found.values() if finding.health is Health.PROBLEM]
    if not problems:
        return 0
    return 3 if any(finding.missing for finding in problems) else 1


def sum_up(found: Iterable[Finding]) -> str:
    """How many of each kind: `12 ok, 1 warning, 1 problem`."""
    healths = [finding.health for finding in found]
    words = {Health.OK: ("ok", "ok"), Health.WARNING: ("warning", "warnings"),
             Health.PROBLEM: ("problem", "problems"), Health.UNKNOWN: ("unknown", "unknown")}  # fmt: skip
    parts = [(healths.count(health), words[health]) for health in Health if healths.count(health)]
    return ", ".join(f"{count} {one if count == 1 else many}" for count, (one, many) in parts)

"""Tries the table of `flow.proofs`: calls as the CI user, and IAM's simulation for the rest and for a role."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from ecrwiz.flow import attached
from ecrwiz.flow.context import View
from ecrwiz.flow.probing import push_probe
from ecrwiz.flow.proofs import Call, Place, Trial, trials
from ecrwiz.flow.trying import LATER, NOT_YET, WAITS, Answer, Patience, is_refusal, one_line, tried
from ecrwiz.model.errors import EcrwizError, RemoteError, ToolFailedError
from ecrwiz.model.ports import AwsCall, ignore
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import Proof, ProvisionResult
from ecrwiz.services import simulation
from ecrwiz.services.aws import Aws

__all__ = ["OnProof", "prove_by_simulation", "prove_key"]

OnProof = Callable[[Proof, int, int], None]
"""Takes a proof as it comes, how many are done, and how many there are."""


class Tally:
    """Collects the rows in the table's order while they come in any."""

    def __init__(self, rows: Sequence[Trial], identity: str, on_proof: OnProof) -> None:
        self._rows, self._identity, self._on_proof = rows, identity, on_proof
        self._found: dict[int, Proof] = {}

    def note(self, trial: Trial, answer: Answer) -> None:
        """Take a row's answer."""
        number = next(i for i, row in enumerate(self._rows) if row is trial)
        proof = Proof(
            trial.title, trial.action, trial.resource, trial.expected, answer.found, answer.text, answer.how,
            self._identity,
        )  # fmt: skip
        self._found[number] = proof
        self._on_proof(proof, len(self._found), len(self._rows))

    def proofs(self) -> tuple[Proof, ...]:
        """All rows."""
        return tuple(self._found[number] for number in sorted(self._found))


async def prove_key(
    view: View,
    made: ProvisionResult,
    key: tuple[str, Secret],
    on_proof: OnProof = ignore,
    patience: Patience | None = None,
) -> tuple[Proof, ...]:
    """Try every row with an access key of the CI user; a probe image is pushed and taken away again.

    Args:
        view: the project; it says and shows what is done when it is a `Context`.
        made: what Terraform made.
        key: the access key's id and secret; it need not be the one that `made` names.
        on_proof: takes each row as it comes.
        patience: for a policy that was just changed.

    Raises:
        EcrwizError: the key is not the CI user's, or AWS cannot be reached.
    """
    aws = Aws(made.aws_region, key)
    arn = await _identity(aws, made)
    place = Place(view.answers, made, arn.split(":")[1], arn)
    rows, reading = trials(place), attached.trial()
    tally = Tally((*rows, reading), arn, on_proof)
    patience = patience or Patience()
    free = [row for row in rows if row.call and not row.needs_image]
    bound = [row for row in rows if row.needs_image]
    pushed = {row.action: row for row in rows if row.call is None and row.expected == "allowed"}

    async def with_image() -> dict[Trial, Answer]:
        return dict(zip(bound, await _all(aws, bound, patience), strict=True))

    probing = asyncio.create_task(push_probe(view, made, aws, patience, with_image))
    calling = asyncio.create_task(_all(aws, free, patience, lambda row, answer: _note_known(tally, row, answer)))
    try:
        answers = dict(zip(free, await calling, strict=True))
        steps, deletions = await probing
    finally:
        for task in (calling, probing):
            task.cancel()
        await asyncio.gather(calling, probing, return_exceptions=True)
    answers |= deletions | {pushed[action]: answer for action, answer in steps.items() if action in pushed}
    for row, answer in answers.items():
        if row not in free:
            _note_known(tally, row, answer)
    undecided = {row: answers.get(row) for row in rows if row not in answers or answers[row].found == "unknown"}
    await _ask_iam(view, place, arn, (undecided, reading), tally, patience)
    return tally.proofs()


def _note_known(tally: Tally, row: Trial, answer: Answer) -> None:
    if answer.found != "unknown":
        tally.note(row, answer)


async def prove_by_simulation(
    view: View, made: ProvisionResult, arn: str, on_proof: OnProof = ignore, patience: Patience | None = None
) -> tuple[Proof, ...]:
    """Let IAM simulate every row for a user or role that nobody can work as from here, asked as the operator.

    Args:
        view: the project.
        made: what Terraform made.
        arn: of the user or role.
        on_proof: takes each row as it comes.
        patience: for a policy that was just changed.
    """
    user = arn if ":user/" in arn else ""
    place, reading = Place(view.answers, made, arn.split(":")[1], user), attached.trial()
    # Nobody can be denied to ask who they are.
    rows = tuple(row for row in trials(place) if row.action != "sts:GetCallerIdentity")
    tally = Tally((*rows, reading), arn, on_proof)
    await _ask_iam(view, place, arn, (dict.fromkeys(rows), reading), tally, patience or Patience())
    return tally.proofs()


async def _ask_iam(
    view: View,
    place: Place,
    arn: str,
    rows: tuple[Mapping[Trial, Answer | None], Trial],
    tally: Tally,
    patience: Patience,
) -> None:
    """What the operator's own credentials can find out: by simulation, and by reading the policies."""
    call, (undecided, reading) = view.tools.aws(place.region).call, rows

    async def read() -> None:
        tally.note(reading, await attached.compare(view, call, place, arn, patience))

    await asyncio.gather(_simulate(call, arn, undecided, tally, patience), read())


async def _identity(aws: Aws, made: ProvisionResult) -> str:
    waits = list(WAITS)
    while True:
        try:
            who = await aws.identity()
            break
        except RemoteError as error:
            if error.code not in NOT_YET | LATER or not waits:
                raise ToolFailedError(
                    f"AWS does not accept the CI identity's access key: {error.message}",
                    "It may be new (try again in a minute), inactive or deleted: ecrwiz credentials where",
                ) from error
            await asyncio.sleep(waits.pop(0))
    if who.account != made.account or not who.arn.endswith(f":user/{made.ci_user}"):
        raise ToolFailedError(f"The key belongs to {who.arn}, not to {made.ci_user}.", "Run provision again.")
    return who.arn


async def _all(
    aws: Aws, rows: Sequence[Trial], patience: Patience, on_answer: Callable[[Trial, Answer], None] = ignore
) -> list[Answer]:
    """Try rows at the same time; a service that cannot be reached leaves what must be refused unknown."""

    async def one(row: Trial, call: Call) -> Answer:
        try:
            answer = await tried(
                lambda: aws.call(call.service, call.operation, **call.parameters), row.expected, call.reached, patience
            )
        except EcrwizError as error:
            if row.expected == "allowed":
                raise
            answer = Answer("unknown", one_line(error.message))
        on_answer(row, answer)
        return answer

    return list(await asyncio.gather(*(one(row, row.call) for row in rows if row.call)))


async def _simulate(
    call: AwsCall, arn: str, rows: Mapping[Trial, Answer | None], tally: Tally, patience: Patience
) -> None:
    """Let IAM decide what no call has decided; rows of the same resource are asked together."""
    groups: dict[tuple[str, tuple[tuple[str, str], ...], str], list[Trial]] = {}
    for row in rows:
        groups.setdefault((row.resource, row.context, row.expected), []).append(row)
    limit = asyncio.Semaphore(4)  # IAM wants to be asked slowly

    async def one(group: Sequence[Trial]) -> None:
        async with limit:
            decided = await _decided(call, arn, group, patience)
        for row in group:
            before, answer = rows[row], decided[row.action]
            if answer.found == "unknown" and before is not None:
                answer = Answer("unknown", one_line(f"{before.text}; {answer.text}"), how="called")
            tally.note(row, answer)

    await asyncio.gather(*(one(group) for group in groups.values()))


async def _decided(call: AwsCall, arn: str, group: Sequence[Trial], patience: Patience) -> dict[str, Answer]:
    first = group[0]
    actions = [row.action for row in group]
    answers: dict[str, Answer] = {}
    for wait in (*WAITS, None):
        try:
            found = await simulation.decide(call, arn, actions, first.resource, dict(first.context))
        except EcrwizError as error:
            code = error.code if isinstance(error, RemoteError) else ""
            answers = dict.fromkeys(actions, Answer("unknown", one_line(_cannot(error)), code, "simulated"))
        else:
            answers = {action: _simulated(found.get(action)) for action in actions}
        again = any(answer.code in LATER for answer in answers.values())
        wrong = any(answer.found not in (first.expected, "unknown") for answer in answers.values())
        if wait is None or not (again or (wrong and patience.has(wait))):
            break
        await asyncio.sleep(wait)
    return answers


def _cannot(error: EcrwizError) -> str:
    if isinstance(error, RemoteError) and is_refusal(error):
        return "your own AWS identity may not ask for a simulation (iam:SimulatePrincipalPolicy)"
    return f"IAM does not simulate it: {error.message}"


def _simulated(decision: simulation.Decision | None) -> Answer:
    if decision is None:
        return Answer("unknown", "IAM gave no decision", how="simulated")
    found: dict[bool | None, Literal["allowed", "refused", "unknown"]] = {
        True: "allowed", False: "refused", None: "unknown",
    }  # fmt: skip
    return Answer(found[decision.allowed], one_line(decision.words), how="simulated")

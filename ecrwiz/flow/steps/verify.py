"""Prove with the CI identity itself what it may do and what it may not."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from ecrwiz.flow import layout, proving, trust_proofs
from ecrwiz.flow.context import Context, FoundWrongError, Step, View
from ecrwiz.flow.events import StepId
from ecrwiz.flow.steps.credentials import read_secret
from ecrwiz.flow.trying import Patience
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.results import CredentialsResult, Proof, ProvisionResult, VerifyResult
from ecrwiz.services import files

__all__ = ["STEP", "row", "why_wrong"]

_SETTLED: Final = 30.0  # seconds after which AWS knows a changed policy everywhere

# AWS's own sentences name what kind of policy refused: IAM user guide, "Troubleshoot access denied error messages".
_HINTS: Final[Mapping[str, str]] = {
    "service control policy": "The organisation's service control policy (SCP) forbids it; ask its administrators.",
    "resource control policy": "The organisation's resource control policy (RCP) forbids it; ask its administrators.",
    "permissions boundary": "The identity's permissions boundary leaves it out: add the action there.",
    "VPC endpoint policy": "The policy of the VPC endpoint that this machine uses forbids it.",
    "resource-based policy": "The repository's own policy forbids it: aws ecr get-repository-policy shows it.",
}
_LESS: Final = "Put the policy of infra/ into force again with: ecrwiz run provision verify --force"
_MORE: Final = (
    "Somebody gave it more than infra/ says. Look at its policies and groups in IAM (the row `do more than infra/ "
    "says` names them) and take out what is not ecrwiz's; if push-to-ecr or deploy-to-ecs itself was changed, run: "
    "ecrwiz run provision --force. Then: ecrwiz verify"
)


async def _run(context: Context) -> VerifyResult:
    made = context.need(ProvisionResult)
    proofs: list[Proof] = []
    patience = Patience(_SETTLED - _since_provision(context))
    if context.answers.has_key and made.aws_iam_access_id:
        proofs += await _prove_user(context, made, patience)
    if context.answers.has_role and made.ci_role_arn:
        proofs += await _prove_role(context, made, patience)
    if not any(proof.found != "unknown" for proof in proofs):
        raise EcrwizError(
            "Nothing could be found out about what the CI identity may do.",
            "Allow iam:SimulatePrincipalPolicy to your AWS identity, or run this where the secret is: ecrwiz verify",
        )
    return _judge(context, VerifyResult(tuple(proofs)))


async def _prove_user(context: Context, made: ProvisionResult, patience: Patience) -> tuple[Proof, ...]:
    show = _Show(context)
    try:
        secret = await read_secret(context, made)
    except EcrwizError as error:
        context.say(f"{error.message} So nothing is called as {made.ci_user}: IAM is asked to simulate every row.")
        kept = context.find(CredentialsResult)
        arn = kept.arn if kept and f":user/{made.ci_user}" in kept.arn else await _user_arn(context, made)
        return await proving.prove_by_simulation(context, made, arn, show, patience)
    context.say(f"As {made.ci_user}, with the access key {made.aws_iam_access_id}:")
    return await proving.prove_key(context, made, (made.aws_iam_access_id, secret), show, patience)


async def _user_arn(context: Context, made: ProvisionResult) -> str:
    found = await context.tools.aws(made.aws_region).call("iam", "get_user", UserName=made.ci_user)
    return str(found["User"]["Arn"])


async def _prove_role(context: Context, made: ProvisionResult, patience: Patience) -> tuple[Proof, ...]:
    context.say(f"{made.ci_role_arn}: only a workflow on GitHub can assume it, so IAM is asked to simulate every row.")
    show = _Show(context)
    proofs = await proving.prove_by_simulation(context, made, made.ci_role_arn, show, patience)
    trusted = await trust_proofs.prove_trust(context, made)
    total = len(proofs) + len(trusted)
    for number, proof in enumerate(trusted, len(proofs) + 1):
        show(proof, number, total)
    return (*proofs, *trusted)


class _Show:
    """Shows and logs each row as it comes."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def __call__(self, proof: Proof, done: int, total: int) -> None:
        self._context.say(row(proof))
        self._context.progress(done, total, "rows", proof.title)


def row(proof: Proof) -> str:
    """A proof on one line: sign, how it is, what, AWS's answer, and how it was found."""
    sign = "✗" if proof.wrong else "?" if proof.found == "unknown" else "✓"
    return f"{sign} {proof.found:<8} {proof.title} ({proof.action}, {proof.how}): {proof.answer}"


def _since_provision(context: Context) -> float:
    record = context.project.journal.get(StepId.PROVISION)
    return time.time() - (record.started + record.seconds) if record else _SETTLED


def _judge(context: Context, result: VerifyResult) -> VerifyResult:
    proofs = result.proofs
    wrong = [proof for proof in proofs if proof.wrong]
    unknown = sum(proof.found == "unknown" for proof in proofs)
    right = len(proofs) - len(wrong) - unknown
    ways = [proof.how for proof in proofs]
    counts = ", ".join(f"{ways.count(how)} {how}" for how in ("called", "simulated", "read") if how in ways)
    words = f"{right} of {len(proofs)} rows are as they must be ({counts})"
    words += f"; {unknown} could not be found out" if unknown else ""
    context.say(f"{words}.")
    if wrong:
        raise FoundWrongError(_sentence(wrong), why_wrong(wrong), result)
    return result


def _sentence(wrong: Sequence[Proof]) -> str:
    parts = [
        f"it {'may not' if proof.expected == 'allowed' else 'may'} {proof.title} ({proof.action})" for proof in wrong
    ]
    few = "; ".join(parts[:4]) + (f"; and {len(parts) - 4} more" if len(parts) > 4 else "")
    return f"The CI identity is not as it must be: {few}."


def why_wrong(wrong: Sequence[Proof]) -> str:
    """What to do about rows that came out wrong."""
    lacking = [proof for proof in wrong if proof.expected == "allowed"]
    for proof in lacking:
        for words, hint in _HINTS.items():
            if words in proof.answer:
                return f"AWS: {proof.answer.rstrip('.')}. {hint}"
    if lacking:
        return f"AWS: {lacking[0].answer.rstrip('.')}. {_LESS}"
    return _MORE


async def _inputs(view: View) -> dict[str, str]:
    made = view.find(ProvisionResult)
    return {
        "access key": made.aws_iam_access_id if made else "",
        "role": made.ci_role_arn if made else "",
        "repository": f"{made.ecr_repo_url}/{made.ecr_repo_path}" if made else "",
        "policy": _policy(view),
    }


def _policy(view: View) -> str:
    """A fingerprint of the Terraform that the policy is made by."""
    folder = view.paths.infra
    paths = (*folder.glob("*.tf"), *folder.glob("*.tfvars"), *folder.glob("modules/*/*.tf"), folder / layout.TRUST_FILE)
    texts = [
        f"{path.relative_to(folder).as_posix()}\0{files.read_text(path, inside=view.paths.base) or ''}"
        for path in sorted(paths)
        if path.name not in layout.GENERATED or path.name == layout.TRUST_FILE
    ]
    return files.digest("\0".join(texts))


STEP = Step(
    id=StepId.VERIFY,
    title="Prove what the CI identity may do",
    run=_run,
    inputs=_inputs,
    needs=(StepId.PROVISION, StepId.CREDENTIALS),
)

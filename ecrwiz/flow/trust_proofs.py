"""Rows about a role's trust policy: who may assume it, read from the policy as IAM has it now.

A workflow's token cannot be had here, so nobody can be sent to try. The policy is small and exact instead, and what
is not exact is a wrong row. Rules: IAM user guide, "Create a role for OIDC federation" and "Multivalued context keys"
(a `ForAllValues` condition is true for a token that lacks the claim).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ecrwiz.flow import trust
from ecrwiz.flow.context import View
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import plain
from ecrwiz.model.results import Proof, ProvisionResult
from ecrwiz.model.subjects import audience_of, issuer_of
from ecrwiz.model.trust import Trust

__all__ = ["Grant", "judge", "prove_trust", "read_grants"]

_ASSUME: Final = "sts:AssumeRoleWithWebIdentity"
_GITHUB: Final = "https://api.github.com"
_PROVIDER: Final = ":oidc-provider/"
Found = Literal["allowed", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Grant:
    """What one statement of a trust policy allows.

    Attributes:
        principals: who, such as `Federated arn:...`.
        conditions: operator, key in lower case, values.
    """

    principals: tuple[str, ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]

    def exact(self, key: str) -> tuple[str, ...]:
        """The values that a claim must equal; none where nothing exact is asked of it."""
        found = [values for operator, name, values in self.conditions if (operator, name) == ("StringEquals", key)]
        return found[0] if found else ()

    def others(self, *keys: str) -> tuple[str, ...]:
        """The conditions besides the exact ones on these claims, in words."""
        return tuple(
            f"{operator} {name} {', '.join(values)}"
            for operator, name, values in self.conditions
            if operator != "StringEquals" or name not in keys
        )


def read_grants(document: Mapping[str, Any]) -> tuple[Grant, ...]:
    """The statements of a trust policy that allow something."""
    return tuple(
        Grant(tuple(_principals(statement)), tuple(_conditions(statement)))
        for statement in _statements(document, "Allow")
    )


def _statements(document: Mapping[str, Any], effect: str) -> Iterator[Mapping[str, Any]]:
    for statement in _list(document.get("Statement")):
        if isinstance(statement, Mapping) and statement.get("Effect") == effect:
            yield statement


def _principals(statement: Mapping[str, Any]) -> Iterator[str]:
    principal = statement.get("Principal")
    if not isinstance(principal, Mapping):
        yield str(principal) if principal is not None else "all but some (NotPrincipal)"
        return
    for kind, names in principal.items():
        yield from (f"{kind} {name}" for name in _list(names))


def _conditions(statement: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for operator, keys in dict(statement.get("Condition") or {}).items():
        for key, values in dict(keys).items():
            yield str(operator), str(key).lower(), tuple(str(value) for value in _list(values))


def _list(value: Any) -> Sequence[Any]:  # noqa: ANN401  # JSON of a policy
    return value if isinstance(value, list) else [] if value is None else [value]


async def prove_trust(view: View, made: ProvisionResult) -> tuple[Proof, ...]:
    """Compare the role's trust policy with what GitHub says of the repository.

    Raises:
        EcrwizError: IAM does not show the role, or there is none.
    """
    arn = made.ci_role_arn
    role = await view.tools.iam(made.aws_region).role(arn.rsplit("/", 1)[-1])
    if role is None:
        raise EcrwizError(
            f"The role {arn} does not exist in this account.", "Make it again with: ecrwiz run provision --force"
        )
    solved: Trust | None = None
    doubt = ""
    try:
        # A plain view: a missing token is no reason to ask for one here.
        solved = await trust.solve(View(view.project, view.step))
    except EcrwizError as error:
        doubt = error.message
    url, audience = view.answers.github_api_url, audience_of(view.answers.region)
    issuer = issuer_of("github.com") if url == _GITHUB else _issuer_in(role.trust)
    return tuple(
        Proof(title, _ASSUME, arn, expected, found, plain(text)[:600], "read", arn)
        for title, expected, found, text in judge(role.trust, solved, issuer, audience, doubt)
    )


def _issuer_in(document: Mapping[str, Any]) -> str:
    """The one provider that a policy names: where an enterprise's GitHub cannot be asked, it alone says which it is."""
    names = {name.partition(_PROVIDER)[2] for grant in read_grants(document) for name in grant.principals}
    return names.pop() if len(names) == 1 else ""


def judge(
    document: Mapping[str, Any], solved: Trust | None, issuer: str, audience: str, doubt: str = ""
) -> Iterator[tuple[str, Literal["allowed", "refused"], Found, str]]:
    """Rows about a trust policy: title, how it must be, how it is, why.

    Args:
        document: the policy.
        solved: who must be trusted; None when GitHub could not be asked.
        issuer: host and path of GitHub's provider, when `solved` does not say.
        audience: of tokens for AWS, when `solved` does not say.
        doubt: why GitHub could not be asked.
    """
    issuer, audience = (solved.issuer, solved.audience) if solved else (issuer, audience)
    sub, aud = f"{issuer}:sub".lower(), f"{issuer}:aud".lower()
    grants = read_grants(document)
    ours = [grant for grant in grants if all(_is_provider(name, issuer) for name in grant.principals)]
    denies = any(_statements(document, "Deny"))
    # The workflow's own runs must get in even where oidc_trust forgets them.
    for subject in dict.fromkeys((*solved.subjects, *solved.own)) if solved else ():
        found, text = _trusts(ours, subject, sub, aud, audience)
        if denies and found == "allowed":
            found, text = "unknown", "the trust policy also denies something, and only a real run can tell what"
        yield f"be assumed by {subject}", "allowed", found, text
    yield "be assumed by any other workflow run", "refused", *_others(ours, solved, sub, aud, doubt)
    loose = [grant for grant in ours if grant.exact(aud) != (audience,)]
    text = "without StringEquals on aud" if loose else f"the trust policy says StringEquals aud {audience}"
    yield "be assumed with a token for another audience", "refused", "allowed" if loose else "refused", text
    strangers = sorted({name for grant in grants if grant not in ours for name in grant.principals})
    text = (
        f"the trust policy also names {', '.join(strangers)}" if strangers else f"the trust policy names {issuer} alone"
    )
    yield "be assumed by anybody but GitHub's workflows", "refused", "allowed" if strangers else "refused", text


def _is_provider(principal: str, issuer: str) -> bool:
    return principal.startswith("Federated arn:") and principal.partition(_PROVIDER)[2] == issuer != ""


def _trusts(ours: Sequence[Grant], subject: str, sub: str, aud: str, audience: str) -> tuple[Found, str]:
    for grant in ours:
        if subject in grant.exact(sub) and audience in grant.exact(aud):
            more = grant.others(sub, aud)
            if more:
                return "unknown", f"the trust policy asks for more: {'; '.join(more)}"
            return "allowed", f"the trust policy says StringEquals sub {subject}"
    return "refused", "the trust policy does not name this subject"


def _others(ours: Sequence[Grant], solved: Trust | None, sub: str, aud: str, doubt: str) -> tuple[Found, str]:
    for grant in ours:
        named = grant.exact(sub)
        if not named:
            return "allowed", f"without StringEquals on sub ({'; '.join(grant.others(sub, aud)) or 'no condition'})"
        extra = sorted(set(named) - set(solved.subjects)) if solved else []
        if extra:
            return "allowed", f"the trust policy also names {', '.join(extra)}"
    if solved is None:
        names = ", ".join(name for grant in ours for name in grant.exact(sub)) or "nobody"
        return "unknown", f"the trust policy names {names}; whether that is right, GitHub could not be asked: {doubt}"
    return "refused", "StringEquals on sub, and no other subject"

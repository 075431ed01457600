"""Known failures and what to do about them: a table of patterns over the words of other programs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["hint_for"]


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: str
    hint: str


_RULES: Sequence[_Rule] = (
    _Rule(
        r"RepositoryAlreadyExistsException|EntityAlreadyExists",
        "It exists and is not in Terraform's state: run provision again, which takes over what is ecrwiz's own.",
    ),
    _Rule(
        r"acquiring the state lock|state lock",
        "Another Terraform run holds the state. Wait for it to end; if it was killed, use `terraform force-unlock`.",
    ),
    _Rule(
        r"No valid credential sources|no EC2 IMDS role|failed to refresh cached credentials",
        "Log in to AWS (`aws login`, `aws sso login`) or set AWS_PROFILE, and run the step again.",
    ),
    _Rule(r"ExpiredToken|token.*expired", "Log in to AWS again and run the step again."),
    _Rule(
        r"AccessDenied|not authorized to perform|UnauthorizedOperation",
        "Your AWS identity lacks that permission. Ask for it, or use another profile (AWS_PROFILE).",
    ),
    _Rule(
        r"LimitExceeded.*AccessKeys|Cannot exceed quota for AccessKeysPerUser",
        "The CI user has two access keys already, which is IAM's limit. Delete one that is not used.",
    ),
    _Rule(r"no space left on device|ENOSPC", "The disk is full. Make room, and run the step again."),
    _Rule(r"i/o timeout|no such host|connection refused|dial tcp", "Check the network, and run the step again."),
    _Rule(
        r"npm ci.*can only install|lock file.*not in sync|EUSAGE|needs to be updated, but yarn was run with",
        "package.json and the lockfile disagree. Run your package manager's install, and commit the lockfile.",
    ),
    _Rule(
        r"0308010C|ERR_OSSL_EVP_UNSUPPORTED",
        "This Next.js is too old for Node's OpenSSL 3. Update Next.js to 12.1 or newer.",
    ),
)


def hint_for(text: str) -> str:
    """What to do about a failure, by its words; empty when nothing is known."""
    for rule in _RULES:
        if re.search(rule.pattern, text, re.IGNORECASE | re.DOTALL):
            return rule.hint
    return ""

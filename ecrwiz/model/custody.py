"""Where the CI identity's secret is, and what is known about the identity. Never the secret itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["Copy", "Custody", "Search", "Used"]


@dataclass(frozen=True, slots=True)
class Copy:
    """One place that has, or could have, the secret or a right to use it.

    Attributes:
        kind: what sort of place.
        place: in words, such as `keyring entry 123456789012/blog/dev` or `secret AWS_SECRET_ACCESS_KEY of o/r`.
        state: `unknown` when nobody could find out; then `note` says why.
        access_key_id: the key it belongs to; empty when that cannot be told (GitHub never gives a secret back).
        since: when it was made or set (UTC); None when not known.
        note: more, in a few words: `used 3 hours ago for ecr in us-east-1`, `inactive`, ...
    """

    kind: Literal["iam-key", "iam-role", "keyring", "github", "profile", "file", "gitlab"]
    place: str
    state: Literal["there", "absent", "unknown"]
    access_key_id: str = ""
    since: datetime | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """When an access key was last used, as IAM has noted.

    Attributes:
        at: when (UTC).
        service: such as `ecr`.
        region: such as `us-east-1`; empty when the service has none.
    """

    at: datetime
    service: str
    region: str


@dataclass(frozen=True, slots=True)
class Custody:
    """Who the CI identity is and where its copies are.

    Attributes:
        identity: as the answers say: `access-key`, `oidc` or `both`.
        arn: of the user, or of the role when there is no user; empty when there is neither.
        account: AWS account id.
        access_key_id: of the key in use; empty when there is none.
        created: of that key (UTC).
        status: of that key, `Active` or `Inactive`; empty when there is none.
        last_used: in words, `never` included; empty when not known.
        copies: every place, the identity itself first.
        warnings: sentences: the key is older than 90 days, a second key exists, a rotation was cut, ...
        user: the user's ARN; empty when there is none, or when AWS could not be asked.
        role: the role's ARN, in the same way; in `both` there are two identities.
        problem: why AWS could not be asked, and what to do next; empty when it was.
        used: what `last_used` says, for programs; None when the key was never used or that is not known.
    """

    identity: str
    arn: str
    account: str
    access_key_id: str
    created: datetime | None
    status: str
    last_used: str
    copies: tuple[Copy, ...]
    warnings: tuple[str, ...] = ()
    user: str = ""
    role: str = ""
    problem: str = ""
    used: Used | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """One kind of place that was searched for the key id and the secret.

    Attributes:
        place: in words, such as `Terraform's state` or `image layers of ecrwiz/blog/app:1a2b3c`.
        looked_at: what was read, such as `3 files, 41 kB`; or why it could not be.
        secret: where the secret was found, one line each; must be empty.
        key_id: where the key id was found, one line each; no secret, and expected in the state.
        complete: everything there was read.
    """

    place: str
    looked_at: str
    secret: tuple[str, ...]
    key_id: tuple[str, ...]
    complete: bool

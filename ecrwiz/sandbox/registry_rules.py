"""What ECR's registry endpoint lets a caller do, and the words in which it refuses."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from ecrwiz.sandbox.aws_ecr import Token, TokenBook, find_image, find_repository, is_frozen
from ecrwiz.sandbox.aws_iam import NotAllowedError, UnknownCallerError
from ecrwiz.sandbox.aws_resources import repository_arn

if TYPE_CHECKING:
    from moto.ecr.models import Repository

__all__ = ["RegistryRefusal", "Target", "admit", "authenticate", "check_tag", "resolve"]

_PATH: Final = re.compile(r"/v2/(?P<name>.+)/(?P<kind>blobs|manifests|tags)/(?P<rest>.+)")
_UPLOADS: Final = {
    "POST": "ecr:InitiateLayerUpload",
    "PATCH": "ecr:UploadLayerPart",
    "PUT": "ecr:CompleteLayerUpload",
    "GET": "ecr:UploadLayerPart",
    "DELETE": "ecr:UploadLayerPart",
}
_ACTIONS: Final = {
    "blobs": {"HEAD": "ecr:BatchCheckLayerAvailability", "GET": "ecr:GetDownloadUrlForLayer"},
    "manifests": {"PUT": "ecr:PutImage", "GET": "ecr:BatchGetImage", "HEAD": "ecr:BatchGetImage"},
    "tags": {"GET": "ecr:ListImages"},
}


class RegistryRefusal(Exception):  # noqa: N818  # an answer of the registry, not a fault of the front
    """An error in the registry protocol's form.

    Attributes:
        status: HTTP status code.
        code: the protocol's word, such as `NAME_UNKNOWN`.
        message: ECR's sentence.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Target:
    """What a request of the registry protocol is about.

    Attributes:
        name: of the repository.
        kind: `blobs`, `manifests` or `tags`.
        rest: digest, tag, `uploads/...` or `list`.
        action: the IAM action that ECR asks permission for.
    """

    name: str
    kind: str
    rest: str
    action: str

    @classmethod
    def parse(cls, method: str, path: str) -> Target:
        """Read the path of a request.

        Raises:
            RegistryRefusal: ECR offers no such call.
        """
        found = _PATH.fullmatch(path)
        if found is None:
            raise RegistryRefusal(404, "UNSUPPORTED", "The operation is unsupported.")
        name, kind, rest = found["name"], found["kind"], found["rest"]
        upload = kind == "blobs" and rest.split("/")[0] == "uploads"
        action = (_UPLOADS if upload else _ACTIONS[kind]).get(method)
        if action is None:
            raise RegistryRefusal(405, "UNSUPPORTED", "The operation is unsupported.")
        return cls(name, kind, rest, action)


def authenticate(header: str | None, tokens: TokenBook) -> Token:
    """Find whose authorization token was sent.

    Args:
        header: the request's Authorization header.
        tokens: those that were issued.

    Raises:
        RegistryRefusal: 401 without a token that was issued, 403 when it has expired.
    """
    scheme, _, credentials = (header or "").partition(" ")
    try:
        user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user = password = ""
    token = tokens.find(password) if (scheme.lower(), user) == ("basic", "AWS") else None
    if token is None:
        raise RegistryRefusal(401, "UNAUTHORIZED", "Not Authorized")
    if token.expires_at <= datetime.now(UTC):
        message = "Your authorization token has expired. Reauthenticate and try again."
        raise RegistryRefusal(403, "DENIED", message)
    return token


def admit(token: Token, target: Target) -> Repository:
    """Check that the token's owner may do this now, and that the repository exists; in ECR's order.

    Raises:
        RegistryRefusal: 403 not allowed, 404 no such repository, 401 the owner's access key is gone.
    """
    caller = token.caller
    try:
        arn = repository_arn(caller.partition, token.region, caller.account, target.name)
        caller.check(target.action, [arn])
    except NotAllowedError as denial:
        raise RegistryRefusal(403, "DENIED", str(denial)) from None
    except UnknownCallerError:
        raise RegistryRefusal(401, "UNAUTHORIZED", "Not Authorized") from None
    repository = find_repository(caller.account, token.region, target.name)
    if repository is None:
        message = f"The repository with name '{target.name}' does not exist in the registry with id '{caller.account}'"
        raise RegistryRefusal(404, "NAME_UNKNOWN", message)
    return repository


def check_tag(repository: Repository, reference: str) -> None:
    """Refuse to move an immutable tag, even to the image that has it already: so does ECR."""
    by_digest = reference.startswith("sha256:")
    if not by_digest and is_frozen(repository, reference) and find_image(repository, reference):
        message = (
            f"The image tag '{reference}' already exists in the '{repository.name}' repository "
            "and cannot be overwritten because the repository is immutable."
        )
        raise RegistryRefusal(400, "TAG_INVALID", message)


def resolve(repository: Repository, reference: str) -> str:
    """The digest of the image with this tag or digest; 404 when ECR lists none, whatever the registry has."""
    image = find_image(repository, reference)
    if image is None:
        raise RegistryRefusal(404, "MANIFEST_UNKNOWN", "Requested image not found")
    return image.get_image_digest()

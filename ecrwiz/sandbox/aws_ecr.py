"""moto's ECR joined with the real registry: addresses, tokens, pushed images, sizes.

moto is the only source of truth for which repository, image and tag exists; the registry keeps the bytes.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.ecr.models import ECRBackend, Image, Repository, ecr_backends
from moto.ecr.responses import ECRResponse

from ecrwiz.sandbox.aws_iam import Caller

__all__ = ["Token", "TokenBook", "find_image", "find_repository", "is_frozen", "join_registry", "record_push"]

TOKEN_LIFETIME: Final = timedelta(hours=12)


@dataclass(frozen=True)
class Token:
    """What an authorization token stands for.

    Attributes:
        caller: who asked for it; its permissions count at the time of use.
        region: whose registry it opens.
        expires_at: with time zone.
    """

    caller: Caller
    region: str
    expires_at: datetime


class TokenBook:
    """The authorization tokens that were issued, each to one caller."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}

    def issue(self, caller: Caller, region: str) -> tuple[str, Token]:
        """Make a new password for `docker login` and remember whose it is."""
        password = secrets.token_urlsafe(96)
        self._tokens[password] = Token(caller, region, datetime.now(UTC) + TOKEN_LIFETIME)
        return password, self._tokens[password]

    def find(self, password: str) -> Token | None:
        """The token of this password, expired or not; None when it was never issued."""
        return self._tokens.get(password)

    def expire_all(self) -> None:
        """Let every token issued so far be out of date, as after twelve hours."""
        now = datetime.now(UTC)
        self._tokens = {password: Token(token.caller, token.region, now) for password, token in self._tokens.items()}


def join_registry(front: str, tokens: TokenBook, forget: Callable[[str, str], None]) -> None:
    """Make moto's ECR point at the registry's front; for the whole process.

    Args:
        front: `host:port` of the front.
        tokens: where issued tokens are noted.
        forget: called with region and name when a repository was deleted.
    """
    original_init, original_delete = Repository.__init__, ECRBackend.delete_repository

    def init(self: Repository, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # moto's own arguments
        original_init(self, *args, **kwargs)
        self.uri = f"{front}/{self.name}"

    def get_authorization_token(self: ECRResponse) -> ActionResult:
        entries = []
        for _ in self._get_param("registryIds") or [self.current_account]:
            password, token = tokens.issue(Caller.of(self), self.region)
            entries.append(
                {
                    "authorizationToken": base64.b64encode(f"AWS:{password}".encode()).decode(),
                    "expiresAt": token.expires_at,
                    "proxyEndpoint": f"http://{front}",
                }
            )
        return ActionResult({"authorizationData": entries})

    def delete_repository(self: ECRBackend, *args: Any, **kwargs: Any) -> Repository:  # noqa: ANN401
        repository = original_delete(self, *args, **kwargs)
        forget(self.region_name, repository.name)
        return repository

    Repository.__init__ = init  # type: ignore[method-assign]
    ECRResponse.get_authorization_token = get_authorization_token  # type: ignore[method-assign]
    ECRBackend.delete_repository = delete_repository  # type: ignore[method-assign]
    Image.get_image_size_in_bytes = _size  # type: ignore[method-assign]


def _size(self: Image) -> int | None:
    # moto gives the size of the configuration alone; ECR adds up what the image takes in the registry.
    manifest = json.loads(self.image_manifest)
    if "layers" not in manifest:
        return None
    parts = [manifest.get("config", {}), *manifest["layers"]]
    return sum(int(part.get("size", 0)) for part in parts)


def find_repository(account: str, region: str, name: str) -> Repository | None:
    """The repository as moto has it, or None."""
    return ecr_backends[account][region].repositories.get(name)


def find_image(repository: Repository, reference: str) -> Image | None:
    """The image with this tag or digest, or None."""
    for image in repository.images:
        if reference in image.image_tags or reference == image.get_image_digest():
            return image
    return None


def is_frozen(repository: Repository, tag: str) -> bool:
    """Whether this tag, once it exists, cannot be moved: the repository's mutability and its exceptions."""
    excepted = any(
        re.fullmatch(re.escape(rule["filter"]).replace(r"\*", ".*"), tag)
        for rule in repository.image_tag_mutability_exclusion_filters or ()
    )
    return repository.is_tag_immutable() != excepted


def record_push(repository: Repository, reference: str, manifest: bytes, media_type: str, digest: str) -> None:
    """Let moto know an image that the registry has taken, as ECR would list it.

    Args:
        repository: where it was pushed to.
        reference: a tag, or the digest itself when it was pushed without one.
        manifest: as it was sent.
        media_type: of the manifest.
        digest: `sha256:...` as the registry answered it.
    """
    tag = None if reference.startswith("sha256:") else reference
    image = find_image(repository, digest)
    if image is None:
        # moto's constructor takes None for an image without a tag though it is not declared so.
        image = Image(
            repository.account_id,
            tag,  # type: ignore[arg-type]
            manifest.decode(),
            repository.name,
            media_type,
            digest,
            repository.registry_id,
        )
        repository.images.append(image)
    if tag is None:
        return
    for other in repository.images:
        if other is not image and tag in other.image_tags:
            other.remove_tag(tag)
            if not other.image_tags:
                other.image_tag = None  # type: ignore[assignment]
    image.update_tag(tag)

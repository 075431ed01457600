"""ECR: tokens for a push, and what a repository holds."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ecrwiz.model.errors import RemoteError, ToolFailedError
from ecrwiz.model.ports import AwsCall
from ecrwiz.model.redact import Secret

__all__ = ["Ecr", "Image", "Repository"]

_BATCH = 100  # BatchDeleteImage takes so many at the most


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as ECR describes it.

    Attributes:
        arn: its ARN.
        uri: registry host and name.
        immutable: no tag can be moved.
        tags: the AWS resource tags on it.
    """

    arn: str
    uri: str
    immutable: bool
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class Image:
    """An image in a repository; `size` is compressed bytes."""

    digest: str
    tags: tuple[str, ...]
    size: int


class Ecr:
    """ECR through `Aws.call`; every method raises what that raises."""

    def __init__(self, call: AwsCall) -> None:
        self._call = call

    async def token(self) -> tuple[str, Secret]:
        """A user name and password for the registry, good for up to twelve hours.

        Raises:
            ToolFailedError: ECR's answer holds no token.
        """
        answer = await self._call("ecr", "get_authorization_token")
        try:
            token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
            user, password = token.split(":", 1)
        except (KeyError, IndexError, ValueError):
            raise ToolFailedError("ECR gave no usable token.", "Run the step again.") from None
        return user, Secret(password)

    async def repository(self, name: str) -> Repository | None:
        """The repository, or None when there is none."""
        try:
            answer = await self._call("ecr", "describe_repositories", repositoryNames=[name])
        except RemoteError as error:
            if error.code == "RepositoryNotFoundException":
                return None
            raise
        found = answer["repositories"][0]
        arn = found["repositoryArn"]
        listed = await self._call("ecr", "list_tags_for_resource", resourceArn=arn)
        tags = {tag["Key"]: tag.get("Value", "") for tag in listed.get("tags", [])}
        return Repository(arn, found["repositoryUri"], found["imageTagMutability"] == "IMMUTABLE", tags)

    async def image(self, name: str, *, tag: str = "", digest: str = "") -> Image | None:
        """The image with this tag or digest, or None; also None when the repository does not exist."""
        which = {"imageTag": tag} if tag else {"imageDigest": digest}
        try:
            answer = await self._call("ecr", "describe_images", repositoryName=name, imageIds=[which])
        except RemoteError as error:
            if error.code in {"ImageNotFoundException", "RepositoryNotFoundException"}:
                return None
            raise
        details = answer.get("imageDetails") or []
        return _image(details[0]) if details else None

    async def config_digest(self, name: str, tag: str) -> str:
        """The digest of the config in a tag's manifest, which equals the local image's id; empty if unknown."""
        answer = await self._call("ecr", "batch_get_image", repositoryName=name, imageIds=[{"imageTag": tag}])
        for image in answer.get("images", []):
            config = json.loads(image["imageManifest"]).get("config", {})
            return str(config.get("digest", ""))
        return ""

    async def images(self, name: str) -> tuple[Image, ...]:
        """All images; none when the repository does not exist."""
        found: list[Image] = []
        more: dict[str, object] = {}
        while True:
            try:
                answer = await self._call("ecr", "describe_images", repositoryName=name, **more)
            except RemoteError as error:
                if error.code == "RepositoryNotFoundException":
                    return ()
                raise
            found += [_image(detail) for detail in answer.get("imageDetails", [])]
            if not answer.get("nextToken"):
                return tuple(found)
            more = {"nextToken": answer["nextToken"]}

    async def delete_images(self, name: str, digests: Sequence[str]) -> None:
        """Delete images, so that the repository can be deleted.

        Raises:
            ToolFailedError: ECR refused one of them.
        """
        for start in range(0, len(digests), _BATCH):
            ids = [{"imageDigest": digest} for digest in digests[start : start + _BATCH]]
            answer = await self._call("ecr", "batch_delete_image", repositoryName=name, imageIds=ids)
            failures = [
                failure
                for failure in answer.get("failures", [])
                if failure.get("failureCode") not in {"ImageNotFound", "ImageReferencedByManifestList"}
            ]
            if failures:
                raise ToolFailedError(f"ECR did not delete an image: {failures[0].get('failureReason')}.")

    async def remove_tag(self, name: str, tag: str) -> None:
        """Take a tag from an image that has others; one that is gone is no failure.

        Raises:
            ToolFailedError: ECR refused.
        """
        answer = await self._call("ecr", "batch_delete_image", repositoryName=name, imageIds=[{"imageTag": tag}])
        failures = [failure for failure in answer.get("failures", []) if failure.get("failureCode") != "ImageNotFound"]
        if failures:
            raise ToolFailedError(f"ECR did not remove the tag {tag}: {failures[0].get('failureReason')}.")


def _image(detail: dict[str, Any]) -> Image:
    tags = tuple(sorted(detail.get("imageTags", [])))
    return Image(detail["imageDigest"], tags, int(detail.get("imageSizeInBytes", 0)))

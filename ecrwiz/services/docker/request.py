"""What a build is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ecrwiz.model.redact import Secret

__all__ = ["Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """A build.

    Attributes:
        root: the build context.
        dockerfile: relative to the context.
        platform: `os/architecture`.
        tags: `name:tag`, each.
        build_args: for the Dockerfile's ARG; they can be seen in the image, so never a secret.
        labels: for the image.
        secrets: build secrets by id, each the value of the environment variable of that name.
        secret_files: build secrets by id, each the content of a file.
        folder: where the shown command is to be typed; the context's own folder when None.
    """

    root: Path
    dockerfile: str
    platform: str
    tags: Sequence[str]
    build_args: Mapping[str, str]
    labels: Mapping[str, str]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    secret_files: Mapping[str, Path] = field(default_factory=dict)
    folder: Path | None = None

    @property
    def given(self) -> frozenset[str]:
        """The ids of all secrets."""
        return frozenset({*self.secrets, *self.secret_files})

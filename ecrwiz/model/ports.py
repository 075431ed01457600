"""The shapes of functions that one service is given instead of importing another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

__all__ = ["AwsCall", "OnLines", "OnProgress", "ignore"]


class AwsCall(Protocol):
    """One AWS API call: `await call("ecr", "describe_images", repositoryName="web/p/app")`."""

    async def __call__(self, service: str, operation: str, /, **parameters: object) -> dict[str, Any]:
        """Give the answer as plain values; raise `RemoteError` or `MissingToolError`."""


OnLines: TypeAlias = Callable[[Sequence[str]], None]
"""Takes lines of output as they come."""

OnProgress: TypeAlias = Callable[[float, float | None, str, str], None]
"""Takes how far a piece of work is: done, total (None: unknown), unit (`bytes` or what is counted), words."""


def ignore(*_: object) -> None:
    """Takes anything and does nothing: where nobody listens."""

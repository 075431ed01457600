"""The sandbox: everything the product talks to, as the closest real programs that run on one machine.

Importing this package costs nothing; what the stand-ins need is imported by the supervisor's process alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecrwiz.sandbox.client import Sandbox

__all__ = ["Sandbox"]


def __getattr__(name: str) -> type[Sandbox]:
    if name == "Sandbox":
        from ecrwiz.sandbox.client import Sandbox

        return Sandbox
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

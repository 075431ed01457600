"""The command `ecrwiz trust`."""

from __future__ import annotations

import click

__all__ = ["trust"]


@click.group()
def trust() -> None:
    """Explain who can assume the CI role."""

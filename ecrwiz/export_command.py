"""The command `ecrwiz export`."""

from __future__ import annotations

import click

__all__ = ["export"]


@click.group()
def export() -> None:
    """Bring the CI credentials to where they are needed, besides GitHub."""

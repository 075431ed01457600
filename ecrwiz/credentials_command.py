"""The command `ecrwiz credentials`."""

from __future__ import annotations

import click

__all__ = ["credentials"]


@click.group()
def credentials() -> None:
    """Look after the CI identity: show, copy, verify, rotate, revoke, and where its copies are."""

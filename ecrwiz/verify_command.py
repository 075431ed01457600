"""The command `ecrwiz verify`."""

from __future__ import annotations

import click

from ecrwiz.door import Door, answers_option, json_option

__all__ = ["verify"]


@click.command()
@answers_option
@json_option
@click.pass_obj
def verify(door: Door, sets: tuple[str, ...], *, as_json: bool) -> int:
    """Prove what the CI identity may do and what it may not."""
    raise NotImplementedError((door, sets, as_json))

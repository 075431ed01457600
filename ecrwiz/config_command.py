"""`ecrwiz config`: where the settings file is, what is in force, and whether the file can be used."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import fields

import click

from ecrwiz import keymap
from ecrwiz.actions import SCOPES, in_scope
from ecrwiz.flow import preferences
from ecrwiz.model.preferences import EXPLAIN, check_theme

__all__ = ["config"]


@click.group()
def config() -> None:
    """Show or check your settings file (config.toml); ECRWIZ_CONFIG names another."""


@config.command()
def path() -> int:
    """Print where the file is looked for."""
    click.echo(preferences.config_path(os.environ))
    return 0


@config.command()
def show() -> int:
    """Print what is in force, each setting explained, as a file that can be used."""
    click.echo("\n".join(_lines(preferences.load(os.environ))))
    return 0


@config.command()
def validate() -> int:
    """Check the file; ends with 2 and says why when it cannot be used."""
    found = preferences.load(os.environ)
    check_theme(found.preferences.theme, found.origins.get("theme", str(found.path)))
    keymap.check(found.preferences.keymap, str(found.path))
    click.echo(f"{found.path} can be used." if found.exists else f"There is no {found.path}; the defaults hold.")
    return 0


@config.command()
def keys() -> int:
    """Print every key of the wizard, screen by screen, with your own keys in force."""
    mine = keymap.check(preferences.load(os.environ).preferences.keymap, str(preferences.config_path(os.environ)))
    for scope, title in SCOPES.items():
        click.echo(title)
        for action in in_scope(scope):
            shown = " ".join(keymap.key_text(key) for key in keymap.keys_of(action, mine))
            click.echo(f"  {shown:<11} {action.id:<24} {action.explain}")
    return 0


def _lines(found: preferences.Loaded) -> Iterator[str]:
    for setting in fields(found.preferences):
        value = getattr(found.preferences, setting.name)
        yield f"# {EXPLAIN[setting.name]}"
        origin = found.origins.get(setting.name, "")
        yield f"# (from {origin})" if origin else "# (the default)"
        if setting.name == "keymap":
            yield "[keymap]"
            yield from (f"{json.dumps(name)} = {json.dumps(keys)}" for name, keys in value.items())
        else:
            yield f"{setting.name} = {json.dumps(value)}"
            yield ""

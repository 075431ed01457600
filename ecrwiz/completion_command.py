"""The command `ecrwiz completion`: what a shell needs to complete commands, options and steps."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]

_WHERE = {
    "bash": 'eval "$(ecrwiz completion bash)"   in ~/.bashrc',
    "zsh": 'eval "$(ecrwiz completion zsh)"   in ~/.zshrc',
    "fish": "ecrwiz completion fish | source   in ~/.config/fish/config.fish",
}


@click.command(epilog="\b\n" + "\n".join(_WHERE.values()))
@click.argument("shell", type=click.Choice(tuple(_WHERE)))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print the script that completes ecrwiz in a shell."""
    kind = get_completion_class(shell)
    root = context.find_root()
    if kind is not None:
        # click asks bash for its version first; the script itself says plainly when that is too old.
        made = kind(root.command, {}, "ecrwiz", "_ECRWIZ_COMPLETE")
        click.echo(made.source_template % made.source_vars())
    return 0

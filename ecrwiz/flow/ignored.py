"""What Git must not get: whether the ignore files really keep it out, and whether it is in already."""

from __future__ import annotations

import asyncio

from ecrwiz.flow.context import Context
from ecrwiz.model.errors import ToolFailedError
from ecrwiz.services import git

__all__ = ["check"]


def _private(infra: str) -> tuple[str, ...]:
    """Paths that name accounts and resources, or hold values to keep private; they need not exist yet."""
    return (
        ".ecrwiz/journal.json",
        f"{infra}/terraform.tfstate",
        f"{infra}/terraform.tfstate.backup",
        f"{infra}/plan.tfplan",
        f"{infra}/.terraform/terraform.tfstate",
    )


async def check(context: Context) -> None:
    """Ask Git itself, for a later line or a nested ignore file may take a rule back; say plainly what is wrong."""
    try:
        if await git.top(context.paths.root) is not None:
            await _check(context)
    except ToolFailedError as error:
        context.say(f"Warning: whether Git keeps private files out could not be found out. {error}")


async def _check(context: Context) -> None:
    root = context.paths.root
    names = _private(context.paths.infra_folder)
    rules, tracked = await asyncio.gather(
        asyncio.gather(*(git.ignore_rule(root, name) for name in names)),
        asyncio.gather(*(git.is_tracked(root, name) for name in names)),
    )
    for name, rule, is_tracked in zip(names, rules, tracked, strict=True):
        if is_tracked:
            context.say(
                f"Warning: Git tracks {name}, which is private to this machine. "
                f"Take it out of the repository with: git rm --cached {name}"
            )
        if rule is None:
            context.say(f"Warning: Git does not ignore {name}: add a line for it to .gitignore.")
        elif not rule.ignores:
            context.say(
                f"Warning: Git does not ignore {name}: line {rule.line} of {rule.source} takes the rule back. "
                f"Remove this line there: {rule.pattern}"
            )

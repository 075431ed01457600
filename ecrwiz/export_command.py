"""The command `ecrwiz export`: the CI key to a file, a profile, a shell, a program or GitLab."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

from ecrwiz.door import Door, alone, answers_option, open_at, world
from ecrwiz.model.errors import BadInputError, MissingToolError
from ecrwiz.model.redact import Secret, plain
from ecrwiz.model.settings import Settings

if TYPE_CHECKING:
    from ecrwiz.flow.export_gitlab import Exported, Target
    from ecrwiz.flow.exports import Key
    from ecrwiz.flow.project import Project

__all__ = ["export"]

_COPY: Final = (
    "It is a copy of the secret: `ecrwiz credentials rotate` makes it worthless, `credentials where` lists it."
)

_force = click.option("--force", is_flag=True, help="Print the secret though a terminal or a file would keep it.")


@click.group()
@click.pass_context
def export(context: click.Context) -> None:
    """Bring the CI credentials to where they are needed, besides GitHub.

    Each export but `profile` makes a copy of the secret; `ecrwiz credentials where` lists those that stay.
    """
    if context.invoked_subcommand in ("env", "profile", "gitlab"):  # the others only print
        Settings.from_environment(os.environ).need_writing()


@export.command()
@click.option(
    "--to", type=click.Path(path_type=Path), metavar="FILE", help="The file (default: .env.ci in the project)."
)
@click.option("--replace", is_flag=True, help="Replace a file that ecrwiz did not make.")
@click.option("--gitignore", is_flag=True, help="Add the file to .gitignore when Git would take it.")
@answers_option
@click.pass_obj
def env(door: Door, to: Path | None, sets: tuple[str, ...], *, replace: bool, gitignore: bool) -> int:
    """Write a dotenv file that only you can read and that Git does not get."""
    given = to.absolute() if to else None

    async def work() -> int:
        from ecrwiz.flow.export_file import ENV_FILE, env_file, needs_ignoring
        from ecrwiz.flow.exports import read_key

        project = await open_at(door, sets)
        path = given or project.paths.root / ENV_FILE
        key = await read_key(project)
        agreed = gitignore
        if not agreed and _can_ask() and (line := await needs_ignoring(path)):
            agreed = click.confirm(f"Git does not ignore {path}. Add the line {line} to .gitignore?", err=True)
        told = await env_file(project, key, path, replace=replace, gitignore=agreed)
        _say(*told, f"{path} holds the {key}; only you can read it.", _COPY)
        return 0

    with world(door):
        return alone(work())


@export.command()
@click.option("--name", default="", metavar="PROFILE", help="Its name (default: ecrwiz-PROJECT_ID-ENV).")
@click.option("--remove", is_flag=True, help="Take the profile out again.")
@answers_option
@click.pass_obj
def profile(door: Door, name: str, sets: tuple[str, ...], *, remove: bool) -> int:
    """Add a profile for the AWS CLI and SDKs that asks the keyring at each use; no secret is written."""

    async def work() -> int:
        from ecrwiz.flow import export_profile
        from ecrwiz.flow.exports import read_key

        project = await open_at(door, sets)
        chosen = name or export_profile.profile_name(project)
        if remove:
            path, gone = export_profile.remove_profile(project, chosen)
            _say(f"{path} has no profile {chosen} any more." if gone else f"{path} has no profile {chosen}.")
            return 0
        key = await read_key(project)
        sandbox = ("-C", str(project.paths.root), "--keep-sandbox") if door.sandbox else ()
        path = export_profile.profile(project, key, chosen, sandbox)
        _say(
            f"{path} has the profile {chosen}, for the {key}.",
            "It holds no secret: ecrwiz reads the keyring at each use.",
        )
        _say(*export_profile.passing_warning(), f"Try it: aws sts get-caller-identity --profile {chosen}")
        return 0

    with world(door):
        return alone(work())


@export.command()
@click.option("--fish", is_flag=True, help="Commands of the fish shell.")
@_force
@answers_option
@click.pass_obj
def shell(door: Door, sets: tuple[str, ...], *, fish: bool, force: bool) -> int:
    """Print commands that set the key in a shell: eval "$(ecrwiz export shell)"."""

    async def work() -> int:
        from ecrwiz.flow.exports import read_key, refuse_role, shell_lines

        project = await open_at(door, sets)
        refuse_role(project)
        use = "ecrwiz export shell --fish | source" if fish else 'eval "$(ecrwiz export shell)"'
        _refuse_keeping(use, force=force)
        key = await read_key(project)
        click.echo(shell_lines(key, fish=fish), nl=False)
        _say(f"Set: the {key}.", "It stays in that shell and what it starts until the shell ends.")
        return 0

    with world(door):
        return alone(work())


@export.command("json")
@click.option("--entry", default="", metavar="ENTRY", help="The keyring entry, for use without a project.")
@_force
@answers_option
@click.pass_obj
def as_json(door: Door, entry: str, sets: tuple[str, ...], *, force: bool) -> int:
    """Print the key as the AWS tools read it from a `credential_process` (version 1)."""

    async def work() -> int:
        from ecrwiz.flow.exports import process_json, read_entry, read_key, refuse_role

        if entry:
            from ecrwiz.model.settings import Settings

            _refuse_keeping("ecrwiz export json | jq .AccessKeyId", force=force)
            found = await read_entry(entry, Settings.from_environment(os.environ).keyring_seconds)
            click.echo(process_json(*found))
            return 0
        project = await open_at(door, sets)
        refuse_role(project)
        _refuse_keeping("ecrwiz export json | jq .AccessKeyId", force=force)
        key = await read_key(project)
        click.echo(process_json(key.access_key_id, key.secret))
        _say(f"Printed: the {key}.")
        return 0

    with world(door):
        return alone(work())


@export.command()
@click.option("--to", "path", default="", metavar="GROUP/PROJECT", help="The project on GitLab.")
@click.option("--url", default="", metavar="URL", help="A GitLab of your own (default: from the git remote).")
@click.option(
    "--environment", "scope", default="*", metavar="NAME", help="The environment that gets them (default: all)."
)
@click.option("--existing", type=click.Choice(("keep", "replace")), default=None,
              help="What to do with variables that somebody else set.")  # fmt: skip
@click.option("--unprotected", is_flag=True, help="Give them to jobs on every branch, not to protected ones alone.")
@answers_option
@click.pass_obj
def gitlab(
    door: Door, path: str, url: str, scope: str, existing: str | None, sets: tuple[str, ...], *, unprotected: bool
) -> int:
    """Set the CI/CD variables of a GitLab project: the secret masked and hidden, all of them protected."""

    async def work() -> int:
        from ecrwiz.flow import export_gitlab
        from ecrwiz.flow.exports import read_key

        project = await open_at(door, sets)
        key = await read_key(project)
        target = await export_gitlab.find_target(project, url, path, scope)
        await _agree(target)
        token = await _gitlab_token(project, target)

        async def decide(question: str) -> bool | None:
            if existing:
                return existing == "replace"
            return await asyncio.to_thread(click.confirm, question, err=True) if _can_ask() else None

        done = await export_gitlab.export(
            project, key, target, token, decide, protected=not unprotected, say=lambda line: _say(plain(line))
        )
        _gitlab_end(key, target, done, protected=not unprotected)
        return 0

    with world(door):
        return alone(work())


async def _agree(target: Target) -> None:
    """A git remote alone may be anybody's word: the person says whether the secret goes there."""
    if target.is_gitlab_com or target.chosen:
        return
    if _can_ask() and await asyncio.to_thread(click.confirm, f"Send the CI secret to {target}?", err=True):
        return
    raise BadInputError(
        f"{target.url} is named by a git remote alone, so the CI secret was not sent there.",
        f"If it is right, name it yourself: ecrwiz export gitlab --url {target.url}",
    )


async def _gitlab_token(project: Project, target: Target) -> Secret:
    from ecrwiz.flow.export_gitlab import find_token

    found = await find_token(project, target)
    if found is not None:
        _say(f"GitLab token: from {found[1]}.")
        return found[0]
    if _can_ask():
        words = f"A token for {target.url} with the scope api, of a Maintainer (used now, kept nowhere)"
        typed = await asyncio.to_thread(click.prompt, words, hide_input=True, default="", show_default=False, err=True)
        if typed.strip():
            return project.tools.redact.add(Secret(typed.strip()))
    raise MissingToolError(
        f"There is no token for {target.url}: GITLAB_TOKEN is not set, and `glab` and the keyring have none.",
        "Make one with the scope `api` in GitLab's settings, and set GITLAB_TOKEN.",
    )


def _gitlab_end(key: Key, target: Target, done: Exported, *, protected: bool) -> None:
    if done.kept:
        _say(f"Left as they are: {', '.join(done.kept)}.")
    if done.same:
        _say(f"Had the value already: {', '.join(done.same)}.")
    if not done.written:
        return
    _say(f"{target} has {', '.join(done.written)}, for the {key}.")
    hidden = "masked in job logs and hidden in the settings" if done.hidden else "masked in job logs"
    _say(f"The secret is {hidden}.", _COPY)
    if protected:
        _say("Only jobs on protected branches and tags get them; --unprotected gives them to all.")


def _refuse_keeping(use: str, *, force: bool) -> None:
    """A secret on the screen stays in its scrollback and in every recording; one in a file, where nobody looks."""
    if force:
        return
    if sys.stdout.isatty():
        raise BadInputError(
            "The secret was not printed: standard output is a terminal, which would show it.",
            f"Use it so: {use}; or print it all the same with --force.",
        )
    if _is_file(sys.stdout):
        raise BadInputError(
            "The secret was not printed: standard output is a file, which others may read and Git may take.",
            "`ecrwiz export env --to FILE` makes one for you alone; or print it all the same with --force.",
        )


def _is_file(stream: TextIO) -> bool:
    """Whether what is printed stays in a file; a nameless one, as some shells use for `$( )`, goes by itself."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):  # no stream of the system's
        return False
    return stat.S_ISREG(found.st_mode) and found.st_nlink > 0


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _say(*lines: str) -> None:
    """What is for the person goes to standard error: the other may be a program's input."""
    for line in lines:
        click.echo(plain(line), err=True)

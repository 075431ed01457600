"""The command line: reads options, opens the project, hands over to the engine or the wizard, gives the exit code.

Exit codes: 0 done, 1 a step failed, 2 bad input, 3 a tool or service is missing, 130 cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ecrwiz import __version__
from ecrwiz.completion_command import completion
from ecrwiz.config_command import config
from ecrwiz.crash import crash_file
from ecrwiz.credentials_command import credentials
from ecrwiz.doctor_command import doctor
from ecrwiz.door import Door, alone, also_here, answers_option, json_option, open_at, sandbox_folder, world
from ecrwiz.export_command import export
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.redact import plain
from ecrwiz.trust_command import change_to_oidc, trust
from ecrwiz.verify_command import verify

if TYPE_CHECKING:
    from ecrwiz.flow.context import Approvals
    from ecrwiz.flow.events import StepId
    from ecrwiz.flow.project import Project

__all__ = ["main"]

_CHAIN = ("render", "build", "smoke-test", "provision", "push", "credentials", "verify", "github")
_STEPS = (*_CHAIN, "rehearse", "retire-key")
_T = TypeVar("_T")
_ENVIRONMENT = """\b
Environment (docs/command-line.md has all of it):
  AWS_PROFILE, AWS_REGION   your own AWS credentials, as for the AWS CLI
  DOCKER_HOST               which Docker engine
  GH_TOKEN, GITHUB_TOKEN    a token for GitHub
  ECRWIZ_<ANSWER>           an answer, such as ECRWIZ_REGION
  ECRWIZ_CONFIG             your settings file
  ECRWIZ_STATE_DIR          where journal and logs go
  ECRWIZ_READ_ONLY          same as --read-only
  NO_COLOR                  no colours
"""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    _dump_no_core()
    try:
        code = commands.main(standalone_mode=False)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except (click.Abort, KeyboardInterrupt):
        code = 130
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        sys.stdout = None  # else Python complains once more while it exits
        code = 0
    except EcrwizError as error:
        code = _tell(error)
    except Exception as error:  # noqa: BLE001  # this door's one broad except: the traceback goes to a file
        click.echo(f"ecrwiz: stopped on an error in ecrwiz itself ({type(error).__name__}).", err=True)
        click.echo(f"        The details for a report are in {crash_file(error)}.", err=True)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def _dump_no_core() -> None:
    """Let no crash, nor a SIGQUIT, write this process's memory into a file: a secret may be in it."""
    import resource

    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _tell(error: EcrwizError) -> int:
    """Say why nothing could be begun, to a person and, with `--json`, to a program; give the exit code."""
    if "--json" in sys.argv[1:]:
        from ecrwiz.console import failure_event

        click.echo(failure_event(error))
    click.echo(plain(f"ecrwiz: {error.message}"), err=True)
    if error.hint:
        click.echo(plain(f"        {error.hint}"), err=True)
    return error.exit_code


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_ENVIRONMENT)
@click.option("-C", "--project", "root", type=click.Path(path_type=Path), default=Path(), metavar="DIR",
              help="The application's folder (default: this one).")  # fmt: skip
@click.option("--profile", metavar="NAME", default="",
              help="The AWS profile, instead of AWS_PROFILE or the one chosen for the folder.")  # fmt: skip
@click.option("--sandbox", is_flag=True, help="Try everything against stand-ins on this machine; no AWS account.")
@click.option("--keep-sandbox", is_flag=True, envvar="ECRWIZ_KEEP_SANDBOX",
              help="Leave the sandbox running at the end, for the next command.")  # fmt: skip
@click.option(
    "--read-only", is_flag=True, envvar="ECRWIZ_READ_ONLY", help="Only look: nothing is run, written or sent."
)
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal, for this time.")
@click.version_option(__version__, prog_name="ecrwiz")
@click.pass_context
def commands(
    context: click.Context, root: Path, profile: str, *,
    sandbox: bool, keep_sandbox: bool, read_only: bool, no_mouse: bool,
) -> int:  # fmt: skip
    """Take a Node application to a private ECR repository, with a CI identity that can only push there.

    Without a command the wizard opens.
    """
    context.obj = door = Door(root.absolute(), sandbox or keep_sandbox, keep_sandbox, profile)
    if read_only:
        os.environ["ECRWIZ_READ_ONLY"] = "1"
    if context.invoked_subcommand is not None:
        return 0
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo(context.get_help())
        return 0
    for name in ("COLUMNS", "LINES"):  # exported by some shells, they would hold the screen at that size for good
        os.environ.pop(name, None)
    with world(door, build=True):
        project = asyncio.run(open_at(door, ()))
        from ecrwiz.app import EcrwizApp

        return EcrwizApp(project, "sandbox" if door.sandbox else "").run(mouse=not no_mouse) or 0


_import_option = click.option(
    "--import", "imports", is_flag=True, help="Let Terraform take over a repository or user that ecrwiz did not make."
)


@commands.command()
@click.argument("steps", nargs=-1, type=click.Choice(_STEPS), metavar="[STEP]...")
@click.option("--yes", is_flag=True, help="Agree to everything: replace files (copies are kept), apply the plan.")
@click.option("--force", is_flag=True, help="Run steps though they are fresh.")
@click.option("--on-conflict", type=click.Choice(("mine", "new", "both")), default=None,
              help="Whose text a file gets that you and ecrwiz both changed; both: with conflict markers.")  # fmt: skip
@click.option("--replace", "replaced", multiple=True, metavar="NAME",
              help="Replace this secret or variable on GitHub, whoever set it; may be repeated.")  # fmt: skip
@click.option("--keep", "kept", multiple=True, metavar="NAME",
              help="Leave this secret or variable on GitHub as it is; may be repeated.")  # fmt: skip
@_import_option
@answers_option
@json_option
@click.pass_obj
def run(
    door: Door,
    steps: tuple[str, ...],
    sets: tuple[str, ...],
    on_conflict: str | None,
    replaced: tuple[str, ...],
    kept: tuple[str, ...],
    *,
    imports: bool,
    yes: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Run some steps, or everything that is not fresh.

    The steps: render, build, smoke-test, provision, push, credentials, verify, github. Without a name these are done;
    rehearse, which tries the workflow on a branch of its own, and retire-key only by name.
    """
    from ecrwiz.flow.context import Approvals
    from ecrwiz.flow.events import StepId

    wanted = tuple(StepId(step) for step in steps)
    entries = dict.fromkeys(replaced, "replace") | dict.fromkeys(kept, "keep")
    if both := set(replaced) & set(kept):
        raise BadInputError(f"{', '.join(sorted(both))} cannot be both replaced and kept.", "Say one of the two.")
    approvals = Approvals(everything=yes, on_conflict=on_conflict or "", imports=imports, entries=entries)
    with world(door, build=not wanted or StepId.BUILD in wanted):
        return alone(_run(door, wanted, sets, approvals, force=force, as_json=as_json))


@commands.command()
@answers_option
@json_option
@click.pass_obj
def status(door: Door, sets: tuple[str, ...], *, as_json: bool) -> int:
    """Show how every step stands; nothing is run."""
    with world(door):
        return alone(_status(door, sets, as_json=as_json))


@commands.command()
@_import_option
@click.option("--run-programs", is_flag=True, help="Plan though your own Terraform runs programs for it.")
@answers_option
@json_option
@click.pass_obj
def plan(door: Door, sets: tuple[str, ...], *, imports: bool, run_programs: bool, as_json: bool) -> int:
    """Show what a run would write and create; nothing is changed."""
    with world(door):
        return alone(_plan(door, sets, imports=imports, run_programs=run_programs, as_json=as_json))


@commands.command()
@also_here
@json_option
@click.pass_obj
def detect(door: Door, *, as_json: bool) -> int:
    """Show what the application's files say, each value with where it was read; nothing of it is run."""
    from ecrwiz.reports import print_detection

    return print_detection(door.root, as_json=as_json)


@commands.command()
@click.option("--yes", is_flag=True, help="Do not ask; needs --confirm.")
@click.option("--confirm", metavar="PROJECT_ID", default="", help="The project's id, typed out.")
@answers_option
@json_option
@click.pass_obj
def destroy(door: Door, confirm: str, sets: tuple[str, ...], *, yes: bool, as_json: bool) -> int:
    """Remove all that ecrwiz made outside this folder.

    Files that `ecrwiz export` wrote go too, this folder's among them, while they are still as ecrwiz made them.
    """
    with world(door):
        return alone(_destroy(door, confirm, sets, yes=yes, as_json=as_json))


@commands.group()
def sandbox() -> None:
    """Look after a kept sandbox."""


@sandbox.command("stop")
@click.pass_obj
def sandbox_stop(door: Door) -> int:
    """Stop the kept sandbox of this project and remove what it held."""
    from ecrwiz.sandbox.client import stop

    stopped = stop(sandbox_folder(door))
    click.echo("The sandbox is gone." if stopped else "No sandbox is kept here.")
    return 0


async def _run(
    door: Door, wanted: tuple[StepId, ...], sets: tuple[str, ...], approvals: Approvals, *, force: bool, as_json: bool
) -> int:
    project = await open_at(door, sets)
    from ecrwiz.console import drive, print_receipt

    end = await drive(project, wanted, approvals, force=force, as_json=as_json)
    if end.exit_code == 0 and not as_json and not wanted:
        print_receipt(project)
        if _may_rehearse(project):
            click.echo("\nSee the workflow run before it is on your default branch: ecrwiz run rehearse")
    return end.exit_code


def _may_rehearse(project: Project) -> bool:
    """Whether a rehearsal was never tried, and could succeed: a role trusts its branch only in an environment."""
    from ecrwiz.flow.events import Status, StepId

    answers, exported = project.answers, project.journal.get(StepId.GITHUB)
    fitting = answers.workflow == "yes" and (answers.has_key or bool(answers.github_environment))
    return (
        fitting and exported is not None and exported.status is Status.OK and not project.journal.get(StepId.REHEARSE)
    )


async def _status(door: Door, sets: tuple[str, ...], *, as_json: bool) -> int:
    from ecrwiz.reports import print_status

    return await print_status(await open_at(door, sets), as_json=as_json)


async def _plan(door: Door, sets: tuple[str, ...], *, imports: bool, run_programs: bool, as_json: bool) -> int:
    from ecrwiz.reports import print_plan

    project = await open_at(door, sets)
    return await print_plan(project, imports=imports, run_programs=run_programs, as_json=as_json)


async def _destroy(door: Door, confirm: str, sets: tuple[str, ...], *, yes: bool, as_json: bool) -> int:
    from ecrwiz.console import drive
    from ecrwiz.flow.context import Approvals
    from ecrwiz.flow.events import StepId
    from ecrwiz.flow.steps.destroy import inventory
    from ecrwiz.reports import print_inventory

    project = await open_at(door, sets)
    project_id = project.answers.project_id
    lines = await inventory(project)
    print_inventory(lines, as_json=as_json)
    if not as_json and not yes and sys.stdin.isatty():
        confirm = click.prompt(f"Type {project_id} to remove it", default="", show_default=False)
    elif not yes:
        confirm = ""
    if confirm != project_id:
        raise BadInputError(
            "Nothing was removed: the project's id was not typed out.",
            f"Run: ecrwiz destroy --yes --confirm {project_id}",
        )
    approvals = Approvals(everything=True, inventory=lines)
    end = await drive(project, (StepId.DESTROY,), approvals, force=True, as_json=as_json)
    return end.exit_code


for command in (verify, change_to_oidc):  # `ecrwiz verify` is there by itself, too
    credentials.add_command(command)
for command in (completion, config, doctor, credentials, export, trust, verify):
    commands.add_command(command)

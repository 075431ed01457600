"""What the command line prints of a project without running anything: status, plan, inventory, detection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import click

from ecrwiz.console import failure_lines, glyph
from ecrwiz.flow import cost, policy_words
from ecrwiz.flow.custody import reminder
from ecrwiz.flow.preview import Preview, preview
from ecrwiz.flow.project import Project
from ecrwiz.flow.runbook import STEPS, StepState, survey
from ecrwiz.model.app import NodeApp
from ecrwiz.model.redact import plain
from ecrwiz.model.results import FileChange
from ecrwiz.services import node_app

__all__ = ["detection_lines", "print_detection", "print_inventory", "print_plan", "print_status"]

_KINDS: Mapping[str, str] = {
    "new": "new",
    "added": "with lines added",
    "updated": "updated (you have not touched them)",
    "merged": "merged with your changes (a copy of yours is kept)",
    "conflict": "in conflict with your changes (yours stay unless you decide otherwise)",
    "changed": "different from what ecrwiz renders (yours stay unless you decide otherwise)",
    "yours": "changed by you alone, so they stay",
    "removed": "no longer rendered, so they are removed (a copy is kept)",
    "left": "no longer rendered but changed by you, so they stay",
    "same": "as they are",
}


async def print_status(project: Project, *, as_json: bool) -> int:
    """How every step stands.

    Raises:
        BadInputError: an answer cannot be used.
    """
    answers = project.answers
    found = await survey(project)
    if as_json:
        values = {k: {"value": v, "from": str(project.resolved.origins[k])} for k, v in project.resolved.values.items()}
        steps = [_step(state) for state in found.values()]
        _print_json({"answers": values, "steps": steps, "warnings": [one for one in (reminder(project),) if one]})
        return 0
    click.echo(f"{answers.project_id} ({answers.env}) in {answers.region}: {answers.repository_name}")
    for state in found.values():
        reason = plain(f"  {state.reason}") if state.reason else ""
        click.echo(f"{glyph(state.status)} {state.status:<9} {state.step:<11} {STEPS[state.step].title}{reason}")
    if project.journal.unreadable:
        click.echo(project.journal.unreadable)
    if sentence := reminder(project):
        click.echo(f"! {sentence}")
    return 0


def _step(state: StepState) -> dict[str, object]:
    outputs = dict(state.record.outputs) if state.record else {}
    return {"step": state.step, "status": state.status, "reason": state.reason, "outputs": outputs}


async def print_plan(project: Project, *, imports: bool, run_programs: bool, as_json: bool) -> int:
    """What a run would write and create.

    Raises:
        EcrwizError: the answers or the application cannot be used.
    """
    found = await preview(project, imports=imports, run_programs=run_programs)
    if as_json:
        _print_json(asdict(found))
    else:
        _print_existing(found)
        _print_files(found.files)
        _print_terraform(found)
        _print_meaning(project, found)
    if found.clash:
        return found.clash.exit_code
    return found.problem.exit_code if found.problem else 0


def _print_existing(found: Preview) -> None:
    """What is in the way comes first: it says how the rest is meant."""
    if found.existing:
        click.echo("Terraform of yours that has to do with ecrwiz's:")
    for line in found.existing:
        click.echo(plain(f"  {line}"))
    for line in failure_lines(found.clash) if found.clash else ():
        click.echo(plain(line), err=True)
    if found.beside:
        click.echo("What follows is how it would be with ecrwiz's Terraform beside yours, in infra/ecrwiz.")


def _print_files(changes: Iterable[FileChange]) -> None:
    names: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for change in changes:
        names[change.kind].append(change.path)
        click.echo("".join(f"{plain(line)}\n" for line in change.diff.splitlines()), nl=False)
    for kind, words in _KINDS.items():
        if names[kind]:
            shown = f"{len(names[kind])} files" if kind == "same" else ", ".join(names[kind])
            click.echo(f"Files {words}: {shown}.")


def _print_terraform(found: Preview) -> None:
    for line in found.programs:
        click.echo(plain(f"Warning: Terraform may run a program on this machine: {line}."))
    if found.plan is not None:
        for planned in found.plan.changes:
            also = f"  ({planned.reason.replace('_', ' ')})" if planned.reason else ""
            click.echo(plain(f"  {planned.action:<8} {planned.address}{also}"))
        click.echo(f"Terraform: {found.plan}.")
    for line in failure_lines(found.problem) if found.problem else ():
        click.echo(plain(line), err=True)


def _print_meaning(project: Project, found: Preview) -> None:
    """What the plan's policies allow, and what all of it costs."""
    for holder, words, _ in policy_words.by_holder(found.plan):
        click.echo(plain(f"{holder or 'The CI identity'}:"))
        for line in (*(f"! {line}" for line in words.beware), *words.may, *words.cannot):
            click.echo(plain(f"  {line}"))
    price = cost.estimate(project.answers, cost.image_size(project))
    click.echo(f"Cost: {price.summary}; {price.lines[0].what} {price.lines[0].why}. {price.compared}".rstrip())


def print_inventory(lines: tuple[str, ...], *, as_json: bool) -> None:
    """What `destroy` would remove."""
    if as_json:
        _print_json({"event": "inventory", "lines": lines})
        return
    click.echo("This will be removed:" if lines else "AWS has nothing of this project.")
    for line in lines:
        click.echo(plain(f"  {line}"))


def print_detection(root: Path, *, as_json: bool) -> int:
    """What an application's files say; nothing of it is run.

    Raises:
        BadInputError: the folder holds no application.
    """
    app = node_app.detect(root)
    if as_json:
        _print_json(asdict(app))
        return 0
    for line in detection_lines(app, node_app.suggest(root, app)):
        click.echo(plain(line))
    return 0


def detection_lines(app: NodeApp, suggested: Mapping[str, tuple[str, str]]) -> list[str]:
    """The finding as a person reads it: what it is, how it is installed, built and served; then what to know."""
    rows = [(label, value, _origin(app, name)) for label, value, name in _rows(app) if value]
    rows += [("public value", f"{item.name}{f'={item.value}' if item.value else ''}", item.where)
             for item in app.public_variables]  # fmt: skip
    rows += [("system", f"{item.package}: {item.why}", "") for item in app.system]
    lines = _table(rows)
    lines += ["", "Answers that follow from it", *_table([(name, *found) for name, found in suggested.items()])]
    if app.notes:
        warnings = sum(note.warning for note in app.notes)
        lines += ["", f"Notes ({warnings} warning{'' if warnings == 1 else 's'})"]
        lines += [f"  {line}" for note in app.notes for line in note.lines]
    return lines


def _rows(app: NodeApp) -> Iterable[tuple[str, str, str]]:
    """Label, value, and the attribute whose origin stands beside it."""
    start, own = app.start, app.dockerfile
    yield "name", app.name, "name"
    yield "framework", app.framework, "framework"
    yield "served as", app.serving, "serving"
    if app.serving != "own":
        yield from _install_rows(app)
    yield "build", app.build or ("" if app.serving == "own" else "nothing to build"), "build"
    if start:
        yield "start", start.command, "start"
        yield "runs on", start.runtime, "start.runtime"
        yield "environment", " ".join(f"{name}={value}" for name, value in start.environment.items()), "start"
        yield "on SIGTERM", "ends by itself" if start.handles_sigterm else "needs an init process", "start"
        yield "keeps", "devDependencies" if start.keeps_dev else "", "start.keeps_dev"
    yield "base path", app.base_path, "base_path"
    yield "output", app.output + (", needs nothing beside it" if app.self_contained else ""), "output"
    yield "unknown paths", "get index.html" if app.single_page else "", "single_page"
    yield "port", f"{app.port}{' (fixed in the code)' if app.port_is_fixed else ''}", "port"
    yield "configuration", app.config_file, "config_file"
    yield "build folder", app.dist_dir if app.framework == "next" else "", "dist_dir"
    yield "public/", "there" if app.has_public else "", "has_public"
    yield "built here", "yes" if app.built_on_host else "", "built_on_host"
    registry = app.registry
    yield "registry", ", ".join(registry.variables) or (f"{registry.npmrc}'s .npmrc" if registry else ""), "registry"
    if own:
        facts = {
            "EXPOSE": ", ".join(map(str, own.expose)),
            "USER": own.user or "root",
            "ARG": ", ".join(own.build_args),
        }
        words = "; ".join(f"{word} {value}" for word, value in facts.items() if value)
        yield "Dockerfile", f"{own.path}, {'rendered by ecrwiz' if own.ours else 'your own'}: {words}", "dockerfile"


def _install_rows(app: NodeApp) -> Iterable[tuple[str, str, str]]:
    manager, workspace = app.manager, app.workspace
    yield "Node", str(app.node_major), "node_major"
    yield "packages by", f"{manager.name} {manager.version}".strip(), "manager"
    yield "lockfile", manager.lockfile or "none", "manager.lockfile"
    yield "linker", manager.linker if manager.name == "berry" else "", "manager.linker"
    if workspace:
        yield "workspace", f"{workspace.app} of {workspace.up}, {len(workspace.manifests)} packages", "workspace"
        yield "tool", workspace.tool, "workspace.tool"


def _origin(app: NodeApp, name: str) -> str:
    """Where it was read; of a nested value the origin of the whole will do."""
    return app.origins.get(name) or app.origins.get(name.partition(".")[0], "")


def _table(rows: list[tuple[str, str, str]]) -> list[str]:
    first = max((len(label) for label, _, _ in rows), default=0)
    second = min(44, max((len(value) for _, value, _ in rows), default=0))
    return [f"  {label:<{first}}  {value:<{second}}  {where}".rstrip() for label, value, where in rows]


def _print_json(value: object) -> None:
    click.echo(json.dumps(value))

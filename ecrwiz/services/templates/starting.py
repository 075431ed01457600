"""The values that start.sh is rendered with: how an application is started in its container."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecrwiz.model.answers import Answers
from ecrwiz.model.app import NodeApp
from ecrwiz.model.errors import BadInputError
from ecrwiz.services.templates import checks, engine

__all__ = ["base_path", "needs_init", "start_script"]

_OWN = frozenset({"PORT", "HOSTNAME", "NODE_ENV"})
"""Variables that start.sh itself sets, whatever a start script says."""


def start_script(answers: Answers, app: NodeApp) -> str:
    """The text of start.sh."""
    folder = checks.path(app.workspace.app, "The application's folder") if app.workspace else ""
    values: dict[str, Any] = {
        "base": base_path(app),
        "command": _command(answers, app),
        "environment": list(_environment(app)),
        "folder": folder,
        "framework": app.framework,
        "init": answers.strategy != "article" and needs_init(app),
        "group": bool(app.start and app.start.command.startswith("sh -c ")),
        "paths": _paths(app, folder),
        "pnp": app.manager.linker == "pnp" and not app.self_contained and app.serving in ("next", "command"),
        "port": answers.port,
        "serving": app.serving,
        "single_page": app.single_page,
    }
    return engine.template("start.sh.j2", values)


def base_path(app: NodeApp) -> str:
    """Below which path a static site is served, without slashes at its ends; empty for the top.

    Raises:
        BadInputError: it is no plain path.
    """
    path = app.base_path.strip("/") if app.serving == "static" else ""
    return checks.path(path, "The path below which the pages are served") if path else ""


def needs_init(app: NodeApp) -> bool:
    """Whether an init process has to stand before the server.

    Process 1 of a container gets no default action for a signal: Node without a handler of its own goes on until the
    engine kills it. Next's servers and the static file server have one.
    """
    return app.serving == "command" and app.start is not None and not app.start.handles_sigterm


def _command(answers: Answers, app: NodeApp) -> str:
    if app.serving == "static":
        return ""
    if app.serving == "next-standalone" and answers.strategy != "article":
        return "node server.js"
    if app.serving == "command":
        return checks.command(_need_start(app), "The start command")
    arguments = _next_arguments(app)
    if app.manager.linker == "pnp":
        return f"""node "$(node -p 'require.resolve("next/dist/bin/next")')" {arguments}"""
    # In a workspace it may lie in the application's node_modules or in the root's.
    return f"next {arguments}" if app.workspace else f"node node_modules/next/dist/bin/next {arguments}"


def _next_arguments(app: NodeApp) -> str:
    """What stands behind `next`, with further options of the start script when it has some."""
    usual = 'start -p "$PORT" -H "$HOSTNAME"'
    words = app.start.command.strip() if app.start else ""
    if words.startswith("next start ") and words.endswith(usual.removeprefix("start")):
        return checks.command(words, "The start command").removeprefix("next ")
    return usual


def _need_start(app: NodeApp) -> str:
    if app.start is None:
        raise BadInputError(
            "Nothing says how the application is started.", 'Add a script to package.json: "start": "node server.js".'
        )
    return app.start.command


def _paths(app: NodeApp, folder: str) -> list[str]:
    """The folders with the packages' programs, the application's own first; none where nothing is looked up."""
    looked_up = app.serving == "command" or (app.serving == "next" and app.workspace is not None)
    if not looked_up or app.self_contained or app.manager.linker == "pnp":
        return []
    return [f"{name}/node_modules/.bin" if name else "node_modules/.bin" for name in dict.fromkeys([folder, ""])]


def _environment(app: NodeApp) -> Iterator[tuple[str, str]]:
    """Names with values as they stand behind `=` in a script."""
    for name, value in (app.start.environment if app.start else {}).items():
        if name in _OWN:
            continue
        if not value.isprintable():
            raise BadInputError(f"The start script gives {checks.variable(name)} a value with a control character.")
        yield checks.variable(name), f'"{value}"' if value in ("$HOSTNAME", "$PORT") else engine.quoted(value)

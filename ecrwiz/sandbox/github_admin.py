"""What only tests may do with the GitHub stand-in: look into sealed boxes, and say what goes wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from flask import Flask, Response, g, request

from ecrwiz.sandbox.github_modes import FAULTS, MODES, Fault, accepted_permission
from ecrwiz.sandbox.github_store import Refusal, Repository, Store

__all__ = ["ADMIN_PATHS", "OPENED_PATH", "SCOPES", "add_to", "faults"]

OPENED_PATH: Final = "/_sandbox/opened"
ADMIN_PATHS: Final = "/_sandbox/"
SCOPES: Final = "gist, read:org, repo, workflow"

Refuse: TypeAlias = Callable[[int, str, Sequence[Mapping[str, str]]], Response]
"""Makes GitHub's JSON of status, message and the field `errors`."""

_OF_REPOSITORY: Final = re.compile(r"/repos/([^/]+)/([^/]+)((?:/.*)?)")


def add_to(app: Flask, store: Store, answer: Callable[[object], Response]) -> None:
    """Add the calls, which the admin token opens.

    Args:
        app: receives the URL rules.
        store: the stand-in's memory.
        answer: makes a JSON answer.
    """

    def settings(owner: str, repo: str) -> Response:
        _configure(store, store.repository(owner, repo), request.get_json(force=True))
        return answer({})

    def forget() -> Response:
        store.clear()
        return answer({})

    app.add_url_rule(f"{ADMIN_PATHS}repositories", "forget", forget, methods=["DELETE"])
    app.add_url_rule(OPENED_PATH, "opened", lambda: answer(store.opened()))
    app.add_url_rule(f"{ADMIN_PATHS}repositories/<owner>/<repo>", "settings", settings, methods=["PUT"])


def _configure(store: Store, found: Repository, body: dict[str, Any]) -> None:
    """Set what the body names.

    That is `modes`, `created_at`, `id`, `owner_id`, `owner_type`, `default_branch`, `organisation` (its secrets and
    variables), `fill` (how many secrets or variables to put there) and `full_name`.
    """
    unknown = set(body.get("modes", ())) - MODES
    if unknown:
        raise Refusal(422, f"no such mode: {', '.join(sorted(unknown))}")
    if "modes" in body:
        found.modes = set(body["modes"])
    if "created_at" in body:
        found.created = datetime.fromisoformat(body["created_at"])
    found.number = body.get("id", found.number)
    found.owner_id = body.get("owner_id", found.owner_id)
    found.owner_type = body.get("owner_type", found.owner_type)
    found.default_branch = body.get("default_branch", found.default_branch)
    for kind in ("secrets", "variables"):
        for name, value in body.get("organisation", {}).get(kind, {}).items():
            found.organisation.keep(kind, name, value)
    for kind, number in body.get("fill", {}).items():
        for place in range(number):
            found.keep(kind, f"FILL_{place}", "x")
    if "full_name" in body:
        store.rename(found, body["full_name"])


def faults(store: Store, refuse: Refuse) -> Callable[[], Response | None]:
    """What refuses calls as the modes of a repository want it, before a view sees them.

    Args:
        store: the stand-in's memory.
        refuse: makes GitHub's JSON for an error.
    """

    def refused() -> Response | None:
        g.scopes = SCOPES
        match = _OF_REPOSITORY.fullmatch(request.path)
        if match is None:
            return None
        found = store.repository(match[1], match[2])
        wanted = [FAULTS[name] for name in sorted(found.modes & FAULTS.keys())]
        if any(fault.scopes is None for fault in wanted):
            g.scopes = None
        call = f"{request.method} {match[3]}"
        fault = next((fault for fault in wanted if fault.meets(call)), None)
        return _answer(fault, found, match[3], refuse) if fault else None

    return refused


def _answer(fault: Fault, found: Repository, below: str, refuse: Refuse) -> Response:
    message, headers = fault.filled(found.owner)
    response = refuse(fault.status, message, list(fault.errors))
    g.scopes = fault.scopes
    if fault.fine_grained:
        headers["X-Accepted-GitHub-Permissions"] = accepted_permission(request.method, below)
    response.headers.update(headers)
    return response

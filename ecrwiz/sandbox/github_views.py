"""The calls that the GitHub stand-in answers.

GitHub has the same calls for a repository's secrets and variables and for those of its environments; here one
view serves both. The names of the views' arguments are those of GitHub's description, which is checked by
them.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, Final

from flask import Flask, Response, request

from ecrwiz.sandbox.github_runner import prefix_of
from ecrwiz.sandbox.github_store import Entry, Environment, Refusal, Repository, Scope, Store

__all__ = ["add_to"]

_REPO: Final = "/repos/<owner>/<repo>"
_ENVIRONMENT: Final = f"{_REPO}/environments/<environment_name>"
_READ_ONLY: Final = ("GET", "HEAD")


def add_to(app: Flask, store: Store, description: dict[str, Any]) -> None:
    """Add every view to the application.

    Args:
        app: receives the URL rules.
        store: the stand-in's memory.
        description: GitHub's OpenAPI description; its examples are the models for the larger answers.
    """
    views = _Views(store, description["components"]["examples"])
    app.add_url_rule("/", view_func=views.root)
    app.add_url_rule("/user", view_func=views.user)
    app.add_url_rule("/rate_limit", view_func=views.rate_limit)
    app.add_url_rule(_REPO, view_func=views.repository)
    app.add_url_rule(f"{_REPO}/actions/oidc/customization/sub", view_func=views.oidc, methods=["GET", "PUT"])
    app.add_url_rule(f"{_REPO}/actions/permissions", view_func=views.actions)
    app.add_url_rule(f"{_REPO}/actions/organization-secrets", view_func=views.organisation_secrets)
    app.add_url_rule(f"{_REPO}/actions/organization-variables", view_func=views.organisation_variables)
    app.add_url_rule("/orgs/<org>/actions/permissions", view_func=views.organisation)
    app.add_url_rule(f"{_REPO}/environments", view_func=views.environments)
    app.add_url_rule(_ENVIRONMENT, view_func=views.environment, methods=["GET", "PUT", "DELETE"])
    for prefix, label in ((f"{_REPO}/actions", "repository"), (_ENVIRONMENT, "environment")):
        _add_scope(app, prefix, label, views)


def _add_scope(app: Flask, prefix: str, label: str, views: _Views) -> None:
    rules: list[tuple[str, Callable[..., Response], list[str]]] = [
        ("/secrets", views.secrets, ["GET"]),
        ("/secrets/public-key", views.public_key, ["GET"]),
        ("/secrets/<secret_name>", views.secret, ["GET", "PUT", "DELETE"]),
        ("/variables", views.variables, ["GET", "POST"]),
        ("/variables/<name>", views.variable, ["GET", "PATCH", "DELETE"]),
    ]
    for rule, view, methods in rules:
        app.add_url_rule(prefix + rule, f"{label}:{rule}", view, methods=methods)


class _Views:
    def __init__(self, store: Store, examples: dict[str, Any]) -> None:
        self._store = store
        self._examples = examples

    def root(self) -> Response:
        """What `gh auth login` asks for, to read the token's scopes."""
        return _json(self._example("root"))

    def user(self) -> Response:
        body = self._example("private-user-response-with-public-and-private-profile-information")
        # GitHub's example lacks the field that tells its two kinds of answer apart; GitHub itself sends it.
        return _json({**body, "login": "sandbox", "name": "ecrwiz sandbox", "user_view_type": "private"})

    def rate_limit(self) -> Response:
        return _json(self._example("rate-limit-overview"))

    def repository(self, owner: str, repo: str) -> Response:
        found = self._store.repository(owner, repo)
        body = self._example("full-repository-default-response")
        for inherited in ("parent", "source", "template_repository", "temp_clone_token", "organization"):
            body.pop(inherited, None)
        body["owner"] |= {"login": found.owner, "id": found.owner_id, "type": found.owner_type}
        body["permissions"] = {"admin": found.administered, "push": found.writable, "pull": True}
        private = "public" not in found.modes
        return _json(
            {
                **body,
                "id": found.number,
                "name": found.name,
                "full_name": found.full_name,
                "html_url": f"https://github.com/{found.full_name}",
                "created_at": found.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "default_branch": found.default_branch,
                "language": "JavaScript",
                "private": private,
                "visibility": "private" if private else "public",
                "archived": found.archived,
            }
        )

    def oidc(self, owner: str, repo: str) -> Response:
        found = self._admitted(owner, repo)
        if request.method == "PUT":
            found.oidc_subject = _body()
            return _json({}, 201)
        return _json({"sub_claim_prefix": prefix_of(found), **found.oidc_subject})

    def actions(self, owner: str, repo: str) -> Response:
        found = self._admitted(owner, repo)
        off = found.modes & {"actions-disabled", "actions-disabled-by-organisation"}
        return _json({**self._example("actions-repository-permissions"), "enabled": not off})

    def organisation(self, org: str) -> Response:
        theirs = self._store.of_owner(org)
        if not any(found.owner_type == "Organization" for found in theirs):
            raise Refusal(404, "Not Found")
        off = any("actions-disabled-by-organisation" in found.modes for found in theirs)
        body = {**self._example("actions-organization-permissions"), "enabled_repositories": "none" if off else "all"}
        return _json(body)

    def organisation_secrets(self, owner: str, repo: str) -> Response:
        entries = self._admitted(owner, repo).organisation.secrets
        return _listed("secrets", entries, 30, 100, with_value=False)

    def organisation_variables(self, owner: str, repo: str) -> Response:
        entries = self._admitted(owner, repo).organisation.variables
        return _listed("variables", entries, 10, 30, with_value=True)

    def environments(self, owner: str, repo: str) -> Response:
        found = self._admitted(owner, repo)
        described = [self._environment(found, found.environments[name]) for name in sorted(found.environments)]
        shown, links = _page(described, 30, 100)
        return _json({"total_count": len(found.environments), "environments": shown}, headers=links)

    def environment(self, owner: str, repo: str, environment_name: str) -> Response:
        found = self._admitted(owner, repo)
        if request.method == "PUT":
            found.environments.setdefault(environment_name.lower(), Environment(environment_name))
        environment = found.environment(environment_name)
        if request.method == "DELETE":
            del found.environments[environment_name.lower()]
            return Response(status=204)
        return _json(self._environment(found, environment))

    def secrets(self, **names: str) -> Response:
        return _listed("secrets", self._scope(**names).secrets, 30, 100, with_value=False)

    def public_key(self, **names: str) -> Response:
        scope = self._scope(**names)
        return _json({"key_id": scope.key_id, "key": scope.public_key})

    def secret(self, secret_name: str, **names: str) -> Response:
        scope = self._scope(**names)
        if request.method == "PUT":
            return _json({}, 201) if self._put(scope, secret_name, **names) else Response(status=204)
        entry = scope.secret(secret_name)
        if request.method == "DELETE":
            del scope.secrets[entry.name]
            return Response(status=204)
        return _json(entry.described(with_value=False))

    def _put(self, scope: Scope, secret_name: str, owner: str, repo: str, **_: str) -> bool:
        """Keep a secret, or pretend to; True when it is new."""
        body, modes = _body(), self._store.repository(owner, repo).modes
        before = scope.secrets.get(secret_name.upper())
        created = scope.put_secret(secret_name, body["encrypted_value"], body["key_id"])
        if "forgetful" in modes:
            del scope.secrets[secret_name.upper()]
        elif "slow-clock" in modes and before is not None:
            scope.secrets[secret_name.upper()].updated_at = before.updated_at
        return created

    def variables(self, **names: str) -> Response:
        scope = self._scope(**names)
        if request.method == "POST":
            body = _body()
            scope.create_variable(body["name"], body["value"])
            return _json({}, 201)
        return _listed("variables", scope.variables, 10, 30, with_value=True)

    def variable(self, name: str, **names: str) -> Response:
        scope = self._scope(**names)
        if request.method == "PATCH":
            body = _body()
            scope.update_variable(name, body.get("name"), body.get("value"))
            return Response(status=204)
        entry = scope.variable(name)
        if request.method == "DELETE":
            del scope.variables[entry.name]
            return Response(status=204)
        return _json(entry.described(with_value=True))

    def _scope(self, owner: str, repo: str, environment_name: str | None = None) -> Scope:
        found = self._admitted(owner, repo)
        return found if environment_name is None else found.environment(environment_name)

    def _admitted(self, owner: str, repo: str) -> Repository:
        found = self._store.repository(owner, repo)
        if not found.administered:
            raise Refusal(403, "Resource not accessible by personal access token")
        if found.archived and request.method not in _READ_ONLY:
            raise Refusal(403, "Repository was archived so is read-only.")
        return found

    def _environment(self, found: Repository, environment: Environment) -> dict[str, Any]:
        body = self._example("environment")
        if "protected-environments" not in found.modes:
            body |= {"protection_rules": [], "deployment_branch_policy": None}
        return {**body, "name": environment.name}

    def _example(self, name: str) -> dict[str, Any]:
        example: dict[str, Any] = copy.deepcopy(self._examples[name]["value"])
        return example


def _body() -> dict[str, Any]:
    body: dict[str, Any] = request.get_json(force=True, silent=True) or {}
    return body


def _listed(key: str, entries: dict[str, Entry], default: int, most: int, *, with_value: bool) -> Response:
    everything = [entries[name].described(with_value=with_value) for name in sorted(entries)]
    shown, links = _page(everything, default, most)
    return _json({"total_count": len(everything), key: shown}, headers=links)


def _page(entries: list[dict[str, Any]], default: int, most: int) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """One page as GitHub cuts it, and the Link header when more follow."""
    size = max(1, min(request.args.get("per_page", default, type=int), most))
    page = max(1, request.args.get("page", 1, type=int))
    shown = entries[(page - 1) * size : page * size]
    if page * size >= len(entries):
        return shown, {}
    return shown, {"Link": f'<{request.base_url}?per_page={size}&page={page + 1}>; rel="next"'}


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body), status, headers, content_type="application/json; charset=utf-8")

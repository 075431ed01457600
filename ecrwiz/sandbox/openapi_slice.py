"""Cuts the part that the GitHub stand-in serves out of GitHub's own description of its REST API.

GitHub publishes the description under the MIT licence; the npm package `@octokit/openapi` carries it. To make
`github_openapi.json.gz` anew, for instance after GitHub changed its API:

    npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
    python -m ecrwiz.sandbox.openapi_slice package/generated/api.github.com.json

The text in it is the same whenever the description is the same; its keys are sorted.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any, Final

__all__ = ["SLICE_FILE", "cut", "load"]

SLICE_FILE: Final = Path(__file__).with_name("github_openapi.json.gz")

_REPO: Final = "/repos/{owner}/{repo}"
_ENVIRONMENT: Final = f"{_REPO}/environments/{{environment_name}}"

# Path -> the methods that the stand-in answers; every other call is outside what the product may use.
KEPT: Final[dict[str, tuple[str, ...]]] = {
    "/": ("get",),
    "/rate_limit": ("get",),
    "/user": ("get",),
    _REPO: ("get",),
    f"{_REPO}/actions/oidc/customization/sub": ("get", "put"),
    "/orgs/{org}/actions/oidc/customization/sub": ("get",),
    "/orgs/{org}/actions/permissions": ("get",),
    f"{_REPO}/actions/permissions": ("get",),
    f"{_REPO}/actions/organization-secrets": ("get",),
    f"{_REPO}/actions/organization-variables": ("get",),
    f"{_REPO}/actions/secrets": ("get",),
    f"{_REPO}/actions/secrets/public-key": ("get",),
    f"{_REPO}/actions/secrets/{{secret_name}}": ("get", "put", "delete"),
    f"{_REPO}/actions/variables": ("get", "post"),
    f"{_REPO}/actions/variables/{{name}}": ("get", "patch", "delete"),
    f"{_REPO}/environments": ("get",),
    _ENVIRONMENT: ("get", "put", "delete"),
    f"{_ENVIRONMENT}/secrets": ("get",),
    f"{_ENVIRONMENT}/secrets/public-key": ("get",),
    f"{_ENVIRONMENT}/secrets/{{secret_name}}": ("get", "put", "delete"),
    f"{_ENVIRONMENT}/variables": ("get", "post"),
    f"{_ENVIRONMENT}/variables/{{name}}": ("get", "patch", "delete"),
    # For the rehearsal: a branch, a commit on it, the run that it starts.
    f"{_REPO}/branches/{{branch}}": ("get",),
    f"{_REPO}/contents/{{path}}": ("get",),
    f"{_REPO}/git/blobs": ("post",),
    f"{_REPO}/git/commits": ("post",),
    f"{_REPO}/git/commits/{{commit_sha}}": ("get",),
    f"{_REPO}/git/ref/{{ref}}": ("get",),
    f"{_REPO}/git/refs": ("post",),
    f"{_REPO}/git/refs/{{ref}}": ("patch", "delete"),
    f"{_REPO}/git/trees": ("post",),
    f"{_REPO}/git/trees/{{tree_sha}}": ("get",),
    f"{_REPO}/actions/jobs/{{job_id}}/logs": ("get",),
    f"{_REPO}/actions/runs": ("get",),
    f"{_REPO}/actions/runs/{{run_id}}": ("get",),
    f"{_REPO}/actions/runs/{{run_id}}/cancel": ("post",),
    f"{_REPO}/actions/runs/{{run_id}}/jobs": ("get",),
    f"{_REPO}/actions/workflows": ("get",),
    f"{_REPO}/actions/workflows/{{workflow_id}}": ("get",),
    f"{_REPO}/actions/workflows/{{workflow_id}}/dispatches": ("post",),
    f"{_REPO}/actions/workflows/{{workflow_id}}/runs": ("get",),
}
_EXTENSIONS: Final = ("x-github", "x-octokit")
# Errors that GitHub may answer to any call though most operations do not list them.
_ERRORS: Final = ("basic-error", "validation-error")


def cut(description: dict[str, Any]) -> dict[str, Any]:
    """Keep the paths that the stand-in serves and every component that they refer to.

    Args:
        description: the whole OpenAPI 3.0 description.

    Returns:
        A smaller description that is complete in itself.

    Raises:
        KeyError: GitHub no longer describes one of the paths or methods.
    """
    paths: dict[str, Any] = {}
    for path, methods in KEPT.items():
        item = description["paths"][path]
        paths[path] = {method: item[method] for method in methods}
        if "parameters" in item:
            paths[path]["parameters"] = item["parameters"]
    components: dict[str, Any] = {"schemas": {name: description["components"]["schemas"][name] for name in _ERRORS}}
    todo: list[Any] = [paths, components]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo += node
        elif isinstance(node, dict):
            todo += node.values()
            reference = node.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/components/"):
                kind, name = reference.removeprefix("#/components/").split("/", 1)
                name = name.replace("~1", "/").replace("~0", "~")
                if name not in components.setdefault(kind, {}):
                    components[kind][name] = description["components"][kind][name]
                    todo.append(components[kind][name])
    head = {key: description[key] for key in ("openapi", "info")}
    whole = {**head, "servers": [{"url": "/"}], "paths": paths, "components": components}
    return {key: _without_extensions(value) for key, value in whole.items()}


def _without_extensions(node: object) -> object:
    if isinstance(node, dict):
        return {key: _without_extensions(value) for key, value in node.items() if key not in _EXTENSIONS}
    if isinstance(node, list):
        return [_without_extensions(value) for value in node]
    return node


def load(file: Path = SLICE_FILE) -> dict[str, Any]:
    """Read a description that `main` wrote."""
    description: dict[str, Any] = json.loads(gzip.decompress(file.read_bytes()))
    _allow_null(description)
    return description


def _allow_null(node: object) -> None:
    """Where a value may be null and is one of some words, GitHub's description forgets to list null as one."""
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _allow_null(child)
    if isinstance(node, dict) and node.get("nullable") is True and isinstance(node.get("enum"), list):
        node["enum"] = [*node["enum"], None]


def main(arguments: list[str]) -> None:
    """Write the slice of a description beside this module, or to the file named second."""
    if len(arguments) not in {1, 2}:
        raise SystemExit("usage: python -m ecrwiz.sandbox.openapi_slice api.github.com.json [FILE]")
    target = Path(arguments[1]) if arguments[1:] else SLICE_FILE
    part = cut(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    text = json.dumps(part, sort_keys=True, separators=(",", ":"))
    target.write_bytes(gzip.compress(text.encode(), mtime=0))
    sys.stdout.write(f"{target.name}: {len(part['paths'])} paths, {target.stat().st_size} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1:])

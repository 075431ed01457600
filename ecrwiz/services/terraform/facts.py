"""What there is of Terraform on this machine: its version, and where the AWS provider can be had from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import MissingToolError, ToolFailedError
from ecrwiz.services import process
from ecrwiz.services.terraform.mirror import find_mirror

__all__ = ["ProviderSource", "provider_source", "version"]

REGISTRY: Final = "https://registry.terraform.io/.well-known/terraform.json"
_PROVIDER: Final = Path("providers", "registry.terraform.io", "hashicorp", "aws")
_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class ProviderSource:
    """Where the AWS provider comes from.

    Attributes:
        kind: `installed`, `mirror`, `registry`, or empty when it can be had from nowhere.
        where: the folder or the address.
    """

    kind: str
    where: str


async def version(cwd: Path) -> tuple[str, str]:
    """Terraform's version and where the program lies.

    Raises:
        MissingToolError: it is not on PATH.
        ToolFailedError: it does not tell its version.
    """
    program = process.which("terraform")
    if program is None:
        raise MissingToolError(
            "Terraform is not on this machine (not found on PATH).",
            "Install it from https://developer.hashicorp.com/terraform/install (1.9 or newer).",
        )
    env = process.child_environment({"CHECKPOINT_DISABLE": "1"})
    env = {name: value for name, value in env.items() if not name.startswith(("TF_CLI_ARGS", "TF_LOG"))}
    done = await process.capture([program, "version", "-json"], cwd=cwd, env=env, timeout=10.0)
    try:
        return str(json.loads(done.stdout)["terraform_version"]), program
    except (ValueError, KeyError, TypeError):
        said = " ".join((done.stderr or done.stdout).split())[:200]
        raise ToolFailedError(
            f"`terraform version` did not tell a version: {said or f'exit code {done.returncode}'}.",
            f"Run `{program} version` to see what is wrong.",
        ) from None


async def provider_source(infra: Path, mirror: Path | None, environ: Mapping[str, str]) -> ProviderSource:
    """Look where the AWS provider can be had from, in the order in which `Terraform.init` takes it."""
    if mirror is not None:
        return ProviderSource("mirror", str(mirror)) if await _there(mirror) else ProviderSource("", str(mirror))
    installed = infra / ".terraform" / _PROVIDER
    if await process.in_daemon_thread(installed.is_dir):
        return ProviderSource("installed", str(installed))
    if await _registry_answers():
        return ProviderSource("registry", "registry.terraform.io")
    found = await process.in_daemon_thread(lambda: find_mirror(environ))
    return ProviderSource("mirror", str(found)) if found else ProviderSource("", "registry.terraform.io")


async def _there(mirror: Path) -> bool:
    return await process.in_daemon_thread((mirror / _PROVIDER.relative_to("providers")).is_dir)


async def _registry_answers() -> bool:
    import httpx

    try:
        async with httpx.AsyncClient(timeout=_SECONDS) as client:
            answer = await client.get(REGISTRY)
            return answer.is_success and "providers.v1" in answer.json()
    except (httpx.HTTPError, ValueError):
        return False

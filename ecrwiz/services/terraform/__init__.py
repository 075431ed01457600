"""Terraform, driven by its machine-readable stream, never by its human text.

Sources: developer.hashicorp.com/terraform/internals/machine-readable-ui (messages), .../cli/config/config-file
(provider_installation and the implicit mirror folders).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ecrwiz.model.errors import BadInputError, MissingToolError, ToolFailedError
from ecrwiz.model.ports import OnLines, OnProgress, ignore
from ecrwiz.model.results import Plan
from ecrwiz.services import process
from ecrwiz.services.terraform.details import with_details
from ecrwiz.services.terraform.knowledge import State, read_state
from ecrwiz.services.terraform.mirror import find_mirror, mirror_config
from ecrwiz.services.terraform.stream import Stream

__all__ = ["OLDEST_TERRAFORM", "State", "Terraform", "find_mirror", "read_state"]

OLDEST_TERRAFORM: Final = (1, 9)
"""The first that lets the rule for one variable look at another (modules/ci_user does), and `init` print JSON."""

_OLDEST: Final = ".".join(map(str, OLDEST_TERRAFORM))
_DOWNLOAD: Final = "https://developer.hashicorp.com/terraform/install"
_NO_REGISTRY = "Failed to query available provider packages"
# Logs go to the stream that is parsed (and may quote requests), arguments and workspaces change what is done.
_NOT_PASSED_ON = ("TF_LOG", "TF_CLI_ARGS", "TF_WORKSPACE", "TF_VAR_ci_user_pgp_key")
_KEYS = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"})
_GRACE = 120.0  # seconds that an interrupted apply may take to save its state and free its lock


class Terraform:
    """Terraform in one folder.

    Args:
        infra: the folder with the .tf files.
        work: a folder of ecrwiz's own, for a generated CLI configuration and notes on running children.
        environ: where TF_* settings, HOME and the AWS profile are looked up.
        state: a file for local state, or None for what the folder's backend says.
        data: a folder for the provider's links and the backend's settings instead of `.terraform`.
        mirror: a folder with unpacked providers, or None to use the registry and look for one if it is out of reach.
        on_lines: takes readable lines.
        on_command: takes each command as a person could type it.
    """

    def __init__(
        self,
        infra: Path,
        work: Path,
        environ: Mapping[str, str],
        *,
        state: Path | None = None,
        data: Path | None = None,
        mirror: Path | None = None,
        on_lines: OnLines = ignore,
        on_command: Callable[[str], None] = ignore,
    ) -> None:
        self._infra = infra
        self._work = work
        self._environ = environ
        self._state = state
        self._data = data
        self._mirror = mirror
        self._on_lines = on_lines
        self._on_command = on_command

    async def init(self) -> None:
        """Install the provider and set up the backend.

        Raises:
            BadInputError: the folder brings providers along.
            MissingToolError: no Terraform or one that is too old, or the provider can be had from nowhere.
            ToolFailedError: Terraform refused.
        """
        self._refuse_providers()
        await self._check_version()
        backend = [f"-backend-config=path={self._state}", "-reconfigure"] if self._state else []
        arguments = ("init", "-input=false", "-json", *backend)
        if self._mirror is not None:
            await self._stream(*arguments)
            return
        held: list[str] = []  # an error that is about to be got round would only frighten
        try:
            await self._stream(*arguments, on_lines=held.extend)
        except ToolFailedError as error:
            if _NO_REGISTRY not in error.message:
                self._on_lines(held)
                raise
            self._mirror = find_mirror(self._environ)
            if self._mirror is None:
                raise MissingToolError(
                    "Terraform's registry cannot be reached, so the AWS provider cannot be installed.",
                    "Check the network, or set ECRWIZ_TERRAFORM_MIRROR to a folder that holds the provider.",
                ) from error
            self._on_lines([f"Terraform's registry cannot be reached: using the provider in {self._mirror}."])
            await self._stream(*arguments)
        else:
            self._on_lines(held)

    def _refuse_providers(self) -> None:
        if os.path.lexists(self._infra / "terraform.d"):  # Terraform would take it for a mirror, unsigned and unasked
            raise BadInputError(
                f"{self._infra.name}/terraform.d may hold providers, which are programs, and they would be run with "
                "your AWS credentials.",
                "Remove it; providers that you trust may lie in ~/.terraform.d/plugins.",
            )

    async def _check_version(self) -> None:
        """Say that Terraform is too old before it says so itself, in words about an option or a line of a file."""
        said = await self._capture("version", "-json")
        try:
            version = str(json.loads(said)["terraform_version"])
        except (ValueError, KeyError, TypeError):
            return  # whatever it is, its own words will be plainer than a guess
        found = re.match(r"(\d{1,6})\.(\d{1,6})\b", version)
        if found and (int(found[1]), int(found[2])) < OLDEST_TERRAFORM:
            raise MissingToolError(
                f"Terraform {version} is too old: ecrwiz needs {_OLDEST} or newer.", f"Install it from {_DOWNLOAD}."
            )

    async def plan(
        self,
        out: Path,
        *,
        replace: Sequence[str] = (),
        destroy: Sequence[str] = (),
        lock: bool = True,
        variables: Mapping[str, str] | None = None,
    ) -> Plan:
        """Plan into a file.

        Args:
            out: the plan's file.
            replace: addresses that are to be made anew.
            destroy: plan to remove these addresses, with what depends on them, instead.
            lock: False when nothing will be applied and the state must not be touched.
            variables: values for input variables; public ones only, for they stand in the command line.

        Raises:
            ToolFailedError: Terraform refused.
        """
        arguments = ["-input=false", "-json", f"-out={out}"]
        arguments += ["-lock-timeout=60s"] if lock else ["-lock=false"]
        arguments += ["-destroy", *(f"-target={address}" for address in destroy)] if destroy else []
        arguments += [f"-replace={address}" for address in replace]
        arguments += [f"-var={name}={value}" for name, value in (variables or {}).items()]
        stream = await self._stream("plan", *arguments)
        return Plan(tuple(stream.changes))

    async def look_into(self, out: Path, plan: Plan) -> Plan:
        """The same plan with each attribute before and after, and with the IAM policies as they would be.

        Args:
            out: the file that `plan` wrote.
            plan: what `plan` gave.

        Raises:
            ToolFailedError: Terraform cannot read its own plan.
        """
        shown = await self._capture("show", "-json", str(out))
        return await asyncio.to_thread(with_details, plan, shown)

    async def apply(self, plan: Path, total: int, on_progress: OnProgress) -> None:
        """Apply a saved plan.

        Args:
            plan: the file that `plan` wrote.
            total: how many changes it holds.
            on_progress: takes how many are done.

        Raises:
            ToolFailedError: a change failed; those before it are in the state.
        """
        await self._stream(
            "apply", "-input=false", "-json", "-lock-timeout=60s", str(plan), progress=(total, on_progress)
        )

    async def state(self) -> State:
        """What Terraform knows, in one quick call whatever the backend; the provider is not started.

        Raises:
            ToolFailedError: the state cannot be read.
        """
        return read_state(await self.pull())

    async def pull(self) -> str:
        """The whole state as Terraform keeps it, wherever its backend lies.

        Raises:
            ToolFailedError: the state cannot be read.
        """
        return await self._capture("state", "pull")

    async def adopt(self, address: str, identifier: str) -> None:
        """Take a resource that exists into the state.

        Raises:
            ToolFailedError: Terraform refused.
        """
        await self._capture("import", "-input=false", "-no-color", "-lock-timeout=60s", address, identifier)
        self._on_lines([f"{address}: taken over ({identifier} existed already)."])

    async def forget(self, address: str) -> None:
        """Take a resource out of the state; it stays where it is.

        Raises:
            ToolFailedError: Terraform refused.
        """
        await self._capture("state", "rm", "-lock-timeout=60s", address)

    async def refresh(self, address: str) -> None:
        """Bring the state of a resource, and the outputs made of it, up to date; nothing is changed but the state.

        Raises:
            ToolFailedError: Terraform refused.
        """
        arguments = ("-refresh-only", "-auto-approve", "-input=false", "-json", "-lock-timeout=60s")
        await self._stream("apply", *arguments, f"-target={address}")

    async def _stream(
        self, *arguments: str, progress: tuple[int, OnProgress] | None = None, on_lines: OnLines | None = None
    ) -> Stream:
        argv = self._argv(*arguments)
        self._on_command(shlex.join(["terraform", f"-chdir={self._infra.name}", *arguments]))
        stream = Stream(on_lines or self._on_lines, progress)
        ended = await process.stream(
            argv,
            cwd=self._infra,
            env=self._env(),
            on_lines=stream.feed,
            grace=_GRACE,
            notes=self._work / "children",
        )
        if ended.returncode != 0:
            raise ToolFailedError(stream.failure(arguments[0], ended.returncode))
        return stream

    async def _capture(self, *arguments: str) -> str:
        argv = self._argv(*arguments)
        if arguments[0] == "import" or arguments[:2] == ("state", "rm"):
            self._on_command(shlex.join(["terraform", f"-chdir={self._infra.name}", *arguments]))
        done = await process.capture(argv, cwd=self._infra, env=self._env(), timeout=300)
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).replace("│", " ").replace("╷", " ").split())
            raise ToolFailedError(f"terraform {arguments[0]} failed: {said[:600]}")
        return done.stdout

    def _argv(self, *arguments: str) -> list[str]:
        program = process.which("terraform")
        if program is None:
            raise MissingToolError(
                "Terraform is not on this machine (not found on PATH).",
                f"Install it from {_DOWNLOAD} ({_OLDEST} or newer).",
            )
        return [program, *arguments]

    def _env(self) -> dict[str, str]:
        """The environment, without settings of the person's shell that would change what is read or done."""
        extra = {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_INPUT": "0"}
        if self._data is not None:
            extra["TF_DATA_DIR"] = str(self._data)
        if self._mirror is not None:
            extra["TF_CLI_CONFIG_FILE"] = str(mirror_config(self._mirror, self._work))
        environ = process.child_environment(extra)
        profile = self._environ.get("AWS_PROFILE")
        if profile:  # keys in the environment would win over it
            environ["AWS_PROFILE"] = profile
            for name in _KEYS - self._environ.keys():
                environ.pop(name, None)
        named = environ.get("TF_CLI_CONFIG_FILE")
        if named and not Path(named).is_file():
            del environ["TF_CLI_CONFIG_FILE"]  # Terraform would warn of it at each command
        return {name: value for name, value in environ.items() if not name.startswith(_NOT_PASSED_ON)}

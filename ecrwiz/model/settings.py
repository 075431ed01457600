"""Settings from the environment: how ecrwiz works on this machine, as against what it makes (`Answers`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ecrwiz.model.answers import FIELDS
from ecrwiz.model.errors import BadInputError

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Settings of one process.

    Attributes:
        state_dir: ECRWIZ_STATE_DIR, where the journal and the logs go; None for `.ecrwiz/` in the project.
        terraform_state: ECRWIZ_TERRAFORM_STATE, a file for Terraform's local state; None for its default.
        terraform_mirror: ECRWIZ_TERRAFORM_MIRROR, a folder with unpacked providers to use instead of the registry.
        keyring_seconds: ECRWIZ_KEYRING_SECONDS, how long the keyring may take to answer.
        smoke_seconds: ECRWIZ_SMOKE_SECONDS, how long the image may take to answer over HTTP.
        keep_logs: ECRWIZ_KEEP_LOGS, of how many runs the logs are kept.
        read_only: ECRWIZ_READ_ONLY, nothing is run, written or sent.
    """

    state_dir: Path | None = None
    terraform_state: Path | None = None
    terraform_mirror: Path | None = None
    keyring_seconds: float = 20.0
    smoke_seconds: float = 60.0
    keep_logs: int = 20
    read_only: bool = False

    def need_writing(self) -> None:
        """Refuse in a session that may only look.

        Raises:
            BadInputError: it is one.
        """
        if self.read_only:
            raise BadInputError(
                "This session is read-only: nothing is run, written or sent.",
                "Start ecrwiz without --read-only, and without ECRWIZ_READ_ONLY, to go on.",
            )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read the ECRWIZ_* variables that are settings.

        Raises:
            BadInputError: a variable cannot be used or is no setting and no answer.
        """
        known = {f"ECRWIZ_{name.upper()}" for name in (*FIELDS, *cls.__dataclass_fields__, "keep_sandbox", "config")}
        for name in environ:
            if name.startswith("ECRWIZ_") and name not in known:
                raise BadInputError(f"{name} is no setting that ecrwiz knows.", f"It knows {', '.join(sorted(known))}.")

        def path(name: str) -> Path | None:
            return Path(environ[name]).expanduser().absolute() if environ.get(name) else None

        def number(name: str, default: float) -> float:
            try:
                value = float(environ.get(name) or default)
            except ValueError:
                value = 0
            if not 0 < value < 86_400:
                raise BadInputError(f"{name} is {environ[name]!r}; it is a number above 0, such as {default:g}.")
            return value

        return cls(
            state_dir=path("ECRWIZ_STATE_DIR"),
            terraform_state=path("ECRWIZ_TERRAFORM_STATE"),
            terraform_mirror=path("ECRWIZ_TERRAFORM_MIRROR"),
            keyring_seconds=number("ECRWIZ_KEYRING_SECONDS", cls.keyring_seconds),
            smoke_seconds=number("ECRWIZ_SMOKE_SECONDS", cls.smoke_seconds),
            keep_logs=int(number("ECRWIZ_KEEP_LOGS", cls.keep_logs)) or 1,
            read_only=environ.get("ECRWIZ_READ_ONLY", "").lower() not in ("", "0", "no", "false"),
        )

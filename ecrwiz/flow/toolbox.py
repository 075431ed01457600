"""The services of one process, made when first used so that nothing slow is imported early."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from ecrwiz.model.paths import ProjectPaths
from ecrwiz.model.ports import OnLines
from ecrwiz.model.redact import Redactor
from ecrwiz.model.settings import Settings

if TYPE_CHECKING:
    from ecrwiz.services.aws import Aws
    from ecrwiz.services.docker import Engine
    from ecrwiz.services.ecr import Ecr
    from ecrwiz.services.iam import Iam
    from ecrwiz.services.keychain import Keychain
    from ecrwiz.services.terraform import Terraform

__all__ = ["Toolbox"]


class Toolbox:
    """Makes each service once.

    Args:
        settings: how ecrwiz works on this machine.
        environ: the process's environment, where services look for endpoints and credentials.
        paths: the project's paths.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str], paths: ProjectPaths) -> None:
        self.settings = settings
        self.environ = environ
        self.paths = paths
        self.redact = Redactor()
        self._aws: dict[str, Aws] = {}

    @cached_property
    def docker(self) -> Engine:
        """The Docker engine."""
        from ecrwiz.services.docker import Engine

        return Engine()

    @cached_property
    def keychain(self) -> Keychain:
        """The operating system's keyring."""
        from ecrwiz.services.keychain import Keychain

        return Keychain(self.settings.keyring_seconds)

    def terraform(self, on_lines: OnLines, on_command: Callable[[str], None]) -> Terraform:
        """Terraform in the project's `infra/`."""
        from ecrwiz.services.terraform import Terraform

        return Terraform(
            self.paths.infra,
            self.paths.state,
            self.environ,
            state=self.paths.terraform_state,
            mirror=self.settings.terraform_mirror,
            on_lines=on_lines,
            on_command=on_command,
        )

    def aws(self, region: str) -> Aws:
        """AWS with the person's own credentials, in one region."""
        from ecrwiz.services.aws import Aws

        return self._aws.setdefault(region, Aws(region))

    def ecr(self, region: str) -> Ecr:
        """ECR with the person's own credentials."""
        from ecrwiz.services.ecr import Ecr

        return Ecr(self.aws(region).call)

    def iam(self, region: str) -> Iam:
        """IAM with the person's own credentials."""
        from ecrwiz.services.iam import Iam

        return Iam(self.aws(region).call)

"""The services of one process, made when first used so that nothing slow is imported early."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from ecrwiz.model.paths import ProjectPaths
from ecrwiz.model.ports import OnLines
from ecrwiz.model.profile import Chosen, Standing
from ecrwiz.model.redact import Redactor
from ecrwiz.model.settings import Settings
from ecrwiz.services.aws_profiles import ENVIRONMENT_KEYS

if TYPE_CHECKING:
    from ecrwiz.services.aws import Aws
    from ecrwiz.services.docker import Engine
    from ecrwiz.services.ecr import Ecr
    from ecrwiz.services.iam import Iam
    from ecrwiz.services.keychain import Keychain
    from ecrwiz.services.oidc_provider import OidcProviders
    from ecrwiz.services.terraform import Terraform

__all__ = ["Toolbox", "environment"]

_NAMED = ("--profile", "this folder")


def environment(environ: Mapping[str, str], chosen: Chosen) -> Mapping[str, str]:
    """The environment in which the chosen profile counts, for all that finds credentials by variables."""
    if chosen.by not in _NAMED:
        return environ
    return {name: value for name, value in environ.items() if name not in ENVIRONMENT_KEYS} | {
        "AWS_PROFILE": chosen.name
    }


class Toolbox:
    """Makes each service once.

    Args:
        settings: how ecrwiz works on this machine.
        environ: the process's environment, where services look for endpoints and credentials.
        paths: the project's paths.
        chosen: the AWS profile.

    Attributes:
        environ: the environment with the chosen profile in it.
        standings: what AWS said of profiles in this process, by name, and when (monotonic seconds).
    """

    def __init__(
        self, settings: Settings, environ: Mapping[str, str], paths: ProjectPaths, chosen: Chosen | None = None
    ) -> None:
        self.settings = settings
        self.chosen = chosen or Chosen()
        self.environ = environment(environ, self.chosen)
        self.paths = paths
        self.redact = Redactor()
        self.standings: dict[str, tuple[float, Standing]] = {}
        self._process_environ = environ
        self._aws: dict[str, Aws] = {}

    @property
    def profile(self) -> str:
        """The AWS profile that must be named to the SDK; empty when it finds the right one by itself."""
        return self.chosen.name if self.chosen.by in _NAMED else ""

    def choose(self, profile: str) -> None:
        """Use another AWS profile from now on; the empty one is what the SDK finds by itself."""
        self.chosen = Chosen(profile, "this folder" if profile else "")
        self.environ = environment(self._process_environ, self.chosen)
        self._aws = {}

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

        return self._aws.setdefault(region, Aws(region, profile=self.profile))

    def ecr(self, region: str) -> Ecr:
        """ECR with the person's own credentials."""
        from ecrwiz.services.ecr import Ecr

        return Ecr(self.aws(region).call)

    def iam(self, region: str) -> Iam:
        """IAM with the person's own credentials."""
        from ecrwiz.services.iam import Iam

        aws = self.aws(region)
        return Iam(aws.call, aws.call_once)

    def oidc_providers(self, region: str) -> OidcProviders:
        """IAM's OpenID Connect providers with the person's own credentials."""
        from ecrwiz.services.oidc_provider import OidcProviders

        return OidcProviders(self.aws(region).call)

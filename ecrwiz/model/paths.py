"""Where things lie in a project; pure, nothing is touched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["INFRA_FOLDERS", "ProjectPaths"]

INFRA_FOLDERS: Final = {"infra": "infra", "reuse": "infra", "beside": "infra/ecrwiz"}
"""Where Terraform is rendered, by the answer `infra_layout`."""


@dataclass(frozen=True, slots=True)
class ProjectPaths:
    """The paths of one application.

    Attributes:
        root: the application's folder.
        state: what ecrwiz remembers, `.ecrwiz/` unless ECRWIZ_STATE_DIR says otherwise; never committed.
        terraform_state: a place for Terraform's local state other than its own default, or None.
        repository: the outermost folder that files are rendered into: the work tree of git or the monorepo that
            the application is in, or `root` itself. It holds `.github/`.
        infra_folder: the name of the folder with the rendered Terraform, relative to `root`.
    """

    root: Path
    state: Path
    terraform_state: Path | None = None
    repository: Path | None = None
    infra_folder: str = "infra"

    @property
    def answers_file(self) -> Path:
        """The answers, kept beside the application and meant to be committed."""
        return self.root / "ecrwiz.toml"

    @property
    def infra(self) -> Path:
        """The rendered Terraform."""
        return self.root / self.infra_folder

    @property
    def base(self) -> Path:
        """The folder that no rendered file may lead out of."""
        return self.repository or self.root

    @property
    def rendered(self) -> Path:
        """What was rendered last, file by file: the common ancestor when a file that was edited is merged.

        A sandbox, whose state lies below `.ecrwiz/`, writes the same files and so shares it.
        """
        own = self.root / ".ecrwiz"
        return (own if self.state.is_relative_to(own) else self.state) / "rendered"

    @property
    def journal(self) -> Path:
        """What was done."""
        return self.state / "journal.json"

    @property
    def lock(self) -> Path:
        """Held while a run is going; one for the folder, whatever state folder is used, for they share its files."""
        return self.root / ".ecrwiz" / "lock"

    @property
    def logs(self) -> Path:
        """A folder per run, a file per step."""
        return self.state / "logs"

    @property
    def profile(self) -> Path:
        """The AWS profile that was chosen for this folder on this machine."""
        return self.state / "aws-profile.json"

    @property
    def trusted(self) -> Path:
        """The fingerprint of whom the CI role was last made to trust, and of the answers that led to it."""
        return self.state / "trusted.json"

    @property
    def plan(self) -> Path:
        """The saved Terraform plan that is applied."""
        return self.state / "provision.tfplan"

    @property
    def children(self) -> Path:
        """A note for each running child process, so that a later start finds one that outlived a crash."""
        return self.state / "children"

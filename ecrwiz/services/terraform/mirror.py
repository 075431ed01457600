"""Where unpacked Terraform providers may lie on a machine that does not reach Terraform's registry."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["find_mirror", "mirror_config"]

_PROVIDER = Path("registry.terraform.io", "hashicorp", "aws")
_SEARCHED = ("/opt", "/srv", "/usr/local", "/usr/share", "/usr/lib", "/var/lib")
_DEPTH = 3
_MOST = 4000  # folders; a bound, so that a strange disk costs a second at the most


def find_mirror(environ: Mapping[str, str]) -> Path | None:
    """The first folder that holds the AWS provider in a filesystem mirror's layout.

    Looks at ECRWIZ_TERRAFORM_MIRROR, at the folders that Terraform itself takes as implicit mirrors, and then
    a few levels deep below the folders where software is usually put.
    """
    said = environ.get("ECRWIZ_TERRAFORM_MIRROR")
    named = [Path(said).expanduser()] if said else []
    for folder in (*named, *_implicit(environ), *_below(_SEARCHED)):
        if _holds(folder):
            return folder
    return None


def mirror_config(mirror: Path, work: Path) -> Path:
    """Write a CLI configuration that takes the AWS provider from `mirror`, and give its path."""
    work.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = work / "terraform.tfrc"
    provider = '["registry.terraform.io/hashicorp/aws"]'
    text = (
        "provider_installation {\n"
        f"  filesystem_mirror {{\n    path    = {json.dumps(str(mirror))}\n    include = {provider}\n  }}\n"
        f"  direct {{\n    exclude = {provider}\n  }}\n"
        "}\n"
    )
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")
    return path


def _implicit(environ: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environ.get("HOME") or "~").expanduser()
    yield home / ".terraform.d" / "plugins"
    yield Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "terraform" / "plugins"
    yield home / "Library" / "Application Support" / "io.terraform" / "plugins"
    for folder in (environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":"):
        yield Path(folder) / "terraform" / "plugins"


def _below(roots: tuple[str, ...]) -> Iterator[Path]:
    level = [Path(root) for root in roots]
    seen = 0
    for _ in range(_DEPTH + 1):
        deeper: list[Path] = []
        for folder in level:
            yield folder
            seen += 1
            if seen > _MOST:
                return
            deeper += _folders(folder)
        level = deeper


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _holds(folder: Path) -> bool:
    try:
        return (folder / _PROVIDER).is_dir()
    except OSError:
        return False

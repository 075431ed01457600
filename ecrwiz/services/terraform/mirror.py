"""Where unpacked Terraform providers may lie on a machine that does not reach Terraform's registry."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

__all__ = ["find_mirror", "mirror_config"]

_PROVIDER = Path("registry.terraform.io", "hashicorp", "aws")
_SEARCHED = ("/opt", "/srv", "/usr/local", "/usr/share", "/usr/lib", "/var/lib")
_DATA = (Path("/usr/local/share"), Path("/usr/share"))
_DEPTH = 3
_MOST = 4000  # folders; a bound, so that a strange disk costs a second at the most
_HOPS = 20  # links, one after the other


def find_mirror(environ: Mapping[str, str]) -> Path | None:
    """The first folder that holds the AWS provider in a filesystem mirror's layout.

    Looks at ECRWIZ_TERRAFORM_MIRROR, at the folders that Terraform itself takes as implicit mirrors, and then
    a few levels deep below the folders where software is usually put. A provider is a program that gets the
    person's credentials: what nobody named is taken only from where nobody else can write.
    """
    said = environ.get("ECRWIZ_TERRAFORM_MIRROR")
    if said and _holds(named := Path(said).expanduser()):
        return named
    for folder in (*_implicit(environ), *_below(_SEARCHED)):
        if _holds(folder) and _is_trusted(folder):
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
    part = path.with_suffix(f".{os.getpid()}.part")
    part.unlink(missing_ok=True)
    # Made anew and put in its place: no link that lies there is followed, and no command finds half of it.
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)
    return path


def _implicit(environ: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environ.get("HOME") or "~").expanduser()
    # One that is not absolute would be looked for in the application's own folder.
    named = [Path(folder) for folder in environ.get("XDG_DATA_DIRS", "").split(":") if Path(folder).is_absolute()]
    own = Path(environ.get("XDG_DATA_HOME", ""))
    yield from (
        folder / "plugins"
        for folder in (
            home / ".terraform.d",
            (own if own.is_absolute() else home / ".local" / "share") / "terraform",
            home / "Library" / "Application Support" / "io.terraform",
            *(folder / "terraform" for folder in named or _DATA),
        )
        if folder.is_absolute()
    )


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


def _is_trusted(mirror: Path) -> bool:
    """Whether nobody but this user and root can put something into the provider's folder or in its place."""
    provider = mirror / _PROVIDER
    try:
        inside = list(islice(_everything(provider), _MOST + 1))
        return len(inside) <= _MOST and all(_chain(path, _HOPS) for path in (provider, *inside))
    except OSError:
        return False


def _everything(top: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(top, followlinks=True):
        yield from (Path(folder, name) for name in (*folders, *names))


def _chain(path: Path, hops: int) -> bool:
    """Whether a path, all folders above it, and all that its links lead over belong to us or root alone."""
    return all(
        _is_ours(part) and (not part.is_symlink() or (hops > 0 and _chain(part.parent / part.readlink(), hops - 1)))
        for part in (path, *path.parents)
    )


def _is_ours(part: Path) -> bool:
    info = part.lstat()
    written_by_others = info.st_mode & 0o022 and not stat.S_ISLNK(info.st_mode)  # a link's own mode means nothing
    return info.st_uid in (0, os.geteuid()) and not written_by_others

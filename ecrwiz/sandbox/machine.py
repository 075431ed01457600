"""What a container needs to know of this machine so that npm and apt work inside it as they do outside.

A machine behind a proxy or a private package mirror trusts other certificate authorities and reads other
archives than an image from a public registry would. An image that is built here gets the same ones.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import certifi

__all__ = ["Machine"]

_DEBIAN = "http://deb.debian.org/debian"
_SECURITY = "http://deb.debian.org/debian-security"
_APT_SOURCES = Path("/etc/apt")
_EXTRA_AUTHORITIES = Path("/usr/local/share/ca-certificates")
_SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_URI = re.compile(r"^(?:URIs:|deb(?:\s+\[[^]]*\])?)\s+(\S+)", re.MULTILINE)
_APT_SETTING = re.compile(r'^Acquire::(?:Check-\S+|https?::\S+) "[^"]+";$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Machine:
    """The network facts of this machine.

    Attributes:
        architecture: the processor as the kernel names it, such as `x86_64` or `aarch64`.
        mirror: address of the Debian archive.
        security_mirror: address of Debian's security archive.
        apt_settings: apt's settings for proxies and date checks, in the syntax of `apt.conf`; may be empty.
        authorities: trusted certificate authorities, PEM.
        extra_authorities: those among them that somebody added to this machine, by file name, PEM.
    """

    architecture: str
    mirror: str
    security_mirror: str
    apt_settings: str
    authorities: bytes
    extra_authorities: tuple[tuple[str, bytes], ...]

    @classmethod
    def read(cls) -> Machine:
        """Looks at the machine this runs on; works on one without apt too."""
        addresses = list(_archive_addresses(_APT_SOURCES))
        return cls(
            architecture=platform.machine(),
            mirror=next((a for a in addresses if re.search(r"/debian/?$", a)), _DEBIAN),
            security_mirror=next((a for a in addresses if re.search(r"/debian-security/?$", a)), _SECURITY),
            apt_settings=_apt_settings(),
            authorities=_bundle().read_bytes(),
            extra_authorities=tuple((p.name, p.read_bytes()) for p in sorted(_EXTRA_AUTHORITIES.glob("*.crt"))),
        )

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change when anything here does."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]

    def apt_sources(self, suite: str) -> str:
        """The archives of a Debian release, in deb822 form.

        Args:
            suite: the release, such as `bookworm`.
        """
        keyring = "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        return (
            f"Types: deb\nURIs: {self.mirror}\nSuites: {suite} {suite}-updates\nComponents: main\n{keyring}\n"
            f"Types: deb\nURIs: {self.security_mirror}\nSuites: {suite}-security\nComponents: main\n{keyring}"
        )


def _archive_addresses(folder: Path) -> Iterator[str]:
    # apt itself reads these endings only: a source switched off by another ending stays off here.
    parts = folder / "sources.list.d"
    for path in [folder / "sources.list", *sorted(parts.glob("*.sources")), *sorted(parts.glob("*.list"))]:
        if path.is_file():
            yield from _URI.findall(path.read_text(encoding="utf-8", errors="replace"))


def _apt_settings() -> str:
    tool = shutil.which("apt-config")
    if tool is None:
        return ""
    dump = subprocess.run([tool, "dump"], capture_output=True, text=True, check=False, timeout=30).stdout
    return "".join(f"{line}\n" for line in _APT_SETTING.findall(dump))


def _bundle() -> Path:
    named = os.environ.get("SSL_CERT_FILE", "")
    for path in (Path(named), _SYSTEM_BUNDLE):
        if path.is_file():
            return path
    return Path(certifi.where())

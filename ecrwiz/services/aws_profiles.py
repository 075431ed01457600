"""The profiles of the AWS configuration, read without the SDK: what each is, and how its session is renewed.

Sources: docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html (both files, their sections, variables),
docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html (where a single sign-on token is cached).
"""

from __future__ import annotations

import configparser
import hashlib
import json
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

__all__ = ["ENVIRONMENT_KEYS", "Found", "Profile", "read"]

ENVIRONMENT_KEYS: Final = frozenset({
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
})  # fmt: skip
"""Variables that hold credentials; an SDK takes them before those of a profile that only AWS_PROFILE names."""

_LARGEST: Final = 1_000_000  # bytes of a file that is read
_HOPS: Final = 8  # profiles that a role leads over until one has credentials of its own

Section = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile.

    Attributes:
        name: as AWS_PROFILE would name it.
        kind: where its credentials come from, in words.
        region: the region that it names; may be empty.
        renew: the command that begins its session anew; empty when it has none.
        ends: when its session ends (UTC), as far as a file on this machine tells.
    """

    name: str
    kind: str
    region: str = ""
    renew: str = ""
    ends: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What the configuration holds.

    Attributes:
        profiles: by name, `default` first.
        problem: why a file could not be read, in a sentence; the other's profiles are there all the same.
    """

    profiles: tuple[Profile, ...]
    problem: str = ""


def read(environ: Mapping[str, str]) -> Found:
    """Read both files of the AWS configuration; blocking, of local files only."""
    config, problem = _sections(environ.get("AWS_CONFIG_FILE") or "~/.aws/config")
    keys, other = _sections(environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials")
    sections: dict[str, dict[str, str]] = {}
    sessions: dict[str, Section] = {}
    for title, values in config.items():
        kind, name = _titled(title)
        if kind == "profile":
            sections[name] = dict(values)
        elif kind == "sso-session":
            sessions[name] = values
    for name, values in keys.items():  # of two that say the same, the SDKs believe this one
        sections.setdefault(name, {}).update(values)
    home = Path(environ.get("HOME") or "~").expanduser()
    names = sorted(sections, key=lambda name: (name != "default", name.casefold()))
    profiles = tuple(_profile(name, sections, sessions, home) for name in names)
    return Found(profiles, problem or other)


def _titled(title: str) -> tuple[str, str]:
    """A section's kind and name; the configuration file writes `profile` before all but the default."""
    try:
        words = shlex.split(title)
    except ValueError:
        return "", ""
    if words == ["default"]:
        return "profile", "default"
    return (words[0], words[1]) if len(words) == 2 else ("", "")


def _sections(said: str) -> tuple[dict[str, Section], str]:
    path = Path(said).expanduser()
    parser = configparser.ConfigParser(
        interpolation=None, strict=False, default_section="\0", comment_prefixes=("#", ";")
    )
    try:
        text = _text(path)
        if text is None:
            return {}, ""
        parser.read_string(text)
    except (OSError, ValueError, configparser.Error) as error:
        reason = (error.strerror or "") if isinstance(error, OSError) else " ".join(str(error).split())[:120]
        return {}, f"{path} cannot be read ({reason or type(error).__name__})."
    return {name: {key: value.strip() for key, value in parser.items(name)} for name in parser.sections()}, ""


def _text(path: Path) -> str | None:
    """A file's text; None when there is none. A pipe would wait for ever, and an endless file never end."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("it is no ordinary file")
    if about.st_size > _LARGEST:
        raise ValueError("it is too large")
    return path.read_text("utf-8")


def _profile(name: str, all_of_them: Mapping[str, Section], sessions: Mapping[str, Section], home: Path) -> Profile:
    own = all_of_them[name]
    kind, at = _kind(name, all_of_them), name
    for _ in range(_HOPS):  # what must be renewed is the session that the role is assumed with
        source = all_of_them.get(at, {}).get("source_profile", "")
        if not source or source == at or source not in all_of_them or "role_arn" not in all_of_them[at]:
            break
        at = source
    section = all_of_them[at]
    if "sso_session" in section or "sso_start_url" in section:
        return Profile(
            name, kind, own.get("region", ""), _command("aws sso login", at), _sso_end(section, sessions, home)
        )
    renew = _command("aws login", at) if "login_session" in section else ""
    return Profile(name, kind, own.get("region", ""), renew)


def _command(words: str, profile: str) -> str:
    return words if profile == "default" else f"{words} --profile {shlex.quote(profile)}"


# The settings that say where credentials come from, in the order in which the SDKs look for them.
_KINDS: Final[Mapping[str, str]] = {
    "role_arn": "an assumed role",
    "sso_session": "AWS single sign-on",
    "sso_start_url": "AWS single sign-on",
    "aws_access_key_id": "an access key",
    "login_session": "aws login",
    "credential_process": "a program that the profile names",
}


def _kind(name: str, all_of_them: Mapping[str, Section]) -> str:
    section = all_of_them[name]
    found = next((setting for setting in _KINDS if section.get(setting)), "")
    if found == "role_arn":
        if section.get("web_identity_token_file"):
            return "a role assumed with a web identity"
        source = section.get("source_profile", "")
        return f"a role assumed from the profile {source}" if source else _KINDS[found]
    if found == "aws_access_key_id" and section.get("aws_session_token"):
        return "temporary keys"
    return _KINDS.get(found, "no credentials of its own")


def _sso_end(section: Section, sessions: Mapping[str, Section], home: Path) -> datetime | None:
    """When the cached single sign-on token ends; of the cache's content nothing else is kept."""
    session = section.get("sso_session", "")
    key = session or section.get("sso_start_url", "")
    if session and session not in sessions:
        return None
    name = hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()
    try:
        text = _text(home / ".aws" / "sso" / "cache" / f"{name}.json")
        said = str(json.loads(text or "{}").get("expiresAt", ""))
    except (OSError, ValueError, AttributeError):
        return None
    try:
        ends = datetime.fromisoformat(said.replace("UTC", "Z"))
    except ValueError:
        return None
    return ends.astimezone(UTC) if ends.tzinfo else ends.replace(tzinfo=UTC)

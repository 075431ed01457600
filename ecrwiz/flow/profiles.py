"""Which AWS profile this folder uses: `--profile`, the environment, the choice kept in `.ecrwiz/`, or the default.

The choice is one person's on one machine, so it never stands in `ecrwiz.toml`, which is committed.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from ecrwiz.model.answers import Origin, resolve
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError
from ecrwiz.model.paths import ProjectPaths
from ecrwiz.model.profile import Chosen, Standing
from ecrwiz.services import aws, aws_profiles, files, process, regions
from ecrwiz.services.aws import Aws, Credentials, Identity
from ecrwiz.services.aws_profiles import Found, Profile

if TYPE_CHECKING:
    from ecrwiz.flow.project import Project

__all__ = [
    "SECONDS",
    "Found",
    "Profile",
    "choose",
    "chosen",
    "left_words",
    "listed",
    "region_layer",
    "region_options",
    "standing",
]

SECONDS: Final = 12.0
"""How long AWS, or the program that a profile names, may take to answer."""

_KNOWN_FOR: Final = 300.0  # seconds
_KNOWN_FOR_A_PROBLEM: Final = 20.0


def chosen(paths: ProjectPaths, environ: Mapping[str, str], flag: str) -> Chosen:
    """Which AWS profile counts: an option, the environment, the choice kept for this folder, or nobody's.

    Args:
        paths: where the choice is kept.
        environ: the process's environment.
        flag: the profile that an option names, or empty.

    Raises:
        BadInputError: there is no profile of the name that the option gives.
    """
    kept = _kept_profile(paths)
    if not (flag or kept):
        named = environ.get("AWS_PROFILE", "")
        return Chosen(named, "AWS_PROFILE") if named else Chosen("", _keys_in(environ))
    names = [known.name for known in aws_profiles.read(environ).profiles]
    if flag:
        if flag not in names:
            known = f"There are: {', '.join(names)}." if names else "There is none in your AWS configuration."
            raise BadInputError(f"There is no AWS profile {flag}.", known)
        return Chosen(flag, "--profile")
    if environ.get("AWS_PROFILE"):
        named = environ["AWS_PROFILE"]
        other = f"AWS_PROFILE in the environment wins over {kept}, which was chosen for this folder."
        return Chosen(named, "AWS_PROFILE", other if named != kept else "")
    if _keys_in(environ):
        note = f"The keys in the environment win over the profile {kept}, which was chosen for this folder."
        return Chosen("", "AWS_ACCESS_KEY_ID", note)
    if kept not in names:
        return Chosen(note=f"The profile {kept}, which was chosen for this folder, is not in your AWS configuration.")
    return Chosen(kept, "this folder")


def _keys_in(environ: Mapping[str, str]) -> Literal["AWS_ACCESS_KEY_ID", ""]:
    return "AWS_ACCESS_KEY_ID" if environ.get("AWS_ACCESS_KEY_ID") else ""


def _kept_profile(paths: ProjectPaths) -> str:
    text = files.read_text(paths.profile, inside=paths.state)
    try:
        name = json.loads(text or "{}")["profile"]
    except (ValueError, KeyError, TypeError):
        return ""
    return name if isinstance(name, str) else ""


def region_layer(environ: Mapping[str, str]) -> dict[str, tuple[str, Origin]]:
    """The region that the person's AWS set-up names."""
    region = aws.configured_region(environ)
    return {"region": (region[0], Origin("detected", region[1])) if region else ("us-east-1", Origin("default"))}


def region_options(home: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The codes of the regions in the partition of `home`, the nearest to it first, and their names."""
    found = regions.near(home)
    return tuple(region.code for region in found), {region.code: region.name for region in found}


async def listed(project: Project) -> Found:
    """The profiles of this machine."""
    return await process.in_daemon_thread(lambda: aws_profiles.read(project.tools.environ))


def choose(project: Project, name: str) -> None:
    """Use this profile in this folder from now on; the empty name is what the SDK finds by itself.

    The region follows when it is the profile's alone, and nobody said another.

    Raises:
        BadInputError: the environment or an option says which profile is used.
        ToolFailedError: the choice cannot be kept.
    """
    if project.tools.chosen.is_fixed:
        raise BadInputError(
            f"{project.tools.chosen.by} says which AWS profile is used, so no other can be chosen here."
        )
    path = project.paths.profile
    if name:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.write_atomic(path, json.dumps({"profile": name}) + "\n", inside=project.paths.state)
    else:
        path.unlink(missing_ok=True)
    project.tools.choose(name)
    detected = {**project.layers[-1], **region_layer(project.tools.environ)}
    project.layers = (*project.layers[:-1], detected)
    project.resolved = resolve(project.layers, project.regions)


async def standing(project: Project, name: str, profile: Profile | None, *, anew: bool = False) -> Standing:
    """Ask AWS whose credentials a profile has; asked once in some minutes, and never for longer than `SECONDS`.

    Args:
        project: the project.
        name: the profile's name; empty for what the SDK finds by itself.
        profile: what the configuration says of it; None when it says nothing.
        anew: what was said before does not count.
    """
    known = project.tools.standings.get(name)
    if known and not anew:
        at, said = known
        if time.monotonic() - at < (_KNOWN_FOR_A_PROBLEM if said.problem else _KNOWN_FOR):
            return said
    region = (profile.region if profile else "") or project.resolved.values.get("region", "") or "us-east-1"
    renew, session_end = (profile.renew, profile.ends) if profile else ("", None)
    fixed = project.tools.chosen.is_fixed
    asked = Aws(region, profile=project.tools.profile if fixed else name, quick=True)
    try:
        who, credentials = await _ask(asked)
    except EcrwizError as error:
        hint = f"Log in again: {renew}" if renew else error.hint
        said = Standing(problem=error.message, hint=hint, renew=renew)
    else:
        ends = [end for end in (credentials.expires if not renew else None, session_end) if end]
        ends = ends or [end for end in (credentials.expires,) if end]
        said = Standing(who.account, who.arn, credentials.source, min(ends, default=None), renew=renew)
    project.tools.standings[name] = (time.monotonic(), said)
    return said


async def _ask(asked: Aws) -> tuple[Identity, Credentials]:
    def ask() -> tuple[Identity, Credentials]:
        return asked.ask_identity(), asked.find_credentials()

    try:
        async with asyncio.timeout(SECONDS):
            return await process.in_daemon_thread(ask)
    except TimeoutError:
        raise MissingToolError(
            f"AWS did not answer within {SECONDS:g} seconds.",
            "Check the network, and whether the profile's credential program waits for something.",
        ) from None


def left_words(ends: datetime | None, now: datetime | None = None) -> str:
    """How long a session still lasts: `expires in 42 min`; empty when it does not end."""
    if ends is None:
        return ""
    left = ends - (now or datetime.now(UTC))
    minutes = int(left / timedelta(minutes=1))
    if left <= timedelta():
        return "expired"
    if minutes < 1:
        return "expires within a minute"
    if minutes < 120:
        return f"expires in {minutes} min"
    return f"expires in {minutes // 60} h" if minutes < 48 * 60 else f"expires in {minutes // 1440} days"

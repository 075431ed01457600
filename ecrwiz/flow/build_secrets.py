"""The build secrets: tokens for a private npm registry, given to an image's build and kept in no image."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ecrwiz.flow.context import Context
from ecrwiz.flow.events import Question
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import BuildResult
from ecrwiz.services import files

__all__ = ["NPMRC", "BuildSecrets", "collect"]

NPMRC: Final = "npmrc"
"""The id of the secret that is a whole .npmrc."""

_NEVER: Final = re.compile(r"(AWS|ECRWIZ)_", re.IGNORECASE)  # no registry's: a clone that names them wants them stolen
# What such tokens are usually called: with --yes these are given unasked, and nothing else that a clone may name.
_USUAL: Final = re.compile(r"(YARN_)?(NPM|NODE)_(\w+_)?(AUTH_?)?TOKEN", re.IGNORECASE)
_CONFIGURATION: Final = (".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml")
_VALUE: Final = re.compile(r"(?:_authToken|_auth|_password)\s*=\s*\"?([^\s\"]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BuildSecrets:
    """What a build is given.

    Attributes:
        variables: environment variables, each under its name as id.
        npmrc: files by id.
        configuration: a fingerprint of the application's npm configuration, which says to which hosts they go.
    """

    variables: Mapping[str, Secret] = field(default_factory=dict)
    npmrc: Mapping[str, Path] = field(default_factory=dict)
    configuration: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of all."""
        return (*self.variables, *self.npmrc)

    @property
    def consent(self) -> tuple[str, ...]:
        """What the person agrees to, to be compared with what they agreed to before: what is given, and to whom."""
        given = (*self.variables, *(f"{name}={path}" for name, path in self.npmrc.items()))
        return tuple(f"{name} {self.configuration}" for name in given)


async def collect(context: Context, top: Path, mounted: Collection[str]) -> BuildSecrets:
    """The secrets that the Dockerfile mounts and the application's registry wants, once the person has agreed.

    Args:
        context: the step's.
        top: the build context, where a project's .npmrc counts.
        mounted: ids of the secrets that the Dockerfile mounts.

    Raises:
        BadInputError: a variable or the file is not there, or nobody agreed.
    """
    access = context.project.need_app().registry
    wanted = [name for name in access.variables if name in mounted]
    _check(wanted, context.tools.environ)
    variables = {name: context.tools.redact.add(Secret(context.tools.environ[name])) for name in wanted}
    npmrc = {NPMRC: _npmrc(context, top, access.npmrc)} if access.npmrc and NPMRC in mounted else {}
    secrets = BuildSecrets(variables, npmrc, _configuration(context, top))
    if secrets.names:
        # The project's own file is no secret to the project; the person's is.
        await _agree(context, secrets, usual=access.npmrc != "user" and all(map(_USUAL.fullmatch, wanted)))
    return secrets


def _configuration(context: Context, top: Path) -> str:
    root, base = context.paths.root, context.paths.base
    found = [files.read_text(folder / name, inside=base) for folder in (top, root) for name in _CONFIGURATION]
    return files.digest("\0".join(text or "" for text in found))


def _check(wanted: Collection[str], environ: Mapping[str, str]) -> None:
    for name in wanted:
        if _NEVER.match(name):
            raise BadInputError(
                f"The npm configuration names the variable {name} as a token for a registry, which it cannot be.",
                "Take it out of .npmrc or .yarnrc.yml. ecrwiz gives no build its AWS credentials.",
            )
        if not environ.get(name):
            raise BadInputError(
                f"The private npm registry needs the variable {name}, which the npm configuration names, "
                "and it is not set.",
                f"Set it in this shell (`read -rs {name} && export {name}`), then build again.",
            )


def _npmrc(context: Context, top: Path, whose: str) -> Path:
    environ, root = context.tools.environ, context.paths.root
    if whose == "user":
        path = Path(environ.get("NPM_CONFIG_USERCONFIG") or Path(environ.get("HOME", "~")).expanduser() / ".npmrc")
        text = files.read_text(path)
    else:
        path = next((place for place in (top / ".npmrc", root / ".npmrc") if place.is_file()), root / ".npmrc")
        text = files.read_text(path, inside=context.paths.base)
    if text is None:
        raise BadInputError(
            f"{path} is not there, and the private npm registry needs the token in it.",
            "Log in with `npm login`, then build again.",
        )
    for value in _VALUE.findall(text):
        context.tools.redact.add(Secret(value))
    return path


async def _agree(context: Context, secrets: BuildSecrets, *, usual: bool) -> None:
    """A token goes to the application's own install scripts: only the person can say that it may."""
    before = context.find(BuildResult)
    if (context.approvals.everything and usual) or (before and set(secrets.consent) <= set(before.secrets)):
        context.say(f"The build gets {_list(secrets)}, which the image does not keep.")
        return
    question = Question(
        context.step,
        "confirm",
        f"May the build have {_list(secrets)}?",
        (
            "The private npm registry needs it while packages are installed. The image does not keep it.",
            "Install scripts of the application and its packages can read it, as they can with an install on this",
            "machine. You are asked again when the npm configuration changes, which says to which hosts it is sent.",
        ),
        yes="Give it",
    )
    reply = await context.ask(question)
    if reply is None:
        raise BadInputError(
            f"The build needs {_list(secrets)}, and nobody agreed to that.",
            "Run the step build once in a terminal. (--yes covers variables with usual names, such as NPM_TOKEN.)",
        )
    if reply is not True:
        raise EcrwizError(f"You did not agree that the build gets {_list(secrets)}.", "Run build again when you do.")


def _list(secrets: BuildSecrets) -> str:
    variables = [f"the variable {name}" for name in secrets.variables]
    return " and ".join([*variables, *(str(path) for path in secrets.npmrc.values())])

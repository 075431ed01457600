"""The CI key as CI/CD variables of a GitLab project: masked, hidden, protected, and read back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ecrwiz.flow import copies
from ecrwiz.flow.exports import Key, values
from ecrwiz.flow.project import Project
from ecrwiz.model.errors import BadInputError, EcrwizError, MissingToolError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.services import git, gitlab
from ecrwiz.services.gitlab import GitLab, Variable

__all__ = ["GITLAB_COM", "PAIR", "Exported", "Target", "export", "find_target", "find_token", "token_entry"]

GITLAB_COM: Final = "https://gitlab.com"
PAIR: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@dataclass(frozen=True, slots=True)
class Target:
    """Where the variables go.

    Attributes:
        url: GitLab's address.
        path: the project's path.
        scope: the environments that get them; `*` for all.
        chosen: the person named this GitLab themselves; else a git remote did.
    """

    url: str
    path: str
    scope: str = "*"
    chosen: bool = False

    @property
    def is_gitlab_com(self) -> bool:
        """Whether it is the one that everybody knows."""
        return self.url == GITLAB_COM

    def __str__(self) -> str:
        return f"{self.url}/{self.path}, environment {self.scope}"


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of the variables.

    Attributes:
        written: their names.
        kept: the names of those that were left as they were.
        same: the names of those that had the value already.
        hidden: the secret cannot be seen any more, in GitLab's settings neither.
    """

    written: tuple[str, ...]
    kept: tuple[str, ...]
    same: tuple[str, ...]
    hidden: bool


async def find_target(project: Project, url: str, path: str, scope: str) -> Target:
    """The project on GitLab: as named, else from the git remotes.

    Raises:
        BadInputError: none is named and none is found, or what is named cannot be one.
    """
    environ = project.tools.environ
    named = url or environ.get("GITLAB_HOST") or environ.get("GL_HOST") or ""
    base = (named if "://" in named else f"https://{named}").rstrip("/") if named else ""
    if not path:
        host, path = await _remote(project, urlsplit(base).netloc)
        base = base or f"https://{host}"
    if not scope or any(sign in scope for sign in "\r\n\0") or len(scope) > 255:
        raise BadInputError("The environment scope must be a name such as `production`, or `*`.")
    return Target(base or GITLAB_COM, gitlab.check_path(path), scope, bool(named))


async def _remote(project: Project, wanted: str) -> tuple[str, str]:
    state = await git.describe(project.paths.root)
    remotes = state.remotes if state else {}
    found = {}
    for name, url in remotes.items():
        parsed = gitlab.parse_remote(url)
        if parsed and (parsed[0] == wanted if wanted else parsed[0].partition(":")[0].split(".")[0] == "gitlab"):
            found[name] = parsed
    if "origin" in found or len(found) == 1:
        return found.get("origin") or next(iter(found.values()))
    raise BadInputError(
        "No project on GitLab is known: "
        + ("several git remotes could be it." if found else "no git remote is there."),
        "Name it with --to group/name, and another GitLab than gitlab.com with --url.",
    )


def token_entry(url: str) -> str:
    """Name the keyring entry of the token for a GitLab: `gitlab/<host>`."""
    return f"gitlab/{urlsplit(url).netloc.lower()}"


async def find_token(project: Project, target: Target) -> tuple[Secret, str] | None:
    """A token for this GitLab: environment, then `glab`, then the keyring; and where it came from, in words.

    The environment's goes to gitlab.com, or to a GitLab that the person named; never to one that only a git remote
    names.
    """
    environ = project.tools.environ
    if target.is_gitlab_com or target.chosen:
        for name in ("GITLAB_TOKEN", "GITLAB_ACCESS_TOKEN"):
            if text := environ.get(name, "").strip():
                return project.tools.redact.add(Secret(text)), name
    if kept := await gitlab.glab_token(urlsplit(target.url).netloc, project.paths.root):
        return project.tools.redact.add(kept), "glab"
    try:
        stored = await project.tools.keychain.read(token_entry(target.url))
    except (MissingToolError, ToolFailedError):
        return None
    return (project.tools.redact.add(stored), "the keyring") if stored else None


Decide = Callable[[str], Awaitable[bool | None]]


async def export(
    project: Project,
    key: Key,
    target: Target,
    token: Secret,
    decide: Decide,
    *,
    protected: bool = True,
    say: Callable[[str], object],
) -> Exported:
    """Write the variables and read them back.

    Args:
        project: the project here.
        key: the key.
        target: the project there.
        token: GitLab's.
        decide: asked, with a sentence, whether what is there already may be replaced; None when nobody can say.
        protected: only jobs on protected branches and tags get them.
        say: takes lines for the person.

    Raises:
        EcrwizError: GitLab refused, or does not have afterwards what was written.
    """
    wanted = values(key)
    async with GitLab(target.url, token) as api:
        found = await api.project(target.path)
        if found.archived:
            raise EcrwizError(
                f"{found.path} is archived on GitLab and takes no variables.", "Unarchive it, or name another."
            )
        if found.path != target.path:
            say(f"GitLab calls the project {found.path} now.")
        there = {one.key: one for one in await api.variables(found.path) if one.scope == target.scope}
        replace, kept, same = await _choose(project, target, wanted, there, decide, protected=protected)
        copies.note(project.paths, "gitlab", str(target), key.access_key_id, f"{found.path} {target.scope}")
        for name in replace:
            await api.put(found.path, name, wanted[name], scope=target.scope, protected=protected, there=name in there)
            say(f"{name} is set.")
        after = {one.key: one for one in await api.variables(found.path) if one.scope == target.scope}
    _check(wanted, replace, after, protected=protected)
    secret = after.get(PAIR[1])
    return Exported(tuple(replace), tuple(kept), tuple(same), bool(secret and secret.hidden))


async def _choose(
    project: Project,
    target: Target,
    wanted: Mapping[str, str | Secret],
    there: Mapping[str, Variable],
    decide: Decide,
    *,
    protected: bool,
) -> tuple[list[str], list[str], list[str]]:
    """Names to write, to keep and to leave as they have the value already; id and secret go together."""
    ours = any((copy.kind, copy.place) == ("gitlab", str(target)) for copy in copies.noted(project.paths))
    same = [
        name
        for name, value in wanted.items()
        if name in there and name not in PAIR and (there[name].value, there[name].protected) == (value, protected)
    ]
    replace, kept = [], []
    open_ones = [name for name in wanted if name not in same]
    for group in (PAIR, *((name,) for name in open_ones if name not in PAIR)):
        held = [name for name in group if name in there]
        if held and not ours:
            answer = await decide(f"{' and '.join(held)} {'are' if len(held) > 1 else 'is'} there already. Replace?")
            if answer is None:
                raise BadInputError(
                    f"{target.path} has {', '.join(held)} already for the environment {target.scope}, and ecrwiz did "
                    "not put it there.",
                    "Say --existing replace or --existing keep.",
                )
            if not answer:
                kept += list(group)
                continue
        replace += list(group)
    return replace, kept, same


def _check(
    wanted: Mapping[str, str | Secret], written: list[str], after: Mapping[str, Variable], *, protected: bool
) -> None:
    for name in written:
        value, found = wanted[name], after.get(name)
        secret = isinstance(value, Secret)
        text = value.reveal() if isinstance(value, Secret) else value
        if found is None or found.protected != protected or (found.value is not None and found.value != text):
            raise ToolFailedError(f"GitLab does not have {name} as it was written.", "Run it again.")
        if secret and not found.masked:
            raise ToolFailedError(
                f"GitLab does not mask {name}, so job logs could show it.", "Mask it in the project's CI/CD settings."
            )

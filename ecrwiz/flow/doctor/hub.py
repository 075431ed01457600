"""Checks of GitHub: the token, the repository, and whether Actions may run."""

from __future__ import annotations

from typing import Final

from ecrwiz.flow.doctor.finding import Finding, Patient, fine, from_error, problem, unknown, warning
from ecrwiz.model.errors import RemoteError
from ecrwiz.model.redact import Secret
from ecrwiz.services import github
from ecrwiz.services.github import GitHub

__all__ = ["actions", "repository", "token"]

_BY_THE_PERSON: Final = ("you", "flag", "environment")
_UNASKED: Final = "There is no GitHub token, so it cannot be asked."
_NO_NAME: Final = "No GitHub repository is named, and there is no git remote on GitHub."


async def token(patient: Patient) -> Finding:
    """Where the token comes from, and what GitHub says it may do."""
    found = await _found(patient)
    if found is None:
        return warning(
            "There is no GitHub token in GH_TOKEN, GITHUB_TOKEN, `gh auth token` or the keyring.",
            "Log in with gh, or set GH_TOKEN; else the step github asks for one.",
            command="gh auth login",
        )
    secret, source = found
    url, name = _api(patient), _name(patient)
    async with GitHub(url, secret) as api:
        try:
            if name:
                await api.repository(name)
            else:
                await api.user()
        except RemoteError as error:
            if error.code == "401":
                return from_error(error, "gh auth login")
            # The repository has a row of its own.
        scopes = api.scopes
    return judge_token(source, url, scopes)


def judge_token(source: str, url: str, scopes: tuple[str, ...] | None) -> Finding:
    """What it means which scopes a token has."""
    facts = {"from": source, "api": url, "scopes": "not told" if scopes is None else ", ".join(scopes) or "none"}
    if scopes is None:
        return fine(f"A token from {source}; GitHub names no scopes, as for a fine-grained token.", facts)
    if "repo" not in scopes:
        return problem(
            f"The token from {source} lacks the scope repo, so it may not write secrets.",
            "Give it that scope, or make a fine-grained token with Secrets and Variables: write.",
            facts,
            command="gh auth refresh --scopes repo",
        )
    return fine(f"A token from {source} with the scopes {', '.join(scopes)}.", facts)


async def repository(patient: Patient) -> Finding:
    """Whether the token reaches the repository and may read the key for which secrets are sealed."""
    found, name = await _found(patient), _name(patient)
    if not name:
        return warning(_NO_NAME, "Name one with --set github_repository=OWNER/NAME; without it nothing is exported.")
    if found is None:
        return unknown(_UNASKED, "See the row above.")
    async with GitHub(_api(patient), found[0]) as api:
        there = await api.repository(name)
        facts = {"repository": there.full_name, "visible": "to those invited" if there.private else "to everybody"}
        if there.archived:
            return problem(f"{there.full_name} is archived and takes no secrets.", "Unarchive it on GitHub.", facts)
        await api.check_public_key(there.full_name)
    if not (there.can_push or there.can_admin):
        return problem(
            f"The token reads {there.full_name} but may not write to it.",
            "Ask for write access to the repository, or use another token.",
            facts,
        )
    return fine(f"{there.full_name} is reached, and its key for secrets can be read.", facts)


async def actions(patient: Patient) -> Finding:
    """Whether GitHub Actions may run in the repository."""
    found, name = await _found(patient), _name(patient)
    if not name:
        return unknown(_NO_NAME)
    if found is None:
        return unknown(_UNASKED, "See the rows above.")
    async with GitHub(_api(patient), found[0]) as api:
        try:
            enabled = await api.actions_enabled(name)
        except RemoteError as error:
            if error.code not in ("403", "404"):
                raise
            return unknown(
                "GitHub tells only administrators of a repository whether Actions may run there.",
                f"Look at the repository's settings on GitHub: {name}, Settings, Actions.",
            )
    if enabled:
        return fine(f"GitHub Actions may run in {name}.")
    return problem(
        f"GitHub Actions are switched off in {name}, so no workflow will push an image.",
        "Switch them on in the repository's settings on GitHub.",
        command=f"gh api -X PUT repos/{name}/actions/permissions -F enabled=true",
    )


def _name(patient: Patient) -> str:
    return patient.project.resolved.values.get("github_repository", "")


def _api(patient: Patient) -> str:
    return patient.project.resolved.values["github_api_url"]


async def _found(patient: Patient) -> tuple[Secret, str] | None:
    """The token as the step github finds it: one lookup for all checks."""
    project = patient.project

    async def from_keyring(entry: str) -> Secret | None:
        usable = (await patient.keyring()).usable
        return await project.tools.keychain.read(entry) if usable else None

    async def ask() -> tuple[Secret, str] | None:
        chosen = project.resolved.origins["github_api_url"].source in _BY_THE_PERSON
        return await github.find_token(patient.environ, _api(patient), from_keyring, project.paths.root, chosen=chosen)

    found = await patient.once("token", ask)
    if found is not None:
        project.tools.redact.add(found[0])
    return found

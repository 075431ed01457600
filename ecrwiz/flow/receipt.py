"""The receipt: what exists now, where its secret lies, and how to remove it all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

from ecrwiz.flow.project import Project
from ecrwiz.model import results
from ecrwiz.services import files

__all__ = ["NAME", "Section", "as_markdown", "export", "receipt"]

NAME: Final = "receipt.md"

Section: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]


def receipt(project: Project) -> tuple[Section, ...]:
    """Sections of labelled values, from the journal; no secret is among them."""
    found = project.results
    sections: list[tuple[str, list[tuple[str, str]]]] = []
    built, smoke = found.find(results.BuildResult), found.find(results.SmokeResult)
    made, pushed = found.find(results.ProvisionResult), found.find(results.PushResult)
    exported = found.find(results.GithubResult)
    if built:
        rows = [("local", f"{built.image}:{built.tag}"), ("platform", built.platform)]
        rows += [("size", f"{built.size / 1e6:.0f} MB unpacked")]
        rows += [("tried", f"HTTP {smoke.status} with PORT={smoke.port}")] if smoke else []
        sections.append(("Image", rows))
    if made:
        rows = [("account", made.account), ("region", made.aws_region), ("registry", made.ecr_repo_url)]
        rows += [("repository", made.ecr_repo_path)]
        rows += [("tags", ", ".join(pushed.tags)), ("digest", pushed.digest)] if pushed else []
        sections.append(("Registry", rows))
        sections.append(("CI identity", _identity(project, made)))
    if exported:
        sections.append(("GitHub", _github(project, exported)))
    if made:
        sections.append(("Remove it all", [("command", "ecrwiz destroy")]))
    gone = None if made or exported else found.find(results.DestroyResult)
    if gone:
        sections += [("Removed", _plain(gone.removed)), ("Was gone already", _plain(gone.absent))]
        sections = [section for section in sections if section[1]]
    return tuple((title, tuple(rows)) for title, rows in sections)


def _identity(project: Project, made: results.ProvisionResult) -> list[tuple[str, str]]:
    kept, proven = project.results.find(results.CredentialsResult), project.results.find(results.VerifyResult)
    rows = [("role", made.ci_role_arn)] if made.ci_role_arn else []
    if made.ci_user:
        rows += [("IAM user", made.ci_user), ("access key", made.aws_iam_access_id)]
        if kept:
            rows.append(("secret", f"{kept.backend}, entry {kept.entry}" if kept.backend else "in no keyring"))
    if proven and proven.proofs:
        right = sum(proof.found == proof.expected for proof in proven.proofs)
        rows.append(("proven", f"{right} of {len(proven.proofs)} answers of AWS are as they must be"))
    return rows


def _github(project: Project, exported: results.GithubResult) -> list[tuple[str, str]]:
    rows = [("repository", exported.repository)]
    rows += [("environment", exported.environment)] if exported.environment else []
    rows += [("secrets", ", ".join(exported.secrets) or "none"), ("variables", ", ".join(exported.variables) or "none")]
    rows += [("kept", ", ".join(exported.kept))] if exported.kept else []
    tried = project.results.find(results.RehearseResult)
    return rows + ([("rehearsed", tried.url)] if tried else [])


def _plain(things: Sequence[str]) -> list[tuple[str, str]]:
    return [("", thing) for thing in things]


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """The receipt as Markdown, a table for each section."""
    blocks = [f"# Receipt of {_code(title)}"]
    for name, rows in sections:
        table = ["| | |", "|---|---|", *(f"| {label} | {_code(value)} |" for label, value in rows)]
        blocks.append("\n".join([f"## {name}", "", *table]))
    return "\n\n".join([*blocks, "It holds no secret."]) + "\n"


def export(project: Project) -> Path:
    """Write the receipt as Markdown and give its path.

    It goes to the state folder, which Git and Docker pass over: a new file beside the sources would make the tree
    dirty and the image stale.

    Raises:
        ToolFailedError: it cannot be written.
    """
    path = project.paths.state / NAME
    files.private_folder(project.paths.state)
    answers = project.answers
    text = as_markdown(f"{answers.project_id} ({answers.env})", receipt(project))
    files.write_atomic(path, text, private=True, inside=project.paths.state)
    return path


def _code(value: str) -> str:
    """A value that Markdown does not read: in backticks, more of them than it has itself."""
    if not value:
        return ""
    fence = "`"
    while fence in value:
        fence += "`"
    pad = " " if value.startswith("`") or value.endswith("`") else ""
    return f"{fence}{pad}{value}{pad}{fence}".replace("|", "\\|")

"""The receipt: what exists now, where its secret lies, and how to remove it all."""

from __future__ import annotations

from typing import TypeAlias

from ecrwiz.flow.project import Project
from ecrwiz.model import results

__all__ = ["Section", "receipt"]

Section: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]


def receipt(project: Project) -> tuple[Section, ...]:
    """Sections of labelled values, from the journal; no secret is among them."""
    found = project.results
    sections: list[tuple[str, list[tuple[str, str]]]] = []
    built, smoke = found.find(results.BuildResult), found.find(results.SmokeResult)
    made, pushed = found.find(results.ProvisionResult), found.find(results.PushResult)
    kept, exported = found.find(results.CredentialsResult), found.find(results.GithubResult)
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
        rows = [("IAM user", made.ci_user), ("access key", made.aws_iam_access_id)]
        if kept:
            where = f"{kept.backend}, entry {kept.entry}" if kept.backend else "in no keyring"
            rows.append(("secret", where))
        sections.append(("CI identity", rows))
    if exported:
        rows = [("repository", exported.repository), ("secrets", ", ".join(exported.secrets))]
        rows += [("variables", ", ".join(exported.variables))]
        sections.append(("GitHub", rows))
    if made:
        sections.append(("Remove it all", [("command", "ecrwiz destroy")]))
    return tuple((title, tuple(rows)) for title, rows in sections)

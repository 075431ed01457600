"""A project whose CI key was made and kept, with a keyring in memory; nothing outside of it is asked."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from ecrwiz.flow.events import Status, StepId
from ecrwiz.flow.journal import Record, as_json
from ecrwiz.flow.project import Project, open_project
from ecrwiz.model import results
from ecrwiz.model.redact import Secret
from ecrwiz.services import keychain
from ecrwiz.services.keychain import Keychain
from tests.test_keychain import Memory

__all__ = ["ACCOUNT", "ENTRY", "KEY_ID", "SECRET", "fake_ring", "git", "open_kept", "record"]

ACCOUNT = "123456789012"
ENTRY = f"{ACCOUNT}/blog/dev"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
FLAGS = {"project_id": "blog", "region": "us-east-1", "app": "nextjs"}
MADE = results.ProvisionResult(
    f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com", "web/blog/nextjs", "us-east-1", KEY_ID, "ENCRYPTED",
    "ci-blog-dev-server-user", ACCOUNT,
)  # fmt: skip
KEPT = results.CredentialsResult(
    KEY_ID, f"arn:aws:iam::{ACCOUNT}:user/ci-blog-dev-server-user", ACCOUNT, "Memory", ENTRY
)


def fake_ring(secret: str | None = SECRET, key: str = KEY_ID) -> Keychain:
    """A keyring in memory with the key in it, or without."""
    kept, memory = Keychain(5), Memory()
    kept._backend, kept._keyring = keychain.Backend("Memory", True), memory
    if secret is not None:
        memory.kept[keychain.SERVICE, ENTRY] = keychain.pack(key, Secret(secret)).reveal()
    return kept


def record(project: Project, step: StepId, result: results.Result, *, started: float | None = None) -> None:
    """Note in the journal that a step was done."""
    when = time.time() if started is None else started
    project.journal.end(step, Record(Status.OK, "first", when, outputs=as_json(result)))


async def open_kept(
    root: Path, secret: str | None = SECRET, environ: Mapping[str, str] | None = None, **flags: str
) -> Project:
    """The project after a whole run, as a new process opens it."""
    project = await open_project(root, FLAGS | flags, dict(os.environ if environ is None else environ))
    project.tools.__dict__["keychain"] = fake_ring(secret)
    record(project, StepId.PROVISION, MADE)
    record(project, StepId.CREDENTIALS, KEPT)
    return project


def git(root: Path, *words: str) -> str:
    """Run git as a person."""
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    ran = subprocess.run(
        ["git", *who, *words], cwd=root, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    return ran.stdout

"""What the screens for the CI identity and for GitHub are shown in tests: a ledger, proofs, searches, an export."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from ecrwiz.flow.project import Project
from ecrwiz.model.custody import Copy, Custody, Search
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.github_plan import Entry, GithubPlan
from ecrwiz.model.results import Proof
from tests.wizard import NASTY

NOW = datetime.now(UTC)
USER = "arn:aws:iam::123456789012:user/ci-blog-dev-server-user"
KEY = "AKIAIOSFODNN7EXAMPLE"

COPIES = (
    Copy("iam-key", f"access key {KEY} of ci-blog-dev-server-user", "there", KEY, NOW - timedelta(days=71, hours=1)),
    Copy("keyring", "keyring entry 123456789012/blog/dev", "there", KEY, NOW - timedelta(days=71, hours=1)),
    Copy("github", f"secret AWS_SECRET_ACCESS_KEY of octo/blog {NASTY}", "there", "", NOW - timedelta(hours=2)),
    Copy("gitlab", "GitLab project 42", "unknown", note=f"GitLab does not answer {NASTY}"),
    Copy("file", ".env.ci", "absent"),
)
HELD = Custody(
    "access-key", USER, "123456789012", KEY, NOW - timedelta(days=71, hours=1), "Active",
    "used 3 hours ago for ecr in us-east-1", COPIES, (f"A second access key exists {NASTY}.",),
)  # fmt: skip

PROOFS = (
    Proof("push a one-layer probe image", "ecr:PutImage", "*", "allowed", "allowed", "pushed", "called", USER),
    Proof("delete the repository", "ecr:DeleteRepository", f"arn {NASTY}", "refused", "refused",
          f"AccessDenied: {NASTY}", "called", USER),
    Proof("pass another role", "iam:PassRole", "*", "refused", "unknown", "Nobody may simulate.", "simulated", USER),
)  # fmt: skip
WRONG = Proof("list users", "iam:ListUsers", "*", "refused", "allowed", "2 users came", "called", USER)

SEARCHES = (
    Search("Terraform's state", "1 file, 41 kB", (), ("terraform.tfstate:12",), complete=True),
    Search(f"shell history {NASTY}", "3 files", (), (), complete=True),
    Search("git history", "stopped after 20 s", (), (), complete=False),
)
LEAK = Search("rendered files", "9 files", (f"start.sh:3 {NASTY}",), (), complete=True)

ENTRIES = (
    Entry("secret", "AWS_ACCESS_KEY_ID"),
    Entry("secret", "AWS_SECRET_ACCESS_KEY", there=True, updated="2026-01-02T03:04:05Z", ours=True, action="replace"),
    Entry("variable", "AWS_REGION", "us-east-1", there=True, value_there="us-east-1", action="same"),
    Entry("variable", "ECR_REPOSITORY", f"web/blog {NASTY}", there=True, value_there="theirs", action="keep",
          note=f"An organisation's variable is hidden {NASTY}."),
)  # fmt: skip
EXPORT = GithubPlan(
    "octo/blog", "production", False, True, "the environment (GH_TOKEN)", ENTRIES, (f"Careful {NASTY}.",)
)


class Identity:
    """What the flows behind the screens answer.

    Attributes:
        custody: the ledger, or why there is none.
        plan: what GitHub has, or why that is not known.
        searches: what is found, place by place.
        let: the last search, and the ledger when `slow`, wait for it.
        slow: the ledger waits for `let`.
        asked: how many times the ledger and GitHub were asked for.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.custody: Custody | EcrwizError = HELD
        self.plan: GithubPlan | EcrwizError = EXPORT
        self.searches: tuple[Search, ...] = SEARCHES
        self.let = asyncio.Event()
        self.slow = False
        self.asked = 0
        monkeypatch.setattr("ecrwiz.flow.custody.custody", self._custody)
        monkeypatch.setattr("ecrwiz.flow.absence.search", self._search)
        monkeypatch.setattr("ecrwiz.flow.github_plan.look", self._look)

    async def _custody(self, project: Project) -> Custody:
        self.asked += 1
        if self.slow:
            await self.let.wait()
        if isinstance(self.custody, EcrwizError):
            raise self.custody
        return self.custody

    async def _look(self, project: Project) -> GithubPlan:
        self.asked += 1
        if isinstance(self.plan, EcrwizError):
            raise self.plan
        return self.plan

    async def _search(self, project: Project, on_found: Callable[[Search], None]) -> tuple[Search, ...]:
        for found in self.searches[:-1]:
            on_found(found)
            await asyncio.sleep(0)
        await self.let.wait()
        on_found(self.searches[-1])
        return self.searches

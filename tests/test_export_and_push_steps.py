"""Which variables go to GitHub, and which tags to ECR."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from ecrwiz.flow.context import Context
from ecrwiz.flow.github_entries import There, plan_entries, wanted
from ecrwiz.flow.steps import github as github_step
from ecrwiz.flow.steps import push as push_step
from ecrwiz.model.answers import Origin, Source
from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.results import BuildResult, ProvisionResult
from ecrwiz.services.ecr import Ecr, Image, Repository
from ecrwiz.services.github import Variable
from tests.infra_kit import answers

MADE = ProvisionResult("host", "web/blog/nextjs", "eu-west-1", "AKIA1", "enc", "ci", "123456789012")
PLACE = {
    "AWS_ACCOUNT_ID": "123456789012",
    "AWS_REGION": "eu-west-1",
    "ECR_REGISTRY": "host",
    "ECR_REPOSITORY": "web/blog/nextjs",
}


def context(source: Source = "you", **options: str) -> tuple[Context, list[str]]:
    """As much of a context as these functions use, and what they say."""
    given = answers(**options)
    origins = {f"build_args.{name}": Origin(source, ".env") for name in given.build_args}
    said: list[str] = []
    fake = SimpleNamespace(
        answers=given,
        project=SimpleNamespace(resolved=SimpleNamespace(origins=origins)),
        say=said.append,
        find=lambda _: MADE,
    )
    return cast(Context, fake), said


def planned(source: Source, there: dict[str, str], **options: str) -> dict[str, tuple[str, str]]:
    """Value and action of each variable."""
    told, _ = context(source, **options)
    found = There(variables={name: Variable(value, "2026-01-01T00:00:00Z") for name, value in there.items()})
    return {
        entry.name: (entry.value, entry.action)
        for entry in plan_entries(wanted(told), found, {})
        if entry.kind == "variable"
    }


async def test_the_workflow_gets_where_to_push() -> None:
    assert planned("you", {}) == {name: (value, "create") for name, value in PLACE.items()}
    assert tuple(PLACE) == github_step.VARIABLES


URL = {"build_args.NEXT_PUBLIC_URL": "https://mine"}
# Where the value comes from, what GitHub has, what an export does unless the person says otherwise.
PUBLIC: list[tuple[Source, dict[str, str], str]] = [
    ("you", {}, "create"),
    ("file", {"NEXT_PUBLIC_URL": "https://theirs"}, "keep"),
    ("file", {"NEXT_PUBLIC_URL": "https://mine"}, "same"),
    ("detected", {}, "create"),
    ("detected", {"NEXT_PUBLIC_URL": "https://mine"}, "same"),
    ("detected", {"NEXT_PUBLIC_URL": "https://theirs"}, "keep"),
]


@pytest.mark.parametrize(("source", "there", "action"), PUBLIC)
async def test_public_values_go_too_unless_somebody_set_another_there(
    source: Source, there: dict[str, str], action: str
) -> None:
    got = planned(source, there, **URL)
    assert got.pop("NEXT_PUBLIC_URL") == ("https://mine", action)
    assert got == {name: (value, "create") for name, value in PLACE.items()}


@pytest.mark.parametrize(
    "name", ["ECR_REPOSITORY", "aws_region", "GITHUB_X", "AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN", "VERSION"]
)
async def test_a_public_value_cannot_take_the_place_of_a_setting(name: str) -> None:
    with pytest.raises(BadInputError, match=name):
        planned("you", {}, **{f"build_args.{name}": "x"})


async def test_a_detected_value_follows_the_file_while_nobody_else_sets_it() -> None:
    told, _ = context("detected", **URL)
    there = There(variables={"NEXT_PUBLIC_URL": Variable("https://before", "2026-01-01T00:00:00Z")})
    noted = {"variable NEXT_PUBLIC_URL": "2026-01-01T00:00:00Z"}
    for ours, action in ((noted, "replace"), ({"variable NEXT_PUBLIC_URL": "2025-01-01T00:00:00Z"}, "keep")):
        found = {entry.name: entry.action for entry in plan_entries(wanted(told), there, ours)}
        assert found["NEXT_PUBLIC_URL"] == action


async def test_names_that_github_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(BadInputError, match="NEXT_PUBLIC_A on GitHub"):
        planned("you", {}, **{"build_args.NEXT_PUBLIC_A": "x", "build_args.NEXT_PUBLIC_a": "y"})


BUILT = BuildResult("ecrwiz/blog/nextjs", "abc", "sha256:1", "linux/amd64", 1)


class Registry:
    """An ECR with this repository and these tags, each of another image."""

    def __init__(self, immutable: bool, *tags: str) -> None:
        self.immutable = immutable
        self.tags = tags

    async def repository(self, name: str) -> Repository:
        return Repository("arn", "host/web/blog/nextjs", self.immutable, {})

    async def image(self, name: str, *, tag: str = "", digest: str = "") -> Image | None:
        return Image("sha256:9", (tag,), 1) if tag in self.tags else None

    async def config_digest(self, name: str, tag: str) -> str:
        return "sha256:other"


async def pushed(mutability: str, registry: Registry) -> list[str]:
    told, _ = context(tag_mutability=mutability)
    wanted, _there = await push_step._what_to_push(told, cast(Ecr, registry), BUILT, MADE)
    return wanted


# The answer, whether ECR says that no tag moves, tags that are there: what is pushed.
PUSHES: list[tuple[str, bool, tuple[str, ...], list[str]]] = [
    ("mutable", False, (), ["abc", "latest"]),
    ("mutable", False, ("abc", "latest"), ["abc", "latest"]),
    ("immutable", True, (), ["abc"]),
    ("immutable", False, (), ["abc"]),  # not applied yet
    ("mutable", True, ("latest",), ["abc"]),  # changed in the console
    ("immutable-except-latest", False, ("latest",), ["abc", "latest"]),
]


@pytest.mark.parametrize(("mutability", "immutable", "there", "wanted"), PUSHES)
async def test_latest_is_pushed_where_it_may_move(
    mutability: str, immutable: bool, there: tuple[str, ...], wanted: list[str]
) -> None:
    assert await pushed(mutability, Registry(immutable, *there)) == wanted


@pytest.mark.parametrize(("mutability", "immutable"), [("immutable", True), ("immutable-except-latest", False)])
async def test_a_taken_tag_is_refused_before_layers_are_uploaded(mutability: str, immutable: bool) -> None:
    with pytest.raises(EcrwizError, match="is taken by another image"):
        await pushed(mutability, Registry(immutable, "abc"))


async def test_why_latest_is_left_out_is_said() -> None:
    told, said = context(tag_mutability="immutable")
    assert push_step._tags(told, "abc", immutable=True) == ("abc",)
    assert said == ["Tags are immutable in this repository, so latest is not pushed."]

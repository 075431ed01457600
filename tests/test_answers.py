from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ecrwiz.model.answers import CHOICES, FIELDS, Answers, Origin, Resolved, check_field, resolve
from ecrwiz.model.errors import BadInputError

REGIONS = ("us-east-1", "eu-west-1", "cn-north-1")
Layer = dict[str, tuple[str, Origin]]


def layer(source: Any, detail: str = "", /, **values: str) -> Layer:
    return {name: (value, Origin(source, detail)) for name, value in values.items()}


FULL = layer("file", "ecrwiz.toml", project_id="blog", region="us-east-1")


def test_the_first_layer_wins_and_every_value_knows_where_it_came_from() -> None:
    found = resolve(
        [
            layer("flag", "--set", port="4000"),
            layer("environment", "ECRWIZ_PORT", port="5000", env="prod"),
            layer("file", "ecrwiz.toml", env="stage", project_id="blog", region="eu-west-1"),
            layer("detected", "package.json", project_id="other", app="nextjs"),
        ],
        REGIONS,
    )
    answers = found.require()
    assert (answers.port, answers.env, answers.project_id, answers.app) == (4000, "prod", "blog", "nextjs")
    assert {name: str(origin) for name, origin in found.origins.items()} == {
        **dict.fromkeys(FIELDS, "default"),
        "project_id": "from ecrwiz.toml",
        "region": "from ecrwiz.toml",
        "port": "from --set",
        "env": "from ECRWIZ_PORT",
        "app": "from package.json",
    }
    assert set(found.values) == set(FIELDS)


def test_names_that_are_made_of_answers() -> None:
    answers = resolve([FULL, layer("you", app="nextjs", env="prod")], REGIONS).require()
    assert answers.repository_name == "web/blog/nextjs"
    assert answers.ci_user_name == "ci-blog-prod-server-user"
    assert answers.local_image == "ecrwiz/blog/nextjs"


def test_defaults() -> None:
    answers = resolve([FULL], REGIONS).require()
    assert (answers.port, answers.env, answers.strategy, answers.platform) == (
        3000,
        "dev",
        "multi-stage",
        "linux/amd64",
    )


def test_answers_never_change() -> None:
    with pytest.raises(ValidationError):
        resolve([FULL], REGIONS).require().port = 1  # type: ignore[misc]


def test_what_is_missing_is_said_by_name() -> None:
    found = resolve([], REGIONS)
    assert found.answers is None
    assert set(found.problems) == {"project_id", "region"}
    assert "--set project_id=" in found.problems["project_id"]
    with pytest.raises(BadInputError, match="project_id is not known yet"):
        found.require()


def test_every_bad_value_is_reported_and_the_first_with_its_place() -> None:
    found = resolve(
        [layer("environment", "ECRWIZ_PORT", port="x"), layer("file", "ecrwiz.toml", env="A"), FULL], REGIONS
    )
    assert set(found.problems) == {"port", "env"}
    with pytest.raises(BadInputError) as error:
        found.require()
    assert error.value.exit_code == 2
    assert "from ECRWIZ_PORT; nothing was written" in error.value.hint


@pytest.mark.parametrize(("source", "words"), [("you", "from you"), ("default", "as a default")])
def test_how_the_place_of_a_bad_value_is_told(source: Any, words: str) -> None:
    with pytest.raises(BadInputError) as error:
        resolve([layer(source, port="0"), FULL], REGIONS).require()
    assert f"The value came {words};" in error.value.hint


def test_names_too_long_together_belong_to_no_single_field() -> None:
    found = resolve([layer("you", project_id="a" * 50), FULL], REGIONS)
    assert set(found.problems) == {""}
    with pytest.raises(BadInputError, match="IAM allows 64") as error:
        found.require()
    assert error.value.hint == ""


def test_a_name_that_is_no_answer() -> None:
    found = resolve([FULL, layer("file", "ecrwiz.toml", prot="1")], REGIONS)
    assert "prot is no answer that ecrwiz knows" in found.problems["prot"]
    with pytest.raises(BadInputError) as error:
        found.require()
    assert "from ecrwiz.toml" in error.value.hint


def test_a_region_is_checked_against_those_that_are_given() -> None:
    assert "us-east-1 is no AWS region" in resolve([FULL], ["cn-north-1"]).problems["region"]


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("name", [name for name in FIELDS if name != "region"])
def test_check_field_looks_at_one_field_only(name: str, region: str) -> None:
    good = {
        **dict.fromkeys(FIELDS, "x"),
        "port": "80",
        **{name: words[-1] for name, words in CHOICES.items()},
        "untagged_days": "0",
        "keep_images": "100",
        "health_path": "/health",
        "kms_key": "",
        "github_repository": "a/b",
        "oidc_trust": "branch:main",
        "github_api_url": "https://a.example",
    }
    assert check_field(name, good[name], [region]) == ""
    assert check_field(name, "\x00?\n", [region]) != ""
    assert check_field("region", region, [region]) == ""


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from([*FIELDS, "other"]), st.text(max_size=12)))
def test_whatever_is_given_there_are_answers_or_reasons_and_never_a_crash(values: dict[str, str]) -> None:
    found: Resolved = resolve([layer("you", **values)], REGIONS)
    assert (found.answers is None) == bool(found.problems)
    if found.answers is not None:
        assert isinstance(found.answers, Answers)
        return
    with pytest.raises(BadInputError):
        found.require()


def test_build_variables_are_answers_of_their_own() -> None:
    given = {
        "build_args.NEXT_PUBLIC_A": ("https://a.example/?x=1&y='2'", Origin("file", "ecrwiz.toml")),
        "build_args.NEXT_PUBLIC_B": ("", Origin("detected", "app/page.tsx")),
    }
    found = resolve([FULL, given], REGIONS)
    assert found.require().build_args == {"NEXT_PUBLIC_A": "https://a.example/?x=1&y='2'"}
    assert str(found.origins["build_args.NEXT_PUBLIC_B"]) == "from app/page.tsx"
    assert check_field("build_args.NEXT_PUBLIC_A", "one\ntwo", REGIONS)
    assert check_field("build_args.A B", "x", REGIONS)
    assert "build_args." in resolve([FULL, {"build_args.": ("x", Origin("flag"))}], REGIONS).problems


def test_the_series_names_are_the_default_for_ecs() -> None:
    answers = resolve([FULL], REGIONS).require()
    assert (answers.cluster, answers.service) == ("web-cluster-blog-dev", "web-service-blog-dev")
    named = resolve([FULL, layer("you", ecs_cluster="main", ecs_service="web")], REGIONS).require()
    assert (named.cluster, named.service) == ("main", "web")

from __future__ import annotations

import json
import re
import shlex

import botocore.session
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ecrwiz.model import validation
from ecrwiz.model.answers import CHOICES, FIELDS, check_field

_SESSION = botocore.session.get_session()
REGIONS = sorted(
    {r for p in _SESSION.get_available_partitions() for r in _SESSION.get_available_regions("ecr", partition_name=p)}
)
CHARACTERS = "abcXYZ019._-/:@ \t\n\r\"'\\`${}%;&|<>#*?~!()[]=,\x00\x1b\x7f\u0085\u00a0\u2028\u202eé٣²"
TEXT = st.text(st.sampled_from(CHARACTERS), max_size=40) | st.text(max_size=20)
# Texts that have a chance to be accepted, with something odd at any place.
NEARLY = {
    "project_id": st.from_regex(r"[a-z0-9]{1,9}([._-][a-z0-9]{1,9}){0,2}", fullmatch=True),
    "env": st.sampled_from(["dev", "prod", "stage-2"]),
    "app": st.sampled_from(["nextjs", "web.api", "a_b"]),
    "region": st.sampled_from(REGIONS),
    "port": st.integers(-1, 70_000).map(str),
    **{name: st.sampled_from(words) for name, words in CHOICES.items()},
    **dict.fromkeys(("untagged_days", "keep_images"), st.integers(-1, 1100).map(str)),
    **dict.fromkeys(
        ("ecs_cluster", "ecs_service", "ecs_task_family", "ecs_container"),
        st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True),
    ),
    **dict.fromkeys(
        ("ecs_execution_role", "ecs_task_role"), st.from_regex(r"[A-Za-z0-9_+=,.@-]{1,12}", fullmatch=True)
    ),
    "health_path": st.from_regex(r"/([A-Za-z0-9._~?&=%+-]{1,8}/?){0,3}", fullmatch=True),
    "kms_key": st.sampled_from(["", "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"]),
    "image_tag": st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}", fullmatch=True),
    "github_repository": st.from_regex(r"[A-Za-z0-9-]{1,8}/[A-Za-z0-9._-]{1,8}", fullmatch=True),
    "github_environment": st.sampled_from(["", "production", "eu/west 1", "team:web"]),
    "oidc_trust": st.lists(
        st.sampled_from(["branch:main", "branch:a/b", "tag:v1.0", "environment:prod", "pull_request"]), max_size=3
    ).map(", ".join),
    "github_api_url": st.sampled_from(
        ["https://api.github.com", "https://ghe.example.com/api/v3", "http://localhost:8080", "http://127.0.0.1:1/x"]
    ),
}


@st.composite
def typed(draw: st.DrawFn) -> tuple[str, str]:
    """A field's name and something that a person could type there."""
    name = draw(st.sampled_from(sorted(NEARLY)))
    base = draw(NEARLY[name])
    at = draw(st.integers(0, len(base)))
    odd = draw(st.just("") | st.sampled_from(CHARACTERS))
    return name, draw(st.just(base[:at] + odd + base[at:]) | TEXT)


def test_every_field_is_covered() -> None:
    assert set(NEARLY) == set(FIELDS)


def examples(sentence: str) -> list[str]:
    """The values that a sentence says would work."""
    found = re.search(r"(?:; |a code such as \S+; )([^;]+) would work\.$|, such as (\S+)\.$", sentence)
    assert found, sentence
    return re.split(r" or |, ", found[1] or found[2])


@settings(deadline=None, max_examples=400)
@given(typed())
@example(("project_id", ""))
@example(("project_id", "é"))
@example(("project_id", "x" * 60))
@example(("env", "x" * 60))
@example(("app", "x" * 300))
@example(("region", "us-east1"))
@example(("region", ""))
@example(("port", "٣٠٠٠"))
@example(("github_repository", "a/b/c"))
@example(("github_api_url", "http://api.github.com"))
def test_a_refusal_shows_a_value_that_would_work(value: tuple[str, str]) -> None:
    name, text = value
    sentence = check_field(name, text, REGIONS)
    assume(sentence)
    assert sentence[-1] == "."
    if sentence.endswith("shorten env too."):  # only reached by a long env, of which nothing can be proposed
        assert name == "env"
        return
    target = "project_id" if name == "env" and "project_id may have" in sentence else name
    for proposal in examples(sentence):
        assert check_field(target, proposal, REGIONS) == "", sentence


@settings(deadline=None, max_examples=400)
@given(typed())
@example(("github_api_url", "https://\u202eapi.github.com"))
@example(("github_api_url", "https://api.github.com/`id`"))
@example(("github_api_url", "https://api.github.com/\x1b[2J"))
def test_nothing_accepted_means_anything_to_hcl_shell_json_dockerfile_or_a_terminal(value: tuple[str, str]) -> None:
    name, text = value
    assume(check_field(name, text, REGIONS) == "")
    final = text.strip()
    assert final.isascii()
    assert final.isprintable()
    assert not set(final) & set("\"'\\`\n")
    assert json.loads(f'"{final}"') == final
    assert shlex.split(f"'{final}'") == [final]
    # The others go into no rendered file, or only into a quoted HCL or YAML string.
    if name in {"project_id", "env", "app", "region", "port", *CHOICES}:
        assert re.fullmatch(r"[a-z0-9._/-]+", final)
        assert shlex.split(final) == [final]


@settings(deadline=None)
@given(st.text())
def test_a_suggested_name_is_always_allowed(text: str) -> None:
    suggestion = validation.suggest_name(text)
    for name in ("project_id", "env", "app"):
        assert check_field(name, suggestion, REGIONS) == "", suggestion


@settings(deadline=None)
@given(st.text("ab-", min_size=1, max_size=70), st.text("ab-", min_size=1, max_size=70), st.text("a-", max_size=260))
def test_names_that_are_too_long_together(project_id: str, env: str, app: str) -> None:
    user, repository = validation.ci_user_name(project_id, env), validation.repository_name(project_id, app)
    fits = len(user) <= 64 and len(repository) <= 256
    try:
        validation.check_names_together(project_id, env, app)
    except ValueError as error:
        assert not fits
        if shorter := re.search(r"; (\S+) would work", str(error)):
            proposal = {"app": app, "project_id": project_id}
            proposal["app" if "repository" in str(error) else "project_id"] = shorter[1]
            validation.check_names_together(proposal["project_id"], env, proposal["app"][:100])
    else:
        assert fits


@pytest.mark.parametrize("value", ["a", "0", "my-blog", "a.b_c-d", " spaced "])
def test_names(value: str) -> None:
    assert validation.check_name(value, "app") == value.strip()


@pytest.mark.parametrize(
    "value", ["", "A", "a--b", "-a", "a-", "a/b", "a b", "ä", "a\nb", "a..b", "${a}", "a" + "\x00"]
)
def test_names_that_ecr_refuses(value: str) -> None:
    with pytest.raises(ValueError, match="env"):
        validation.check_name(value, "env")


@pytest.mark.parametrize(("value", "port"), [("1", 1), (" 65535 ", 65535), (80, 80), ("00080", 80)])
def test_ports(value: str | int, port: int) -> None:
    assert validation.check_port(value) == port


@pytest.mark.parametrize("value", ["", "0", "65536", "-1", "3.5", "1e3", "٣", "²", "123456", True, "80 80"])
def test_ports_that_are_none(value: str) -> None:
    with pytest.raises(ValueError, match="1 to 65535"):
        validation.check_port(value)


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1"])
def test_regions_of_every_partition(region: str) -> None:
    assert validation.check_region(f" {region} ", REGIONS) == region


def test_a_region_that_is_nearly_right() -> None:
    with pytest.raises(ValueError, match=r"EU-West-1 is no AWS region.*eu-west-1 would work"):
        validation.check_region("EU-West-1", REGIONS)


@pytest.mark.parametrize("value", ["", "v1.0.0", "_a", "a" * 128, "3f2a-dirty"])
def test_image_tags(value: str) -> None:
    assert validation.check_image_tag(f" {value} ") == value


@pytest.mark.parametrize("value", [".a", "-a", "a" * 129, "a b", "a:b", "a/b", "ä", "$(id)"])
def test_image_tags_that_a_registry_refuses(value: str) -> None:
    with pytest.raises(ValueError, match="image_tag may hold up to 128"):
        validation.check_image_tag(value)


@pytest.mark.parametrize("value", ["", "octocat/hello-world", "a/b.c_d-e", "A1/.github"])
def test_github_repositories(value: str) -> None:
    assert validation.check_github_repository(value) == value


@pytest.mark.parametrize("value", ["a", "a/", "/b", "a/b/c", "-a/b", "a/..", "a/.", "a b/c", "https://github.com/a/b"])
def test_github_repositories_that_are_none(value: str) -> None:
    with pytest.raises(ValueError, match="OWNER/NAME"):
        validation.check_github_repository(value)


@pytest.mark.parametrize(
    "value",
    [
        *("http://api.github.com", "ftp://x", "", "https://", "https://a:b@c", "https://a?b", "https://a#b"),
        *("https://:x@host", "https://@host", "https://api.github.com@evil.example"),
        *("https://a:99999", "https://a:0", "https://a b", "https://[::1", "file:///etc/passwd", "http://127.0.0.2.x"),
    ],
)
def test_addresses_that_a_token_must_not_go_to(value: str) -> None:
    with pytest.raises(ValueError, match="would work"):
        validation.check_api_url(value)


@pytest.mark.parametrize("value", ["https://ghe.example.com/api/v3/", "http://localhost:80", "http://[::1]:8080"])
def test_addresses(value: str) -> None:
    assert validation.check_api_url(value) == value.rstrip("/")

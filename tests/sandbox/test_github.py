"""The GitHub stand-in, through httpx as the product calls it."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from nacl.public import PublicKey, SealedBox

from ecrwiz.sandbox import Sandbox
from ecrwiz.sandbox.github_modes import FAULTS

_numbers = itertools.count(1)


@pytest.fixture
def api(box: Sandbox) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {box.info.github_token}", "Accept": "application/vnd.github+json"}
    with httpx.Client(base_url=box.info.github, headers=headers, trust_env=False) as client:
        yield client


@pytest.fixture
def repo() -> str:
    return f"/repos/Octo/blog-{next(_numbers)}"


def opened(box: Sandbox, repo: str) -> dict[str, Any]:
    headers = {"X-Sandbox-Admin": box.info.admin_token}
    answer = httpx.get(f"{box.info.github}/_sandbox/opened", headers=headers, trust_env=False)
    found: dict[str, Any] = answer.json()[repo.removeprefix("/repos/")]
    return found


def sealed(api: httpx.Client, scope: str, value: str) -> dict[str, str]:
    key = api.get(f"{scope}/secrets/public-key").json()
    box = SealedBox(PublicKey(base64.b64decode(key["key"])))
    return {"encrypted_value": base64.b64encode(box.encrypt(value.encode())).decode(), "key_id": key["key_id"]}


def test_a_secret_is_sealed_stored_and_opened(box: Sandbox, api: httpx.Client, repo: str) -> None:
    scope = f"{repo}/actions"
    url = f"{scope}/secrets/aws_access_key_id"
    assert api.get(f"{scope}/secrets").json() == {"total_count": 0, "secrets": []}
    assert api.put(url, json=sealed(api, scope, "first")).status_code == 201
    assert api.put(url, json=sealed(api, scope, "second ✓")).status_code == 204
    listed = api.get(f"{scope}/secrets").json()
    assert [secret["name"] for secret in listed["secrets"]] == ["AWS_ACCESS_KEY_ID"]
    assert api.get(url).json()["name"] == "AWS_ACCESS_KEY_ID"
    assert opened(box, repo)["secrets"] == {"AWS_ACCESS_KEY_ID": "second ✓"}
    assert api.delete(url).status_code == 204
    assert api.delete(url).status_code == 404


def test_names_are_found_in_any_case(box: Sandbox, api: httpx.Client, repo: str) -> None:
    scope = f"{repo}/actions"
    assert api.put(f"{scope}/secrets/A", json=sealed(api, scope, "v")).status_code == 201
    assert api.get(f"{scope.replace('Octo', 'octo')}/secrets/a").status_code == 200
    assert opened(box, repo)["secrets"] == {"A": "v"}


def test_the_api_of_github_enterprise_is_the_same(api: httpx.Client, repo: str) -> None:
    assert api.get(f"/api/v3{repo}").json()["full_name"] == repo.removeprefix("/repos/")


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "token", "Basic eDp4"])
def test_the_token_is_checked(api: httpx.Client, authorization: str | None) -> None:
    del api.headers["Authorization"]
    answer = api.get("/user", headers={"Authorization": authorization} if authorization else {})
    assert answer.status_code == 401
    assert answer.json()["message"] in {"Bad credentials", "Requires authentication"}


def test_both_schemes_are_accepted_and_scopes_are_told(box: Sandbox, api: httpx.Client) -> None:
    answer = api.get("/user", headers={"Authorization": f"token {box.info.github_token}"})
    assert (answer.status_code, answer.json()["login"]) == (200, "sandbox")
    assert "repo" in answer.headers["X-OAuth-Scopes"]
    assert api.get("/rate_limit").status_code == 200


def test_a_secret_for_another_key_or_no_box_at_all_is_refused(box: Sandbox, api: httpx.Client, repo: str) -> None:
    scope = f"{repo}/actions"
    good, other = sealed(api, scope, "v"), sealed(api, "/repos/Octo/else/actions", "v")
    for body in (
        {**good, "key_id": "1"},
        {**good, "encrypted_value": other["encrypted_value"]},
        {**good, "encrypted_value": base64.b64encode(b"plain text, not sealed at all" * 4).decode()},
    ):
        assert api.put(f"{scope}/secrets/A", json=body).status_code == 422
    assert opened(box, repo)["secrets"] == {}


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "1A", "A-B", "A%20B"])
def test_names_follow_githubs_rules(api: httpx.Client, repo: str, name: str) -> None:
    scope = f"{repo}/actions"
    assert api.put(f"{scope}/secrets/{name}", json=sealed(api, scope, "v")).status_code == 422


def test_a_value_has_githubs_limit(api: httpx.Client, repo: str) -> None:
    scope = f"{repo}/actions"
    assert api.put(f"{scope}/secrets/A", json=sealed(api, scope, "x" * 48 * 1024)).status_code == 201
    assert api.put(f"{scope}/secrets/A", json=sealed(api, scope, "x" * (48 * 1024 + 1))).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/actions/secrets/A", {"encrypted_value": "not base64!", "key_id": "1"}),
        ("PUT", "/actions/secrets/A", {"encrypted_value": "YQ==", "key_id": 1}),
        ("PUT", "/actions/secrets/A", {"encrypted_value": "YQ=="}),
        ("PUT", "/actions/secrets/A", None),
        ("POST", "/actions/variables", {"name": "A"}),
        ("POST", "/actions/variables", {"name": "A", "value": 1}),
        ("PUT", "/actions/variables/A", {"name": "A", "value": "1"}),
        ("GET", "/actions/secret", None),
        ("PUT", "/environments/dev", {"wait_timer": "long"}),
    ],
)
def test_a_call_that_github_does_not_describe_is_a_violation(
    api: httpx.Client, repo: str, method: str, path: str, body: dict[str, Any] | None
) -> None:
    answer = api.request(method, repo + path, json=body) if body else api.request(method, repo + path)
    assert answer.status_code == 599
    assert answer.json()["message"].startswith("SPEC VIOLATION (request)")


def test_a_violation_does_not_repeat_the_value(api: httpx.Client, box: Sandbox, repo: str) -> None:
    body = {"encrypted_value": "a plain text secret", "key_id": "1"}
    answer = api.put(f"{repo}/actions/secrets/A", json=body)
    assert answer.status_code == 599
    assert "plain text" not in answer.text
    assert "plain text" not in (box.data_dir / "sandbox.log").read_text()


def test_variables_are_made_changed_and_paged(box: Sandbox, api: httpx.Client, repo: str) -> None:
    url = f"{repo}/actions/variables"
    for number in range(12):
        assert api.post(url, json={"name": f"v{number:02}", "value": "x"}).status_code == 201
    assert api.post(url, json={"name": "V00", "value": "y"}).status_code == 409
    assert api.patch(f"{url}/v00", json={"value": "y"}).status_code == 204
    assert api.patch(f"{url}/v01", json={"name": "W"}).status_code == 204
    assert api.patch(f"{url}/none", json={"value": "y"}).status_code == 404
    assert api.get(f"{url}/V00").json()["value"] == "y"
    first = api.get(url)
    assert (first.json()["total_count"], len(first.json()["variables"])) == (12, 10)
    second = api.get(first.links["next"]["url"])
    assert len(second.json()["variables"]) == 2
    assert "next" not in second.links
    assert api.delete(f"{url}/W").status_code == 204
    assert len(opened(box, repo)["variables"]) == 11


def test_environments_have_secrets_and_variables_of_their_own(box: Sandbox, api: httpx.Client, repo: str) -> None:
    scope = f"{repo}/environments/Staging"
    assert api.get(f"{scope}/secrets/public-key").status_code == 404
    assert api.put(scope, json={}).status_code == 200
    assert api.get(f"{repo}/environments").json()["total_count"] == 1
    assert api.put(f"{scope}/secrets/A", json=sealed(api, scope, "inner")).status_code == 201
    assert api.post(f"{scope}/variables", json={"name": "B", "value": "b"}).status_code == 201
    assert api.get(f"{repo}/actions/secrets").json()["total_count"] == 0
    assert opened(box, repo)["environments"]["staging"] == {"secrets": {"A": "inner"}, "variables": {"B": "b"}}
    assert api.delete(scope).status_code == 204
    assert api.get(scope).status_code == 404


def test_the_subject_of_oidc_tokens(api: httpx.Client, repo: str) -> None:
    url = f"{repo}/actions/oidc/customization/sub"
    prefix = {"sub_claim_prefix": f"repo:{repo.removeprefix('/repos/')}"}
    assert api.get(url).json() == {"use_default": True, **prefix}
    wanted = {"use_default": False, "include_claim_keys": ["repo", "context"]}
    assert api.put(url, json=wanted).status_code == 201
    assert api.get(url).json() == {**wanted, **prefix}


def test_repositories_that_go_wrong(api: httpx.Client) -> None:
    assert api.get("/repos/o/missing").status_code == 404
    assert api.get("/repos/o/missing/actions/secrets").status_code == 404
    assert api.get("/repos/o/archived").json()["archived"] is True
    assert api.post("/repos/o/archived/actions/variables", json={"name": "A", "value": "1"}).status_code == 403
    assert api.get("/repos/o/no-admin").json()["permissions"]["admin"] is False
    refused = api.get("/repos/o/no-admin/actions/secrets/public-key")
    assert refused.status_code == 403
    assert refused.json()["message"] == "Resource not accessible by personal access token"


def settings(box: Sandbox, repo: str, body: dict[str, Any]) -> httpx.Response:
    headers = {"X-Sandbox-Admin": box.info.admin_token}
    path = f"/_sandbox/repositories/{repo.removeprefix('/repos/')}"
    return httpx.put(f"{box.info.github}{path}", json=body, headers=headers, trust_env=False)


def test_a_renamed_repository_is_found_by_its_old_name(box: Sandbox, api: httpx.Client, repo: str) -> None:
    number = api.get(repo).json()["id"]
    new = f"Acme/{repo.rpartition('/')[2]}-2"
    assert settings(box, repo, {"full_name": new}).status_code == 200
    for prefix in ("", "/api/v3"):
        moved = api.get(f"{prefix}{repo}/actions/variables?per_page=5")
        assert moved.status_code == 301
        target = f"{box.info.github}{prefix}/repositories/{number}/actions/variables?per_page=5"
        assert moved.headers["Location"] == target
        assert api.get(target).json()["total_count"] == 0
    body = {"name": "A", "value": "1"}
    moved = api.post(f"{repo}/actions/variables", json=body)
    assert moved.status_code == 307
    assert api.post(moved.headers["Location"], json=body).status_code == 201
    assert api.get(f"/repos/{new}/actions/variables/A").json()["value"] == "1"
    assert api.get(f"/repositories/{number}").json()["full_name"] == new
    assert api.get("/repositories/999999").status_code == 599


def test_an_environment_may_have_a_slash_in_its_name(box: Sandbox, api: httpx.Client, repo: str) -> None:
    scope = f"{repo}/environments/prod%2Feu"
    assert api.put(scope, json={}).json()["name"] == "prod/eu"
    assert api.post(f"{scope}/variables", json={"name": "A", "value": "1"}).status_code == 201
    assert opened(box, repo)["environments"]["prod/eu"]["variables"] == {"A": "1"}


def test_the_organisations_entries_are_listed(box: Sandbox, api: httpx.Client, repo: str) -> None:
    assert api.get(f"{repo}/actions/organization-secrets").json() == {"total_count": 0, "secrets": []}
    theirs = {"secrets": {"A": "1"}, "variables": {"B": "2"}}
    settings(box, repo, {"organisation": theirs, "owner_type": "Organization"})
    assert [entry["name"] for entry in api.get(f"{repo}/actions/organization-secrets").json()["secrets"]] == ["A"]
    assert api.get(f"{repo}/actions/organization-variables").json()["variables"][0]["value"] == "2"
    assert api.get("/orgs/Octo/actions/permissions").json()["enabled_repositories"] == "all"
    assert api.get("/orgs/nobody/actions/permissions").status_code == 404


def test_facts_of_a_repository_can_be_set(box: Sandbox, api: httpx.Client, repo: str) -> None:
    body = {"id": 700000001, "owner_id": 42, "created_at": "2026-08-01T00:00:00+00:00", "default_branch": "trunk"}
    settings(box, repo, body)
    found = api.get(repo).json()
    assert (found["id"], found["owner"]["id"], found["default_branch"]) == (700000001, 42, "trunk")
    assert found["created_at"] == "2026-08-01T00:00:00Z"


@pytest.mark.parametrize("mode", sorted(FAULTS))
def test_every_fault_is_an_answer_that_the_description_allows(
    box: Sandbox, api: httpx.Client, repo: str, mode: str
) -> None:
    """598 and 599 would say that it is not; without the mode the same calls go well."""
    scope = f"{repo}/environments/prod"
    calls: list[tuple[str, str, dict[str, Any] | None]] = [
        ("GET", repo, None),
        ("GET", f"{repo}/actions/permissions", None),
        ("GET", f"{repo}/actions/secrets/public-key", None),
        ("GET", f"{repo}/actions/variables", None),
        ("PUT", scope, {}),
        ("GET", f"{scope}/variables", None),
        ("PUT", f"{repo}/actions/secrets/A", sealed(api, f"{repo}/actions", "v")),
        ("PATCH", f"{repo}/actions/variables/B", {"name": "B", "value": "1"}),
    ]
    api.put(scope, json={})
    api.post(f"{repo}/actions/variables", json={"name": "B", "value": "1"})
    good = [api.request(method, path, json=body) for method, path, body in calls]
    assert {answer.status_code for answer in good} <= {200, 201, 204}
    assert settings(box, repo, {"modes": [mode]}).status_code == 200
    bad = [api.request(method, path, json=body) for method, path, body in calls]
    refused = [answer for answer in bad if answer.status_code == FAULTS[mode].status]
    assert refused
    assert {answer.status_code for answer in bad} <= {200, 201, 204, FAULTS[mode].status}
    assert all(answer.json()["message"] for answer in refused)
    if FAULTS[mode].fine_grained:
        assert all("X-OAuth-Scopes" not in answer.headers for answer in bad)
        assert all("=" in answer.headers["X-Accepted-GitHub-Permissions"] for answer in refused)


def test_an_unknown_mode_is_refused(box: Sandbox, repo: str) -> None:
    assert settings(box, repo, {"modes": ["no-such"]}).status_code == 422


def test_whose_token_it_is_can_be_asked_as_gh_does(box: Sandbox, api: httpx.Client) -> None:
    query = {"query": "query UserCurrent{viewer{login}}"}
    for path in ("/graphql", "/api/graphql"):
        assert api.post(path, json=query).json() == {"data": {"viewer": {"login": "sandbox"}}}
    assert api.post("/graphql", json={"query": "query{repository{id}}"}).status_code == 599
    assert "current_user_url" in api.get("/api/v3/").json()


def test_only_the_admin_token_opens_the_secrets(box: Sandbox, api: httpx.Client) -> None:
    assert api.get("/_sandbox/opened").status_code == 404
    assert api.get("/_sandbox/opened", headers={"X-Sandbox-Admin": box.info.github_token}).status_code == 404
    assert api.put("/_sandbox/repositories/o/r", json={"modes": ["sso"]}).status_code == 404
    assert api.delete("/_sandbox/repositories").status_code == 404


def test_no_value_is_in_the_log(box: Sandbox, api: httpx.Client, repo: str) -> None:
    scope = f"{repo}/actions"
    assert api.put(f"{scope}/secrets/A", json=sealed(api, scope, "a-value-to-look-for")).status_code == 201
    assert opened(box, repo)["secrets"] == {"A": "a-value-to-look-for"}
    for path in box.data_dir.rglob("*"):
        assert not path.is_file() or b"a-value-to-look-for" not in path.read_bytes()

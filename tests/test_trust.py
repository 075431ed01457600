"""Who may assume the CI role: subjects solved exactly, trust policies judged, and the command that explains them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ecrwiz.model.errors import BadInputError, EcrwizError
from ecrwiz.model.redact import Secret
from ecrwiz.model.subjects import (
    IMMUTABLE_SINCE,
    Workflow,
    audience_of,
    forms_of,
    issuer_of,
    prefixes_of,
    solve,
    subjects_of,
)
from ecrwiz.model.trust import Form, SubjectTemplate, TrustedRepository
from ecrwiz.model.trust_policy import dangers, judge, subjects_in
from ecrwiz.model.what_if import Change, Situation, rows
from ecrwiz.services.github import GitHub
from ecrwiz.services.github.oidc import Oidc

OLD = datetime(2024, 1, 1, tzinfo=UTC)
NEW = IMMUTABLE_SINCE + timedelta(days=1)
ISSUER, AUDIENCE = "token.actions.githubusercontent.com", "sts.amazonaws.com"
FLOW = Workflow("Build and push web/blog/nextjs", ".github/workflows/ecrwiz-blog-nextjs.yml")
WEB = TrustedRepository("Octo", 1, "web", 2, NEW, "main")
MAIN = Form("branch", "main")
DEFAULT = SubjectTemplate()


def only(repository: TrustedRepository, template: SubjectTemplate, form: Form) -> str:
    (subject,) = subjects_of(repository, template, form, FLOW)
    return subject


# --- the forms of GitHub's reference ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "context"),
    [
        (MAIN, "ref:refs/heads/main"),
        (Form("branch", "feature/a-b"), "ref:refs/heads/feature/a-b"),
        (Form("tag", "v1.0"), "ref:refs/tags/v1.0"),
        (Form("environment", "Production"), "environment:Production"),
        (Form("environment", "Production:V1"), "environment:Production%3AV1"),
        (Form("pull_request"), "pull_request"),
    ],
)
def test_the_documented_forms(form: Form, context: str) -> None:
    assert only(WEB, DEFAULT, form) == f"repo:Octo@1/web@2:{context}"
    server = replace(WEB, is_github_com=False)
    assert only(server, SubjectTemplate(immutable=True), form) == f"repo:Octo/web:{context}"


@pytest.mark.parametrize(
    ("created", "template", "prefixes", "doubt"),
    [
        (NEW, SubjectTemplate(), ["repo:Octo@1/web@2"], False),
        (IMMUTABLE_SINCE, SubjectTemplate(), ["repo:Octo@1/web@2"], False),
        (OLD, SubjectTemplate(immutable=True), ["repo:Octo@1/web@2"], False),
        (OLD, SubjectTemplate(), ["repo:Octo@1/web@2", "repo:Octo/web"], True),
        (OLD, SubjectTemplate(immutable=False), ["repo:Octo@1/web@2", "repo:Octo/web"], True),
        (NEW, SubjectTemplate(immutable=False), ["repo:Octo@1/web@2", "repo:Octo/web"], True),
        # GitHub's own first part is right even where its neighbour says otherwise, as has been seen.
        (OLD, SubjectTemplate(immutable=False, prefix="repo:Octo@1/web@2"), ["repo:Octo@1/web@2"], False),
        (NEW, SubjectTemplate(immutable=True, prefix="repo:Octo/web"), ["repo:Octo/web"], False),
    ],
)
def test_which_form_a_repository_has(
    created: datetime, template: SubjectTemplate, prefixes: list[str], doubt: bool
) -> None:
    found, why = prefixes_of(replace(WEB, created=created), template)
    assert (list(found), bool(why)) == (prefixes, doubt)


@pytest.mark.parametrize("prefix", ["repo:octo/web", "repo:Octo/web-2", "repo:Octo@1/web@3", "repo:*", "*"])
def test_a_first_part_of_another_repository_is_not_taken(prefix: str) -> None:
    with pytest.raises(EcrwizError, match="neither"):
        prefixes_of(WEB, SubjectTemplate(prefix=prefix))


CUSTOM = {
    "repo": "repo:Octo@1/web@2",
    "context": "ref:refs/heads/main",
    "repository": "repository:Octo/web",
    "repository_id": "repository_id:2",
    "repository_owner": "repository_owner:Octo",
    "repository_owner_id": "repository_owner_id:1",
    "repository_visibility": "repository_visibility:private",
    "ref": "ref:refs/heads/main",
    "ref_type": "ref_type:branch",
    "workflow": "workflow:Build and push web/blog/nextjs",
    "workflow_ref": f"workflow_ref:Octo/web/{FLOW.path}@refs/heads/main",
    "job_workflow_ref": f"job_workflow_ref:Octo/web/{FLOW.path}@refs/heads/main",
    "runner_environment": "runner_environment:github-hosted",
}


@pytest.mark.parametrize("claim", sorted(CUSTOM))
def test_each_customised_claim_that_can_be_known(claim: str) -> None:
    template = SubjectTemplate(use_default=False, claims=("repo", claim))
    assert only(WEB, template, MAIN) == f"repo:Octo@1/web@2:{CUSTOM[claim]}"


def test_events_make_several_subjects() -> None:
    template = SubjectTemplate(use_default=False, claims=("repo", "event_name"))
    assert subjects_of(WEB, template, MAIN, FLOW) == (
        "repo:Octo@1/web@2:event_name:push",
        "repo:Octo@1/web@2:event_name:workflow_dispatch",
    )
    assert only(WEB, template, Form("pull_request")).endswith(":event_name:pull_request")


def test_a_job_in_an_environment_runs_on_the_default_branch() -> None:
    template = SubjectTemplate(use_default=False, claims=("repo", "environment", "ref"))
    found = only(WEB, template, Form("environment", "prod:eu"))
    assert found == "repo:Octo@1/web@2:environment:prod%3Aeu:ref:refs/heads/main"


@pytest.mark.parametrize(
    "claim",
    ["actor", "actor_id", "run_id", "run_number", "run_attempt", "head_ref", "base_ref", "sha", "workflow_sha",
     "job_workflow_sha", "enterprise", "check_run_id", "repo_property_team", "jti", "no_such_claim", "*"],
)  # fmt: skip
def test_claims_that_nobody_can_know_are_refused_with_a_sentence(claim: str) -> None:
    with pytest.raises(BadInputError) as caught:
        subjects_of(WEB, SubjectTemplate(use_default=False, claims=("repo", claim)), MAIN, FLOW)
    assert repr(claim) in caught.value.message
    assert "--set ci_identity=access-key" in caught.value.hint


@pytest.mark.parametrize(
    "claims", [("repository_owner",), ("context",), ("repository_owner_id", "context"), ("job_workflow_ref",), ("ref",)]
)
def test_a_template_that_other_repositories_share_is_refused(claims: tuple[str, ...]) -> None:
    with pytest.raises(BadInputError, match="other repositories share"):
        subjects_of(WEB, SubjectTemplate(use_default=False, claims=claims), MAIN, FLOW)


@pytest.mark.parametrize(("claim", "form"), [("environment", MAIN), ("ref", Form("pull_request"))])
def test_a_claim_without_a_value_for_this_form_is_refused(claim: str, form: Form) -> None:
    with pytest.raises(BadInputError, match="has no value"):
        subjects_of(WEB, SubjectTemplate(use_default=False, claims=("repo", claim)), form, FLOW)


def test_a_template_that_tells_no_branches_apart_is_warned_about() -> None:
    template = SubjectTemplate(use_default=False, claims=("repository_id",))
    found = solve(WEB, template, (MAIN,), FLOW, issuer=ISSUER, audience=AUDIENCE)
    assert found.subjects == ("repository_id:2",)
    assert "every workflow of this repository" in found.warnings[0]


def test_pull_requests_are_warned_about() -> None:
    found = solve(WEB, DEFAULT, (Form("pull_request"),), FLOW, issuer=ISSUER, audience=AUDIENCE)
    assert "before anybody has reviewed it" in found.warnings[0]


@pytest.mark.parametrize(
    ("trust", "environment", "expected"),
    [
        ("", "", ["branch:main"]),
        ("", "prod", ["environment:prod"]),
        ("branch:main, tag:v1, branch:main", "prod", ["branch:main", "tag:v1"]),
        ("environment:a:b, pull_request", "", ["environment:a:b", "pull_request"]),
    ],
)
def test_forms_of_the_answers(trust: str, environment: str, expected: list[str]) -> None:
    assert [str(form) for form in forms_of(trust, environment, "main")] == expected


@pytest.mark.parametrize(
    ("host", "issuer"),
    [
        ("github.com", ISSUER),
        ("octocorp.ghe.com", "token.actions.octocorp.ghe.com"),
        ("git.example.com", "git.example.com/_services/token"),
    ],
)
def test_issuers(host: str, issuer: str) -> None:
    assert issuer_of(host) == issuer


def test_the_audience_of_china_is_its_own() -> None:
    assert [audience_of(region) for region in ("cn-north-1", "us-gov-west-1", "eu-west-1")] == [
        "sts.amazonaws.com.cn", AUDIENCE, AUDIENCE,
    ]  # fmt: skip


# --- properties -------------------------------------------------------------------------------------------

owners = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,8})", fullmatch=True)
names = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,8}", fullmatch=True)
ids = st.integers(1, 10**9)
branches = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/@+-]{0,12}", fullmatch=True).filter(lambda text: ".." not in text)
environments = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9 ._/:@+-]{0,12}[A-Za-z0-9])?", fullmatch=True)
forms = st.one_of(
    st.builds(Form, st.just("branch"), branches),
    st.builds(Form, st.just("tag"), branches),
    st.builds(Form, st.just("environment"), environments),
    st.just(Form("pull_request")),
)
repositories = st.builds(
    TrustedRepository, owners, ids, names, ids, st.sampled_from([OLD, NEW]), branches, st.just("private"), st.booleans()
)
known_claims = st.lists(st.sampled_from(sorted({*CUSTOM, "event_name", "environment"})), max_size=5, unique=True)
templates = st.one_of(
    st.just(DEFAULT),
    st.builds(SubjectTemplate, immutable=st.sampled_from([None, True, False])),
    st.builds(lambda claims: SubjectTemplate(use_default=False, claims=tuple(claims)), known_claims),
)


def solved(repository: TrustedRepository, template: SubjectTemplate, form: Form) -> tuple[str, ...]:
    try:
        return subjects_of(repository, template, form, FLOW)
    except BadInputError:
        assume(False)
        raise


@given(repositories, repositories, templates, templates, forms, forms)
def test_no_subject_is_another_repositorys(
    one: TrustedRepository,
    other: TrustedRepository,
    template: SubjectTemplate,
    theirs: SubjectTemplate,
    form: Form,
    their_form: Form,
) -> None:
    assume(one.is_github_com == other.is_github_com)
    assume(one.id != other.id and (one.owner, one.name) != (other.owner, other.name))
    assert not set(solved(one, template, form)) & set(solved(other, theirs, their_form))


@given(repositories, templates, forms)
def test_no_subject_of_a_neighbour_whose_name_begins_or_differs_in_case(
    one: TrustedRepository, template: SubjectTemplate, form: Form
) -> None:
    mine = set(solved(one, template, form))
    neighbours = [
        replace(one, name=f"{one.name}-2", id=one.id + 1),
        replace(one, name=f"{one.name}{one.id}", id=one.id + 1),
        replace(one, owner=f"{one.owner}x", owner_id=one.owner_id + 1, id=one.id + 1),
        replace(one, owner=f"{one.owner}{one.owner_id}", owner_id=one.owner_id + 1, id=one.id + 1),
        replace(one, owner=one.owner.swapcase(), owner_id=one.owner_id + 1, id=one.id + 1),
        replace(one, name=one.name.swapcase(), id=one.id + 1),
    ]
    for other in neighbours:
        if (other.owner, other.name) != (one.owner, one.name):
            assert not mine & set(subjects_of(other, template, form, FLOW))


@given(repositories, templates, forms, forms)
def test_forms_never_stand_for_each_other(
    one: TrustedRepository, template: SubjectTemplate, form: Form, other: Form
) -> None:
    assume(form != other)
    assume(template.use_default or "context" in template.claims)
    assert not set(solved(one, template, form)) & set(solved(one, template, other))


@given(repositories, templates, forms)
def test_no_subject_is_a_pattern_or_a_policy_variable(
    one: TrustedRepository, template: SubjectTemplate, form: Form
) -> None:
    for subject in solved(one, template, form):
        assert not set(subject) & set("*?$\"'\\{}\n")
        assert json.loads(json.dumps(subject)) == subject


@given(st.text(min_size=1, max_size=12), st.sampled_from(["branch", "tag", "environment"]))
def test_whatever_a_name_holds_it_is_exact_or_refused(name: str, kind: Any) -> None:
    try:
        found = subjects_of(WEB, DEFAULT, Form(kind, name), FLOW)
    except BadInputError:
        return
    assert all(subject.isascii() and not set(subject) & set("*?${}") for subject in found)
    assert all(subject.count(":") == 3 for subject in found)


@pytest.mark.parametrize("name", ["*", "main*", "ma?n", "${aws:username}", "ma\nin", "a b", "a:b", "", " main", "ü"])
def test_hostile_branch_names(name: str) -> None:
    with pytest.raises(BadInputError):
        subjects_of(replace(WEB, default_branch=name), DEFAULT, Form("branch", name), FLOW)


# --- trust policies ---------------------------------------------------------------------------------------


def policy(condition: object, **more: Any) -> dict[str, Any]:
    provider = {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"}
    statement = {"Effect": "Allow", "Principal": provider, "Action": "sts:AssumeRoleWithWebIdentity"}
    return {"Version": "2012-10-17", "Statement": [{**statement, "Condition": condition, **more}]}


def condition(subject: object, operator: str = "StringEquals") -> dict[str, Any]:
    audience = {"StringEquals": {f"{ISSUER}:aud": AUDIENCE}}
    return audience | {operator: audience.get(operator, {}) | {f"{ISSUER}:sub": subject}}


SUBJECT = "repo:Octo/web:ref:refs/heads/main"


def test_a_good_policy_is_without_danger_and_exact() -> None:
    good = policy(condition([SUBJECT]))
    assert dangers(good, ISSUER) == ()
    assert subjects_in(good, ISSUER) == (SUBJECT,)
    assert judge(good, ISSUER, AUDIENCE, SUBJECT) == "may"
    assert judge(good, ISSUER, AUDIENCE, SUBJECT + "x") == "may not"
    assert judge(good, ISSUER, AUDIENCE, SUBJECT.lower()) == "may not"
    assert judge(good, ISSUER, "https://github.com/Octo", SUBJECT) == "may not"
    assert judge(good, "elsewhere.example.com", AUDIENCE, SUBJECT) == "may not"


@pytest.mark.parametrize(
    ("document", "word", "verdict"),
    [
        (policy(condition("repo:Octo/*", "StringLike")), "everything that fits repo:Octo/*", "may"),
        (policy(condition("repo:Octo/we?:ref*", "StringLike")), "everything that fits", "may"),
        (policy(condition("repo:Octo/*")), "letter by letter", "may not"),
        (policy(condition(SUBJECT, "ForAllValues:StringEquals")), "ForAllValues", "may"),
        (policy(condition(SUBJECT, "StringEqualsIfExists")), "absent", "may"),
        (policy(condition(SUBJECT.upper(), "StringEqualsIgnoreCase")), "upper from lower", "may"),
        (policy(condition("repo:else", "StringNotEquals")), "lets everybody else in", "may"),
        (policy({"StringEquals": {f"{ISSUER}:sub": SUBJECT}}), "audience", "may"),
        (policy({"StringEquals": {f"{ISSUER}:aud": AUDIENCE}}), "every repository on GitHub", "may"),
        (policy({}), "every repository on GitHub", "may"),
        (policy(condition(SUBJECT), Principal={"AWS": "*"}), "everybody", "may not"),
        (policy(condition(SUBJECT), Principal={"AWS": "arn:aws:iam::9:root"}), "arn:aws:iam::9:root", "may not"),
        (policy(condition(SUBJECT), NotPrincipal={"AWS": "x"}), "NotPrincipal", "unknown"),
    ],
)
def test_dangers_of_foreign_policies(document: dict[str, Any], word: str, verdict: str) -> None:
    assert word in " ".join(dangers(document, ISSUER))
    assert judge(document, ISSUER, AUDIENCE, SUBJECT) == verdict


def test_what_is_not_understood_is_unknown() -> None:
    assert judge(policy(condition(SUBJECT) | {"DateLessThan": {"aws:CurrentTime": "2030"}}), ISSUER, AUDIENCE, SUBJECT)
    odd = policy(condition("${aws:PrincipalTag/x}"))
    assert judge(odd, ISSUER, AUDIENCE, SUBJECT) == "unknown"


def test_a_deny_wins() -> None:
    both = policy(condition(SUBJECT))
    both["Statement"].append({**both["Statement"][0], "Effect": "Deny"})
    assert judge(both, ISSUER, AUDIENCE, SUBJECT) == "may not"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["*", "Allow", f"{ISSUER}:sub"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["Statement", "Effect", "Principal", "Federated", "Action", "Condition", "StringLike", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["Statement", "Version"]), json_values))
def test_any_document_is_read_without_harm(document: dict[str, Any]) -> None:
    dangers(document, ISSUER)
    subjects_in(document, ISSUER)
    assert judge(document, ISSUER, AUDIENCE, SUBJECT) in {"may", "may not", "unknown"}


@given(st.lists(st.sampled_from("ab*?"), max_size=12), st.lists(st.sampled_from("ab"), max_size=12))
def test_patterns_fit_as_iams_do(pattern: list[str], text: list[str]) -> None:
    import fnmatch

    wanted, value = "".join(pattern), "".join(text)
    like = policy(condition(wanted, "StringLike"))
    assert (judge(like, ISSUER, AUDIENCE, value) == "may") == fnmatch.fnmatchcase(value, wanted)


# --- what if ----------------------------------------------------------------------------------------------

HERE = Situation(WEB, DEFAULT, FLOW, MAIN)


def table(here: Situation, change: str) -> dict[str, tuple[str, str, str | None]]:
    trusted = subjects_of(here.repository, here.template, here.own, here.workflow)
    found = rows(here, lambda subject: "may" if subject in trusted else "may not", Change.parse(change))
    return {row.who: (row.verdict, row.subject_after, row.after) for row in found}


def test_whatever_is_trusted_has_a_row() -> None:
    forms = (MAIN, Form("branch", "ecrwiz/rehearsal"), Form("tag", "v1.0.0"))
    trusted = [each for form in forms for each in subjects_of(HERE.repository, HERE.template, form, HERE.workflow)]
    trusted.append("repo:Octo/before:ref:refs/heads/main")
    found = rows(HERE, lambda subject: "may" if subject in trusted else "may not", None, forms, trusted)
    assert [(row.who, row.subject) for row in found if row.verdict == "may"] == list(
        zip(
            ("the rendered workflow (branch:main)", "a push to ecrwiz/rehearsal", "the tag v1.0.0",
             "a run that sends just this"),
            trusted,
            strict=True,
        )
    )  # fmt: skip
    assert {"a push to any other branch", "any other tag", "a job in an environment"} <= {row.who for row in found}


@pytest.mark.parametrize("change", ["rename to shop", "transfer to Acme"])
def test_a_rename_or_a_transfer_locks_everybody_out(change: str) -> None:
    found = table(HERE, change)
    assert found["the rendered workflow (branch:main)"][0] == "may"
    assert {after for _, _, after in found.values()} == {"may not"}
    assert "a new repository that takes the old name" in found


def test_an_old_repository_gets_ids_by_a_rename() -> None:
    old = replace(HERE, template=SubjectTemplate(prefix="repo:Octo/web"))
    found = table(old, "rename to shop")
    assert found["the rendered workflow (branch:main)"] == ("may", "repo:Octo@1/shop@2:ref:refs/heads/main", "may not")
    assert found["a new repository that takes the old name"][2] == "may not"


def test_on_a_server_of_their_own_who_takes_the_old_name_gets_in() -> None:
    server = replace(HERE, repository=replace(WEB, is_github_com=False))
    found = table(server, "rename to shop")
    assert found["a new repository that takes the old name"] == ("may not", "repo:Octo/web:ref:refs/heads/main", "may")


@pytest.mark.parametrize(
    ("claims", "after"),
    [
        (("repository", "ref"), "may"),
        (("workflow_ref",), "may"),
        (("repository_id", "ref"), "may not"),
        (("repo", "context"), "may not"),
        (("repository", "repository_id", "ref"), "may not"),
    ],
)
def test_who_takes_the_old_name_may_take_the_same_template_too(claims: tuple[str, ...], after: str) -> None:
    custom = SubjectTemplate(use_default=False, claims=claims)
    found = table(replace(HERE, template=custom), "rename to shop")
    assert found["a new repository that takes the old name"][2] == after
    solved = solve(WEB, custom, (MAIN,), FLOW, issuer=ISSUER, audience=AUDIENCE)
    assert any("whoever gets its name" in warning for warning in solved.warnings) == (after == "may")


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ("environment prod", "repo:Octo@1/web@2:environment:prod"),
        ("branch dev", "repo:Octo@1/web@2:ref:refs/heads/dev"),
        ("tag v2", "repo:Octo@1/web@2:ref:refs/tags/v2"),
        ("pull_request", "repo:Octo@1/web@2:pull_request"),
    ],
)
def test_another_kind_of_run(change: str, subject: str) -> None:
    own = next(found for who, found in table(HERE, change).items() if who.startswith("the rendered workflow"))
    assert own == ("may", subject, "may not")


@pytest.mark.parametrize(
    "words", ["", "rename", "rename shop", "rename to a b", "transfer to o/x", "delete it", "x" * 99]
)
def test_changes_that_are_none(words: str) -> None:
    with pytest.raises(BadInputError):
        Change.parse(words)


# --- what GitHub is asked ---------------------------------------------------------------------------------

BODY = {
    "id": 2, "name": "web", "full_name": "Octo/web", "owner": {"login": "Octo", "id": 1, "type": "Organization"},
    "created_at": "2026-08-01T10:00:00Z", "default_branch": "main", "visibility": "public",
    "html_url": "https://github.com/Octo/web",
}  # fmt: skip


def oidc(answers: dict[str, Any], url: str = "https://api.github.com") -> Oidc:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v3")
        found = answers.get(path)
        status = 404 if found is None else found if isinstance(found, int) else 200
        return httpx.Response(status, json=found if isinstance(found, dict | list) else {"message": "no"})

    return Oidc(GitHub(url, Secret("ghp_x"), transport=httpx.MockTransport(answer)), url)


async def test_the_repository_is_read_as_github_spells_it() -> None:
    api = oidc({"/repos/octo/WEB": BODY})
    found = await api.repository("octo/WEB")
    assert (found.owner, found.owner_id, found.name, found.id) == ("Octo", 1, "web", 2)
    assert (found.created, found.visibility, found.is_github_com) == (
        datetime(2026, 8, 1, 10, tzinfo=UTC),
        "public",
        True,
    )
    assert await api.web_host("octo/WEB") == "github.com"


async def test_a_server_is_one_whatever_it_says_of_itself() -> None:
    api = oidc({"/repos/Octo/web": BODY}, "https://git.example.com/api/v3")
    assert (await api.repository("Octo/web")).is_github_com is False
    assert await api.web_host("Octo/web") == "git.example.com"


@pytest.mark.parametrize(
    "wrong",
    [{"id": "2"}, {"id": 0}, {"id": True}, {"owner": None}, {"name": "a*b"}, {"name": "../x"}, {"created_at": "soon"},
     {"default_branch": None}, {"owner": {"login": "", "id": 1}}],
)  # fmt: skip
async def test_what_is_not_githubs_is_not_taken(wrong: dict[str, Any]) -> None:
    with pytest.raises(EcrwizError, match="not GitHub's API"):
        await oidc({"/repos/Octo/web": {**BODY, **wrong}}).repository("Octo/web")


SUB = "/repos/Octo/web/actions/oidc/customization/sub"
ORG = "/orgs/Octo/actions/oidc/customization/sub"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, SubjectTemplate()),
        ({SUB: {"use_default": True}}, SubjectTemplate()),
        (
            {SUB: {"use_default": True, "include_claim_keys": ["actor"], "sub_claim_prefix": "repo:Octo@1/web@2"}},
            SubjectTemplate(prefix="repo:Octo@1/web@2"),
        ),
        (
            {SUB: {"use_default": False, "include_claim_keys": ["repo", "ref"], "use_immutable_subject": True}},
            SubjectTemplate(False, ("repo", "ref"), True),
        ),
        ({SUB: {"use_default": False}}, SubjectTemplate()),  # nor has the organisation a template
        (
            {SUB: {"use_default": False}, ORG: {"include_claim_keys": ["repo", "context"]}},
            SubjectTemplate(False, ("repo", "context")),
        ),
    ],
)
async def test_templates(answers: dict[str, Any], expected: SubjectTemplate) -> None:
    assert await oidc(answers).template("Octo/web") == expected


@pytest.mark.parametrize("keys", [["repo", 1], "repo", ["x"] * 99])
async def test_hostile_templates(keys: object) -> None:
    with pytest.raises(EcrwizError):
        await oidc({SUB: {"use_default": False, "include_claim_keys": keys}}).template("Octo/web")


async def test_an_organisation_that_may_not_be_read_is_no_default() -> None:
    with pytest.raises(EcrwizError, match="organisation"):
        await oidc({SUB: {"use_default": False}, ORG: 403}).template("Octo/web")


def test_the_hosts_are_told_apart() -> None:
    assert all(one != other for one, other in pairwise(map(issuer_of, ("github.com", "a.ghe.com", "b.ghe.com"))))

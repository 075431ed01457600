"""The Terraform that is rendered, judged by Terraform itself with the real AWS provider, without any AWS."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecrwiz.model import validation
from ecrwiz.services.templates.terraform import hcl_quote
from tests.infra_kit import KEY, Infra, rendered

VARIABLES = rendered()["infra/variables.tf"]


@pytest.fixture(scope="module")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Infra:
    # The tests before init, which installs the modules that they name, too.
    tests = {
        "root": ROOT_TEST, "policy": POLICY_TEST, "user": USER_TEST, "role": ROLE_TEST, "refuses": REFUSES_TEST,
        "null": NULL_TEST, "ecs": ECS_TEST,
    }  # fmt: skip
    texts = {f"infra/{name}.tftest.hcl": text for name, text in tests.items()}
    files = rendered(ci_identity="oidc") | rendered() | texts  # every module, though the root calls two of them
    made = Infra(tmp_path_factory.mktemp("app"), files)
    made.init("-backend-config=path=elsewhere.tfstate")
    return made


def test_layout() -> None:
    assert list(rendered()) == [
        *(f"infra/{name}" for name in ("versions.tf", "main.tf", "variables.tf", "terraform.tfvars", "outputs.tf")),
        *(f"infra/modules/ci_policy/{name}.tf" for name in ("versions", "main", "variables", "outputs")),
        *(f"infra/modules/ci_user/{name}.tf" for name in ("versions", "main", "ecs", "variables", "outputs")),
    ]
    role, both = (set(rendered(ci_identity=identity)) for identity in ("oidc", "both"))
    assert both - set(rendered()) == {
        f"infra/modules/ci_role/{name}.tf" for name in ("versions", "main", "variables", "outputs")
    }
    assert role == {path for path in both if "/ci_user/" not in path}


def test_is_valid_without_a_warning(infra: Infra) -> None:
    result = json.loads(infra.run("validate", "-json").stdout)
    assert result["valid"] is True
    assert result["diagnostics"] == []


def test_state_lies_where_init_says(infra: Infra) -> None:
    backend = json.loads((infra.folder / ".terraform" / "terraform.tfstate").read_text())["backend"]
    assert (backend["type"], backend["config"]["path"]) == ("local", "elsewhere.tfstate")


def test_the_public_key_has_no_default(infra: Infra) -> None:
    done = infra.run("plan", "-input=false", "-no-color")
    assert done.returncode == 1
    assert 'The root module input variable "ci_user_pgp_key" is not set' in done.stderr


REPOSITORY = "arn:aws:ecr:eu-west-1:123456789012:repository/web/blog/nextjs"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "Login", "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {
            "Sid": "Push",
            "Effect": "Allow",
            "Action": [
                "ecr:BatchCheckLayerAvailability",
                "ecr:InitiateLayerUpload",
                "ecr:UploadLayerPart",
                "ecr:CompleteLayerUpload",
                "ecr:PutImage",
                "ecr:BatchGetImage",
                "ecr:GetDownloadUrlForLayer",
                "ecr:DescribeImages",
            ],
            "Resource": [REPOSITORY],
        },
    ],
}

# ECR: priorities are unique and ascending; "any" would have to come last; "tagged" needs a list of tags.
LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": "Untagged images go after 14 days",
            "selection": {
                "tagStatus": "untagged",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": 14,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "description": "The 30 newest tagged images stay",
            "selection": {
                "tagStatus": "tagged",
                "tagPatternList": ["*"],
                "countType": "imageCountMoreThan",
                "countNumber": 30,
            },
            "action": {"type": "expire"},
        },
    ]
}

ROOT_TEST = f"""
mock_provider "aws" {{}}

variables {{
  ci_user_pgp_key = "{KEY}"
}}

run "root" {{
  command = apply

  # The mock makes ids up; the outputs are worked out from this one.
  override_resource {{
    target = aws_ecr_repository.main
    values = {{
      arn            = "arn:aws-cn:ecr:cn-north-1:123456789012:repository/web/blog/nextjs"
      repository_url = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/web/blog/nextjs"
    }}
  }}

  assert {{
    condition     = aws_ecr_repository.main.name == "web/blog/nextjs"
    error_message = "name: ${{aws_ecr_repository.main.name}}"
  }}
  assert {{
    condition     = aws_ecr_repository.main.image_tag_mutability == "MUTABLE"
    error_message = "mutability"
  }}
  assert {{
    condition     = aws_ecr_repository.main.force_delete == false
    error_message = "force_delete"
  }}
  assert {{
    condition     = aws_ecr_repository.main.image_scanning_configuration[0].scan_on_push == true
    error_message = "scan_on_push"
  }}
  assert {{
    condition     = aws_ecr_repository.main.encryption_configuration[0].encryption_type == "AES256"
    error_message = "encryption"
  }}
  assert {{
    condition     = output.ecr_repo_url == "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"
    error_message = "ecr_repo_url: ${{output.ecr_repo_url}}"
  }}
  assert {{
    condition     = output.ecr_repo_path == "web/blog/nextjs"
    error_message = "ecr_repo_path"
  }}
  assert {{
    condition     = output.account == "123456789012" && output.aws_region == "cn-north-1"
    error_message = "account, aws_region: ${{output.account}}, ${{output.aws_region}}"
  }}
  assert {{
    condition     = jsondecode(aws_ecr_lifecycle_policy.main.policy) == jsondecode({hcl_quote(json.dumps(LIFECYCLE))})
    error_message = "lifecycle: ${{aws_ecr_lifecycle_policy.main.policy}}"
  }}
  assert {{
    condition     = output.ci_user == "ci-blog-prod-server-user"
    error_message = "ci_user: ${{output.ci_user}}"
  }}
}}
"""

POLICY_TEST = f"""
mock_provider "aws" {{}}

run "policy" {{
  command = apply

  module {{
    source = "./modules/ci_policy"
  }}

  variables {{
    ecr_resource_arns = ["{REPOSITORY}"]
  }}

  assert {{
    condition     = jsondecode(output.push) == jsondecode({hcl_quote(json.dumps(POLICY))})
    error_message = "policy: ${{output.push}}"
  }}
  assert {{
    condition     = output.deploy == null
    error_message = "nobody asked for it"
  }}
}}

run "empty" {{
  command = plan

  module {{
    source = "./modules/ci_policy"
  }}

  variables {{
    ecr_resource_arns = []
  }}

  expect_failures = [var.ecr_resource_arns]
}}
"""

# Any policies, to see that they arrive; the real ones are ci_policy's.
ONE, OTHER = (hcl_quote(json.dumps({"Version": "2012-10-17", "Id": name, "Statement": []})) for name in ("1", "2"))

USER_TEST = f"""
mock_provider "aws" {{}}

run "user" {{
  command = apply

  module {{
    source = "./modules/ci_user"
  }}

  variables {{
    project_id    = "blog"
    env           = "prod"
    pgp_key       = "{KEY}"
    push_policy   = {ONE}
    deploy_policy = {OTHER}
  }}

  assert {{
    condition     = aws_iam_user.this.force_destroy == true
    error_message = "force_destroy"
  }}
  assert {{
    condition     = aws_iam_access_key.this.pgp_key == "{KEY}"
    error_message = "pgp_key"
  }}
  assert {{
    condition     = output.aws_iam_access_key == aws_iam_access_key.this.encrypted_secret
    error_message = "the output is not the encrypted one"
  }}
  assert {{
    condition     = [aws_iam_user_policy.push.policy, aws_iam_user_policy.deploy[0].policy] == [{ONE}, {OTHER}]
    error_message = "policies"
  }}
}}
"""

ISSUER = "token.actions.githubusercontent.com"
SUBJECTS = ["repo:octo@1/web@2:ref:refs/heads/main", "repo:octo/web:ref:refs/heads/main"]
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "GitHubActions",
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": f"arn:aws-cn:iam::123456789012:oidc-provider/{ISSUER}"},
            "Condition": {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com.cn", f"{ISSUER}:sub": SUBJECTS}},
        }
    ],
}


def module_with_role(name: str, body: str, **changed: object) -> str:
    """A run of the role's module with these values."""
    values = {"issuer": ISSUER, "audience": "sts.amazonaws.com.cn", "subjects": SUBJECTS} | changed
    given = "\n".join(f"    {key} = jsondecode({hcl_quote(json.dumps(value))})" for key, value in values.items())
    return f"""
run "{name}" {{
  command = apply

  module {{
    source = "./modules/ci_role"
  }}

  variables {{
    project_id    = "blog"
    env           = "prod"
    push_policy   = {ONE}
    deploy_policy = {OTHER}
{given}
  }}
{body}
}}
"""


_ROLE_ASSERT = f"""
  override_data {{
    target = data.aws_partition.current
    values = {{ partition = "aws-cn" }}
  }}
  override_data {{
    target = data.aws_caller_identity.current
    values = {{ account_id = "123456789012" }}
  }}
  assert {{
    condition     = jsondecode(aws_iam_role.this.assume_role_policy) == jsondecode({hcl_quote(json.dumps(TRUST))})
    error_message = aws_iam_role.this.assume_role_policy
  }}
  assert {{
    condition     = aws_iam_role.this.name == "ci-blog-prod-server-role"
    error_message = "name"
  }}
  assert {{
    condition     = aws_iam_role.this.max_session_duration == 3600
    error_message = "length of a session"
  }}
  assert {{
    condition     = [aws_iam_role_policy.push.policy, aws_iam_role_policy.deploy[0].policy] == [{ONE}, {OTHER}]
    error_message = "policies"
  }}
  assert {{
    condition     = output.arn == aws_iam_role.this.arn
    error_message = "arn"
  }}
"""
_ROLE_BAD: dict[str, tuple[str, object]] = {
    "nobody": ("subjects", []),
    "pattern": ("subjects", ["repo:octo/web:*"]),
    "letter": ("subjects", ["repo:octo/we?:ref:refs/heads/main"]),
    "variable": ("subjects", ["repo:${aws:username}/web:ref:refs/heads/main"]),
    "blank": ("subjects", [""]),
    "one_of_two": ("subjects", [SUBJECTS[0], "*"]),
    "url": ("issuer", f"https://{ISSUER}"),
    "condition": ("issuer", f'{ISSUER}:sub" : "x'),
    "anybody": ("audience", "*"),
}
ROLE_TEST = 'mock_provider "aws" {}\n' + module_with_role("role", _ROLE_ASSERT) + "".join(
    module_with_role(name, f"  expect_failures = [var.{field}]", **{field: value}).replace(" = apply", " = plan")
    for name, (field, value) in _ROLE_BAD.items()
)  # fmt: skip


def module_with_key(name: str, key: str, expected: str) -> str:
    return f"""
run "{name}" {{
  command = plan

  module {{
    source = "./modules/ci_user"
  }}

  variables {{
    project_id        = "blog"
    env               = "prod"
    pgp_key           = {key}
    push_policy       = "{{}}"
  }}
{expected}
}}
"""


_EXPECTED = "  expect_failures = [var.pgp_key]"
REFUSES_TEST = 'mock_provider "aws" {}\n' + "".join(
    module_with_key(name, key, _EXPECTED)
    for name, key in (("empty", '""'), ("keybase", '"keybase:someone"'), ("short", '"QUJD"'))
)
NULL_TEST = 'mock_provider "aws" {}\n' + module_with_key("null", "null", "")


ECS_ARN = "arn:aws-cn:ecs:cn-north-1:123456789012:"
ROLE = "arn:aws-cn:iam::123456789012:role/"
ECS_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "ReadTaskDefinition", "Effect": "Allow", "Action": "ecs:DescribeTaskDefinition", "Resource": "*"},
        {
            "Sid": "RegisterTaskDefinition",
            "Effect": "Allow",
            "Action": "ecs:RegisterTaskDefinition",
            "Resource": [f"{ECS_ARN}task-definition/fam", f"{ECS_ARN}task-definition/fam:*"],
        },
        {
            "Sid": "Deploy",
            "Effect": "Allow",
            "Action": ["ecs:UpdateService", "ecs:DescribeServices"],
            "Resource": f"{ECS_ARN}service/clu/svc",
            "Condition": {
                "ArnEquals": {"ecs:cluster": f"{ECS_ARN}cluster/clu"},
                "ArnLikeIfExists": {"ecs:task-definition": f"{ECS_ARN}task-definition/fam:*"},
            },
        },
        {
            "Sid": "PassRoles",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": [f"{ROLE}exec", f"{ROLE}task"],
            "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        },
    ],
}
ECS = {"cluster": "clu", "service": "svc", "task_family": "fam", "execution_role": "exec", "task_role": "task"}
_CHINA = """
  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-cn" }
  }
  override_data {
    target = data.aws_region.current
    values = { id = "cn-north-1" }
  }
  override_data {
    target = data.aws_caller_identity.current
    values = { account_id = "123456789012" }
  }
"""


def module_with_ecs(name: str, ecs: dict[str, str], body: str) -> str:
    """A run of the module with these names of an ECS service."""
    return f"""
run "{name}" {{
  command = apply

  module {{
    source = "./modules/ci_policy"
  }}

  variables {{
    ecr_resource_arns = ["{REPOSITORY}"]
    ecs               = jsondecode({hcl_quote(json.dumps(ecs))})
  }}
{body}
}}
"""


_ECS_ASSERT = f"""{_CHINA}
  assert {{
    condition     = jsondecode(output.deploy) == jsondecode({hcl_quote(json.dumps(ECS_POLICY))})
    error_message = output.deploy
  }}
"""
_ECS_BAD = {
    "star": {"cluster": "*"},
    "slash": {"service": "a/b"},
    "empty": {"task_family": ""},
    "path": {"execution_role": "path/role"},
    "any": {"task_role": "*"},
}
ECS_TEST = 'mock_provider "aws" {}\n' + module_with_ecs("ecs", ECS, _ECS_ASSERT) + "".join(
    module_with_ecs(name, ECS | bad, "  expect_failures = [var.ecs]").replace("command = apply", "command = plan")
    for name, bad in _ECS_BAD.items()
)  # fmt: skip


def test_what_would_be_made_at_the_root(infra: Infra) -> None:
    done = infra.run("test", "-no-color", "-filter=root.tftest.hcl")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 0 failed" in done.stdout


def test_ci_may_push_to_its_repository_and_nothing_else(infra: Infra) -> None:
    done = infra.run("test", "-no-color", "-filter=policy.tftest.hcl")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed, 0 failed" in done.stdout


def test_the_user_gets_these_policies_and_a_key(infra: Infra) -> None:
    done = infra.run("test", "-no-color", "-filter=user.tftest.hcl")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 0 failed" in done.stdout


def test_the_role_trusts_exact_subjects_and_no_pattern(infra: Infra) -> None:
    done = infra.run("test", "-no-color", "-filter=role.tftest.hcl")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{1 + len(_ROLE_BAD)} passed, 0 failed" in done.stdout


def test_who_deploys_may_update_its_service_and_pass_two_roles(infra: Infra) -> None:
    done = infra.run("test", "-no-color", "-filter=ecs.tftest.hcl")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{1 + len(_ECS_BAD)} passed, 0 failed" in done.stdout


def test_the_module_makes_no_access_key_without_a_key_to_encrypt_its_secret_to(infra: Infra) -> None:
    done = infra.run("test", "-no-color", "-filter=refuses.tftest.hcl")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed, 0 failed" in done.stdout
    done = infra.run("test", "-no-color", "-filter=null.tftest.hcl")
    assert done.returncode == 1
    assert "pgp_key" in done.stdout + done.stderr


BAD = {
    "image_tag_mutability": ("SOMETIMES", "image_tag_mutability is MUTABLE or IMMUTABLE"),
    "kms_key": ("alias/mine", "kms_key is the ARN of a KMS key"),
    "untagged_days": ("-1", "untagged_days is a whole number"),
    "keep_images": ("1.5", "keep_images is a whole number"),
    "project_id": ("My_Blog", "project_id may hold lower-case"),
    "env": ("a--b", "env may hold lower-case"),
    "app": ("", "app may hold lower-case"),
    "aws_region": ("eu_west", "aws_region is a code"),
}


@pytest.mark.parametrize("key", ["", "keybase:someone", "-----BEGIN PGP PUBLIC KEY BLOCK-----" + "A" * 99])
def test_a_value_edited_by_hand_gets_a_sentence(infra: Infra, key: str) -> None:
    # -var wins over terraform.tfvars; the rules fail before the provider asks AWS for anything.
    bad = {**BAD, "ci_user_pgp_key": (key, "ci_user_pgp_key is an OpenPGP public key")}
    arguments = [f"-var={name}={value}" for name, (value, _) in bad.items()]
    done = infra.run("plan", "-input=false", "-no-color", *arguments)
    assert done.returncode == 1
    said = " ".join(done.stderr.replace("│", " ").split())
    assert [sentence for _, sentence in bad.values() if sentence not in said] == []


def test_a_user_name_that_iam_would_refuse_is_told_before_anything_is_made(infra: Infra) -> None:
    arguments = ("-var=project_id=" + "a" * 50, f"-var=ci_user_pgp_key={KEY}")
    done = infra.run("plan", "-input=false", "-no-color", *arguments, AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x")
    assert "may have 64 characters" in " ".join(done.stderr.replace("│", " ").split())


def rule(name: str) -> re.Pattern[str]:
    """A variable's regular expression as Terraform has it, as Python reads it (`$` there is `\\Z` here)."""
    found = re.search(rf'regex\("([^"]+)", var\.{name}\)', VARIABLES)
    assert found
    return re.compile(found[1].removesuffix("$") + r"\Z")


@settings(deadline=None)
@given(st.text(st.sampled_from("abz019._-AB \n$"), max_size=8), st.sampled_from(["project_id", "env", "app"]))
def test_terraform_and_the_wizard_allow_the_same_names(text: str, name: str) -> None:
    try:
        accepted = validation.check_name(text, name) == text
    except ValueError:
        accepted = False
    assert bool(rule(name).match(text)) == accepted


def test_terraform_allows_every_region() -> None:
    session = boto3.Session()
    regions = [r for p in session.get_available_partitions() for r in session.get_available_regions("ecr", p)]
    assert len(regions) > 25
    assert [region for region in regions if not rule("aws_region").match(region)] == []


NASTY = (
    'a"b', "a\\b", "${1+1}", "%{ if true }x%{ endif }", "$${x}", "$$${x}", "%%{x}", "$", "%", "${", "a\nb", "a\r\nb\t",
    "\x00", "\x1b[31m", "\u2028", "é😀", "\\${x}", '"\n}\nresource "x" "y" {', "# no", "/* no */", "<<EOT", "\\u0041",
    "",
)  # fmt: skip


def test_quoting_for_hcl_gives_every_text_back_unchanged(tmp_path: Path, infra: Infra) -> None:
    (tmp_path / "main.tf").write_text('variable "texts" {\n  type = list(string)\n}\n')
    (tmp_path / "terraform.tfvars").write_text("texts = [" + ", ".join(hcl_quote(text) for text in NASTY) + "]\n")
    done = infra.run(f"-chdir={tmp_path}", "console", text="base64encode(jsonencode(var.texts))\n")
    got: Any = json.loads(base64.b64decode(done.stdout.strip().strip('"')))
    assert got == list(NASTY), done.stderr

"""Every combination of the answers that shape `infra/`: formatted, valid, and what the options change."""

from __future__ import annotations

import io
import itertools
import json
import re
import subprocess
import tarfile
import urllib.request
from pathlib import Path

import platformdirs
import pytest

from ecrwiz.model.answers import CHOICES
from ecrwiz.model.errors import BadInputError
from ecrwiz.services.templates.terraform import POLICY_LIMIT, check, infra_files, policy_size
from tests.infra_kit import KEY, KMS_KEY, REGION, Infra, answers, rendered

# Values that render differently; yes/no and the words are taken from the answers themselves.
VALUES: dict[str, tuple[str, ...]] = {
    "ci_identity": CHOICES["ci_identity"],
    "infra_layout": CHOICES["infra_layout"],
    "tag_mutability": CHOICES["tag_mutability"],
    "untagged_days": ("0", "14"),
    "keep_images": ("0", "30"),
    "kms_key": ("", KMS_KEY),
    "force_delete": CHOICES["force_delete"],
    "aws_provider": CHOICES["aws_provider"],
    "ecs_deploy": CHOICES["ecs_deploy"],
}


def refused(options: dict[str, str]) -> bool:
    return options["tag_mutability"] == "immutable-except-latest" and options["aws_provider"] == "5"


COMBINATIONS = [
    options
    for values in itertools.product(*VALUES.values())
    if not refused(options := dict(zip(VALUES, values, strict=True)))
]


def test_all_combinations_are_formatted_as_terraform_does(tmp_path: Path, terraform_program: str) -> None:
    texts = {(path.rsplit("/", 1)[-1], text) for options in COMBINATIONS for path, text in rendered(**options).items()}
    for number, (name, text) in enumerate(sorted(texts)):
        (tmp_path / f"{number}-{name}").write_text(text)
    argv = [terraform_program, "fmt", "-check", "-diff", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert len(COMBINATIONS) == 3 * 768
    assert len(texts) > 150


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Infra:
    """A root module, and one in `ecrwiz/` below it, both with the provider and every module."""
    made = Infra(tmp_path_factory.mktemp("app"), rendered(infra_layout="beside", ci_identity="both"))
    made.init(folder="ecrwiz")
    made.put(rendered(ci_identity="both"))
    made.init()
    return made


# What a person who has Terraform already brings along, for `reuse`.
THEIRS = {
    "infra/main.tf": 'terraform {\n  required_providers {\n    aws = {\n      source = "hashicorp/aws"\n    }\n  }\n}\n'
    'provider "aws" {\n  region = "eu-west-1"\n}\n',
    "infra/variables.tf": 'variable "aws_region" {\n  default = "eu-west-1"\n}\n',
    "infra/outputs.tf": "",
    "infra/terraform.tfvars": 'aws_region = "eu-west-1"\n',
}
_FILTER = re.compile(r"  image_tag_mutability_exclusion_filter \{\n.*?\n  \}\n", re.DOTALL)
SHAPES = [
    {
        "infra_layout": layout,
        "untagged_days": days,
        "keep_images": "0",
        "tag_mutability": mutability,
        "ci_identity": identity,
    }
    for layout in ("infra", "beside", "reuse")
    for days, mutability in itertools.product(("0", "14"), ("mutable", "immutable-except-latest"))
    for identity in CHOICES["ci_identity"]
    # What the identity changes has nothing to do with rules and tags.
    if identity == "access-key" or (days, mutability) == ("14", "mutable")
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(shape.values()))
def test_every_text_is_valid_with_the_one_provider_at_hand(folder: Infra, shape: dict[str, str]) -> None:
    """Which that is depends on the machine; where no registry is in reach it is 5.100, the last 5.

    The other answers change terraform.tfvars and the provider's version alone (see the next test).
    """
    files = rendered(**shape)
    if shape["infra_layout"] != "infra":
        assert not set(files) & set(THEIRS)
        files |= THEIRS
    if shape["tag_mutability"] == "immutable-except-latest" and folder.provider < (6, 8):
        # Such a provider knows no such block; its names are compared with 6.8's schema below.
        files = {path: _without_filter(text) for path, text in files.items()}
    folder.put(files)
    below = ["-chdir=ecrwiz"] if shape["infra_layout"] == "beside" else []
    result = json.loads(folder.run(*below, "validate", "-json").stdout)
    assert (result["valid"], result["diagnostics"]) == (True, [])


def _without_filter(text: str) -> str:
    return _FILTER.sub("", text).replace("IMMUTABLE_WITH_EXCLUSION", "IMMUTABLE").replace(">= 6.8, < 7.0", ">= 5.60")


def test_other_answers_change_values_only() -> None:
    for options in COMBINATIONS:
        shape = {name: options[name] for name in ("infra_layout", "tag_mutability", "ci_identity")}
        rule = "14" if options["untagged_days"] != "0" or options["keep_images"] != "0" else "0"
        plain = rendered(**shape, untagged_days=rule, keep_images="0")
        for path, text in rendered(**options).items():
            if path.endswith(".tf"):
                assert _meaning(text) == _meaning(plain[path]), (path, options)


def _meaning(text: str) -> str:
    """A file without its comments and without the provider's version."""
    return re.sub(r'version = ".*"|#.*\n', "", text)


def test_layouts() -> None:
    infra, beside, reuse = (rendered(infra_layout=layout) for layout in ("infra", "beside", "reuse"))
    assert {path.replace("infra/ecrwiz/", "infra/"): text for path, text in beside.items()} == infra
    assert list(reuse) == [
        *(f"infra/ecrwiz{end}" for end in (".tf", "-variables.tf", ".auto.tfvars", "-outputs.tf")),
        *(f"infra/modules/ci_policy/{name}.tf" for name in ("versions", "main", "variables", "outputs")),
        *(f"infra/modules/ci_user/{name}.tf" for name in ("versions", "main", "ecs", "variables", "outputs")),
    ]
    root = "".join(text for path, text in reuse.items() if "/modules/" not in path)
    assert not re.search(r'^(?:terraform|provider|locals)\b|backend "|variable "aws_region"', root, re.MULTILINE)
    # A module may declare a variable once, and names such as `env` are everybody's.
    assert set(re.findall(r'^variable "(\w+)"', root, re.MULTILINE)) == {
        "ci_user_pgp_key",
        *(f"ecrwiz_{name}" for name in ("project_id", "env", "app", "image_tag_mutability", "force_delete", "kms_key",
                                        "untagged_days", "keep_images", "ecs_deploy")),
    }  # fmt: skip
    assert set(re.findall(r"^(\w+) +=", reuse["infra/ecrwiz.auto.tfvars"], re.MULTILINE)) == set(
        re.findall(r'^variable "(ecrwiz_\w+)"', root, re.MULTILINE)
    )
    # What is in the state already keeps its address, whatever the layout.
    assert [_addresses(files) for files in (beside, reuse)] == [_addresses(infra)] * 2
    # ecrwiz knows its own by these tags, which the person's provider does not set.
    assert root.count('managed-by = "ecrwiz"') == 1
    assert "tags = aws_ecr_repository.main.tags" in root
    assert f'data.aws_region.ecrwiz.id == "{REGION}"' in root


def test_the_identity_moves_no_address() -> None:
    key, role, both = (set(_addresses(rendered(ci_identity=identity))) for identity in ("access-key", "oidc", "both"))
    user = {("", "ci_user"), *(("aws_iam_user", "this"), ("aws_iam_access_key", "this"))}
    user |= {("aws_iam_user_policy", name) for name in ("push", "deploy")}
    of_role = {("", "ci_role"), ("aws_iam_role", "this")}
    of_role |= {("aws_iam_role_policy", name) for name in ("push", "deploy")}
    assert (both - key, both - role) == (of_role, user)
    for layout in ("infra", "beside", "reuse"):
        files = rendered(ci_identity="oidc", infra_layout=layout)
        assert "ci_user" not in "".join(text for path, text in files.items() if "/modules/" not in path)
        assert "tags = aws_ecr_repository.main.tags" in "".join(files.values()) or layout != "reuse"


def _addresses(files: dict[str, str]) -> list[tuple[str, str]]:
    text = "".join(text for path, text in sorted(files.items()) if path.endswith(".tf"))
    return sorted(re.findall(r'^(?:resource "([^"]+)"|module) "([^"]+)"', text, re.MULTILINE))


def test_values_that_everybody_names_so_do_not_clash(folder: Infra) -> None:
    """The person's module has variables, and values for them, under the names that ecrwiz uses elsewhere."""
    names = ("project_id", "env", "app", "kms_key", "force_delete")
    theirs = {
        "infra/mine.tf": 'terraform {\n  backend "local" {}\n}\n'
        + "".join(f'variable "{name}" {{\n  type = list(string)\n}}\n\n' for name in names),
        "infra/mine.auto.tfvars": "".join(f'{name} = ["mine"]\n' for name in names),
    }
    folder.put(rendered(infra_layout="reuse") | THEIRS | theirs)
    result = json.loads(folder.run("validate", "-json").stdout)
    assert (result["valid"], result["diagnostics"]) == (True, [])
    values = folder.run("console", "-no-color", text="[var.ecrwiz_env, var.env[0]]\n", TF_VAR_ci_user_pgp_key=KEY)
    assert re.findall(r'"(\w+)"', values.stdout) == ["prod", "mine"], values.stderr


TFVARS = {
    (("tag_mutability", "immutable"),): 'image_tag_mutability = "IMMUTABLE"',
    (("kms_key", KMS_KEY),): f'kms_key              = "{KMS_KEY}"',
    (("force_delete", "yes"),): "force_delete         = true",
    (("untagged_days", "0"), ("keep_images", "7")): "untagged_days = 0\nkeep_images   = 7",
    (("ecs_deploy", "yes"), ("ecs_service", "web")): '  service        = "web"',
    (("ecs_deploy", "no"),): "ecs_deploy = null",
}


@pytest.mark.parametrize(("options", "line"), TFVARS.items())
def test_a_value_stands_where_a_person_changes_it(options: tuple[tuple[str, str], ...], line: str) -> None:
    assert line in rendered(**dict(options))["infra/terraform.tfvars"]


VERSIONS = {
    ("any", "mutable"): ">= 5.60, < 7.0",
    ("5", "immutable"): ">= 5.60, < 6.0",
    ("6", "mutable"): ">= 6.0, < 7.0",
    ("any", "immutable-except-latest"): ">= 6.8, < 7.0",
    ("6", "immutable-except-latest"): ">= 6.8, < 7.0",
}


@pytest.mark.parametrize(("choice", "version"), VERSIONS.items())
def test_which_provider(choice: tuple[str, str], version: str) -> None:
    text = rendered(aws_provider=choice[0], tag_mutability=choice[1])["infra/versions.tf"]
    assert f'version = "{version}"' in text


def test_no_rule_no_policy() -> None:
    files = rendered(untagged_days="0", keep_images="0")
    assert "aws_ecr_lifecycle_policy" not in files["infra/main.tf"]
    assert "untagged_days" not in files["infra/variables.tf"] + files["infra/terraform.tfvars"]


def test_answers_that_exclude_each_other_are_refused_before_anything_is_rendered() -> None:
    wrong = answers(tag_mutability="immutable-except-latest", aws_provider="5")
    with pytest.raises(BadInputError, match=r"needs the AWS provider 6\.8 or newer"):
        check(wrong)
    with pytest.raises(BadInputError):
        list(infra_files(wrong))
    long = {"ecs_cluster": "c" * 255, "ecs_service": "s" * 255, "ecs_task_family": "f" * 255}
    with pytest.raises(BadInputError, match="IAM allows 2048"):
        check(answers(ecs_deploy="yes", **long))
    check(answers(ecs_deploy="no", **long))
    check(answers(ecs_deploy="yes", ci_identity="oidc", **long))  # a role has more room


TRUSTED = [
    ({}, True),
    ({"oidc_trust": "branch:main, branch:next"}, True),
    ({"github_environment": "prod"}, True),
    ({"github_environment": "prod", "oidc_trust": "environment:prod, branch:main"}, True),
    ({"github_environment": "prod", "oidc_trust": "branch:main"}, False),
    ({"github_environment": "prod", "oidc_trust": "environment:production"}, False),
    ({"oidc_trust": "environment:prod"}, False),
    ({"oidc_trust": "environment:prod", "workflow": "no"}, True),
    ({"oidc_trust": "environment:prod", "ci_identity": "access-key"}, True),
]


@pytest.mark.parametrize(("options", "fits"), TRUSTED)
def test_a_role_that_would_not_trust_the_workflow_is_refused(options: dict[str, str], fits: bool) -> None:
    given = answers(**{"ci_identity": "oidc", **options})
    if fits:
        check(given)
        return
    with pytest.raises(BadInputError, match="AWS would refuse every run") as caught:
        check(given)
    assert "--set" in caught.value.hint


def test_the_usual_names_are_far_from_iams_limit() -> None:
    longest = answers(project_id="a" * 40, region="us-gov-west-1", ecs_deploy="yes")
    assert policy_size(longest) < POLICY_LIMIT - 100


CDKTF = "https://registry.npmjs.org/@cdktf/provider-aws/-/provider-aws-{}.tgz"
CACHE = platformdirs.user_cache_path("ecrwiz") / "schemas"  # asked for before tests get a home of their own
TYPES = "package/lib/ecr-repository/index.d.ts"


def types_of(release: str) -> str:
    """The ECR repository's attributes as CDKTF generated them from the schema of a provider's release.

    The release lies in a file of 35 MB; what is needed of it is kept for the next time.
    """
    kept = CACHE / f"cdktf-provider-aws-{release}.d.ts"
    if not kept.is_file():
        with (
            urllib.request.urlopen(CDKTF.format(release), timeout=120) as answer,
            tarfile.open(fileobj=io.BufferedReader(answer), mode="r|gz") as archive,
        ):
            member = next(member for member in archive if member.name == TYPES)
            file = archive.extractfile(member)
            assert file
            text = file.read()
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(text)
    return kept.read_text()


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def test_the_excluded_tag_is_written_as_provider_6_8_wants_it() -> None:
    """No provider 6 is on this machine, so its published schema stands in for `terraform validate`."""
    before, first = types_of("21.6.0"), types_of("21.7.0")  # made from 6.7.0 and 6.8.0
    assert "registry.terraform.io/providers/hashicorp/aws/6.7.0/" in before.lower()
    assert "exclusion" not in before.lower()
    assert "registry.terraform.io/providers/hashicorp/aws/6.8.0/" in first.lower()
    config = re.search(r"interface EcrRepositoryConfig .*?\n\}", first, re.DOTALL)
    block = re.search(r"interface EcrRepositoryImageTagMutabilityExclusionFilter \{.*?\n\}", first, re.DOTALL)
    assert config
    assert block
    known = {snake(name) for name in re.findall(r"readonly (\w+)\??:", config[0])}
    text = rendered(tag_mutability="immutable-except-latest", kms_key=KMS_KEY)["infra/main.tf"]
    resource = text[text.index('resource "aws_ecr_repository"') : text.index('resource "aws_ecr_lifecycle_policy"')]
    used = set(re.findall(r"^  (\w+) (?:=|\{)", re.sub(r" {2,}=", " =", resource), re.MULTILINE))
    assert "image_tag_mutability_exclusion_filter" in used
    assert used - known == set()
    required = {snake(name) for name in re.findall(r"readonly (\w+):", block[0])}
    found = _FILTER.search(resource)
    assert found
    assert set(re.findall(r"^    (\w+) +=", found[0], re.MULTILINE)) == required

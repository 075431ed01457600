"""The rules of the systems that will receive an answer, checked once at the door.

Each `check_*` gives the value in its final form or raises `ValueError` with a sentence that says what is
allowed and shows a value that would work. Sources: ECR `CreateRepository` (repository name pattern, 2-256
characters), IAM `CreateUser` (64 characters), RFC 6335 (ports), GitHub's rules for owners and repositories.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Final
from urllib.parse import urlsplit

__all__ = [
    "ECR_NAME_LIMIT",
    "IAM_USER_LIMIT",
    "check_api_url",
    "check_build_args",
    "check_choice",
    "check_count",
    "check_ecs_name",
    "check_environment",
    "check_github_repository",
    "check_health_path",
    "check_image_tag",
    "check_kms_key",
    "check_name",
    "check_names_together",
    "check_oidc_trust",
    "check_port",
    "check_region",
    "check_role_name",
    "ci_role_name",
    "ci_user_name",
    "repository_name",
    "suggest_name",
]

ECR_NAME_LIMIT: Final = 256
IAM_USER_LIMIT: Final = 64
_LARGEST_COUNT: Final = 1000

# One component of an ECR repository name. It is also free of everything that HCL, shell, JSON or a
# Dockerfile would read as syntax, so an accepted name cannot break out of a rendered file.
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_GITHUB = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")


def repository_name(project_id: str, app: str) -> str:
    """The ECR repository's name, as the article's series uses it."""
    return f"web/{project_id}/{app}"


def ci_user_name(project_id: str, env: str) -> str:
    """The IAM user's name, as the article's series uses it."""
    return f"ci-{project_id}-{env}-server-user"


def ci_role_name(project_id: str, env: str) -> str:
    """The IAM role's name; as long as the user's, so the same limit holds."""
    return f"ci-{project_id}-{env}-server-role"


def suggest_name(text: str) -> str:
    """The nearest allowed name to what was typed; `my-app` when nothing of it can be used."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].strip("-") or "my-app"


def check_name(value: str, field: str) -> str:
    """Check `project_id`, `env` or `app`: one component of an ECR repository name.

    Raises:
        ValueError: the name is not allowed.
    """
    value = value.strip()
    if _NAME.fullmatch(value):
        return value
    if not value:
        raise ValueError(f"{field} is empty: type lower-case letters and digits, such as {suggest_name('')}.")
    raise ValueError(
        f"{field} may hold lower-case letters and digits, with single '.', '_' or '-' between them; "
        f"{suggest_name(value)} would work."
    )


def check_names_together(project_id: str, env: str, app: str) -> None:
    """Check the names that are made of several answers against the limits of ECR and IAM.

    Raises:
        ValueError: a made name is too long.
    """
    user = ci_user_name(project_id, env)
    if len(user) > IAM_USER_LIMIT:
        room = len(project_id) + IAM_USER_LIMIT - len(user)
        shorter = project_id[: max(room, 0)].rstrip("._-")
        if shorter:
            advice = f"with env {env}, project_id may have {room}; {shorter} would work"
        else:
            advice = "env is too long for any project_id; dev would work"
        raise ValueError(
            f"The IAM user {user} would be {len(user)} characters long and IAM allows {IAM_USER_LIMIT}: {advice}."
        )
    repository = repository_name(project_id, app)
    if len(repository) > ECR_NAME_LIMIT:
        room = ECR_NAME_LIMIT - len(repository) + len(app)
        raise ValueError(
            f"The repository name would be {len(repository)} characters long and ECR allows "
            f"{ECR_NAME_LIMIT}: app may have {room}; nextjs would work."
        )


def check_port(value: str | int) -> int:
    """Check a TCP port.

    Raises:
        ValueError: not a whole number from 1 to 65535.
    """
    text = str(value).strip()
    if text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65535:
        return int(text)
    raise ValueError("port is a whole number from 1 to 65535; 3000 would work.")


def check_region(value: str, known: Collection[str]) -> str:
    """Check an AWS region against the regions that botocore knows, of any partition.

    Raises:
        ValueError: no such region.
    """
    value = value.strip()
    if value in known:
        return value
    near = difflib.get_close_matches(value.lower(), sorted(known), n=1, cutoff=0.5)
    example = near[0] if near else "us-east-1"
    said = f"{value} is no AWS region" if value else "region is empty"
    raise ValueError(f"{said}: it is a code such as {example}; {example} would work.")


def check_choice(value: str, field: str, choices: Collection[str]) -> str:
    """Check one of a few words.

    Raises:
        ValueError: not one of them.
    """
    value = value.strip()
    if value in choices:
        return value
    ordered = list(choices)
    raise ValueError(f"{field} is one of {', '.join(ordered)}; {ordered[0]} would work.")


def check_github_repository(value: str) -> str:
    """Check `OWNER/NAME`; empty means that there is none.

    Raises:
        ValueError: not of that form.
    """
    value = value.strip()
    if not value or _GITHUB.fullmatch(value):
        return value
    raise ValueError("github_repository is OWNER/NAME as in the address on GitHub; octocat/hello-world would work.")


def check_environment(value: str) -> str:
    """Check the name of a deployment environment on GitHub; empty means that the repository itself is meant.

    Raises:
        ValueError: GitHub does not allow it, or it could not stand in a workflow as it is.
    """
    value = value.strip()
    if not value or (len(value) <= 255 and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._/:@+-]*", value)):
        return value
    raise ValueError(
        "github_environment may hold up to 255 letters, digits, spaces and '._/:@+-', a letter or digit first; "
        "production would work."
    )


def check_oidc_trust(value: str) -> str:
    """Check which runs of a workflow may assume the role: forms such as `branch:main, environment:prod`.

    Empty means: the environment when there is one, else the default branch. A form is `branch:NAME`, `tag:NAME`,
    `environment:NAME` or `pull_request`. Each becomes one exact subject, so patterns are refused.

    Raises:
        ValueError: not such a list.
    """
    forms = [form.strip() for form in value.split(",") if form.strip()]
    for form in forms:
        kind, _, name = form.partition(":")
        if any(sign in name for sign in "*?"):
            raise ValueError(
                f"oidc_trust names exact {kind} names, and {name} is a pattern: with an environment, GitHub's own "
                "rules say which branches and tags may use it; environment:production would work."
            )
        named = kind in ("branch", "tag", "environment") and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._/:@+-]*", name)
        if not (named or form == "pull_request"):
            raise ValueError(
                "oidc_trust lists branch:NAME, tag:NAME, environment:NAME and pull_request, with commas between; "
                "branch:main would work."
            )
    return ", ".join(forms)


def check_image_tag(value: str) -> str:
    """Check an image tag (OCI distribution specification); empty means: from the git commit.

    Raises:
        ValueError: not a tag.
    """
    value = value.strip()
    if not value or re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", value):
        return value
    raise ValueError(
        "image_tag may hold up to 128 letters, digits, '_', '.' and '-', and begins with no '.' or '-'; "
        "v1.0.0 would work."
    )


def check_api_url(value: str) -> str:
    """Check the address of GitHub's API: https, or http to this machine only (the token travels over it).

    Raises:
        ValueError: not such an address.
    """
    value = value.strip().rstrip("/")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    loopback = host in {"localhost", "127.0.0.1", "::1"}
    # Printable ASCII without quotes: no control or direction sign, nothing that a shell would read.
    printable = bool(re.fullmatch(r"[!-~]+", value)) and not set(value) & set("\"'\\`")
    extras = parts.query or parts.fragment or "@" in parts.netloc or not printable
    if host and port != 0 and not extras and (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        return value
    raise ValueError(
        "github_api_url is the https address of GitHub's API; "
        "https://api.github.com or https://github.example.com/api/v3 would work."
    )


def check_count(value: int | str, field: str) -> int:
    """Check a number of days or images; 0 means that nothing is removed.

    Raises:
        ValueError: no whole number from 0 to 1000, the largest that an ECR lifecycle rule makes sense with.
    """
    text = str(value).strip()
    if text.isascii() and text.isdigit() and int(text) <= _LARGEST_COUNT:
        return int(text)
    raise ValueError(f"{field} is a whole number from 0 (never) to {_LARGEST_COUNT}; 30 would work.")


def check_health_path(value: str) -> str:
    """Check the path that the image is asked for when it is tried.

    Raises:
        ValueError: no absolute path of plain characters.
    """
    value = value.strip()
    if re.fullmatch(r"/(?!/)[A-Za-z0-9._~/?&=%+-]{0,200}", value):
        return value
    raise ValueError("health_path begins with / and holds no spaces; /api/health would work.")


def check_kms_key(value: str) -> str:
    """Check the ARN of a KMS key; empty for the key that ECR owns.

    Raises:
        ValueError: no key's ARN. ECR takes no alias: the repository would change with it.
    """
    value = value.strip()
    if not value or re.fullmatch(r"arn:aws(?:-[a-z]+)*:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+", value):
        return value
    raise ValueError(
        "kms_key is the ARN of a KMS key, or empty; "
        "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab would work."
    )


def check_ecs_name(value: str, field: str) -> str:
    """Check the name of an ECS cluster, service, task family or container; empty for the default.

    Raises:
        ValueError: ECS does not allow it (255 letters, digits, hyphens and underscores).
    """
    value = value.strip()
    if re.fullmatch(r"[A-Za-z0-9_-]{0,255}", value):
        return value
    raise ValueError(f"{field} may hold up to 255 letters, digits, '-' and '_'; web-service would work.")


def check_role_name(value: str, field: str) -> str:
    """Check the name of an IAM role, without a path.

    Raises:
        ValueError: IAM does not allow it (64 characters).
    """
    value = value.strip()
    if re.fullmatch(r"[A-Za-z0-9_+=,.@-]{1,64}", value):
        return value
    raise ValueError(f"{field} is the name of an IAM role, 1 to 64 characters; ecs-task-role would work.")


def check_build_args(values: Mapping[str, str]) -> Mapping[str, str]:
    """Check the values of public build variables.

    Raises:
        ValueError: a name that no shell takes, or a value with a line break.
    """
    for name, value in values.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f"build_args.{name} is no variable's name; build_args.NEXT_PUBLIC_API_URL would work.")
        if not value.isprintable():
            raise ValueError(f"build_args.{name} holds a line break or a control character; write it on one line.")
    return dict(values)

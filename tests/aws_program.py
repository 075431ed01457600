"""The sandbox's AWS in a process of its own, which also knows what IAM checks for ECS.

Run as a program it prints one line of JSON, `{"url", "key", "secret"}` of an administrator, and serves until its
standard input ends. Enforcement is switched on for a whole process, so a test does not start it in its own.

Resources and condition keys: service authorization reference, Amazon ECS (RegisterTaskDefinition with the resource
task-definition, UpdateService and DescribeServices with the resource service and the key ecs:cluster,
DescribeTaskDefinition with none); IAM user guide, "Grant a user permissions to pass a role".
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from moto.core.responses import BaseResponse
from moto.iam.access_control import IAMPolicyStatement

from ecrwiz.sandbox import aws_iam
from ecrwiz.sandbox.aws import HOST, make_aws_server, make_operator, serve_in_thread
from ecrwiz.sandbox.aws_resources import resources_of

__all__ = ["Aws", "serve"]

_context: ContextVar[Mapping[str, str]] = ContextVar("_context")


@dataclass(frozen=True, slots=True)
class Aws:
    """A running stand-in and an administrator's key."""

    url: str
    key: str
    secret: str

    @property
    def environ(self) -> dict[str, str]:
        """What Terraform needs to work there."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}


@contextmanager
def serve() -> Iterator[Aws]:
    """Run the program until the block ends."""
    root = Path(__file__).parents[1]
    running = subprocess.Popen(
        [sys.executable, "-m", "tests.aws_program"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        text=True,
    )
    assert running.stdin
    assert running.stdout
    try:
        yield Aws(**json.loads(running.stdout.readline()))
    finally:
        running.stdin.close()
        running.wait(10)
        running.stdout.close()


def _resources(call: BaseResponse, found_by_moto: str) -> list[str]:
    """The resources of a call, as the sandbox says or, for ECS, as said here; sets what conditions are about."""
    _context.set({})
    if call.service_name not in ("ecs", "awslambda"):
        return resources_of(call, found_by_moto)
    body = json.loads(call.body or "{}") if call.body and str(call.body).startswith("{") else {}
    if call.service_name == "awslambda":
        _pass_roles(call, "lambda.amazonaws.com", [body["Role"]])
        return ["*"]
    return _ecs(call, body)


def _ecs(call: BaseResponse, body: dict[str, Any]) -> list[str]:
    here = f"arn:{call.partition}:ecs:{call.region}:{call.current_account}"
    action, cluster = call._get_action(), _name(body.get("cluster", "default"))
    if action == "RegisterTaskDefinition":
        roles = [body[name] for name in ("taskRoleArn", "executionRoleArn") if body.get(name)]
        _pass_roles(call, "ecs-tasks.amazonaws.com", roles)
        return [f"{here}:task-definition/{body['family']}:*"]
    if action in ("UpdateService", "DescribeServices", "CreateService", "DeleteService"):
        context = {"ecs:cluster": f"{here}:cluster/{cluster}"}
        if body.get("taskDefinition"):
            context["ecs:task-definition"] = f"{here}:task-definition/{_name(body['taskDefinition'])}"
        _context.set(context)
        names = body.get("services") or [body.get("service") or body.get("serviceName")]
        return [f"{here}:service/{cluster}/{_name(name)}" for name in names]
    if action == "RunTask":
        return [f"{here}:task-definition/{_name(body['taskDefinition'])}"]
    return ["*"]


def _name(name_or_arn: str) -> str:
    return name_or_arn.rsplit("/", 1)[-1]


def _pass_roles(call: BaseResponse, service: str, roles: list[str]) -> None:
    _context.set({"iam:PassedToService": service})
    aws_iam.Caller.of(call).check("iam:PassRole", roles)
    _context.set({})


def _check_conditions(self: IAMPolicyStatement, incoming_condition_values: dict[str, str] | None) -> bool:
    context = _context.get({})
    for operator, wanted in self._statement.get("Condition", {}).items():
        name = operator.removesuffix("IfExists")
        for key, patterns in wanted.items():
            if key not in context:
                if name == operator:
                    return False
                continue
            one_of = [patterns] if isinstance(patterns, str) else patterns
            if name in ("ArnEquals", "ArnLike"):
                fits = any(fnmatchcase(context[key], pattern) for pattern in one_of)
            elif name == "StringEquals":
                fits = context[key] in one_of
            else:
                raise NotImplementedError(operator)
            if not fits:
                return False
    return True


def _main() -> None:
    aws_iam.resources_of = _resources  # type: ignore[attr-defined]
    IAMPolicyStatement._check_conditions = _check_conditions  # type: ignore[method-assign]
    server = make_aws_server()
    operator = make_operator()
    made = {"key": operator.access_key_id, "secret": operator.secret_access_key}
    sys.stdout.write(json.dumps({"url": f"http://{HOST}:{server.server_port}", **made}) + "\n")
    sys.stdout.flush()
    serve_in_thread(server, "aws")
    sys.stdin.read()


if __name__ == "__main__":
    _main()

"""The registry's front, through the protocol itself."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ecrwiz.sandbox import Sandbox

from .conftest import ACCOUNT, PUSH_ACTIONS, Connect, Key, MakeUser, push_policy, repository_arn
from .oci import MANIFEST_TYPE, RegistryClient, SmallImage, digest_of, refusal


@pytest.fixture
def ecr(connect: Connect, operator: Key) -> Any:
    return connect("ecr", operator)


def test_a_pushed_image_is_in_ecr_and_can_be_pulled(ecr: Any, repository: str) -> None:
    image = SmallImage.random()
    with RegistryClient(ecr) as registry:
        pushed = registry.push(repository, "v1", image)
        assert (pushed.status_code, pushed.headers["Docker-Content-Digest"]) == (201, image.digest)
        again = registry.put_manifest(repository, "latest", image.manifest)
        assert again.status_code == 201
        (detail,) = ecr.describe_images(repositoryName=repository)["imageDetails"]
        assert detail["imageDigest"] == image.digest
        assert detail["imageTags"] == ["v1", "latest"]
        assert detail["imageSizeInBytes"] == image.size
        assert detail["imageManifestMediaType"] == MANIFEST_TYPE
        for reference in ("v1", "latest", image.digest):
            url = f"/v2/{repository}/manifests/{reference}"
            pulled = registry.get(url, headers={"Accept": MANIFEST_TYPE})
            assert pulled.content == image.manifest
            assert registry.head(url).headers["Docker-Content-Digest"] == image.digest
        for blob in (image.config, *image.layers):
            url = f"/v2/{repository}/blobs/{digest_of(blob)}"
            assert registry.head(url).headers["Content-Length"] == str(len(blob))
            assert registry.get(url).content == blob
        assert registry.get(f"/v2/{repository}/tags/list").json()["tags"] == ["latest", "v1"]


def test_a_large_layer_is_streamed(box: Sandbox, ecr: Any, repository: str) -> None:
    before = _resident_megabytes(box.info.pid)
    blob = os.urandom(1 << 20) * 150
    with RegistryClient(ecr) as registry:
        assert registry.upload(repository, blob).status_code == 201
        with registry.stream("GET", f"/v2/{repository}/blobs/{digest_of(blob)}") as answer:
            assert sum(map(len, answer.iter_bytes(1 << 20))) == len(blob)
    assert _resident_megabytes(box.info.pid) - before < 50


def _resident_megabytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) // 1024


def test_moving_a_tag_leaves_the_old_image_untagged(ecr: Any, repository: str) -> None:
    old, new = SmallImage.random(), SmallImage.random()
    with RegistryClient(ecr) as registry:
        for image in (old, new):
            assert registry.push(repository, "latest", image).status_code == 201
        url = f"/v2/{repository}/manifests/latest"
        assert registry.head(url).headers["Docker-Content-Digest"] == new.digest
    details = ecr.describe_images(repositoryName=repository)["imageDetails"]
    tags = {detail["imageDigest"]: detail.get("imageTags") for detail in details}
    assert tags == {old.digest: None, new.digest: ["latest"]}


@pytest.mark.parametrize("header", [None, "Basic !!!", "Bearer x", "Basic " + base64.b64encode(b"AWS:x").decode()])
def test_without_a_token_there_is_a_challenge(box: Sandbox, header: str | None) -> None:
    for path in ("/v2/", "/v2/web/a/manifests/v1"):
        headers = {"Authorization": header} if header else {}
        answer = httpx.get(box.info.registry + path, headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith('Basic realm="')


def test_only_the_user_aws_may_bring_the_token(box: Sandbox, ecr: Any) -> None:
    with RegistryClient(ecr) as registry:
        assert registry.get("/v2/").status_code == 200
        password = base64.b64decode(
            ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
        ).partition(b":")[2]
        answer = registry.get("/v2/", auth=("root", password.decode()))
    assert answer.status_code == 401


def test_an_expired_token_says_so(box: Sandbox, ecr: Any, repository: str) -> None:
    with RegistryClient(ecr) as registry:
        url = f"{box.info.registry}/_sandbox/expire-tokens"
        assert httpx.post(url, trust_env=False).status_code == 404
        assert registry.get("/v2/").status_code == 200
        admin = {"X-Sandbox-Admin": box.info.admin_token}
        assert httpx.post(url, headers=admin, trust_env=False).status_code == 204
        expired = registry.post(f"/v2/{repository}/blobs/uploads/")
    sentence = "Your authorization token has expired. Reauthenticate and try again."
    assert refusal(expired) == (403, "DENIED", sentence)
    with RegistryClient(ecr) as registry:
        assert registry.get("/v2/").status_code == 200


def test_an_unknown_repository_has_ecrs_words(ecr: Any) -> None:
    with RegistryClient(ecr) as registry:
        answer = registry.post("/v2/web/nothing/blobs/uploads/")
    message = f"The repository with name 'web/nothing' does not exist in the registry with id '{ACCOUNT}'"
    assert refusal(answer) == (404, "NAME_UNKNOWN", message)


def test_an_immutable_tag_stays_even_for_the_same_image(ecr: Any, repository: str) -> None:
    image = SmallImage.random()
    with RegistryClient(ecr) as registry:
        assert registry.push(repository, "v9", image).status_code == 201
        assert registry.push(repository, "v9", image).status_code == 201
        ecr.put_image_tag_mutability(repositoryName=repository, imageTagMutability="IMMUTABLE")
        for other in (image, SmallImage.random()):
            message = (
                f"The image tag 'v9' already exists in the '{repository}' repository and cannot be "
                "overwritten because the repository is immutable."
            )
            assert refusal(registry.push(repository, "v9", other)) == (400, "TAG_INVALID", message)
        assert registry.push(repository, "v10", image).status_code == 201
    assert len(ecr.describe_images(repositoryName=repository)["imageDetails"]) == 1


def test_exceptions_from_immutability(ecr: Any, repository: str) -> None:
    ecr.put_image_tag_mutability(
        repositoryName=repository,
        imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
        imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "latest*"}],
    )
    with RegistryClient(ecr) as registry:
        for tag, second in (("latest", 201), ("latest-dev", 201), ("v1", 400)):
            assert registry.push(repository, tag, SmallImage.random()).status_code == 201
            assert registry.push(repository, tag, SmallImage.random()).status_code == second


def test_a_push_policy_is_enough_to_push_and_opens_nothing_else(
    connect: Connect, make_user: MakeUser, repository: str
) -> None:
    ci = make_user(push_policy(repository))
    image = SmallImage.random()
    with RegistryClient(connect("ecr", ci)) as registry:
        assert registry.push(repository, "v1", image).status_code == 201
        assert registry.head(f"/v2/{repository}/manifests/v1").status_code == 200
        blob = registry.get(f"/v2/{repository}/blobs/{digest_of(image.config)}")
        assert refusal(blob) == (403, "DENIED", _denial(ci, "ecr:GetDownloadUrlForLayer", repository))
        other = registry.post("/v2/web/other/blobs/uploads/")
        assert refusal(other) == (403, "DENIED", _denial(ci, "ecr:InitiateLayerUpload", "web/other"))


@pytest.mark.parametrize("missing", PUSH_ACTIONS)
def test_each_action_of_a_push_is_asked_for(
    connect: Connect, make_user: MakeUser, repository: str, missing: str
) -> None:
    policy = push_policy(repository)
    policy["Statement"][1]["Action"].remove(missing)
    user = make_user(policy)
    image = SmallImage.random()
    with RegistryClient(connect("ecr", user)) as registry:
        if missing == "ecr:BatchCheckLayerAvailability":
            assert registry.head(f"/v2/{repository}/blobs/{image.digest}").status_code == 403
        else:
            answer = registry.push(repository, "v1", image)
            assert refusal(answer) == (403, "DENIED", _denial(user, missing, repository))


def _denial(user: Key, action: str, repository: str) -> str:
    return (
        f"User: arn:aws:iam::{ACCOUNT}:user/{user.user} is not authorized to perform: {action} on resource: "
        f"{repository_arn(repository)} because no identity-based policy allows the {action} action"
    )


def test_permissions_are_looked_up_at_each_use(
    connect: Connect, make_user: MakeUser, operator: Key, repository: str
) -> None:
    user, iam = make_user(push_policy(repository)), connect("iam", operator)
    with RegistryClient(connect("ecr", user)) as registry:
        assert registry.push(repository, "v1", SmallImage.random()).status_code == 201
        iam.delete_user_policy(UserName=user.user, PolicyName="p")
        assert registry.push(repository, "v2", SmallImage.random()).status_code == 403
        iam.delete_access_key(UserName=user.user, AccessKeyId=user.access_key_id)
        assert registry.push(repository, "v3", SmallImage.random()).status_code == 401


def test_a_deleted_image_is_gone_from_the_registry(ecr: Any, repository: str) -> None:
    image = SmallImage.random()
    with RegistryClient(ecr) as registry:
        assert registry.push(repository, "v1", image).status_code == 201
        ecr.batch_delete_image(repositoryName=repository, imageIds=[{"imageTag": "v1"}])
        for reference in ("v1", image.digest):
            answer = registry.get(f"/v2/{repository}/manifests/{reference}")
            assert refusal(answer) == (404, "MANIFEST_UNKNOWN", "Requested image not found")


def test_a_repository_made_again_is_empty(ecr: Any, repository: str) -> None:
    image = SmallImage.random()
    inner = f"{repository}/inner"
    ecr.create_repository(repositoryName=inner)
    with RegistryClient(ecr) as registry:
        for name in (repository, inner):
            assert registry.push(name, "v1", image).status_code == 201
        with pytest.raises(ecr.exceptions.RepositoryNotEmptyException):
            ecr.delete_repository(repositoryName=repository)
        ecr.delete_repository(repositoryName=repository, force=True)
        assert registry.head(f"/v2/{repository}/manifests/v1").status_code == 404
        ecr.create_repository(repositoryName=repository)
        layer = f"blobs/{digest_of(image.layers[0])}"
        assert registry.head(f"/v2/{repository}/{layer}").status_code == 404
        assert registry.head(f"/v2/{inner}/{layer}").status_code == 200


def test_regions_have_repositories_of_their_own(connect: Connect, operator: Key, repository: str) -> None:
    here, there = connect("ecr", operator), connect("ecr", operator, "us-west-2")
    image = SmallImage.random()
    with RegistryClient(here) as registry:
        assert registry.push(repository, "v1", image).status_code == 201
    with RegistryClient(there) as registry:
        assert registry.head(f"/v2/{repository}/manifests/v1").status_code == 404
        there.create_repository(repositoryName=repository)
        assert registry.head(f"/v2/{repository}/blobs/{digest_of(image.layers[0])}").status_code == 404
        assert registry.put_manifest(repository, "v1", image.manifest).status_code == 400  # layers unknown here
    assert there.describe_images(repositoryName=repository)["imageDetails"] == []


def test_a_layer_is_not_mounted_from_another_repository(ecr: Any, repository: str) -> None:
    layer = os.urandom(500)
    with RegistryClient(ecr) as registry:
        assert registry.upload(repository, layer).status_code == 201
        ecr.create_repository(repositoryName=f"{repository}-2")
        url = f"/v2/{repository}-2/blobs/uploads/?mount={digest_of(layer)}&from={repository}"
        answer = registry.post(url)
    assert answer.status_code == 202
    assert answer.headers["Location"].startswith(
        f"{registry.base_url}/v2/{repository}-2/blobs/uploads/".replace("//v2", "/v2")
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "manifests/v1"), ("POST", "manifests/v1"), ("PUT", "tags/list"), ("DELETE", "blobs/sha256:0")],
)
def test_what_ecr_does_not_offer_is_refused(ecr: Any, repository: str, method: str, path: str) -> None:
    with RegistryClient(ecr) as registry:
        assert registry.request(method, f"/v2/{repository}/{path}").status_code == 405
        assert registry.get("/v2/_catalog").status_code == 404


def test_a_push_that_is_cut_does_no_harm(box: Sandbox, ecr: Any, repository: str) -> None:
    with RegistryClient(ecr) as registry:
        begun = registry.post(f"/v2/{repository}/blobs/uploads/")

        def cut() -> Iterator[bytes]:
            yield b"x" * 100_000
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            registry.patch(begun.headers["Location"], content=cut())
        layer = os.urandom(1 << 20) * 20
        assert registry.upload(repository, layer).status_code == 201
        with registry.stream("GET", f"/v2/{repository}/blobs/{digest_of(layer)}") as answer:
            next(answer.iter_bytes(1000))
        assert registry.get("/v2/").status_code == 200
    assert "Traceback" not in (box.data_dir / "sandbox.log").read_text()

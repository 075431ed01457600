"""Which of the person's registry credentials a build needs: those for the base images it names, no others."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from typing import Any, Final

from ecrwiz.services.docker.bridge import Api, Feed

__all__ = ["base_images", "send_only_needed"]

_ARG: Final = re.compile(r"^\s*ARG\s+(\w+)(?:=(\S*))?", re.IGNORECASE)
_FROM: Final = re.compile(r"^\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", re.IGNORECASE)
_COPY: Final = re.compile(r"^\s*(?:COPY|ADD)\s+(?:--\S+\s+)*?--from=(\S+)", re.IGNORECASE)
_VARIABLE: Final = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")


def base_images(dockerfile: str, build_args: Mapping[str, str]) -> list[str]:
    """The images that a Dockerfile builds on or copies from, stages of its own left out."""
    values: dict[str, str] = {}
    stages, found = {"scratch"}, []

    def filled(text: str) -> str:
        return _VARIABLE.sub(lambda m: values.get(m[1] or m[2], "") or m[3] or "", text)

    for line in re.sub(r"\\[ \t]*\r?\n", " ", dockerfile).splitlines():
        if arg := _ARG.match(line):
            values[arg[1]] = build_args.get(arg[1], filled((arg[2] or "").strip("\"'")))
        elif base := _FROM.match(line):
            image = filled(base[1])
            if image.lower() not in stages:
                found.append(image)
            stages.add((base[2] or "").lower())
        elif (copied := _COPY.match(line)) and copied[1].lower() not in stages and not copied[1].isdigit():
            found.append(copied[1])
    return [image for image in dict.fromkeys(found) if image]


def send_only_needed(api: Api, images: list[str], feed: Feed) -> None:
    """Make this client's build send the credentials for these images' registries and no others.

    docker-py would send every credential it can find to the engine, and fails when the helper that keeps them
    is not installed; here a helper that fails costs a line of output.
    """
    from docker import auth
    from docker.credentials.errors import StoreError
    from docker.errors import DockerException

    needed: dict[str, Any] = {}
    for image in images:
        try:
            registry, _ = auth.resolve_repository_name(image)
            found = _logins(api._auth_configs, registry, feed).resolve_authconfig(registry)
        except (StoreError, DockerException, OSError) as error:
            feed.write(f"Going on without registry credentials for {image}: {error}\n".encode())
            continue
        if found:
            needed[auth.INDEX_URL if registry == auth.INDEX_NAME else registry] = found

    def set_headers(headers: dict[str, str]) -> None:
        if needed:
            headers["X-Registry-Config"] = auth.encode_header(needed)

    api._set_auth_headers = set_headers


def _logins(config: Any, registry: str, feed: Feed) -> Any:  # noqa: ANN401 - docker-py carries no types
    """The person's logins; without the helper that should know this registry's when it is not installed."""
    from docker import auth

    helper = f"docker-credential-{config.get_credential_store(registry) or ''}"
    if helper.endswith("-") or shutil.which(helper):
        return config
    feed.write(f"Going on without the login for {registry}: {helper} is not on this machine.\n".encode())
    return auth.AuthConfig({"auths": config.auths})

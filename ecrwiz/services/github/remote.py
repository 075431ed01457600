"""Which GitHub repository a git remote means, and where a token for its API is found."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ecrwiz.model.errors import MissingToolError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.services import process

__all__ = ["FULL_NAME", "api_url_for", "find_token", "is_githubs_own", "parse_remote", "token_entry"]

FULL_NAME = re.compile(r"(?!\.{1,2}/)[A-Za-z0-9_.-]{1,100}/(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}")
"""A repository's `owner/name`."""

# Hosts that have repositories and are not GitHub; any other may be a GitHub Enterprise Server.
_OTHERS = re.compile(
    r"(.*\.)?(gitlab|bitbucket|codecommit|codeberg|gitea|forgejo|sourcehut|azure|visualstudio|heroku)\..*"
    r"|git-codecommit\..*|gist\.github\.com|git\.sr\.ht|(.*\.)?(huggingface\.co|hf\.co|sourceforge\.net)"
    r"|(.*\.)?(googlesource\.com|google\.com|amazonaws\.com(\.cn)?)"
)
_WITH_SCHEME = re.compile(
    r"(?P<scheme>https?|ssh|git|git\+ssh|ssh\+git)://(?:[^/@\s]*@)?(?P<host>[A-Za-z0-9.-]+)"
    r"(?::(?P<port>\d{1,5}))?/+(?P<path>[^?#\s]+)",
    re.IGNORECASE,
)
_LIKE_SCP = re.compile(r"(?:[^/@:\s]+@)?(?P<host>[A-Za-z0-9.-]{2,}):(?!//)/?(?P<path>[^\s:]+)")


async def find_token(
    environ: Mapping[str, str],
    api_url: str,
    read_keyring: Callable[[str], Awaitable[Secret | None]],
    cwd: Path,
    *,
    chosen: bool = False,
) -> tuple[Secret, str] | None:
    """Find a token for this API: environment, then `gh`, then the keyring.

    A token from the environment is never sent to a host that only a git remote or a file of the repository
    names: for a host other than GitHub's own it counts when the person chose that host (`chosen`, GH_HOST or
    GITHUB_API_URL). `gh` and the keyring keep a token for each host, so theirs go nowhere else. GITHUB_TOKEN of a
    Codespace, which may hardly do anything, comes last.

    Args:
        environ: the environment's variables.
        api_url: the API that the token is for.
        read_keyring: gives an entry of the keyring, such as `Keychain.read`.
        cwd: where `gh` runs.
        chosen: the person named this API themselves.

    Returns:
        The token and where it came from, in words; None when there is none.
    """
    host = _web_host(api_url)
    names = ["GH_TOKEN", "GITHUB_TOKEN"]
    if not is_githubs_own(api_url):
        here = environ.get("GITHUB_API_URL", "").rstrip("/") == api_url.rstrip("/")
        enterprise = ["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"]
        if not (chosen or here or environ.get("GH_HOST") == host):
            enterprise = []
        names = [*enterprise, *(names if here else ())]
    last = ["GITHUB_TOKEN"] if environ.get("CODESPACES") == "true" else []
    for name in (name for name in names if name not in last):
        if text := environ.get(name, "").strip():
            return Secret(text), name
    if token := await _gh_token(host, cwd):
        return token, "gh auth token"
    try:
        kept = await read_keyring(token_entry(api_url))
    except (MissingToolError, ToolFailedError):
        kept = None  # no keyring is no token, not a failure: the caller asks for one
    if kept:
        return kept, "keyring"
    for name in (name for name in names if name in last):
        if text := environ.get(name, "").strip():
            return Secret(text), f"{name} of this Codespace"
    return None


def is_githubs_own(api_url: str) -> bool:
    """Whether an API is github.com's or GitHub Enterprise Cloud's; every other is a server of somebody's own."""
    host = _web_host(api_url)
    return host == "github.com" or host.endswith(".ghe.com")


def token_entry(api_url: str) -> str:
    """Name the keyring entry of the token for this API: `github/<host>`."""
    return f"github/{_web_host(api_url)}"


async def _gh_token(host: str, cwd: Path) -> Secret | None:
    if process.which("gh") is None:
        return None
    env = process.child_environment({"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1"})
    argv = ["gh", "auth", "token", "--hostname", host]
    try:
        answer = await process.capture(argv, cwd=cwd, env=env, timeout=10.0)
    except (MissingToolError, ToolFailedError):
        return None  # gh hangs or vanished: the next source may still have a token
    text = answer.stdout.strip()
    return Secret(text) if answer.returncode == 0 and text else None


def parse_remote(url: str) -> tuple[str, str, str] | None:
    """Take a git remote's URL apart: host (with the port of an https URL), owner and name.

    Returns:
        None when it is no repository on a host that can be GitHub.
    """
    match = _WITH_SCHEME.fullmatch(url.strip()) or _LIKE_SCP.fullmatch(url.strip())
    if match is None:
        return None
    found = match.groupdict()
    host = found["host"].lower().rstrip(".")
    if host in {"www.github.com", "ssh.github.com"} or re.fullmatch(r"github\.com-[a-z0-9.-]+", host):
        host = "github.com"  # GitHub's own other names, and the usual ssh alias for a second account
    full_name = found["path"].rstrip("/").removesuffix(".git")
    if not host or _OTHERS.fullmatch(host) or not FULL_NAME.fullmatch(full_name):
        return None
    scheme, port = (found.get("scheme") or "").lower(), found.get("port")
    if port and scheme.startswith("http") and int(port) != {"https": 443, "http": 80}[scheme]:
        host = f"{host}:{int(port)}"
    owner, _, name = full_name.partition("/")
    return host, owner, name


def api_url_for(host: str) -> str:
    """Give the API's URL of a host that `parse_remote` gave: github.com, *.ghe.com or a server."""
    if host == "github.com":
        return "https://api.github.com"
    if host.endswith(".ghe.com"):
        return f"https://api.{host}"
    return f"https://{host}/api/v3"


def _web_host(api_url: str) -> str:
    """The reverse of `api_url_for`, as the `gh` command names hosts."""
    host = urlsplit(api_url).netloc.rpartition("@")[2].lower()
    if host == "api.github.com" or host.endswith(".ghe.com"):
        return host.removeprefix("api.")
    return host

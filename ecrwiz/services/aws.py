"""AWS: who we are, which regions there are, and calls whose failures are told in plain words.

`Aws.call` is the one place where botocore is used; `services.ecr` and `services.iam` are given it as a function.
"""

from __future__ import annotations

import configparser
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from ecrwiz.model.errors import EcrwizError, MissingToolError, RemoteError, ToolFailedError
from ecrwiz.model.redact import Secret
from ecrwiz.services.process import in_daemon_thread

__all__ = ["Aws", "Credentials", "Identity", "configured_region", "credential_hint", "known_regions"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who AWS says we are."""

    account: str
    arn: str

    @property
    def is_root(self) -> bool:
        """The account's root user, which should not be used for daily work."""
        return self.arn.endswith(":root")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Which credentials the SDK takes.

    Attributes:
        key_id: the access key's id, which is no secret.
        source: where they come from, in words.
        expires: when they end by themselves (UTC); None when they do not, or do not say.
    """

    key_id: str
    source: str
    expires: datetime | None


@cache
def known_regions() -> frozenset[str]:
    """The codes of all regions in all partitions, from the data that botocore carries."""
    data = json.loads((resources.files("botocore") / "data" / "partitions.json").read_text("utf-8"))
    names = (name for partition in data["partitions"] for name in partition["regions"])
    return frozenset(name for name in names if not name.endswith("-global"))


_LOADING = threading.Lock()


def _load_sdk() -> None:
    """Import all of the SDK, one thread at a time: one that imports a part while another imports the whole fails."""
    with _LOADING:
        import boto3.session  # noqa: F401


def configured_region(environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The region that the person's AWS set-up names, and where it is said; read without the SDK."""
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if environ.get(variable):
            return environ[variable], variable
    path = Path(environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
    profile = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (OSError, configparser.Error, UnicodeDecodeError):
        return None
    section = "default" if profile == "default" else f"profile {profile}"
    region = parser.get(section, "region", fallback="")
    return (region, f"AWS profile {profile}") if region else None


def credential_hint(environ: Mapping[str, str]) -> str:
    """Which credentials the SDK would take, told without a call: enough to notice that they changed."""
    if environ.get("AWS_ACCESS_KEY_ID"):
        return f"key {environ['AWS_ACCESS_KEY_ID']}"
    return f"profile {environ.get('AWS_PROFILE') or environ.get('AWS_DEFAULT_PROFILE') or 'default'}"


class Aws:
    """AWS in one region, as the person (their own credential chain) or as a given access key.

    Args:
        region: its code.
        key: an access key's id and secret; None for the person's own credentials.
        profile: whose credentials of the person's; empty for those that the SDK finds by itself.
        quick: give up after some seconds and do not try again.
    """

    def __init__(
        self, region: str, key: tuple[str, Secret] | None = None, *, profile: str = "", quick: bool = False
    ) -> None:
        self.region = region
        self._profile = profile
        self._quick = quick
        self._key = key
        self._clients: dict[str, Any] = {}
        self._shared: Any = None  # what every session reads from disk takes longer than a client
        self._lock = threading.Lock()  # a boto3 session makes one client at a time

    async def call(self, service: str, operation: str, /, **parameters: object) -> dict[str, Any]:
        """Call an operation of a service.

        Raises:
            RemoteError: AWS refused; `code` is its error code.
            ToolFailedError: what answered is not AWS, or does not speak as AWS does.
            MissingToolError: no usable credentials, or AWS cannot be reached.
        """
        # A profile may name a program that gives the credentials, and a program may hang for ever.
        return await in_daemon_thread(lambda: self._call(service, operation, parameters))

    async def call_once(self, service: str, operation: str, /, **parameters: object) -> dict[str, Any]:
        """The same without a second try: for what would be made twice when only the answer is lost.

        Raises:
            RemoteError: AWS refused; `code` is its error code.
            ToolFailedError: what answered is not AWS, or does not speak as AWS does.
            MissingToolError: no usable credentials, or AWS cannot be reached.
        """
        return await in_daemon_thread(lambda: self._call(service, operation, parameters, once=True))

    async def identity(self) -> Identity:
        """Ask STS who we are.

        Raises:
            RemoteError: the credentials are refused.
            MissingToolError: there are none, or AWS cannot be reached.
        """
        return await in_daemon_thread(self.ask_identity)

    def ask_identity(self) -> Identity:
        """The same, blocking; for a thread of its own.

        Raises:
            RemoteError: the credentials are refused.
            MissingToolError: there are none, or AWS cannot be reached.
        """
        found = self._call("sts", "get_caller_identity", {})
        return Identity(found["Account"], found["Arn"])

    async def credentials(self) -> Credentials:
        """Find the credentials that every call is signed with.

        Raises:
            MissingToolError: there are none, or what should give them does not.
        """
        return await in_daemon_thread(self.find_credentials)

    async def clock_skew(self) -> timedelta:
        """How far this machine's clock is ahead of AWS's; asked without credentials, so that none can be refused.

        Raises:
            MissingToolError: AWS cannot be reached.
            ToolFailedError: what answered does not say what time it is.
        """
        return await in_daemon_thread(self._clock_skew)

    def find_credentials(self) -> Credentials:
        """The same, blocking; for a thread of its own.

        Raises:
            MissingToolError: there are none, or what should give them does not.
        """
        _load_sdk()
        from botocore.exceptions import BotoCoreError, NoCredentialsError

        try:
            found = self._session().get_credentials()
            if found is None:
                raise NoCredentialsError
            key_id = str(found.get_frozen_credentials().access_key)
        except BotoCoreError as error:
            raise _unreachable(error) from error
        method = str(found.method or "")
        return Credentials(key_id, _SOURCES.get(method, method), _expiry(found))

    def _clock_skew(self) -> timedelta:
        _load_sdk()
        from botocore import UNSIGNED
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        config = self._config().merge(Config(signature_version=UNSIGNED))
        try:
            with self._lock:
                client = self._session().client("sts", config=config)
            asked = datetime.now(UTC)
            answer: Mapping[str, Any] = client.get_caller_identity()
        except ClientError as error:
            answer = error.response
        except BotoCoreError as error:
            raise _unreachable(error) from error
        said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        try:
            theirs = parsedate_to_datetime(said)
        except ValueError:
            raise ToolFailedError("AWS's answer does not say what time it is there.") from None
        return asked + (datetime.now(UTC) - asked) / 2 - theirs

    def _call(
        self, service: str, operation: str, parameters: Mapping[str, object], *, once: bool = False
    ) -> dict[str, Any]:
        _load_sdk()
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        try:
            answer: dict[str, Any] = getattr(self._client(service, once=once), operation)(**parameters)
        except ClientError as error:
            raise _refused(service, operation, error.response.get("Error", {})) from error
        except ResponseParserError as error:
            raise ToolFailedError(
                f"AWS answered with something that cannot be read ({service}).",
                "Check whether a proxy stands in between, and AWS_ENDPOINT_URL if you set it.",
            ) from error
        except (BotoCoreError, Boto3Error) as error:
            raise _unreachable(error) from error
        return answer

    def _client(self, service: str, *, once: bool) -> Any:  # noqa: ANN401  # boto3 makes its clients at run time
        name = f"{service} once" if once else service
        with self._lock:
            if name not in self._clients:
                self._shared = self._shared or self._session()
                self._clients[name] = self._shared.client(service, config=self._config(once=once))
            return self._clients[name]

    def _session(self) -> Any:  # noqa: ANN401
        import boto3

        if self._key is None:
            return boto3.Session(region_name=self.region, profile_name=self._profile or None)
        access_key_id, secret = self._key
        return boto3.Session(
            aws_access_key_id=access_key_id, aws_secret_access_key=secret.reveal(), region_name=self.region
        )

    def _config(self, *, once: bool = False) -> Any:  # noqa: ANN401
        from botocore.config import Config

        if once:
            return Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 1})
        if self._quick:
            return Config(connect_timeout=3, read_timeout=6, retries={"mode": "standard", "total_max_attempts": 1})
        return Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "max_attempts": 4})


_LONGEST: Final = timedelta(days=30)

# botocore's own names for where credentials come from.
_SOURCES: Mapping[str, str] = {
    "env": "environment variables",
    "shared-credentials-file": "the shared credentials file",
    "config-file": "the AWS config file",
    "assume-role": "an assumed role",
    "assume-role-with-web-identity": "a role assumed with a web identity",
    "sso": "AWS single sign-on",
    "login": "aws login",
    "custom-process": "a program that the profile names",
    "container-role": "the container's role",
    "iam-role": "the instance's role",
}


def _expiry(credentials: Any) -> datetime | None:  # noqa: ANN401  # botocore's, of several types
    """When credentials end: they tell only whether they end within so many seconds."""
    ends_within = getattr(credentials, "refresh_needed", None)
    low, high = 0.0, _LONGEST.total_seconds()
    if ends_within is None or not ends_within(high):
        return None
    while high - low > 15:
        middle = (low + high) / 2
        low, high = (low, middle) if ends_within(middle) else (middle, high)
    return datetime.now(UTC) + timedelta(seconds=high)


_LOG_IN = "Log in again, for instance with `aws sso login` or `aws login`, and run the step again."

_REFUSED: Mapping[str, tuple[str, str]] = {
    "ExpiredToken": ("Your AWS session has expired.", _LOG_IN),
    "ExpiredTokenException": ("Your AWS session has expired.", _LOG_IN),
    "RequestExpired": ("AWS refused a request as too old.", "Check this machine's clock, or log in again."),
    "InvalidClientTokenId": (
        "AWS does not know this access key.",
        "Check which profile is used (AWS_PROFILE).",
    ),
    "UnrecognizedClientException": (
        "AWS does not know this access key.",
        "Check which profile is used (AWS_PROFILE).",
    ),
    "SignatureDoesNotMatch": (
        "AWS refused the signature: the secret access key does not belong to its id.",
        "Check the profile's secret, and this machine's clock.",
    ),
}


def _refused(service: str, operation: str, error: Mapping[str, Any]) -> EcrwizError:
    code = str(error.get("Code", "Unknown"))
    said = str(error.get("Message") or code).strip()
    if code in _REFUSED:
        message, hint = _REFUSED[code]
        return RemoteError(message, hint, code=code, said=said)
    hint = ""
    if "AccessDenied" in code or "not authorized" in said or code in {"403", "UnauthorizedOperation"}:
        hint = "Ask for that permission, or use a profile that has it (AWS_PROFILE)."
    call = operation.replace("_", " ")
    return RemoteError(f"AWS refused to {call} ({service}): {said.rstrip('.')}.", hint, code=code, said=said)


def _unreachable(error: Exception) -> EcrwizError:
    from botocore import exceptions as known

    sso = (known.SSOTokenLoadError, known.UnauthorizedSSOTokenError, known.TokenRetrievalError)
    login = getattr(known, "LoginError", ())  # since botocore 1.42
    if isinstance(error, known.NoCredentialsError | known.PartialCredentialsError):
        return MissingToolError(
            "There are no AWS credentials on this machine.",
            "Log in with `aws login` or `aws configure sso`, or set AWS_PROFILE to a profile that has some.",
        )
    if isinstance(error, known.ProfileNotFound):
        return MissingToolError(f"{error}.", "Set AWS_PROFILE to a profile of your ~/.aws/config.")
    if isinstance(error, sso):
        return MissingToolError("Your AWS single sign-on session is missing or has expired.", _LOG_IN)
    if isinstance(error, login):
        return MissingToolError("Your session of `aws login` is missing or has expired.", _LOG_IN)
    network = (known.ConnectionError, known.HTTPClientError)
    if isinstance(error, network):
        return MissingToolError(f"AWS cannot be reached: {error}", "Check the network, and run the step again.")
    return MissingToolError(f"The AWS SDK stopped: {error}", "Check your AWS configuration (~/.aws/config).")

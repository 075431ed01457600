"""IAM's OpenID Connect providers: whose tokens an account's roles may trust. An account has one for each issuer."""

from __future__ import annotations

from dataclasses import dataclass

from ecrwiz.model.errors import RemoteError
from ecrwiz.model.ports import AwsCall

__all__ = ["OidcProvider", "OidcProviders"]

_GONE = frozenset({"NoSuchEntity", "NoSuchEntityException"})
_THERE = frozenset({"EntityAlreadyExists", "EntityAlreadyExistsException"})
_MADE_BY_US = ("managed-by", "ecrwiz")


@dataclass(frozen=True, slots=True)
class OidcProvider:
    """A provider.

    Attributes:
        arn: its ARN, which ends with the issuer.
        audiences: whom tokens may be for; IAM's word is client ids.
        ours: ecrwiz made it, as its tag says.
    """

    arn: str
    audiences: tuple[str, ...]
    ours: bool


class OidcProviders:
    """IAM's providers through `Aws.call`; every method raises what that raises."""

    def __init__(self, call: AwsCall) -> None:
        self._call = call

    async def find(self, issuer: str) -> OidcProvider | None:
        """The account's provider for an issuer, or None.

        Args:
            issuer: without `https://`, such as `token.actions.githubusercontent.com`.
        """
        listed = (await self._call("iam", "list_open_id_connect_providers")).get("OpenIDConnectProviderList", [])
        arns = [str(item["Arn"]) for item in listed]
        arn = next((arn for arn in arns if arn.partition(":oidc-provider/")[2] == issuer), None)
        if arn is None:
            return None
        try:
            found = await self._call("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=arn)
        except RemoteError as error:
            if error.code in _GONE:  # somebody deleted it just now
                return None
            raise
        tags = {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}
        key, value = _MADE_BY_US
        return OidcProvider(arn, tuple(found.get("ClientIDList", [])), tags.get(key) == value)

    async def create(self, issuer: str, audience: str) -> bool:
        """Make a provider for an issuer, with one audience; False when somebody else was quicker.

        No thumbprint is given: IAM finds it out, and does not look at it for GitHub.
        """
        key, value = _MADE_BY_US
        try:
            await self._call(
                "iam", "create_open_id_connect_provider", Url=f"https://{issuer}", ClientIDList=[audience],
                Tags=[{"Key": key, "Value": value}],
            )  # fmt: skip
        except RemoteError as error:
            if error.code in _THERE:
                return False
            raise
        return True

    async def add_audience(self, arn: str, audience: str) -> None:
        """Let a provider take tokens for one more audience; one that it takes already is no failure."""
        await self._call(
            "iam", "add_client_id_to_open_id_connect_provider", OpenIDConnectProviderArn=arn, ClientID=audience
        )

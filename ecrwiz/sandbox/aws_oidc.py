"""What moto lacks of IAM's OpenID Connect providers."""

from __future__ import annotations

from moto.core.responses import ActionResult, EmptyResult
from moto.iam.responses import IamResponse

__all__ = ["complete_oidc_providers"]


def complete_oidc_providers() -> None:
    """Let moto answer AddClientIDToOpenIDConnectProvider; for the whole process."""
    IamResponse.add_client_id_to_open_id_connect_provider = _add_client_id  # type: ignore[attr-defined]


def _add_client_id(self: IamResponse) -> ActionResult:
    provider = self.backend.get_open_id_connect_provider(self._get_param("OpenIDConnectProviderArn"))
    client_id = self._get_param("ClientID")
    if client_id not in provider.client_id_list:  # AWS takes one that is there already for done
        provider.client_id_list.append(client_id)
    return EmptyResult()

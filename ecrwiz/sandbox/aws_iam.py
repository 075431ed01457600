"""IAM enforced as AWS does it, on top of moto's evaluator.

moto checks signatures and policies, but it looks at no resource except a role, matches patterns as regular
expressions and words its refusals the same way for all services. `enforce` mends that for the whole process.
The registry's front asks the same evaluator through `Caller.check`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

from moto import settings
from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam.access_control import (
    AssumedRoleAccessKey,
    CreateAccessKeyFailure,
    IAMPolicy,
    IAMRequest,
    IAMUserAccessKey,
    PermissionResult,
    create_access_key,
)
from moto.iam.exceptions import DeleteConflictException
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse as IAMResponse
from werkzeug.exceptions import HTTPException

from ecrwiz.sandbox.aws_oidc import complete_oidc_providers
from ecrwiz.sandbox.aws_policies import evaluate_as_aws_does
from ecrwiz.sandbox.aws_resources import needs_of
from ecrwiz.sandbox.aws_simulation import offer_simulation

if TYPE_CHECKING:
    from moto.core.responses import BaseResponse

__all__ = ["Caller", "NotAllowedError", "UnknownCallerError", "enforce"]

_UNSIGNED: Final = ("AssumeRoleWithWebIdentity", "AssumeRoleWithSAML")
_INVALID_TOKEN: Final = "The security token included in the request is invalid."  # noqa: S105  # AWS's sentence
_BAD_SIGNATURE: Final = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)
_log = logging.getLogger(__name__)


class UnknownCallerError(Exception):
    """The access key does not exist, is inactive, or its session token is wrong."""


class NotAllowedError(Exception):
    """The caller's policies do not allow the action; the text is AWS's."""

    def __init__(self, arn: str, action: str, resource: str, *, explicit: bool) -> None:
        reason = (
            "with an explicit deny in an identity-based policy"
            if explicit
            else f"because no identity-based policy allows the {action} action"
        )
        super().__init__(f"User: {arn} is not authorized to perform: {action} on resource: {resource} {reason}")


@dataclass(frozen=True)
class Caller:
    """Who signed a request.

    Attributes:
        account: twelve digits.
        partition: `aws`, `aws-cn`, ...
        access_key_id: of a user or of an assumed role's session.
        session_token: of an assumed role's session, else None.
    """

    account: str
    partition: str
    access_key_id: str
    session_token: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, response: BaseResponse) -> Caller:
        """The caller of the request that moto is answering."""
        token = response.headers.get("X-Amz-Security-Token")
        return cls(response.current_account, response.partition, response.access_key, token)

    def arn(self) -> str:
        """The user's or the session's ARN.

        Raises:
            UnknownCallerError: the key is gone.
        """
        key = self._key()
        if isinstance(key, IAMUserAccessKey):
            # moto's own ARN of a key's user forgets the user's path.
            return str(key.backend.get_user(key._owner_user_name).arn)
        return key.arn

    def check(self, action: str, resources: Iterable[str], context: Mapping[str, str] | None = None) -> None:
        """Evaluate the caller's policies as they are now.

        Args:
            action: such as `ecr:PutImage`.
            resources: ARNs, or `*`; the action must be allowed on each.
            context: values of condition keys.

        Raises:
            NotAllowedError: on the first resource that is not allowed.
            UnknownCallerError: the key is gone.
        """
        policies = [IAMPolicy(policy) for policy in self._key().collect_policies()]
        given = dict(context or {})
        for resource in resources:
            results = {
                policy.is_action_permitted(action, resource, incoming_condition_values=given) for policy in policies
            }
            explicit = PermissionResult.DENIED in results
            if explicit or PermissionResult.PERMITTED not in results:
                raise NotAllowedError(self.arn(), action, resource, explicit=explicit)

    def _key(self) -> IAMUserAccessKey | AssumedRoleAccessKey:
        headers = {} if self.session_token is None else {"X-Amz-Security-Token": self.session_token}
        try:
            key = create_access_key(self.account, self.partition, self.access_key_id, headers)
        except (CreateAccessKeyFailure, KeyError):
            raise UnknownCallerError(self.access_key_id) from None
        stored = key.backend.access_keys.get(self.access_key_id)
        if stored is not None and stored.status != "Active":
            raise UnknownCallerError(self.access_key_id)
        return key


class _Refused(HTTPException):
    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.code = status


class _Signed(IAMRequest):
    """moto's own check of a signature; its refusals are turned into AWS's by `_authorise`."""

    def _raise_signature_does_not_match(self) -> None:
        raise _BadSignatureError

    def _raise_invalid_access_key(self, _: str) -> None:
        raise UnknownCallerError

    def _raise_access_denied(self) -> None:
        raise _TrustError


class _BadSignatureError(Exception):
    """The secret key is not the one that belongs to the access key."""


class _TrustError(Exception):
    """The role's trust policy or the caller's policies do not let the caller assume the role."""


def enforce() -> None:
    """Switch enforcement on for every AWS call that this process answers from now on."""
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    ActionAuthenticatorMixin._authenticate_and_authorize_normal_action = _authorise  # type: ignore[method-assign,assignment]
    evaluate_as_aws_does()
    offer_simulation()
    IAMBackend.delete_user = _delete_user  # type: ignore[method-assign]
    complete_oidc_providers()
    IAMResponse.list_service_specific_credentials = _no_service_credentials  # type: ignore[attr-defined]


def _authorise(self: BaseResponse, resource: str = "*") -> None:
    action = self._get_action()
    service = str(self.service_name)
    if service == "sts" and action in _UNSIGNED:
        return
    caller = Caller.of(self)
    try:
        _log.info("%s:%s in %s by %s", service, action, self.region, caller.arn())
        signed = _signed(self, action)
        signed.check_signature()
        if service == "sts" and action == "AssumeRole":
            signed.check_action_permitted(resource)  # looks at the role's trust policy too
        elif (service, action) != ("sts", "GetCallerIdentity"):  # AWS lets nobody forbid that one
            for need in needs_of(self, resource):
                caller.check(need.action, need.resources, need.context)
    except UnknownCallerError:
        raise _refusal(self, "InvalidClientTokenId", _INVALID_TOKEN) from None
    except _BadSignatureError:
        raise _refusal(self, "SignatureDoesNotMatch", _BAD_SIGNATURE) from None
    except _TrustError:
        text = str(NotAllowedError(caller.arn(), f"{service}:{action}", resource, explicit=False))
        raise _refusal(self, "AccessDenied", text) from None
    except NotAllowedError as denial:
        _log.info("%s", denial)
        raise _refusal(self, "AccessDenied", str(denial)) from None


def _signed(self: BaseResponse, action: str) -> _Signed:
    path = self.raw_path + (f"?{self.parsed_url.query}" if self.parsed_url.query else "")
    return _Signed(
        account_id=self.current_account,
        method=self.method,
        path=path,
        data=self.data,
        body=self.raw_body,
        headers=self.headers,
        action=action,
    )


# The services that speak JSON have their own words for the same refusals.
_JSON_CODES: Final = {
    "AccessDenied": "AccessDeniedException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}


_EC2_CODES: Final = {
    "AccessDenied": "UnauthorizedOperation",
    "InvalidClientTokenId": "AuthFailure",
    "SignatureDoesNotMatch": "AuthFailure",
}


def _refusal(self: BaseResponse, code: str, message: str) -> _Refused:
    """A refusal in the protocol of the service that was called."""
    if "json" in self.headers.get("Content-Type", ""):
        json_code = _JSON_CODES[code]
        self.response_headers.update({"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": json_code})
        return _Refused(400, json.dumps({"__type": json_code, "message": message}))
    self.response_headers["Content-Type"] = "text/xml"
    if self.service_name == "ec2":  # its errors have a form and words of their own
        code = _EC2_CODES.get(code, code)
        error = f"<Errors><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error></Errors>"
        return _Refused(403, f"<Response>{error}<RequestID>sandbox</RequestID></Response>")
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return _Refused(403, f"<ErrorResponse>{error}<RequestId>sandbox</RequestId></ErrorResponse>")


_delete_user_of_moto = IAMBackend.delete_user


def _delete_user(self: IAMBackend, user_name: str) -> None:
    if self.get_user(user_name).access_keys:
        raise DeleteConflictException("Cannot delete entity, must delete access keys first.")
    _delete_user_of_moto(self, user_name)


def _no_service_credentials(_: IAMResponse) -> str:
    """Moto knows no such credentials, and Terraform asks for them before it deletes a user with all it has."""
    result = "<ServiceSpecificCredentials/>"
    return (
        '<ListServiceSpecificCredentialsResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        f"<ListServiceSpecificCredentialsResult>{result}</ListServiceSpecificCredentialsResult>"
        "<ResponseMetadata><RequestId>sandbox</RequestId></ResponseMetadata>"
        "</ListServiceSpecificCredentialsResponse>"
    )

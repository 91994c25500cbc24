"""A request's body, as far as the request may mean it: checked, cut down, in the newest form."""

from typing import Any, Final

from ucp_server.asgi.documents import BadDocument, decode
from ucp_server.ucp.admitted import Admitted
from ucp_server.ucp.operation_table import Family
from ucp_server.ucp.refusals import BodyInvalid, BodyUnreadable
from ucp_server.ucp.releases import BUYER_CONSENT, CART, DISCOUNT, FULFILLMENT, upgrade_request
from ucp_server.ucp.schema import Schemas

Wire = dict[str, Any]

# The member of a checkout or a cart that each extension adds.
_ADDED: Final = ((FULFILLMENT, "fulfillment"), (DISCOUNT, "discounts"), (CART, "cart_id"))
# What a cart has nothing of: its schema did not look at it.
_OF_CHECKOUTS: Final = frozenset({"payment", "cart_id"})


def accepted(asked: Admitted, schemas: Schemas) -> Wire:
    """The body that was sent, without what belongs to another operation or to no negotiated capability.

    The schema did not look at that, so it may hold anything. A question to a catalog is decoded by
    what it asks, and all releases ask alike. Raises `BodyUnreadable` and `BodyInvalid`.
    """
    document = _checked(asked, schemas)
    if asked.operation.family is Family.CATALOG:
        return document
    members = _members(asked)
    document = {member: value for member, value in document.items() if member in members}
    if BUYER_CONSENT not in asked.active:
        document.get("buyer", {}).pop("consent", None)
    upgrade_request(asked.release, document)
    return document


def _checked(asked: Admitted, schemas: Schemas) -> Wire:
    release, raw = asked.release, asked.incoming.raw
    try:
        document = decode(raw)
    except BadDocument as error:
        raise BodyUnreadable(error.code, error.text) from error
    if release.nulls_are_absent and b"null" in raw:
        document = without_nulls(document)
    checker = schemas.checker(release.version, "request", asked.operation.name, asked.active)
    if violations := checker.check(document):
        raise BodyInvalid(violations)
    return document


def _members(asked: Admitted) -> frozenset[str]:
    """The members that the operation reads; its schema has looked at all of them."""
    release = asked.release
    if asked.operation.name == "complete_checkout":
        tells_buyer = release.consents_are_advertised and BUYER_CONSENT in asked.active
        return release.complete_members | ({"buyer"} if tells_buyer else frozenset())
    members = release.request_members | {member for name, member in _ADDED if name in asked.active}
    return members - _OF_CHECKOUTS if asked.operation.family is Family.CART else members


def without_nulls(document: Wire) -> Wire:
    """The document as if members that are null were not there.

    Clients of the January releases write out every member that they know (digest 11.C).
    """
    return {member: _without_nulls(value) for member, value in document.items() if value is not None}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return without_nulls(value)
    return [_without_nulls(entry) for entry in value] if isinstance(value, list) else value

"""A request whose caller was let in, with what was agreed on and what it is about."""

import msgspec

from ucp_server.domain.errors import CartNotFound, CheckoutNotFound, OrderNotFound
from ucp_server.engine.commands import Scope
from ucp_server.ucp.envelope import relevant
from ucp_server.ucp.ids import decode_cart_id, decode_checkout_id, decode_order_id
from ucp_server.ucp.incoming import Incoming
from ucp_server.ucp.negotiation import Negotiated
from ucp_server.ucp.operation_table import OPERATIONS, Family, Operation
from ucp_server.ucp.releases import Release
from ucp_server.ucp.terms import Terms


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """``target`` is our id of what the path names, empty where it names nothing.

    ``active`` are the negotiated capabilities that have a say in this operation.
    """

    incoming: Incoming
    negotiated: Negotiated
    operation: Operation
    active: frozenset[str]
    target: str

    @property
    def release(self) -> Release:
        return self.negotiated.release

    @property
    def scope(self) -> Scope:
        return Scope(merchant_id=self.incoming.shop.merchant_id, platform_id=self.negotiated.platform.id)

    @property
    def terms(self) -> Terms:
        return Terms(
            merchant_id=self.incoming.shop.merchant_id,
            release=self.release.version,
            active=self.active,
            operation=self.operation.name,
            site=self.incoming.shop.site,
            instruments=self.negotiated.instruments,
        )


def admitted(incoming: Incoming, negotiated: Negotiated) -> Admitted:
    """Raises what says that the path names nothing of ours."""
    operation = OPERATIONS[incoming.operation]
    return Admitted(
        incoming=incoming,
        negotiated=negotiated,
        operation=operation,
        active=_active(operation, negotiated),
        target=_target(incoming, operation),
    )


def _active(operation: Operation, negotiated: Negotiated) -> frozenset[str]:
    """The operation's capability and what extends it: an extension may reach a checkout and no cart.

    A checkout is where all of them meet: it tells of its order, and may have been a cart.
    """
    if operation.family is Family.CHECKOUT:
        return negotiated.active
    shaping = relevant(negotiated.release, negotiated.active, operation.root)
    return frozenset(capability.name for capability in shaping)


def _target(incoming: Incoming, operation: Operation) -> str:
    if "{id}" not in operation.path:
        return ""
    match operation.family:
        case Family.ORDER:
            return order_in_path(incoming)
        case Family.CART:
            return _cart_in_path(incoming)
    return _checkout_in_path(incoming)


def _checkout_in_path(incoming: Incoming) -> str:
    """The checkout in the path; what never was an id of ours is unknown like any other."""
    checkout_id = decode_checkout_id(incoming.target)
    if checkout_id is None:
        raise CheckoutNotFound(incoming.target)
    return checkout_id


def _cart_in_path(incoming: Incoming) -> str:
    cart_id = decode_cart_id(incoming.target)
    if cart_id is None:
        raise CartNotFound(incoming.target)
    return cart_id


def order_in_path(incoming: Incoming) -> str:
    """The order in the path; what never was an id of ours is unknown like any other."""
    order_id = decode_order_id(incoming.target)
    if order_id is None:
        raise OrderNotFound(incoming.target)
    return order_id

"""An accepted body as a command of the engine: the last place where its JSON exists."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from ucp_server.domain.checkout import Subscriber
from ucp_server.domain.errors import InvalidRequest
from ucp_server.domain.problems import Problem, signal_wanted
from ucp_server.engine.commands import CancelCart, CancelCheckout, CartCommand, Command
from ucp_server.modes import Relaxations
from ucp_server.ucp.accepting import accepted
from ucp_server.ucp.admitted import Admitted
from ucp_server.ucp.cart import decode_create_cart, decode_update_cart
from ucp_server.ucp.checkout import decode_complete, decode_create, decode_update
from ucp_server.ucp.releases import ORDER
from ucp_server.ucp.schema import Schemas
from ucp_server.ucp.terms import EventTerms

Wire = dict[str, Any]

# What a PUT leaves as it is when it does not mention it, where the mode says so (C12).
_KEPT: Final = frozenset({"buyer", "methods", "discount_codes"})


def checkout_command(
    asked: Admitted, schemas: Schemas, relaxed: Relaxations
) -> tuple[Command, tuple[Problem, ...]]:
    """The request as a command, and what it might have told."""
    if asked.operation.name == "cancel_checkout":
        return CancelCheckout(checkout_id=asked.target), ()
    document = accepted(asked, schemas)
    with as_invalid():
        command = _decode(asked, document, relaxed)
    return command, _wishes(asked, document)


def cart_command(asked: Admitted, schemas: Schemas) -> CartCommand:
    """As `checkout_command`. A PUT always replaces all of a cart (T3:D/cart#Update Cart)."""
    if asked.operation.name == "cancel_cart":
        return CancelCart(cart_id=asked.target)
    document = accepted(asked, schemas)
    with as_invalid():
        if asked.operation.makes:
            created = decode_create_cart(document, asked.active)
            return msgspec.structs.replace(created, subscriber=_subscriber(asked))
        updated = decode_update_cart(document, asked.active, asked.target, _consents_kept(asked))
        return msgspec.structs.replace(updated, subscriber=_subscriber(asked))


@contextmanager
def as_invalid() -> Iterator[None]:
    """Steps and decoding read members that an older release's schema leaves open."""
    try:
        yield
    except msgspec.ValidationError as error:
        raise InvalidRequest("The body holds a member of another kind than this release has.") from error


def _decode(asked: Admitted, document: Wire, relaxed: Relaxations) -> Command:
    release, active = asked.release, asked.active
    if asked.operation.name == "complete_checkout":
        return decode_complete(document, active, asked.target, exactly_one=release.pays_with_exactly_one)
    subscriber = _subscriber(asked)
    if asked.operation.name == "create_checkout":
        return msgspec.structs.replace(decode_create(document, active), subscriber=subscriber)
    kept = _KEPT if relaxed.put_keeps_absent else frozenset[str]()
    updated = decode_update(document, active, asked.target, kept | _consents_kept(asked))
    return msgspec.structs.replace(updated, subscriber=subscriber)


def _consents_kept(asked: Admitted) -> frozenset[str]:
    return frozenset({"consents"}) if asked.release.consents_are_advertised else frozenset()


def _subscriber(asked: Admitted) -> Subscriber | None:
    """Where the platform wants to hear of the order (D/order#Webhook URL Configuration)."""
    url = asked.negotiated.platform.webhook_url
    if url is None or ORDER not in asked.negotiated.active:
        return None
    shop, release = asked.incoming.shop, asked.release
    terms = EventTerms(release=release.version, site=shop.site, profile_url=shop.profile_url(release))
    return terms.subscriber(url)


def _wishes(asked: Admitted, document: Wire) -> tuple[Problem, ...]:
    """What the shop would like to know of the buyer's surroundings before the order (D/overview#Signals).

    With the payment it is too late to ask, and what was told is not kept for other replies.
    """
    if asked.operation.name == "complete_checkout" or "signals" not in asked.release.request_members:
        return ()
    told = document.get("signals", {})
    return tuple(signal_wanted(name) for name in asked.incoming.shop.asked_signals if name not in told)

"""Replies: the newest form, the envelope, the steps to the caller's release, the bytes.

The same functions write for a request that waits and, from its `Terms`, for one that is gone.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ucp_server.asgi.checker import Violation
from ucp_server.asgi.reply import NO_STORE, Reply, json_reply
from ucp_server.domain.cart import PricedCart
from ucp_server.domain.checkout import Checkout
from ucp_server.domain.errors import Refusal
from ucp_server.domain.lifecycle import is_over
from ucp_server.domain.money import Money
from ucp_server.domain.order import Order
from ucp_server.domain.problems import Problem
from ucp_server.ports import HandlerListing, Payment
from ucp_server.ucp import cart as carts
from ucp_server.ucp import checkout as checkouts
from ucp_server.ucp import order as orders
from ucp_server.ucp.checkout import Surroundings
from ucp_server.ucp.embedding import CONFIRMED
from ucp_server.ucp.envelope import put_handlers, relevant, render_envelope
from ucp_server.ucp.errors import render_refusal
from ucp_server.ucp.incoming import Paths
from ucp_server.ucp.instruments import narrowed
from ucp_server.ucp.operation_table import OPERATIONS
from ucp_server.ucp.policies import Policy
from ucp_server.ucp.releases import (
    CART,
    CHECKOUT,
    ORDER,
    ROWS,
    Release,
    downgrade_cart,
    downgrade_catalog,
    downgrade_checkout,
    downgrade_order,
)
from ucp_server.ucp.schema import Schemas
from ucp_server.ucp.terms import Terms, read_terms

Wire = dict[str, Any]

# What is said of a reply of ours that its own schema refuses: release, operation, where.
OnFault = Callable[[str, str, tuple[Violation, ...]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Replies:
    """Writes for every merchant. ``links`` are by merchant, ``payments`` by merchant and handler.

    ``policies`` and ``storefronts`` (the pages where people buy without a platform) are by merchant;
    ``embeddable`` are the merchants whose pages platforms may frame.
    ``detailed`` adds to 01-xx errors what the official suite reads.
    """

    schemas: Schemas
    payments: Mapping[str, Mapping[str, Payment]]
    links: Mapping[str, tuple[Wire, ...]]
    paths: Paths
    on_fault: OnFault
    policies: Mapping[str, tuple[Policy, ...]] = field(default_factory=dict)
    storefronts: Mapping[str, str] = field(default_factory=dict)
    embeddable: frozenset[str] = frozenset()
    detailed: bool = False

    # --- the engine's `Renderer` ---

    def render(self, terms: bytes, checkout: Checkout) -> bytes:
        return self.checkout(read_terms(terms), checkout).pack()

    def render_refusal(self, terms: bytes, refusal: Refusal) -> bytes:
        return self.refusal(ROWS[read_terms(terms).release], refusal).pack()

    # --- for requests that wait ---

    def checkout(
        self, terms: Terms, checkout: Checkout, found: Sequence[Problem] = (), *, is_new: bool = True
    ) -> Reply:
        """``found`` is told beside the checkout's own problems.

        ``is_new`` is of a create: whether it made the checkout.
        """
        release = ROWS[terms.release]
        body = checkouts.render(checkout, terms.active, self._around(terms, checkout), found)
        envelope = render_envelope(release, relevant(release, terms.active, CHECKOUT))
        if checkout.merchant_id in self.embeddable and not is_over(checkout.state):
            envelope |= CONFIRMED[release.version]
        document: Wire = {"ucp": envelope, **body}
        total = Money(checkout.quote.total_minor, checkout.currency)
        item_ids = [line.item_id for line in checkout.quote.lines]
        listings = self.listings(checkout.merchant_id, total, item_ids)
        put_handlers(release, document, narrowed(listings, terms.instruments))
        downgrade_checkout(release, document)
        self.check(release, terms.operation, terms.active, document)
        created = is_new and terms.operation == "create_checkout"
        return json_reply(201 if created else 200, document, NO_STORE)

    def cart(self, terms: Terms, priced: PricedCart, found: Sequence[Problem] = ()) -> Reply:
        """``found`` is told beside the cart's own problems."""
        release, cart = ROWS[terms.release], priced.cart
        shaping = relevant(release, terms.active, CART)
        active = frozenset(capability.name for capability in shaping)
        around = Surroundings(
            site=terms.site,
            continue_url=terms.site + self.paths.cart(cart.id, cart.link_token),
            links=self.links.get(terms.merchant_id, ()),
            policies=self.policies.get(terms.merchant_id, ()),
        )
        is_gone = terms.operation == "cancel_cart"
        body = carts.render(priced, active, around, found, is_gone=is_gone)
        document: Wire = {"ucp": render_envelope(release, shaping), **body}
        downgrade_cart(release, document)
        self.check(release, terms.operation, active, document)
        return json_reply(201 if terms.operation == "create_cart" else 200, document, NO_STORE)

    def order(self, release: Release, site: str, order: Order) -> Wire:
        """The order in the form of ``release``, for a reply or an event."""
        permalink_url = site + self.paths.order(order.id, order.permalink_token)
        envelope = render_envelope(release, relevant(release, frozenset({ORDER}), ORDER))
        document: Wire = {"ucp": envelope, **orders.render(order, site, permalink_url)}
        downgrade_order(release, document)
        return document

    def order_reply(self, release: Release, site: str, order: Order) -> Reply:
        document = self.order(release, site, order)
        self.check(release, "get_order", frozenset(), document)
        return json_reply(200, document, NO_STORE)

    def catalog(self, terms: Terms, found: Wire) -> Reply:
        """``found`` is in the newest form, without its envelope."""
        release = ROWS[terms.release]
        shaping = relevant(release, terms.active, OPERATIONS[terms.operation].root)
        document: Wire = {"ucp": render_envelope(release, shaping), **found}
        downgrade_catalog(release, document)
        self.check(release, terms.operation, terms.active, document)
        return json_reply(200, document, NO_STORE)

    def refusal(self, release: Release, refusal: Refusal, *, merchant_id: str = "") -> Reply:
        """``merchant_id`` where the refusal may send the buyer to its storefront."""
        storefront = self.storefronts.get(merchant_id, "")
        return render_refusal(refusal, release, detailed=self.detailed, storefront=storefront)

    def _around(self, terms: Terms, checkout: Checkout) -> Surroundings:
        placed = checkout.order
        permalink = self.paths.order(placed.id, placed.permalink_token) if placed else None
        return Surroundings(
            site=terms.site,
            continue_url=terms.site + self.paths.checkout(checkout.id, checkout.link_token),
            permalink_url=terms.site + permalink if permalink else None,
            links=self.links.get(terms.merchant_id, ()),
            policies=self.policies.get(terms.merchant_id, ()),
        )

    def listings(self, merchant_id: str, total: Money, item_ids: Sequence[str]) -> list[HandlerListing]:
        """How a cart can be paid (D/overview#Payment Handlers, "Dynamic Filtering")."""
        listed = []
        for handler_id, payment in self.payments.get(merchant_id, {}).items():
            listing = None
            with suppress(Exception):  # a broken plug-in is not offered; the reply must go out
                listing = payment.describe(merchant_id, total, item_ids)
            # Under another id than its own a handler is accepted, not advertised.
            if listing is not None and listing.id == handler_id:
                listed.append(listing)
        return listed

    def check(self, release: Release, operation: str, active: frozenset[str], document: Wire) -> None:
        """Tell `on_fault` where a document of ours is not of its form; it goes out all the same."""
        violations = self.schemas.checker(release.version, "response", operation, active).check(document)
        if violations:
            self.on_fault(release.version, operation, violations)

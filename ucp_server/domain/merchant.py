"""Who sells: the few facts of a merchant that rules depend on. Configuration is mapped to this."""

import msgspec

# UCP 2026-01-11, "expires_at": six hours where the merchant says nothing else.
TTL_DEFAULT_S = 6 * 60 * 60
# Long enough to sleep on it, to ask the family and to come back after the week-end; short enough that
# what a buyer told is not kept for somebody who went elsewhere.
CART_TTL_DEFAULT_S = 7 * 24 * 60 * 60
# A buyer tries a second card and mistypes it; who tries more cards than that is testing them.
DECLINES_MAX_DEFAULT = 5


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """One shop. ``id`` is its name in the configuration and leads every key in the store.

    ``home_country`` is ISO 3166-1 alpha-2 and taxes what is collected or not yet addressed;
    ``required_buyer_fields`` name members of `Buyer` that a complete needs; orders above
    ``escalate_above_minor`` are confirmed by the buyer in person, and with ``terms_agreement`` no order
    is placed whose buyer did not agree to the terms in person. With ``own_stock`` the pieces are
    counted in our tables, otherwise by a plug-in.

    A checkout is open for ``ttl_s`` from its creation, a cart is kept for ``cart_ttl_s`` from its last
    change.

    After ``declines_max`` declined payments a checkout is left to its buyer in person, and after as many
    again it is over.

    With ``remembers_addresses`` whoever names a buyer's e-mail address is shown the addresses that
    this buyer used before: convenient, and the merchant's to decide. ``complete_addresses`` demands
    of an address what its country's post does.
    """

    id: str
    title: str
    currency: str
    home_country: str
    mail_sender: str
    tax_included: bool = False
    ttl_s: int = TTL_DEFAULT_S
    cart_ttl_s: int = CART_TTL_DEFAULT_S
    escalate_above_minor: int | None = None
    required_buyer_fields: tuple[str, ...] = ()
    terms_agreement: bool = False
    own_stock: bool = True
    declines_max: int = DECLINES_MAX_DEFAULT
    key_required: bool = False
    remembers_addresses: bool = False
    complete_addresses: bool = True

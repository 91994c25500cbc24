"""What a shop offers as one, and what it offered to somebody: prices that hold until a moment."""

from datetime import datetime

import msgspec


class Bundle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``quantity`` pieces of one item, offered under a heading (``group``).

    One with a ``parent`` is an add-on of that bundle. Where ``interaction_types`` is empty it is for
    every occasion, without a ``storefront`` for every one of them; one with a ``promotion_code`` is
    for those alone who name it.
    """

    id: str
    group: str
    title: str
    item_id: str
    quantity: int = 1
    parent: str | None = None
    interaction_types: tuple[str, ...] = ()
    promotion_code: str | None = None
    storefront: str | None = None

    def is_for(self, interaction_type: str, promotion_code: str | None, storefront: str | None) -> bool:
        """Whether it is offered on this occasion, to whoever names this code, at this storefront."""
        return (
            (not self.interaction_types or interaction_type in self.interaction_types)
            and (self.promotion_code is None or is_same_code(self.promotion_code, promotion_code))
            and (self.storefront is None or self.storefront == storefront)
        )


def is_same_code(ours: str, named: str | None) -> bool:
    """Codes are compared as people type them: in any letter case."""
    return named is not None and ours.casefold() == named.strip().casefold()


class OfferedBundle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A bundle at its price: ``unit_minor`` a piece, ``total_minor`` for one bundle bought alone.

    The total has discounts (``discount_minor``, positive) and taxes in it, and no delivery.
    """

    bundle: Bundle
    unit_minor: int
    list_minor: int
    total_minor: int
    discount_minor: int = 0
    is_available: bool = True
    image_url: str | None = None


class MadeOffer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a platform was offered, for a customer (``owner``) where it named one.

    The prices hold until ``expires_at``. ``discount_code`` is the shop's own discount that they
    contain.
    """

    id: str
    merchant_id: str
    platform_id: str
    currency: str
    bundles: tuple[OfferedBundle, ...]
    made_at: datetime
    expires_at: datetime
    owner: str | None = None
    discount_code: str | None = None

    def find(self, bundle_id: str) -> OfferedBundle | None:
        return next((offered for offered in self.bundles if offered.bundle.id == bundle_id), None)

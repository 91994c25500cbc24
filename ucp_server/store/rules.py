"""The shop's small tables of rules, read whole and kept in the process for a moment.

Prices and stock are read with every quote. Rules are not: a changed discount, tax or delivery rate
holds everywhere after RULES_TTL_S.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from asyncpg import Record

from ucp_server.domain.discounts import DiscountRule
from ucp_server.domain.fulfillment import Address, Option
from ucp_server.domain.taxes import TaxRule
from ucp_server.store.database import Pool, read

# Long enough that rules cost a busy server nothing, short enough for a merchant who waits to see them.
RULES_TTL_S: Final = 5.0


class Category(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``tax_category`` and ``ships`` hold for its products where these say nothing themselves."""

    id: str
    title: str
    tax_category: str | None = None
    ships: bool = True


class ShippingRate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A price for one service level, at a place or (``country`` of None) everywhere else.

    ``weight_max_g`` bounds the parcel. ``price_minor`` of None means: not to this place.
    """

    id: str
    title: str
    service_level: str
    price_minor: int | None
    country: str | None = None
    region: str | None = None
    weight_max_g: int | None = None
    description: str | None = None
    carrier: str | None = None

    @property
    def option(self) -> Option | None:
        if self.price_minor is None:
            return None
        return Option(
            id=self.id,
            title=self.title,
            price_minor=self.price_minor,
            service_level=self.service_level,
            description=self.description,
            carrier=self.carrier,
        )


class PickupLocation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place where goods are collected. ``opening_hours`` is a sentence for people."""

    id: str
    name: str
    address: Address
    opening_hours: str | None = None
    price_minor: int = 0


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """``codes`` are in lower case. Taxes and rates stand by country; None holds for all others."""

    automatic: tuple[DiscountRule, ...] = ()
    codes: Mapping[str, DiscountRule] = {}
    taxes: Mapping[str, tuple[TaxRule, ...]] = {}
    rates: tuple[ShippingRate, ...] = ()
    locations: tuple[PickupLocation, ...] = ()


LOAD = """
select kind, rule from shop_rules
where merchant_id = $1 and kind <> 'category'
order by kind, id
"""


class _Kept:
    __slots__ = ("lock", "read_at", "rules")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.rules = Rules()
        self.read_at = -RULES_TTL_S


class RuleTables:
    """The rules of all merchants of this process, one small entry each."""

    def __init__(self, pool: Pool, *, ttl_s: float = RULES_TTL_S) -> None:
        self._pool = pool
        self._ttl_s = ttl_s
        self._kept: dict[str, _Kept] = {}

    async def of(self, merchant_id: str) -> Rules:
        """The rules as they were at most ``ttl_s`` ago. Raises `StoreUnavailable`."""
        kept = self._kept.get(merchant_id)
        if kept is None:
            kept = self._kept.setdefault(merchant_id, _Kept())
        if self._is_fresh(kept):
            return kept.rules
        async with kept.lock:
            if not self._is_fresh(kept):
                started = time.monotonic()
                async with read(self._pool) as db:
                    kept.rules = rules_of(await db.fetch(LOAD, merchant_id))
                kept.read_at = started
        return kept.rules

    def _is_fresh(self, kept: _Kept) -> bool:
        return time.monotonic() - kept.read_at < self._ttl_s


def rules_of(rows: Iterable[Record]) -> Rules:
    """Rows of (kind, rule) as the values that quotes are made of."""
    by_kind: dict[str, list[bytes]] = {}
    for row in rows:
        by_kind.setdefault(row["kind"], []).append(row["rule"])
    discounts = [
        _decode_discount(raw) for kind in ("promotion", "discount") for raw in by_kind.get(kind, [])
    ]
    taxes: dict[str, list[TaxRule]] = {}
    for rule in map(_decode_tax, by_kind.get("tax", [])):
        taxes.setdefault(rule.country, []).append(rule)
    return Rules(
        automatic=tuple(rule for rule in discounts if rule.code is None),
        codes={rule.code.casefold(): rule for rule in discounts if rule.code is not None},
        taxes={country: tuple(sorted(rules, key=_breadth)) for country, rules in taxes.items()},
        rates=tuple(map(_decode_rate, by_kind.get("shipping_rate", []))),
        locations=tuple(map(_decode_location, by_kind.get("pickup_location", []))),
    )


def _breadth(rule: TaxRule) -> tuple[bool, bool]:
    """The narrower rule first; a region's rules stand before its country's, whatever they tax."""
    return rule.region is None, rule.category is None


_decode_discount = msgspec.json.Decoder(DiscountRule).decode
_decode_tax = msgspec.json.Decoder(TaxRule).decode
_decode_rate = msgspec.json.Decoder(ShippingRate).decode
_decode_location = msgspec.json.Decoder(PickupLocation).decode

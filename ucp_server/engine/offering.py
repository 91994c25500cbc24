"""Offers: bundles of the shop priced for one customer and one occasion, and orders out of them.

An offer promises the price of every piece and what discounts took off it. An order out of it is
priced afresh; where the promise no longer holds it is refused, never charged otherwise.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import msgspec

from ucp_server.domain.checkout import Basket, Buyer
from ucp_server.domain.errors import (
    InvalidRequest,
    ItemNotOffered,
    NothingOffered,
    OfferExpired,
    OfferNotFound,
    OfferNotPurchasable,
    PromotionUnknown,
    StorefrontNotFound,
)
from ucp_server.domain.lines import WantedLine
from ucp_server.domain.offering import Bundle, MadeOffer, OfferedBundle, is_same_code
from ucp_server.domain.problems import Kind, Problem
from ucp_server.domain.quote import Quote
from ucp_server.engine.commands import Scope, Wanted
from ucp_server.engine.setup import Setup
from ucp_server.store.bundles import load_bundles
from ucp_server.store.customers import Registered, load_registered
from ucp_server.store.database import read, statement
from ucp_server.store.ids import new_id
from ucp_server.store.offers_made import insert_offer, load_offer

# Long enough to choose and to look for a card, short enough that prices seldom move meanwhile.
OFFER_TTL: Final = timedelta(minutes=30)
# More than a person reads; each one is priced by itself, most in one round trip.
BUNDLES_MAX: Final = 100
# One request shall not take all connections of the process.
QUOTES_AT_ONCE: Final = 4

_GONE: Final = "item_unavailable"


class Occasion(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for an offer and why, in the shop's own words; ``owner`` is the customer."""

    interaction_type: str
    owner: str | None = None
    promotion_code: str | None = None
    storefront: str | None = None


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle out of an offer; an add-on may name the bundle that it belongs to."""

    bundle_id: str
    quantity: int = 1
    parent_id: str | None = None


class OfferOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkout has to be made of, and the total that the offer comes to."""

    wanted: Wanted
    expected_total_minor: int


class Offering:
    """Makes offers over one `Setup`."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    async def make(self, scope: Scope, occasion: Occasion) -> MadeOffer:
        """An offer that can be ordered from. Raises as `show`."""
        offer = await self.show(scope, occasion)
        async with statement(self._setup.pool) as tx:
            await insert_offer(tx, offer)
        return offer

    async def show(self, scope: Scope, occasion: Occasion) -> MadeOffer:
        """The same to look at, kept nowhere.

        Raises NothingOffered, PromotionUnknown, StorefrontNotFound; HandlerUnavailable and
        StoreUnavailable where a price is not to be had.
        """
        bundles = await self._bundles(scope.merchant_id, occasion)
        asked = _Asked(
            scope=scope,
            buyer=_buyer(await self._registered(scope.merchant_id, occasion.owner)),
            code=occasion.promotion_code,
            at=self._setup.clock.now(),
        )
        priced = await self._price_all(asked, bundles)
        is_discount = any(each.has_discount for each in priced)
        if asked.code is not None and not (is_discount or _unlocks(bundles, asked.code)):
            raise PromotionUnknown
        offered = _with_parents([each.offered for each in priced])
        if not offered:
            raise NothingOffered
        return MadeOffer(
            id=new_id(),
            merchant_id=scope.merchant_id,
            platform_id=scope.platform_id,
            owner=occasion.owner,
            currency=self._setup.merchants[scope.merchant_id].currency,
            bundles=tuple(offered),
            discount_code=asked.code if is_discount else None,
            made_at=asked.at,
            expires_at=asked.at + OFFER_TTL,
        )

    async def order(self, scope: Scope, offer_id: str, owner: str, chosen: Sequence[Chosen]) -> OfferOrder:
        """What ``owner`` chose of an offer, at the prices that were promised.

        Raises OfferNotFound, OfferExpired, OfferNotPurchasable, ItemNotOffered, InvalidRequest.
        """
        offer = await self._valid(scope, offer_id, owner)
        offered = _offered(offer, chosen)
        registered = await self._registered(scope.merchant_id, owner)
        wanted = Wanted(
            lines=tuple(
                WantedLine(
                    item_id=one.bundle.item_id,
                    quantity=one.bundle.quantity * choice.quantity,
                    id=one.bundle.id,
                    parent_id=one.bundle.parent,
                )
                for one, choice in zip(offered, chosen, strict=True)
            ),
            buyer=_buyer(registered),
            discount_codes=(offer.discount_code,) if offer.discount_code else None,
            ship_to=registered.address if registered else None,
        )
        quote = await self._quote(scope, wanted, self._setup.clock.now())
        _check_promise(offered, quote)
        return OfferOrder(wanted=wanted, expected_total_minor=quote.total_minor)

    async def _bundles(self, merchant_id: str, occasion: Occasion) -> list[Bundle]:
        async with read(self._setup.pool) as db:
            bundles = await load_bundles(db, merchant_id)
        named = occasion.storefront
        if named is not None and all(bundle.storefront != named for bundle in bundles):
            raise StorefrontNotFound
        fitting = (
            bundle
            for bundle in bundles
            if bundle.is_for(occasion.interaction_type, occasion.promotion_code, named)
        )
        return list(islice(fitting, BUNDLES_MAX))

    async def _registered(self, merchant_id: str, owner: str | None) -> Registered | None:
        if owner is None:
            return None
        async with read(self._setup.pool) as db:
            return await load_registered(db, merchant_id, owner)

    async def _price_all(self, asked: "_Asked", bundles: Sequence[Bundle]) -> list["_Priced"]:
        lanes = asyncio.Semaphore(QUOTES_AT_ONCE)

        async def price(bundle: Bundle) -> _Priced | None:
            async with lanes:
                return await self._price(asked, bundle)

        return [priced for priced in await asyncio.gather(*map(price, bundles)) if priced is not None]

    async def _price(self, asked: "_Asked", bundle: Bundle) -> "_Priced | None":
        """The bundle bought alone; None when its item is not sold any more."""
        wanted = Wanted(
            lines=(WantedLine(item_id=bundle.item_id, quantity=bundle.quantity),),
            buyer=asked.buyer,
            discount_codes=(asked.code,) if asked.code else None,
        )
        quote = await self._quote(asked.scope, wanted, asked.at)
        if any(problem.code == _GONE for problem in quote.problems):
            return None
        line = quote.lines[0]
        offered = OfferedBundle(
            bundle=bundle,
            unit_minor=line.unit_price_minor,
            list_minor=line.unit_price_minor * bundle.quantity,
            total_minor=quote.total_minor,
            discount_minor=_taken_off(quote),
            is_available=not any(_is_about_lines(problem) for problem in quote.problems),
            image_url=line.image_url,
        )
        return _Priced(offered=offered, has_discount=_takes_off(quote, asked.code))

    async def _quote(self, scope: Scope, wanted: Wanted, at: datetime) -> Quote:
        merchant = self._setup.merchants[scope.merchant_id]
        _, quote = await self._setup.quoting.quote(scope, merchant, Basket(lines=()), wanted=wanted, at=at)
        return quote

    async def _valid(self, scope: Scope, offer_id: str, owner: str) -> MadeOffer:
        async with read(self._setup.pool) as db:
            offer = await load_offer(db, scope.merchant_id, scope.platform_id, offer_id)
        if offer is None or offer.owner not in (None, owner):
            raise OfferNotFound
        if offer.expires_at <= self._setup.clock.now():
            raise OfferExpired
        return offer


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    scope: Scope
    buyer: Buyer | None
    code: str | None
    at: datetime


class _Priced(msgspec.Struct, frozen=True, kw_only=True):
    offered: OfferedBundle
    has_discount: bool


def _buyer(registered: Registered | None) -> Buyer | None:
    if registered is None:
        return None
    return Buyer(email=registered.email, full_name=registered.name or None)


def _unlocks(bundles: Sequence[Bundle], code: str) -> bool:
    return any(bundle.promotion_code and is_same_code(bundle.promotion_code, code) for bundle in bundles)


def _takes_off(quote: Quote, code: str | None) -> bool:
    return any(applied.code and is_same_code(applied.code, code) for applied in quote.discounts)


def _taken_off(quote: Quote) -> int:
    return sum(applied.amount_minor for applied in quote.discounts)


def _is_about_lines(problem: Problem) -> bool:
    """Whether it keeps the item from being bought at all; the rest is known at the order only."""
    return problem.kind is Kind.ERROR and (problem.where or "").startswith("lines[")


def _with_parents(offered: Sequence[OfferedBundle]) -> list[OfferedBundle]:
    """Without the add-ons of what is not offered."""
    ids = {one.bundle.id for one in offered}
    return [one for one in offered if one.bundle.parent is None or one.bundle.parent in ids]


def _offered(offer: MadeOffer, chosen: Sequence[Chosen]) -> list[OfferedBundle]:
    """What was chosen, in the same order."""
    ids = {choice.bundle_id for choice in chosen}
    found = []
    for index, choice in enumerate(chosen):
        one = offer.find(choice.bundle_id)
        if one is None:
            raise ItemNotOffered(choice.bundle_id)
        parent = one.bundle.parent
        if choice.parent_id not in (None, parent) or (parent is not None and parent not in ids):
            text = "An add-on needs the bundle that it belongs to in the same order."
            raise InvalidRequest(text, f"lines[{index}].parent_id")
        found.append(one)
    return found


def _check_promise(offered: Sequence[OfferedBundle], quote: Quote) -> None:
    """Raises unless everything can be bought at the prices of the offer."""
    for problem in quote.problems:
        if problem.kind is not Kind.ERROR:
            continue
        if problem.code == _GONE:
            raise ItemNotOffered(_place_of(problem, offered))
        raise OfferNotPurchasable(problem.text)
    promised = [one.unit_minor for one in offered]
    if [line.unit_price_minor for line in quote.lines] != promised:
        raise OfferExpired
    # A discount may be for some of the bundles only, or be given once however many are bought.
    if _taken_off(quote) < max(one.discount_minor for one in offered):
        raise OfferExpired


def _place_of(problem: Problem, offered: Sequence[OfferedBundle]) -> str:
    places: Mapping[str, str] = {f"lines[{index}]": one.bundle.id for index, one in enumerate(offered)}
    return places.get(problem.where or "", "")

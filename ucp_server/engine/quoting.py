"""From what is wanted to a quote: plug-ins tell the facts, the rules of ``domain`` do the arithmetic."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Self, TypeVar

import msgspec

from ucp_server.domain import problems
from ucp_server.domain.addresses import find_same, id_of, names_a_place, owner_of
from ucp_server.domain.assess import (
    MissingParts,
    assess_agreement,
    assess_buyer,
    assess_lines,
    assess_methods,
    assess_total,
)
from ucp_server.domain.bill import Delivery, make_bill
from ucp_server.domain.checkout import Basket, Buyer
from ucp_server.domain.discounts import Acquaintance, Discounted, apply_discounts
from ucp_server.domain.errors import HandlerUnavailable, InvalidRequest
from ucp_server.domain.fulfillment import Address, NewAddress, Option, WantedMethod
from ucp_server.domain.lines import Lines, priced_lines, resolve_lines
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.methods import (
    PICKUP,
    Draft,
    Known,
    keep_methods,
    offer,
    resolve_methods,
    select_destination,
    suggested_method,
)
from ucp_server.domain.money import AmountOutOfRangeError
from ucp_server.domain.problems import Problem
from ucp_server.domain.quote import PricedLine, Quote
from ucp_server.domain.taxes import DELIVERY, Tax, TaxRule, tax_on
from ucp_server.engine.addresses import missing_parts
from ucp_server.engine.asking import Asking
from ucp_server.engine.commands import Scope, Wanted
from ucp_server.ports import Pricing, Rates, Shelf, Shop
from ucp_server.store.database import Pool
from ucp_server.store.pricing import PostgresPricing
from ucp_server.store.rates import PostgresRates
from ucp_server.store.rules import RuleTables
from ucp_server.store.shelf import PostgresShop

# A create shall be answered within 4 s (p95 of the callers' limits); the rest is for the write.
QUOTE_WITHIN_S: Final = 3.0

# Far above any household's order; they bound what one request makes us compute and store.
LINES_MAX: Final = 500
METHODS_MAX: Final = 20
DESTINATIONS_MAX: Final = 50
CODES_MAX: Final = 20

# What a free-shipping promotion frees.
STANDARD: Final = "standard"

_asking_shop: Final = Asking("The catalog")
_asking_pricing: Final = Asking("The price list")
_asking_rates: Final = Asking("The delivery service")


T = TypeVar("T")


class _Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One quote under way. ``basket`` has its new lines, but the methods of before.

    ``names`` lead from the caller's names of lines to ours.
    """

    merchant: Merchant
    basket: Basket
    wanted_methods: tuple[WantedMethod, ...] | None
    names: Mapping[str, str]
    at: datetime


class _Priced(msgspec.Struct, frozen=True, kw_only=True):
    """The lines that are for sale, what is taken off them, and what else the shelf said."""

    lines: Sequence[PricedLine]
    discounted: Discounted
    shelf: Shelf


class _Delivered(msgspec.Struct, kw_only=True):
    """What the ways to the buyer come to; filled method by method."""

    methods: list[Draft] = []
    problems: list[Problem] = []
    line_taxes: dict[str, Tax] = {}
    deliveries: list[Delivery] = []


class Quoting:
    """Prices baskets. Everything that is wrong with one is a problem in its quote.

    ``shop``, ``pricing`` and ``rates`` may be anybody's; ``over`` gives ours over Postgres.
    """

    def __init__(
        self, shop: Shop, pricing: Pricing, rates: Rates, *, within_s: float = QUOTE_WITHIN_S
    ) -> None:
        self._shop = shop
        self._pricing = pricing
        self._rates = rates
        self._within_s = within_s

    @classmethod
    def over(cls, pool: Pool, tables: RuleTables | None = None) -> Self:
        """Ours: one SQL statement per quote, and one more where the rule tables are no longer fresh.

        ``tables`` may be shared with whoever else reads rules; without them it keeps its own.
        """
        tables = tables or RuleTables(pool)
        return cls(PostgresShop(pool), PostgresPricing(tables), PostgresRates(tables))

    async def quote(
        self,
        scope: Scope,
        merchant: Merchant,
        basket: Basket | None,
        *,
        wanted: Wanted | None,
        at: datetime,
    ) -> tuple[Basket, Quote]:
        """The new basket and its quote at the time ``at``, for the platform of ``scope``.

        With ``wanted`` the basket becomes what is wanted, line and method ids kept where they can
        be; with ``wanted`` of None it is priced again. Raises `InvalidRequest` for amounts and
        sizes beyond all limits, `HandlerUnavailable` and `StoreUnavailable` where a fact is not
        to be had in time.
        """
        if scope.merchant_id != merchant.id:
            raise ValueError(f"{merchant.id} was asked in the name of {scope.merchant_id}")
        ask = _asked(merchant, basket or Basket(lines=()), wanted, at)
        try:
            async with asyncio.timeout(self._within_s):
                now, quote = await self._quote(ask)
        except TimeoutError as error:
            raise HandlerUnavailable("The shop") from error
        except AmountOutOfRangeError as error:
            raise InvalidRequest("The amounts of this order are beyond all limits.", "lines") from error
        if wanted and wanted.currency and wanted.currency != merchant.currency:
            warning = problems.other_currency(wanted.currency, merchant.currency)
            quote = msgspec.structs.replace(quote, problems=(*quote.problems, warning))
        return now, quote

    async def _quote(self, ask: _Ask) -> tuple[Basket, Quote]:
        priced = await self._price(ask)
        known = await self._known(ask, priced)
        drafts, found = _drafts(ask, known)
        suggested = [suggested_method(known, ask.basket.ship_to)] if known.line_ids else []
        shown = drafts or suggested
        delivered = await self._deliver(ask, priced, known, shown)
        bill = make_bill(
            ask.basket.lines,
            priced.lines,
            priced.discounted,
            line_taxes=delivered.line_taxes,
            deliveries=delivered.deliveries,
        )
        methods = tuple(draft.method for draft in delivered.methods)
        quote = Quote(
            currency=ask.merchant.currency,
            lines=bill.lines,
            totals=bill.totals,
            problems=(
                *assess_lines(ask.basket.lines, priced.shelf.items, priced.shelf.available),
                *assess_buyer(ask.basket.buyer, ask.merchant.required_buyer_fields),
                *found,
                *delivered.problems,
                *assess_methods(methods, known.line_ids, _address_check(ask.merchant)),
                *priced.discounted.problems,
                *assess_total(bill.totals[-1].amount_minor, ask.merchant),
                *assess_agreement(ask.basket, ask.merchant),
            ),
            methods=methods or None,
            discounts=priced.discounted.applied,
            open_claims=priced.discounted.claims,
            included_tax_minor=bill.included_tax_minor,
            new_addresses=_new_addresses(ask, priced.shelf, drafts),
        )
        asked = tuple(draft.as_asked for draft in delivered.methods) if drafts else None
        return msgspec.structs.replace(ask.basket, methods=asked), quote

    async def _price(self, ask: _Ask) -> _Priced:
        basket, merchant_id = ask.basket, ask.merchant.id
        email = basket.buyer.email if basket.buyer else None
        item_ids = list(dict.fromkeys(line.item_id for line in basket.lines))
        with _asking_shop:
            shelf = await self._shop.look(merchant_id, item_ids, email)
        shelf = _checked(shelf, ask.merchant.currency)
        lines = priced_lines(basket.lines, shelf.items)
        codes = basket.discount_codes or ()
        with _asking_pricing:
            rules = await self._pricing.discounts(merchant_id, lines, codes)
        buyer = _acquaintance(email, shelf)
        return _Priced(
            lines=lines,
            discounted=apply_discounts(lines, rules, codes, buyer=buyer, at=ask.at, claims=basket.claims),
            shelf=shelf,
        )

    async def _known(self, ask: _Ask, priced: _Priced) -> Known:
        shipped = [line for line in priced.lines if line.item.ships]
        customer = priced.shelf.customer
        known = Known(
            line_ids=tuple(line.line_id for line in shipped),
            names=ask.names,
            stored=customer.addresses if customer and ask.merchant.remembers_addresses else (),
        )
        types: set[str | None] = {method.type for method in ask.basket.methods or ()}
        wanted_types = {method.type for method in ask.wanted_methods or ()}
        if PICKUP not in types | wanted_types:
            return known
        with _asking_rates:
            locations = await self._rates.locations(ask.merchant.id, shipped)
        return msgspec.structs.replace(known, locations=tuple(locations))

    async def _deliver(
        self, ask: _Ask, priced: _Priced, known: Known, drafts: Sequence[Draft]
    ) -> _Delivered:
        """Options, selections and taxes of every method, and the taxes of what needs none."""
        into = _Delivered()
        for index, draft in enumerate(drafts):
            draft_, problem = select_destination(draft, index)
            into.problems += [problem] if problem else []
            options = await self._options(ask.merchant.id, priced, known, draft_)
            draft_, problem = offer(draft_, options, index)
            into.problems += [problem] if problem and draft_.method.destination else []
            into.methods.append(draft_)
            await self._tax_method(ask.merchant, priced, draft_, into)
        carried = [line for line in priced.lines if line.line_id not in known.line_ids]
        if carried:
            rules = await self._taxes(ask.merchant, None)
            _tax_lines(carried, priced, rules, ask.merchant, into)
        return into

    async def _options(
        self, merchant_id: str, priced: _Priced, known: Known, draft: Draft
    ) -> Sequence[Option]:
        destination = draft.method.destination
        if destination is None:
            return ()
        if draft.method.type == PICKUP:
            return [option for place, option in known.locations if place.id == destination.id]
        if destination.address is None:
            return ()
        lines = [line for line in priced.lines if line.line_id in draft.method.line_ids]
        with _asking_rates:
            options = await self._rates.options(merchant_id, destination.address, lines)
            if any(option.price_minor < 0 for option in options):
                raise ValueError("a way of delivery that costs less than nothing")
        return _freed(options) if priced.discounted.ships_free else options

    async def _tax_method(
        self, merchant: Merchant, priced: _Priced, draft: Draft, into: _Delivered
    ) -> None:
        method = draft.method
        place = method.destination.address if method.destination else None
        rules = await self._taxes(merchant, place)
        if place is None and method.type != PICKUP:
            # Where it goes is not known yet; only what the prices contain anyhow can be told.
            rules = [rule for rule in rules if _is_included(rule, merchant)]
        lines = [line for line in priced.lines if line.line_id in method.line_ids]
        _tax_lines(lines, priced, rules, merchant, into)
        option = method.groups[0].selected
        if option is not None:
            tax = tax_on(option.price_minor, DELIVERY, rules, prices_include_tax=merchant.tax_included)
            into.deliveries.append(Delivery(title=option.title, price_minor=option.price_minor, tax=tax))

    async def _taxes(self, merchant: Merchant, place: Address | None) -> Sequence[TaxRule]:
        with _asking_pricing:
            return await self._pricing.taxes(merchant.id, place or Address(country=merchant.home_country))


def _asked(merchant: Merchant, before: Basket, wanted: Wanted | None, at: datetime) -> _Ask:
    """What the basket becomes, its methods aside."""
    if wanted is None:
        return _Ask(merchant=merchant, basket=before, wanted_methods=None, names={}, at=at)
    _check_sizes(wanted)
    lines = _lines(wanted, before)
    keeps_methods = wanted.methods is not None or "methods" in wanted.keep
    basket = Basket(
        lines=lines.lines,
        lines_made=lines.made,
        buyer=_buyer(wanted, before),
        methods=before.methods if keeps_methods else None,
        discount_codes=_kept(wanted, "discount_codes", wanted.discount_codes, before.discount_codes),
        claims=wanted.claims,
        instruments=wanted.instruments,
        context=wanted.context,
        attribution=wanted.attribution,
        ship_to=_kept(wanted, "ship_to", wanted.ship_to, before.ship_to),
        terms_agreed_at=before.terms_agreed_at or (at if wanted.agrees_to_terms else None),
    )
    return _Ask(merchant=merchant, basket=basket, wanted_methods=wanted.methods, names=lines.names, at=at)


def _lines(wanted: Wanted, before: Basket) -> Lines:
    if wanted.lines or "lines" not in wanted.keep:
        return resolve_lines(wanted.lines, before.lines, before.lines_made)
    return Lines(
        lines=before.lines, made=before.lines_made, names={line.id: line.id for line in before.lines}
    )


def _buyer(wanted: Wanted, before: Basket) -> Buyer | None:
    new = _kept(wanted, "buyer", wanted.buyer, before.buyer)
    if before.buyer is not None and before.buyer.consents and "consents" in wanted.keep:
        answered = Buyer(consents=before.buyer.consents)
        return answered.with_members(new) if new else answered
    if new is None or before.buyer is None or "buyer_members" not in wanted.keep:
        return new
    told = {name: value for name in new.__struct_fields__ if (value := getattr(new, name))}
    return msgspec.structs.replace(before.buyer, **told)


def _kept(wanted: Wanted, member: str, value: T | None, before: T | None) -> T | None:
    return before if value is None and member in wanted.keep else value


def _check_sizes(wanted: Wanted) -> None:
    methods = wanted.methods or ()
    sizes = (
        ("lines", len(wanted.lines), LINES_MAX),
        ("methods", len(methods), METHODS_MAX),
        ("discount_codes", len(wanted.discount_codes or ()), CODES_MAX),
        *(("methods", len(method.destinations or ()), DESTINATIONS_MAX) for method in methods),
    )
    for where, size, most in sizes:
        if size > most:
            raise InvalidRequest(f"At most {most} of these are possible, not {size}.", where)


def _checked(shelf: Shelf, currency: str) -> Shelf:
    """A plug-in's answer without the items that cannot be sold here."""
    wrong = [i for i in shelf.items.values() if i.price.currency != currency or i.price.minor < 0]
    if not wrong:
        return shelf
    items = {id_: item for id_, item in shelf.items.items() if item not in wrong}
    return msgspec.structs.replace(shelf, items=items)


def _acquaintance(email: str | None, shelf: Shelf) -> Acquaintance:
    if not email:
        return Acquaintance.NAMELESS
    known = shelf.customer is not None and shelf.customer.known
    return Acquaintance.CUSTOMER if known else Acquaintance.STRANGER


def _drafts(ask: _Ask, known: Known) -> tuple[list[Draft], list[Problem]]:
    before = ask.basket.methods or ()
    if ask.wanted_methods is None:
        return keep_methods(before, known)
    return resolve_methods(ask.wanted_methods, before, known)


def _freed(options: Sequence[Option]) -> list[Option]:
    return [
        msgspec.structs.replace(option, price_minor=0, title=f"{option.title} (Free)")
        if option.service_level == STANDARD and option.price_minor
        else option
        for option in options
    ]


def _is_included(rule: TaxRule, merchant: Merchant) -> bool:
    return merchant.tax_included if rule.included is None else rule.included


def _tax_lines(
    lines: Sequence[PricedLine],
    priced: _Priced,
    rules: Sequence[TaxRule],
    merchant: Merchant,
    into: _Delivered,
) -> None:
    for line in lines:
        net = priced.discounted.net_minor[line.line_id]
        tax = tax_on(net, line.item.tax_category, rules, prices_include_tax=merchant.tax_included)
        if tax is not None:
            into.line_taxes[line.line_id] = tax


def _address_check(merchant: Merchant) -> MissingParts:
    return missing_parts if merchant.complete_addresses else _nothing_missing


def _nothing_missing(_: Address) -> tuple[str, ...]:
    return ()


def _new_addresses(ask: _Ask, shelf: Shelf, drafts: Sequence[Draft]) -> tuple[NewAddress, ...]:
    """Addresses that the buyer used and that are not stored yet, under ids of ours."""
    email = ask.basket.buyer.email if ask.basket.buyer else None
    if not (email and ask.merchant.remembers_addresses):
        return ()
    stored = shelf.customer.addresses if shelf.customer else ()
    sent = [d.address for draft in drafts for d in draft.sent or () if d.address is not None]
    new = {id_of(a): a for a in sent if names_a_place(a) and find_same(stored, a) is None}
    return tuple(NewAddress(owner=owner_of(email), id=id_, address=a) for id_, a in new.items())

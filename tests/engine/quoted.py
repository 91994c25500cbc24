"""Quotes over shops of test data, asked for in few words."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tests.domain.sums import wrong_in
from ucp_server.domain.checkout import Basket, Buyer
from ucp_server.domain.fulfillment import (
    Address,
    Method,
    WantedDestination,
    WantedGroup,
    WantedMethod,
)
from ucp_server.domain.lines import WantedLine
from ucp_server.domain.merchant import Merchant
from ucp_server.domain.quote import Quote
from ucp_server.engine.commands import Scope, Wanted
from ucp_server.engine.quoting import Quoting
from ucp_server.store.customers import remember_addresses
from ucp_server.store.database import Pool, transaction
from ucp_server.store.importing import import_shop

REPOSITORY = Path(__file__).parents[2]
SHOPS = REPOSITORY / "tests" / "data"
DEMO_SHOP = REPOSITORY / "examples" / "demo_shop"
FLOWER_SHOP = REPOSITORY.parent / "shared" / "flower_shop"

AT = datetime(2026, 1, 11, tzinfo=UTC)
NEW_YORK = Address(
    street_address="88 Maple St", locality="New York", region="NY", postal_code="10013", country="US"
)
BERLIN = Address(street_address="Ahornweg 7", locality="Berlin", postal_code="10437", country="DE")


class Customer:
    """Somebody who fills one checkout. Every quote is checked for its sums."""

    def __init__(self, quoting: Quoting, pool: Pool, merchant: Merchant) -> None:
        self.quoting = quoting
        self.merchant = merchant
        self.basket: Basket | None = None
        self._pool = pool
        self._scope = Scope(merchant_id=merchant.id, platform_id="agent")

    async def wants(self, *items: str | tuple[str, int], **more: Any) -> Quote:
        """Items by id, or with their quantity; ``more`` are members of `Wanted`."""
        lines = [WantedLine(item_id=i, quantity=1) if isinstance(i, str) else
                 WantedLine(item_id=i[0], quantity=i[1]) for i in items]  # fmt: skip
        return await self._ask(Wanted(lines=tuple(lines), **more))

    async def looks_again(self) -> Quote:
        return await self._ask(None)

    def forgets(self) -> None:
        """A checkout of its own from here on."""
        self.basket = None

    async def remembers(self, quote: Quote) -> None:
        async with transaction(self._pool) as tx:
            await remember_addresses(tx, self.merchant.id, quote.new_addresses)

    async def _ask(self, wanted: Wanted | None) -> Quote:
        self.basket, quote = await self.quoting.quote(
            self._scope, self.merchant, self.basket, wanted=wanted, at=AT
        )
        assert wrong_in(quote) == []
        # What is stored comes back as it was.
        assert msgspec.json.decode(msgspec.json.encode(quote), type=Quote) == quote
        assert msgspec.json.decode(msgspec.json.encode(self.basket), type=Basket) == self.basket
        return quote


async def customer_of(
    pool: Pool, folder: Path, currency: str = "USD", home_country: str = "US", **more: Any
) -> Customer:
    merchant = Merchant(
        id="shop",
        title="Shop",
        currency=currency,
        home_country=home_country,
        mail_sender="shop@example.com",
        **more,
    )
    await import_shop(pool, merchant.id, currency, folder)
    return Customer(Quoting.over(pool), pool, merchant)


def shipping(
    address: Address | None = None,
    option_id: str | None = None,
    *,
    id_: str | None = None,
    selected: str | None = None,
) -> tuple[WantedMethod, ...]:
    """One method that ships to ``address``, selected; or to what ``selected`` names."""
    if address is not None and selected is None:
        id_ = selected = id_ or "here"
    return (
        WantedMethod(
            type="shipping",
            destinations=None if address is None else (WantedDestination(id=id_, address=address),),
            selected_destination_id=selected,
            groups=() if option_id is None else (WantedGroup(selected_option_id=option_id),),
        ),
    )


def buyer(email: str) -> Buyer:
    return Buyer(email=email)


def bill(quote: Quote) -> dict[str, int]:
    return {row.type: row.amount_minor for row in quote.totals}


def codes(quote: Quote) -> list[str]:
    return [problem.code for problem in quote.problems]


def only_method(quote: Quote) -> Method:
    assert quote.methods is not None
    (method,) = quote.methods
    return method


def destination_ids(quote: Quote) -> list[str] | None:
    destinations = only_method(quote).destinations
    return None if destinations is None else [each.id for each in destinations]


def options(quote: Quote) -> dict[str, tuple[str, int]]:
    group = only_method(quote).groups[0]
    return {option.id: (option.title, option.price_minor) for option in group.options}


def item_ids(quote: Quote) -> Sequence[str]:
    return [line.item_id for line in quote.lines]

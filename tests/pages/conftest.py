"""The application in this process: an agent on one side, a buyer at a browser on the other."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from starlette.applications import Starlette

from tests.pages.browser import Buyer
from tests.pages.chromium import chromium, served, visit
from tests.ucp.conftest import SITE, Agent, Town, here, town
from ucp_server import plugins
from ucp_server.domain.checkout import Instrument
from ucp_server.domain.errors import HandlerUnavailable
from ucp_server.domain.money import Money
from ucp_server.engine.quoting import Quoting
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.pages.contexts import Shop
from ucp_server.pages.routes import BINDING, PageRenderer, Pages
from ucp_server.ports import Credential, OnPage
from ucp_server.store.database import Pool, open_pool

__all__ = ["chromium", "here", "served", "town", "visit"]

SECRET = b"s" * 32
BROKEN = "a handler that raises"
FIELDS = "a handler with fields, in which nothing was entered"
FIELDS_URL = "https://pay.example/fields/1"
Sql = Callable[..., Awaitable[None]]
Counted = Callable[[str], Awaitable[int]]
WALLET = Instrument(id="wallet", handler_id="mock_payment_handler", type="account")
# A till takes payments with this token, as if the buyer's account behaved like that; `meanwhile` happens
# while its handler is asked for it.
Till = Callable[..., Buyer]


@pytest.fixture
async def agent(here: Town) -> Agent:
    return here.agent()


@pytest.fixture
async def buyer(here: Town) -> Buyer:
    return Buyer(here.client)


@pytest.fixture
async def sql(database: str) -> AsyncIterator[Sql]:
    """Runs a statement on the shop's database."""
    connection = await asyncpg.connect(database)

    async def run(statement: str, *values: object) -> None:
        await connection.execute(statement, *values)

    yield run
    await connection.close()


@pytest.fixture
async def counted(database: str) -> AsyncIterator[Counted]:
    """How many rows a table has."""
    connection = await asyncpg.connect(database)

    async def count(table: str) -> int:
        return await connection.fetchval(f"select count(*) from {table}")

    yield count
    await connection.close()


@pytest.fixture
async def tills(here: Town) -> AsyncIterator[Till]:
    """Pages of their own over the same shop, which pay with a token that the test chooses."""
    url = here.settings.postgres_url
    async with open_pool(url, size=4, name="till") as pool:
        yield lambda token, meanwhile=None: _till(here, pool, token, meanwhile)


def _till(
    here: Town, pool: Pool, token: str | None, meanwhile: Callable[[], Awaitable[object]] | None
) -> Buyer:
    clock = plugins.SystemClock()
    setup = Setup(
        pool=pool,
        merchants={name: table.facts(name) for name, table in here.settings.merchant.items()},
        quoting=Quoting.over(pool),
        payments=plugins.payments(here.settings, clock),
        clock=clock,
        renderers={BINDING: PageRenderer()},
    )
    merchant_id = next(iter(here.settings.merchant))

    async def payment(_: str, __: Money, ___: str) -> OnPage | None:
        if meanwhile is not None:
            await meanwhile()
        if token == BROKEN:
            raise HandlerUnavailable("The payment handler")
        if token is None:
            return None
        if token == FIELDS:
            return OnPage(fields_url=FIELDS_URL)
        return OnPage(instrument=WALLET, credential=Credential(type="token", members={"token": token}))

    pages = Pages(
        engine=Engine(setup),
        shop_of=lambda _: Shop(merchant_id=merchant_id, title="Till", origin=SITE),
        payments=payment,
        secret=SECRET,
    )
    return Buyer.at(Starlette(routes=pages.routes()), SITE)

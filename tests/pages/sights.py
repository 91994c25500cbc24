"""Every page that a buyer may come to see, and what leads there.

Links are made by agents, as in life; what no agent can do is done to the shop's database or by the
merchant.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import asyncpg

from tests.ucp.conftest import BUYER, Agent, Town, create_body, shipping
from tests.ucp.test_cart import filled
from ucp_server.app import open_orders
from ucp_server.domain.order import Quantity
from ucp_server.engine.orders import Parcel

Wire = dict[str, Any]

STEP_UP = {"type": "token", "token": "step_up_token"}
PENDING = {"type": "token", "token": "pending_token"}
HIGH_MINOR = 100_000
# What the town has to be for `SIGHTS`.
TOWN: Wire = {"required_buyer_fields": ("email",), "escalate_above_minor": HIGH_MINOR}


async def run_sql(here: Town, statement: str, *values: object) -> None:
    connection = await asyncpg.connect(here.settings.postgres_url)
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()


async def link(agent: Agent, body: Wire | None = None, **more: Any) -> str:
    return str((await agent.create(body, **more))["continue_url"])


async def bare(here: Town) -> str:
    return await link(here.agent(), create_body("vase"))


async def wrong(here: Town) -> str:
    """Something is wrong in every part that can be."""
    lines = [{"item": {"id": item}, "quantity": 2} for item in ("vase", "ink", "notebook-a6-lined")]
    url = await link(
        here.agent(),
        {"line_items": lines},
        buyer={"first_name": "Ada"},
        fulfillment=shipping(None, postal_code=""),
        discounts={"codes": ["10OFF", "NOPE"]},
    )
    await run_sql(here, "update inventory set on_hand = 1 where item_id = 'vase'")
    return url


async def ready(here: Town) -> str:
    return str((await here.agent().ready())["continue_url"])


async def collected(here: Town) -> str:
    return await link(here.agent(), buyer=BUYER, fulfillment={"methods": [{"type": "pickup"}]})


async def high(here: Town) -> str:
    return await link(here.agent(), create_body("roses", 40), buyer=BUYER, fulfillment=shipping())


async def challenged(here: Town) -> str:
    checkout = await here.agent().ready()
    await here.agent().complete(checkout, credential=STEP_UP)
    return str(checkout["continue_url"])


async def waiting(here: Town) -> str:
    checkout = await here.agent().ready()
    await here.agent().complete(checkout, credential=PENDING)
    return str(checkout["continue_url"])


async def completed(here: Town) -> str:
    checkout = await here.agent().ready()
    await here.agent().paid(checkout)
    return str(checkout["continue_url"])


async def canceled(here: Town) -> str:
    checkout = await here.agent().ready()
    await here.agent().cancel(checkout)
    return str(checkout["continue_url"])


async def expired(here: Town) -> str:
    checkout = await here.agent().ready()
    await run_sql(here, "update checkouts set expires_at = now() where id = $1", row_id(checkout))
    return str(checkout["continue_url"])


async def stolen(here: Town) -> str:
    return (await ready(here))[:-2] + "xx"


async def order(here: Town) -> str:
    return str((await here.agent().bought())["order"]["permalink_url"])


async def moved_order(here: Town) -> str:
    """A parcel is on its way, another one came, something came back and was paid back."""
    done = (await here.agent().bought())["order"]
    merchant = next(iter(here.settings.merchant))
    one = (Quantity(line_id="li_1", quantity=1),)
    async with open_orders(here.settings) as orders:
        id_ = row_id(done)
        url = "https://post.example/TRACK123"
        await orders.ship(merchant, id_, Parcel(lines=one, carrier="Post", tracking_url=url))
        await orders.deliver(merchant, id_, Parcel(lines=one))
        await orders.return_(merchant, id_, one, "too red")
        await orders.refund(merchant, id_, 1200, "for the red one")
    return str(done["permalink_url"])


async def receipt(here: Town) -> str:
    return f"{await moved_order(here)}/receipt"


async def window(here: Town) -> str:
    return f"{here.client.base_url}/"


async def found(here: Town) -> str:
    return f"{here.client.base_url}/?q=vase"


async def nothing_found(here: Town) -> str:
    return f"{here.client.base_url}/?q=zeppelin"


async def cart(here: Town) -> str:
    lines = (("ink", 2), ("vase", 501), ("notebook-a6-lined", 1), ("gardenias", 1))
    found = await filled(here.agent_of("2026-08-25"), *lines, discounts={"codes": ["10OFF", "NOPE"]})
    return str(found["continue_url"])


def row_id(document: Wire) -> str:
    """What the store calls the checkout or order of a platform's document."""
    return str(UUID(document["id"].rpartition("_")[2]))


SIGHTS: dict[str, dict[str, Callable[[Town], Awaitable[str]]]] = {
    "checkouts": {
        "bare": bare,
        "ready": ready,
        "collected": collected,
        "high": high,
        "challenged": challenged,
        # Last: it leaves the shop short of vases.
        "wrong": wrong,
    },
    "settled": {
        "waiting": waiting,
        "completed": completed,
        "canceled": canceled,
        "expired": expired,
        "stolen": stolen,
        "order": order,
        "moved-order": moved_order,
        "receipt": receipt,
    },
    "shop": {
        "cart": cart,
        "window": window,
        "window-found": found,
        "window-nothing": nothing_found,
    },
}

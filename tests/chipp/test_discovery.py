"""What an app tells anybody."""

import pytest

from tests.chipp.world import APP, AUDIT, CHAIR, DUO, FOREIGN_APP, LAST, MUTE, REPORT, SITE, Market
from tests.store.shops import execute


async def test_the_agent_card_says_where_and_how(market: Market) -> None:
    reply = await market.ask("GET", "/.well-known/agent.json", key=None)
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "public, max-age=60"
    document = reply.json()
    assert document.pop("authentication")["type"] == "bearer"
    assert document == {
        "name": "Audits",
        "description": "Sites, looked at.",
        "url": f"{SITE}/acp/{APP}",
        "version": "1.0.0",
        "capabilities": {"products": True, "checkout": True},
        "endpoints": {
            "products": f"{SITE}/acp/{APP}/products",
            "checkout": f"{SITE}/acp/{APP}/checkout_sessions",
        },
    }


async def test_products_are_those_that_can_be_had(market: Market) -> None:
    products = (await market.ask("GET", "/products", key=None)).json()["data"]
    assert [product["id"] for product in products] == sorted([AUDIT, REPORT, CHAIR, LAST, MUTE, DUO])
    assert products[0] == {
        "id": AUDIT,
        "name": "Site audit",
        "description": "We look at your site.",
        "sku": "AUD-2",
        "price": {"amount": 4200, "currency": "eur"},
        "fulfillment_type": "automatic",
    }
    await execute(market.pool, "delete from items where id = 'audit'")
    left = (await market.ask("GET", "/products", key=None)).json()["data"]
    assert [product["id"] for product in left] == sorted([REPORT, CHAIR, LAST])


async def test_every_product_that_is_told_can_be_bought(market: Market) -> None:
    for product in (await market.ask("GET", "/products", key=None)).json()["data"]:
        session = await market.create(product["id"])
        (line,) = session["line_items"]
        assert (line["productId"], line["unitPriceCents"]) == (product["id"], product["price"]["amount"])


@pytest.mark.parametrize("app", ["none", "00000000-0000-7000-8000-000000000000", FOREIGN_APP])
@pytest.mark.parametrize("path", ["/products", "/.well-known/agent.json"])
async def test_nothing_is_sold_under_another_address(market: Market, app: str, path: str) -> None:
    reply = await market.ask("GET", path, app=app, key=None)
    assert (reply.status_code, reply.json()) == (404, {"error": "Application not found"})


async def test_an_address_is_read_in_any_case(market: Market) -> None:
    reply = await market.ask("GET", "/.well-known/agent.json", app=APP.upper(), key=None)
    assert reply.json()["url"] == f"{SITE}/acp/{APP}"

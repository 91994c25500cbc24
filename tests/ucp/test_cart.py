"""Carts under every release that has them: filled, changed, put away, and bought."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from conformance import forms
from tests.ucp.conftest import ALL, BUYER, SITE, Agent, Open, Town, pinned, profile_url, shipping
from ucp_server.ucp.operation_table import Family, operations_of
from ucp_server.ucp.releases import BUYER_CONSENT, CART, CHECKOUT, DISCOUNT, ROWS, SERVED

Wire = dict[str, Any]

WITHOUT = [v for v in SERVED if CART not in {c.name for c in ROWS[v].capabilities}]
WITH = [version for version in SERVED if version not in WITHOUT]
SPRINGFIELD: Wire = {"address_country": "US", "address_region": "IL", "postal_code": "62704"}
KILOGRAMS: Wire = {"unit": "KGM", "scale": 3, "display_text": "kg"}


@pytest.fixture(params=WITH)
async def filling(here: Town, request: pytest.FixtureRequest) -> Agent:
    version: str = request.param
    return here.agent_of(version)


def holding(*lines: tuple[str, int], **more: Any) -> Wire:
    return {"line_items": [{"item": {"id": item}, "quantity": count} for item, count in lines], **more}


async def filled(agent: Agent, *lines: tuple[str, int], **more: Any) -> Wire:
    reply = await agent.ask("POST", "/carts", holding(*(lines or (("roses", 2),)), **more))
    assert (reply.status_code, reply.headers["cache-control"]) == (201, "no-store"), reply.text
    cart: Wire = reply.json()
    return cart


async def converted(agent: Agent, cart: Wire, **more: Any) -> httpx2.Response:
    body = {"cart_id": cart["id"], "line_items": [], **more}
    return await agent.ask("POST", "/checkout-sessions", body)


def totals(document: Wire) -> dict[str, int]:
    return {row["type"]: row["amount"] for row in document["totals"]}


def codes(document: Wire) -> list[str]:
    return [message["code"] for message in document.get("messages", ())]


def is_unknown(reply: httpx2.Response) -> bool:
    document = reply.json()
    assert (reply.status_code, document["ucp"]["status"]) == (200, "error"), reply.text
    return [(m["code"], m["severity"]) for m in document["messages"]] == [("not_found", "unrecoverable")]


async def is_gone(agent: Agent, cart: Wire) -> bool:
    return is_unknown(await agent.ask("GET", f"/carts/{cart['id']}"))


def test_the_newest_releases_have_carts():
    assert (WITHOUT, WITH) == (["2026-01-11", "2026-01-23"], ["2026-04-08", "2026-08-25"])
    for version in WITH:
        rows = [row for row in operations_of(ROWS[version]) if row.family is Family.CART]
        assert [(row.method, row.path, row.writes) for row in rows] == [
            ("POST", "/carts", True),
            ("GET", "/carts/{id}", False),
            ("PUT", "/carts/{id}", True),
            ("POST", "/carts/{id}/cancel", True),
        ]


@pytest.mark.parametrize("release", WITHOUT)
async def test_january_has_none(here: Town, release: str):
    agent = here.agent_of(release)
    assert (await agent.ask("POST", "/carts", holding(("roses", 1)))).status_code == 404
    # And a name that it does not know is nothing that a checkout could be made of.
    body = forms.create(release, holding(("roses", 1))["line_items"], "USD", cart_id="cart_1")
    assert (await agent.ask("POST", "/checkout-sessions", body)).status_code == 201


# --- one cart ---


async def test_a_cart_is_filled_changed_and_put_away(filling: Agent):
    cart = await filled(filling, ("roses", 2), ("vase", 1))
    path = f"/carts/{cart['id']}"
    assert cart["id"].startswith("cart_")
    assert cart["continue_url"].startswith(f"{SITE}/cart/")
    assert {"status", "payment", "fulfillment"} & set(cart) == set()
    assert cart["totals"] == [
        {"type": "subtotal", "amount": 8550},
        {"type": "total", "amount": 8550, "display_text": "Estimated total"},
    ]
    assert (await filling.ask("GET", path)).json() == cart

    kept = cart["line_items"][1]
    lines = [{"id": kept["id"], "item": {"id": "vase"}, "quantity": 3}]
    changed = (await filling.ask("PUT", path, {"line_items": lines, "id": cart["id"]})).json()
    assert [(line["id"], line["quantity"]) for line in changed["line_items"]] == [(kept["id"], 3)]
    assert totals(changed) == {"subtotal": 4650, "total": 4650}

    last = await filling.ask("POST", f"{path}/cancel", {})
    assert last.status_code == 200
    # Nothing leads on from there.
    assert last.json() == {k: v for k, v in changed.items() if k not in {"continue_url", "expires_at"}}
    assert await is_gone(filling, cart)
    assert is_unknown(await filling.ask("PUT", path, {"line_items": lines}))
    assert is_unknown(await filling.ask("POST", f"{path}/cancel", {}))


async def test_it_tells_the_capabilities_that_shape_it(filling: Agent):
    """Fulfilment is none of them, and before 2026-08-25 the buyer's answers were none."""
    cart = await filled(filling, buyer={**BUYER, "consent": forms.consent(filling.release, marketing=True)})
    answers = ROWS[filling.release].consents_are_advertised
    shaping = [CART, DISCOUNT, BUYER_CONSENT] if answers else [CART, DISCOUNT]
    assert list(cart["ucp"]["capabilities"]) == shaping
    assert "payment_handlers" not in cart["ucp"]
    assert ("consent" in cart["buyer"]) is answers
    if answers:
        assert forms.consented(filling.release, cart) == {"marketing": True}
        # They are the buyer's: a PUT that is silent of them leaves them.
        reply = await filling.ask("PUT", f"/carts/{cart['id']}", holding(("vase", 1)) | {"buyer": BUYER})
        assert forms.consented(filling.release, reply.json()) == {"marketing": True}


async def test_taxes_are_estimated_where_the_goods_may_go(filling: Agent):
    known = await filled(filling, context=SPRINGFIELD)
    assert totals(known) == {"subtotal": 7000, "tax": 438, "total": 7438}
    # All of the cart is replaced, also what is known of the place.
    reply = await filling.ask("PUT", f"/carts/{known['id']}", holding(("roses", 2)))
    assert totals(reply.json()) == {"subtotal": 7000, "total": 7000}
    region = {"address_region": "IL"}
    assert totals(await filled(filling, context=region)) == {"subtotal": 7000, "total": 7000}


async def test_codes_count_in_a_cart(filling: Agent):
    cart = await filled(filling, discounts={"codes": ["10off", "NOPE"]})
    assert codes(cart) == ["discount_code_invalid"]
    assert cart["messages"][0]["path"] == "$.discounts.codes[1]"
    assert (cart["discounts"]["codes"], totals(cart)["total"]) == (["10off", "NOPE"], 6300)
    assert cart["discounts"]["applied"][0]["amount"] == 700


async def test_what_cannot_be_had_is_told_at_its_line(filling: Agent):
    cart = await filled(filling, ("roses", 1), ("gardenias", 1), ("pink_wumpus", 1))
    told = {message["path"]: (message["code"], message["severity"]) for message in cart["messages"]}
    assert told == {
        "$.line_items[1]": ("out_of_stock", "recoverable"),
        "$.line_items[2]": ("item_unavailable", "recoverable"),
    }


@pytest.mark.parametrize(
    ("item", "code"), [("gardenias", "out_of_stock"), ("pink_wumpus", "item_unavailable")]
)
async def test_of_nothing_no_cart_is_made(town: Open, item: str, code: str):
    async with town(storefront_url="https://shop.test/") as here:
        for release in WITH:
            reply = await here.agent_of(release).ask("POST", "/carts", holding((item, 1)))
            document = reply.json()
            assert (reply.status_code, document["ucp"]["status"]) == (200, "error")
            (message,) = document["messages"]
            assert (message["code"], message["severity"]) == (code, "unrecoverable")
            assert "id" not in document
            assert document["continue_url"] == "https://shop.test/"


async def test_a_key_is_known_again(filling: Agent):
    body = holding(("roses", 1))
    first = await filling.ask("POST", "/carts", body, key="once")
    again = await filling.ask("POST", "/carts", body, key="once")
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    other = await filling.ask("POST", "/carts", holding(("roses", 2)), key="once")
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    path = f"/carts/{first.json()['id']}/cancel"
    last = await filling.ask("POST", path, {}, key="away")
    assert (await filling.ask("POST", path, {}, key="away")).content == last.content


async def test_a_body_of_another_form(filling: Agent):
    for raw in (b"{", b"{}", b'{"line_items": 7}', b'{"line_items": [{"item": {}, "quantity": 1}]}'):
        reply = await filling.ask("POST", "/carts", raw)
        assert (reply.status_code, reply.json()["code"]) == (400, "invalid_request")
    # What only a checkout has is not looked at.
    cart = await filled(filling, payment=7, fulfillment=7, cart_id=7, status=7)
    assert {"payment", "fulfillment", "status"} & set(cart) == set()


async def test_a_quantity_in_another_unit_is_never_read_as_pieces(filling: Agent):
    """M:D/cart#Quantity and sale basis; before, the member was nothing of ours."""
    cart = await filled(filling)
    line = {"item": {"id": "roses", "quantity_unit": KILOGRAMS}, "quantity": 9}
    made = await filling.ask("POST", "/carts", {"line_items": [line]})
    changed = await filling.ask("PUT", f"/carts/{cart['id']}", {"line_items": [line]})
    now = (await filling.ask("GET", f"/carts/{cart['id']}")).json()
    if filling.release == "2026-04-08":
        assert (made.status_code, now["line_items"][0]["quantity"]) == (201, 9)
        return
    assert (made.status_code, codes(made.json())) == (200, ["quantity_unit_mismatch"])
    assert now == cart
    assert changed.json() == cart | {"messages": changed.json()["messages"]}
    assert codes(changed.json()) == ["quantity_unit_mismatch"]


async def test_what_the_buyer_told_counts_whenever_the_cart_is_priced(filling: Agent):
    context = {"eligibility": ["com.example.nobody"], "currency": "EUR"}
    cart = await filled(filling, context=context)
    assert codes(cart) == ["eligibility_not_accepted", "currency_not_offered"]
    assert (await filling.ask("GET", f"/carts/{cart['id']}")).json() == cart
    assert "eligibility_not_accepted" in codes((await converted(filling, cart)).json())


# --- whose it is ---


async def test_who_has_no_carts_is_told_so(town: Open, tmp_path: Path):
    few = tuple(name for name in ALL if name != CART)
    platforms = {
        name: pinned(tmp_path, name, release=release, capabilities=capabilities)
        for release in WITH
        for name, capabilities in ((release, ALL), (f"few-{release}", few))
    }
    async with town(platforms=platforms) as here:
        for release in WITH:
            cart = await filled(here.agent_of(release))
            agent = here.stranger(f'profile="{profile_url(f"few-{release}")}"', release)
            for method, path in (("POST", "/carts"), ("GET", f"/carts/{cart['id']}")):
                reply = await agent.ask(method, path, holding(("roses", 1)) if method == "POST" else None)
                assert (reply.status_code, codes(reply.json())) == (200, ["capabilities_incompatible"])
            # The name of a cart means nothing to it.
            made = await agent.create(holding(("vase", 1)), cart_id=cart["id"])
            assert made["line_items"][0]["item"]["id"] == "vase"
            assert "cart_id" not in made


async def test_a_cart_is_its_platforms_alone(here: Town):
    one, other = (here.agent_of(release) for release in WITH)
    cart = await filled(one)
    for name in (cart["id"], "cart_" + "0" * 32, "cart_7", "chk_" + cart["id"][5:]):
        path = f"/carts/{name}"
        assert is_unknown(await other.ask("GET", path))
        assert is_unknown(await other.ask("PUT", path, holding(("roses", 1))))
        assert is_unknown(await other.ask("POST", f"{path}/cancel", {}))
        assert is_unknown(await converted(other, {"id": name}))


# --- to a checkout ---


async def test_a_checkout_is_made_of_a_cart(filling: Agent):
    cart = await filled(
        filling, ("roses", 1), ("vase", 2), buyer=BUYER, discounts={"codes": ["10OFF"]}, context=SPRINGFIELD
    )
    theirs = holding(("shears", 9), buyer={"email": "eve@example.com"}, discounts={"codes": []})
    reply = await converted(filling, cart, **theirs)
    assert reply.status_code == 201
    checkout = reply.json()
    shown = [(line["id"], line["item"]["id"], line["quantity"]) for line in checkout["line_items"]]
    assert shown == [(line["id"], line["item"]["id"], line["quantity"]) for line in cart["line_items"]]
    assert (checkout["cart_id"], checkout["buyer"]["email"]) == (cart["id"], BUYER["email"])
    assert checkout["discounts"]["codes"] == ["10OFF"]
    assert CHECKOUT in checkout["ucp"]["capabilities"]
    assert CART not in checkout["ucp"]["capabilities"]


async def test_a_cart_has_one_open_checkout(filling: Agent):
    cart = await filled(filling)
    first = await converted(filling, cart)
    again = await converted(filling, cart)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    await filling.cancel(first.json())
    third = await converted(filling, cart)
    assert third.status_code == 201
    assert third.json()["id"] != first.json()["id"]
    # Also one of which nothing can be had any more is the cart's.
    gone = await filling.update(third.json(), **holding(("pink_wumpus", 1)))
    known = await converted(filling, cart)
    assert (known.status_code, known.json()["id"]) == (200, gone["id"])


async def test_a_conversion_under_a_key_is_known_again(filling: Agent):
    cart = await filled(filling)
    body = {"cart_id": cart["id"], "line_items": []}
    first = await filling.ask("POST", "/checkout-sessions", body, key="one")
    await filling.cancel(first.json())
    again = await filling.ask("POST", "/checkout-sessions", body, key="one")
    assert (again.status_code, again.content) == (201, first.content)


async def test_from_a_question_to_an_order(filling: Agent):
    """What is found is put into a cart, and the cart is bought: afterwards it is gone."""
    found = (await filling.ask("POST", "/catalog/search", {"query": "notebook"})).json()
    wish = {"id": found["products"][0]["id"], "selected": [{"name": "Size", "label": "A6"}]}
    shown = (await filling.ask("POST", "/catalog/product", wish)).json()["product"]
    variant = shown["variants"][0]
    cart = await filled(filling, (variant["id"], 3), context=SPRINGFIELD)
    assert cart["line_items"][0]["item"]["price"] == variant["price"]["amount"] == 1090
    begun = await converted(filling, cart, buyer=BUYER, fulfillment=shipping(release=filling.release))
    assert (begun.status_code, begun.json()["status"]) == (201, "ready_for_complete"), begun.text
    checkout = begun.json()
    assert totals(checkout)["subtotal"] == totals(cart)["subtotal"]
    # In between stands the tax on the delivery.
    assert (totals(cart)["tax"], totals(checkout)["tax"]) == (204, 204 + 31)
    done = await filling.paid(checkout)
    assert done["order"]["id"].startswith("ord_")
    assert await is_gone(filling, cart)
    assert is_unknown(await converted(filling, cart))

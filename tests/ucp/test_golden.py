"""What is said, word for word: one file per reply, read by a person, compared by this test.

A difference is either a defect or a decision. For a decision: ``WRITE_GOLDEN=1`` writes the files
anew, and the commit's diff is what a person reads.
"""

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from conformance import forms
from tests.ucp.conftest import (
    BUYER,
    Agent,
    Open,
    Town,
    complete_body,
    create_body,
    instrument,
    pinned,
    profile_url,
    shipping,
    update_body,
)
from tests.ucp.listening import listening
from ucp_server.modes import Mode
from ucp_server.ucp.releases import CART, CATALOG_SEARCH, ORDER, ROWS, SERVED

Wire = dict[str, Any]
FOLDER = Path(__file__).parents[1] / "golden"

# What differs from run to run: ids, tokens, times, keys.
CHANGING = (
    (re.compile(r"\b(chk|ord|cart)_[0-9a-f]{32}\b"), r"\1_…"),
    (re.compile(r"/(checkout|cart|order)/[0-9a-f]{32}/[A-Za-z0-9_-]{22}"), r"/\1/…/…"),
    (re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "a time"),
    (re.compile(r'"(kid|x|y)": "[A-Za-z0-9_-]{43}"'), r'"\1": "…"'),
    (re.compile(r'"cursor": "[A-Za-z0-9_-]{22}\.'), '"cursor": "….'),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "an id"),
)

PARCEL = {"carrier": "Post", "tracking_number": "PB1", "tracking_url": "https://post.example/PB1"}
# By their place: a cancellation and a refund are told when they are begun and when they are paid.
EVENTS = {
    1: "event-placed",
    2: "event-shipped",
    4: "event-canceled",
    5: "event-returned",
    6: "event-refund-pending",
    7: "event-refunded",
}


def compare(release: str, name: str, status: int, document: Any) -> None:
    """Hold a reply against its file; with WRITE_GOLDEN the file against nothing."""
    text = (
        msgspec.json.format(msgspec.json.encode({"status": status, "body": document}), indent=2).decode()
        + "\n"
    )
    for pattern, mask in CHANGING:
        text = pattern.sub(mask, text)
    file = FOLDER / release / f"{name}.json"
    if os.environ.get("WRITE_GOLDEN") == "1":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert file.exists(), f"{file} is missing; see the head of this module"
    assert text == file.read_text(), f"{file} says something else"


async def asked(agent: Agent, name: str, method: str, path: str, body: Wire | bytes | None = None) -> Wire:
    reply = await agent.ask(method, path, body)
    compare(agent.release, name, reply.status_code, reply.json())
    return reply.json()


async def test_the_replies_of_a_release(here: Town, each: Agent):
    """All in one shop: what is bought here is never the last piece."""
    await profiles(here, each.release)
    await purchase(each)
    await other_ways(each)
    await refusals(here, each)
    await not_followed(each)


async def profiles(here: Town, release: str) -> None:
    reply = await here.client.get(f"/.well-known/ucp/{release}")
    compare(release, "profile", reply.status_code, reply.json())


async def test_the_order_of_a_release(town: Open, tmp_path: Path):
    """Its events in the order in which they are sent, and what a GET shows in the end."""
    async with listening(town, tmp_path) as shop:
        for release in SERVED:
            agent = shop.here.agent_of(release)
            order_id = (await agent.bought())["order"]["id"]
            one = [{"line_id": "li_1", "quantity": 1}]
            await shop.change(order_id, "ship", lines=one, **PARCEL)
            await shop.change(order_id, "cancel")
            await shop.events(release, 4)
            await shop.change(order_id, "return", lines=one, text="Wilted")
            await shop.change(order_id, "refund", amount_minor=500, text="For the delay")
            events = await shop.events(release, max(EVENTS))
            for place, name in EVENTS.items():
                compare(release, name, 200, msgspec.json.decode(events[place - 1].body))
            if ROWS[release].serves_orders:
                await asked(agent, "order", "GET", f"/orders/{order_id}")
                await asked(agent, "error-order-not-found", "GET", f"/orders/ord_{'0' * 32}")


async def test_what_is_not_negotiated(town: Open, tmp_path: Path):
    """A platform without checkout, and one of a day that is yet to come."""
    platforms = {}
    for release in SERVED:
        name = f"orders-{release}"
        platforms[name] = pinned(tmp_path, name, release=release, capabilities=(ORDER,))
        name = f"later-{release}"
        platforms[name] = pinned(tmp_path, name, release=release, version="2099-01-01")
    async with town(platforms=platforms) as here:
        for release in SERVED:
            for name, file in (
                ("orders", "error-capabilities-incompatible"),
                ("later", "error-version-unsupported"),
            ):
                agent = here.stranger(f'profile="{profile_url(f"{name}-{release}")}"', release)
                await asked(agent, file, "POST", "/checkout-sessions", create_body(release=release))


async def test_an_order_is_shown_to_nobody_by_its_name(town: Open, tmp_path: Path):
    asking = [release for release in SERVED if ROWS[release].serves_orders]
    named = {release: pinned(tmp_path, release, release=release, writes=False) for release in asking}
    production = {"mode": Mode.PRODUCTION}
    async with town(platforms=named, server=production, public_url="https://shop.test") as here:
        for release in asking:
            path = f"/orders/ord_{'0' * 32}"
            await asked(here.agent_of(release), "error-order-unauthenticated", "GET", path)


async def test_what_is_said_of_the_goods(here: Town):
    for release in SERVED:
        if CATALOG_SEARCH in {capability.name for capability in ROWS[release].capabilities}:
            await browsing(here.agent_of(release))


async def test_what_is_said_of_a_cart(here: Town):
    for release in SERVED:
        if CART in {capability.name for capability in ROWS[release].capabilities}:
            await filling(here.agent_of(release))


async def test_the_root_profile(here: Town):
    """The newest release, and where the others are."""
    reply = await here.client.get("/.well-known/ucp")
    compare(reply.json()["ucp"]["version"], "profile-root", reply.status_code, reply.json())


async def purchase(agent: Agent) -> None:
    create = create_body(release=agent.release)
    checkout = await asked(agent, "create", "POST", "/checkout-sessions", create)
    path = f"/checkout-sessions/{checkout['id']}"
    consent = forms.consent(agent.release, marketing=True, sale_of_data=False)
    full = update_body(
        checkout,
        agent.release,
        buyer={**BUYER, "consent": consent},
        fulfillment=shipping(release=agent.release),
        discounts={"codes": ["10off", "NOPE"]},
        payment=chosen(agent.release),
    )
    await asked(agent, "update", "PUT", path, full)
    await asked(agent, "get", "GET", path)
    paid = complete_body(agent.release)
    await asked(agent, "complete", "POST", f"{path}/complete", paid)
    await asked(agent, "complete-again", "POST", f"{path}/complete", paid)
    await asked(agent, "error-cancel-completed", "POST", f"{path}/cancel")
    await asked(agent, "error-update-completed", "PUT", path, full)


async def browsing(agent: Agent) -> None:
    search, lookup, product = "/catalog/search", "/catalog/lookup", "/catalog/product"
    things = {"filters": {"categories": ["things"]}, "context": {"address_country": "US"}}
    page = await asked(agent, "search", "POST", search, things | {"pagination": {"limit": 2}})
    on = {"pagination": {"cursor": page["pagination"]["cursor"]}}
    await asked(agent, "search-next", "POST", search, on)
    await asked(agent, "search-nothing", "POST", search, {"query": "elephants"})
    named = {"ids": ["ink", "INK-50", "notebook", "nonesuch"], "context": {"language": "de"}}
    await asked(agent, "lookup", "POST", lookup, named)
    small = {"id": "notebook", "selected": [{"name": "Size", "label": "A6"}]}
    await asked(agent, "product", "POST", product, small)
    await asked(agent, "error-product-not-found", "POST", product, {"id": "nonesuch"})
    await asked(agent, "error-cursor", "POST", search, {"pagination": {"cursor": "x"}})
    await asked(agent, "error-search-for-nothing", "POST", search, {})
    await asked(agent, "error-lookup-too-large", "POST", lookup, {"ids": [str(n) for n in range(51)]})


async def filling(agent: Agent) -> None:
    two = [{"item": {"id": item}, "quantity": count} for item, count in (("ink", 2), ("gardenias", 1))]
    buyer = {**BUYER, "consent": forms.consent(agent.release, marketing=True)}
    springfield = {"address_country": "US", "address_region": "IL"}
    full = {"line_items": two, "context": springfield, "discounts": {"codes": ["10OFF", "NOPE"]}}
    cart = await asked(agent, "cart-create", "POST", "/carts", full | {"buyer": buyer})
    path = f"/carts/{cart['id']}"
    await asked(agent, "cart-get", "GET", path)
    line = {"id": cart["line_items"][0]["id"], "item": {"id": "ink"}, "quantity": 3}
    await asked(agent, "cart-update", "PUT", path, {"line_items": [line]})
    made = {"cart_id": cart["id"], "line_items": []}
    await asked(agent, "create-of-cart", "POST", "/checkout-sessions", made)
    await asked(agent, "create-of-cart-again", "POST", "/checkout-sessions", made)
    await asked(agent, "cart-cancel", "POST", f"{path}/cancel", {})
    await asked(agent, "error-cart-not-found", "GET", path)
    await asked(agent, "error-cart-of-nothing", "POST", "/carts", {"line_items": two[1:]})
    await asked(agent, "error-cart-form", "POST", "/carts", {"line_items": [{"quantity": 0}]})


def chosen(release: str) -> Wire:
    """A ``payment`` whose one instrument is selected."""
    card = instrument(release)
    if release in forms.FLAT_CARDS:
        return {"selected_instrument_id": card["id"], "instruments": [card]}
    return {"instruments": [{**card, "selected": True}]}


async def other_ways(agent: Agent) -> None:
    checkout = await agent.create()
    await asked(agent, "cancel", "POST", f"/checkout-sessions/{checkout['id']}/cancel")
    methods = [{"type": "pickup", "selected_destination_id": "market"}]
    collected = create_body("vase", 1, agent.release) | {
        "buyer": BUYER,
        "fulfillment": {"methods": methods},
    }
    await asked(agent, "create-pickup", "POST", "/checkout-sessions", collected)
    reviewed = create_body("shears", 1, agent.release)
    await asked(agent, "create-for-review", "POST", "/checkout-sessions", reviewed)


async def refusals(here: Town, agent: Agent) -> None:
    create, release = "/checkout-sessions", agent.release
    await asked(agent, "error-out-of-stock", "POST", create, create_body("gardenias", 1, release))
    await asked(agent, "error-unknown-item", "POST", create, create_body("pink_wumpus", 1, release))
    await asked(agent, "error-not-json", "POST", create, b"{")
    await asked(agent, "error-form", "POST", create, {"line_items": [{"quantity": 0}], "buyer": 1})
    await asked(agent, "error-not-found", "GET", f"{create}/chk_{'0' * 32}")
    stranger = here.stranger('profile="..."', release)
    await asked(stranger, "error-no-profile", "POST", create, create_body(release=release))
    ready = await agent.ready()
    declined = complete_body(release, credential={"type": "token", "token": "fail_token"})
    await asked(agent, "error-declined", "POST", f"{create}/{ready['id']}/complete", declined)
    bare = await agent.create()
    paid = complete_body(release)
    await asked(agent, "error-no-fulfillment", "POST", f"{create}/{bare['id']}/complete", paid)


async def not_followed(agent: Agent) -> None:
    """What 2026-08-25 answers with the checkout as it stands (M:D/checkout#Accepted completion)."""
    ready = await agent.ready()
    path, release = f"/checkout-sessions/{ready['id']}", agent.release
    elsewhere = shipping(release=release)
    elsewhere["methods"][0]["selected_destination_id"] = "elsewhere"
    moved = update_body(ready, release, buyer=BUYER, fulfillment=elsewhere)
    await asked(agent, "error-destination-unknown", "PUT", path, moved)
    kept = update_body(ready, release, buyer=BUYER, fulfillment=shipping(release=release))
    await agent.ask("PUT", path, kept)
    if ROWS[release].pays_with_exactly_one:
        both = {"instruments": [instrument(release), instrument(release) | {"id": "instr_2"}]}
        await asked(agent, "error-two-instruments", "POST", f"{path}/complete", {"payment": both})
    pending = complete_body(release, credential={"type": "token", "token": "pending_token"})
    await asked(agent, "complete-in-progress", "POST", f"{path}/complete", pending)
    await asked(agent, "error-update-in-progress", "PUT", path, kept)
    await asked(agent, "error-complete-in-progress", "POST", f"{path}/complete", pending)

"""Looking for goods under every release that has a catalog: search, lookup, one product."""

from pathlib import Path
from typing import Any

import pytest

from tests.ucp.conftest import SITE, Agent, Open, Town, pinned, profile_url
from ucp_server.ucp.operation_table import Family, operations_of
from ucp_server.ucp.releases import (
    CATALOG_LOOKUP,
    CATALOG_SEARCH,
    CHECKOUT,
    FULFILLMENT,
    ROWS,
    SERVED,
)

Wire = dict[str, Any]

WITHOUT = [v for v in SERVED if CATALOG_SEARCH not in {c.name for c in ROWS[v].capabilities}]
WITH = [version for version in SERVED if version not in WITHOUT]
PATHS = ("/catalog/search", "/catalog/lookup", "/catalog/product")


def test_the_newest_releases_have_a_catalog():
    assert (WITHOUT, WITH) == (["2026-01-11", "2026-01-23"], ["2026-04-08", "2026-08-25"])
    for version in WITH:
        of_catalogs = [row for row in operations_of(ROWS[version]) if row.family is Family.CATALOG]
        assert [row.path for row in of_catalogs] == list(PATHS)
        assert not any(row.writes for row in of_catalogs)


@pytest.fixture(params=WITH)
async def looking(here: Town, request: pytest.FixtureRequest) -> Agent:
    version: str = request.param
    return here.agent_of(version)


async def found(agent: Agent, path: str, body: Wire, **headers: str) -> Wire:
    reply = await agent.ask("POST", path, body, headers=headers)
    assert (reply.status_code, reply.headers["cache-control"]) == (200, "no-store"), reply.text
    document: Wire = reply.json()
    assert document["ucp"]["version"] == agent.release
    return document


async def search(agent: Agent, query: str | None = None, **more: Any) -> Wire:
    return await found(agent, PATHS[0], ({"query": query} if query else {}) | more)


async def product(agent: Agent, id_: str, **more: Any) -> Wire:
    shown: Wire = (await found(agent, PATHS[2], {"id": id_, **more}))["product"]
    return shown


def ids(document: Wire) -> list[str]:
    return [each["id"] for each in document["products"]]


def message_codes(document: Wire) -> list[str]:
    return [message["code"] for message in document.get("messages", ())]


async def test_a_search_finds_what_can_be_bought(looking: Agent):
    document = await search(looking, "notebook")
    assert ids(document) == ["notebook"]
    assert next(iter(document["ucp"]["capabilities"])) == CATALOG_SEARCH
    assert document["pagination"] == {"has_next_page": False, "total_count": 1}
    (notebook,) = document["products"]
    assert notebook["media"][0]["url"] == f"{SITE}/pictures/vase.svg"
    assert notebook["price_range"]["min"] == {"amount": 1090, "currency": "USD"}
    assert notebook["price_range"]["max"] == {"amount": 1490, "currency": "USD"}
    variants = {each["id"]: each["availability"] for each in notebook["variants"]}
    assert variants["notebook-a5-plain"] == {"available": False, "status": "out_of_stock"}
    bought = await looking.create(
        {"line_items": [{"item": {"id": notebook["variants"][0]["id"]}, "quantity": 1}]}
    )
    assert bought["line_items"][0]["item"]["price"] == notebook["variants"][0]["price"]["amount"]


async def test_pages_go_on_where_the_one_before_ended(looking: Agent):
    things = {"filters": {"categories": ["things"]}}
    seen, cursor = [], None
    while True:
        part = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await search(looking, **things, pagination=part)
        assert len(page["products"]) <= 2
        seen += ids(page)
        cursor = page["pagination"].get("cursor")
        assert page["pagination"]["has_next_page"] is (cursor is not None)
        if cursor is None:
            break
    assert seen == ids(await search(looking, **things))
    assert {"vase", "shears", "notebook", "ink"} == set(seen)


async def test_filters_narrow_together(looking: Agent):
    dear = await search(looking, filters={"categories": ["Things"], "price": {"min": 1200, "max": 1500}})
    assert set(ids(dear)) == {"shears", "notebook"}
    small = await search(looking, filters={"options": [{"name": "size", "label": "a6"}]})
    assert [v["id"] for v in small["products"][0]["variants"]] == ["notebook-a6-lined"]
    sold_out = await search(looking, filters={"categories": ["flowers"], "available": True})
    assert ids(sold_out) == ["roses"]
    elsewhere = await search(looking, filters={"price": {"max": 1000}}, context={"currency": "EUR"})
    assert message_codes(elsewhere) == ["price_filter_ignored"]
    here = await search(looking, filters={"price": {"max": 1000}}, context={"currency": "usd"})
    assert message_codes(here) == []


async def test_texts_are_in_the_language_that_is_asked_for(looking: Agent):
    by_header = await found(
        looking, PATHS[0], {"query": "Notizbuch"}, **{"Accept-Language": "de-AT,de;q=0.9"}
    )
    by_context = await search(looking, "Notizbuch", context={"language": "de"})
    assert by_header["products"] == by_context["products"]
    assert by_header["products"][0]["title"] == "Notizbuch"
    # What the body says holds: an agent may pass its own client's header on.
    both = {"id": "notebook", "context": {"language": "en"}}
    shown = await found(looking, PATHS[2], both, **{"Accept-Language": "de"})
    assert shown["product"]["title"] == "Notebook"


async def test_what_leads_to_the_shop_changes_nothing(looking: Agent):
    plain = await search(looking, "ink")
    assert (
        await search(looking, "ink", attribution={"utm_source": "x"}, signals={"dev.ucp.buyer_ip": "::1"})
        == plain
    )


async def test_a_lookup_says_what_led_where(looking: Agent):
    asked = ["notebook", "notebook-a6-lined", "INK-50", "4006381333931", "nonesuch", "notebook"]
    document = await found(looking, PATHS[1], {"ids": asked})
    assert next(iter(document["ucp"]["capabilities"])) == CATALOG_LOOKUP
    assert set(ids(document)) == {"notebook", "ink"}
    inputs = {
        variant["id"]: {(one["id"], one["match"]) for one in variant["inputs"]}
        for each in document["products"]
        for variant in each["variants"]
    }
    assert inputs["ink"] == {("INK-50", "exact"), ("4006381333931", "exact")}
    assert inputs["notebook-a6-lined"] == {("notebook-a6-lined", "exact")}
    assert {("notebook", "featured")} in inputs.values()
    assert message_codes(document) == ["not_found"]


async def test_too_much_at_once_is_refused(looking: Agent):
    reply = await looking.ask("POST", PATHS[1], {"ids": [f"x{number}" for number in range(51)]})
    assert (reply.status_code, reply.json()["code"]) == (400, "request_too_large")


async def test_a_product_follows_its_choices(looking: Agent):
    whole = await product(looking, "notebook")
    assert whole["selected"] == [{"name": "Size", "label": "A5"}, {"name": "Ruling", "label": "lined"}]
    small = await product(looking, "notebook", selected=[{"name": "Size", "label": "A6"}])
    assert [variant["id"] for variant in small["variants"]] == ["notebook-a6-lined"]
    ruling = next(option for option in small["options"] if option["name"] == "Ruling")
    assert ruling["values"] == [
        {"label": "lined", "available": True, "exists": True},
        {"label": "plain", "available": False, "exists": False},
    ]
    wished = [{"name": "Size", "label": "A6"}, {"name": "Ruling", "label": "plain"}]
    kept = await product(looking, "notebook", selected=wished, preferences=["Ruling", "Size"])
    assert kept["selected"] == [wished[1]]
    named = await product(looking, "notebook-a6-lined", selected=[wished[1]])
    assert named["variants"][0]["id"] == "notebook-a6-lined"


async def test_a_unit_price_is_in_the_numbers_of_the_release(looking: Agent):
    (ink,) = (await product(looking, "ink"))["variants"]
    assert ink["list_price"] == {"amount": 1290, "currency": "USD"}
    price = ink["unit_price"]
    assert (price["amount"], price["currency"]) == (1886, "USD")
    if ROWS[looking.release].catalogs:
        assert (price["measure"], price["reference"]) == (
            {"value": 52.5, "unit": "ml"},
            {"value": 100, "unit": "ml"},
        )
    else:
        assert price["measure"] == {"value": 525, "unit": "MLT", "scale": 1, "display_text": "ml"}
        assert price["reference"] == {"value": 100, "unit": "MLT", "display_text": "ml"}


async def test_ways_to_the_buyer_are_told_where_delivery_extends_a_catalog(looking: Agent):
    extends = next(c.extends for c in ROWS[looking.release].capabilities if c.name == FULFILLMENT)
    document = await found(looking, PATHS[2], {"id": "vase", "context": {"address_country": "US"}})
    (vase,) = document["product"]["variants"]
    assert ("fulfillment" in vase) is (CATALOG_LOOKUP in extends)
    assert (FULFILLMENT in document["ucp"]["capabilities"]) is (CATALOG_LOOKUP in extends)
    # Where nothing extends it, nobody has looked at what such members hold.
    junk: Wire = {"methods": ["pickup"], "fulfills_to": {"location": "nowhere"}}
    narrowed = await search(looking, filters={"categories": ["things"], **junk})
    assert (ids(narrowed) == []) is (CATALOG_SEARCH in extends)
    if CATALOG_LOOKUP in extends:
        assert {method["type"] for method in vase["fulfillment"]["methods"]} == {"shipping", "pickup"}
    else:
        assert await search(looking, filters={"categories": ["things"], "methods": 1, "fulfills_to": 2})


async def test_what_cannot_be_answered_is_told_in_the_words_of_a_later_release(looking: Agent):
    unknown = (await looking.ask("POST", PATHS[2], {"id": "nonesuch"})).json()
    assert unknown["ucp"] == {"version": looking.release, "status": "error"}
    (message,) = unknown["messages"]
    assert (message["code"], message["severity"]) == ("not_found", "unrecoverable")
    for path, body, code in (
        (PATHS[0], {}, "invalid_request"),
        (PATHS[0], {"query": " "}, "invalid_request"),
        (PATHS[0], {"query": "x" * 501}, "invalid_request"),
        (PATHS[0], {"query": 1}, "invalid_request"),
        (PATHS[0], {"query": "ink", "pagination": {"cursor": "x.1"}}, "invalid_cursor"),
        (PATHS[1], {}, "invalid_request"),
        (PATHS[2], {"id": "notebook", "selected": [{"name": "Size"}]}, "invalid_request"),
        (PATHS[2], {"id": "ink", "selected": [{"name": "A", "label": "1"}] * 2}, "invalid_request"),
        (PATHS[2], b"{", "invalid_request"),
    ):
        reply = await looking.ask("POST", path, body)
        assert (reply.status_code, reply.json()["code"]) == (400, code), (path, body)


async def test_a_list_belongs_to_who_asked_for_it(here: Town, looking: Agent):
    page = await search(looking, filters={"categories": ["things"]}, pagination={"limit": 1})
    other = here.agent_of(next(version for version in WITH if version != looking.release))
    on = {"pagination": {"cursor": page["pagination"]["cursor"]}}
    reply = await other.ask("POST", PATHS[0], on)
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_cursor")
    assert ids(await search(looking, **on))


async def test_looking_takes_no_key_and_no_leave_to_write(town: Open, tmp_path: Path):
    """The same key again is another question."""
    watchers = {v: pinned(tmp_path, v, release=v, auth="open", writes=False) for v in WITH}
    async with town(platforms=watchers) as here:
        for version in WITH:
            agent = here.agent_of(version)
            for query, expected in (("ink", ["ink"]), ("vase", ["vase"])):
                reply = await agent.ask("POST", PATHS[0], {"query": query}, key="the same")
                assert (reply.status_code, ids(reply.json())) == (200, expected)
                assert "idempotent-replayed" not in reply.headers
            assert (await agent.ask("POST", "/checkout-sessions", {})).status_code == 403


async def test_each_operation_needs_its_own_capability(town: Open, tmp_path: Path):
    """Search and lookup are two, and a platform that has neither may still buy."""
    one_each = {"seeks": (CATALOG_SEARCH,), "knows": (CATALOG_LOOKUP, FULFILLMENT), "buys": (CHECKOUT,)}
    bodies: tuple[Wire, ...] = ({"query": "ink"}, {"ids": ["ink"]}, {"id": "ink"})
    for version in WITH:
        platforms = {
            name: pinned(tmp_path, name, release=version, capabilities=capabilities)
            for name, capabilities in one_each.items()
        }
        async with town(platforms=platforms) as here:
            may = {"seeks": (True, False, False), "knows": (False, True, True), "buys": (False,) * 3}
            for name, allowed in may.items():
                agent = here.stranger(f'profile="{profile_url(name)}"', version)
                for path, body, is_allowed in zip(PATHS, bodies, allowed, strict=True):
                    reply = (await agent.ask("POST", path, body)).json()
                    refused = "capabilities_incompatible" in message_codes(reply)
                    assert refused is not is_allowed, (name, path, reply)


@pytest.mark.parametrize("release", WITHOUT)
async def test_january_has_no_catalog(here: Town, release: str):
    for path in PATHS:
        assert (await here.agent_of(release).ask("POST", path, {"query": "ink"})).status_code == 404

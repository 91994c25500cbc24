"""The five operations over REST: a purchase, and everything that can go otherwise."""

import asyncio
import base64
import hashlib
from typing import Any

import msgspec
import pytest

from tests.credentials import issued
from tests.ucp.conftest import (
    BUYER,
    CARD,
    HOME,
    SITE,
    Agent,
    Open,
    Town,
    create_body,
    pinned,
    profile_url,
    shipping,
    update_body,
)
from tests.ucp.test_authentication import DER
from ucp_server.store.credentials import CredentialKind
from ucp_server.ucp.releases import BUYER_CONSENT, CHECKOUT, DISCOUNT, FULFILLMENT

Wire = dict[str, Any]


def codes(document: Wire) -> list[str]:
    return [message["code"] for message in document.get("messages", ())]


def total(checkout: Wire, kind: str = "total") -> int:
    return sum(row["amount"] for row in checkout["totals"] if row["type"] == kind)


async def test_a_purchase_from_first_to_last(agent: Agent):
    checkout = await agent.create()
    assert checkout["status"] == "incomplete"
    checkout = await agent.update(checkout, buyer=BUYER, fulfillment=shipping(option=None))
    options = checkout["fulfillment"]["methods"][0]["groups"][0]["options"]
    assert [option["id"] for option in options] == ["std-ship", "exp-ship"]
    checkout = await agent.update(
        checkout, buyer=BUYER, fulfillment=shipping(), discounts={"codes": ["10off"]}
    )
    assert checkout["status"] == "ready_for_complete"
    assert await agent.get(checkout) == checkout
    reply = await agent.complete(checkout)
    assert reply.status_code == 200
    done = reply.json()
    assert done["status"] == "completed"
    assert done["order"]["id"] == checkout["id"].replace("chk_", "ord_")
    assert done["order"]["permalink_url"].startswith(SITE + "/order/")
    assert "continue_url" not in done
    assert (await agent.get(checkout))["order"] == done["order"]


async def test_what_speaks_of_a_buyer_is_kept_by_nobody_on_the_way(agent: Agent):
    checkout = await agent.create()
    for method, path in (
        ("GET", f"/checkout-sessions/{checkout['id']}"),
        ("GET", "/checkout-sessions/chk_1"),
    ):
        assert (await agent.ask(method, path)).headers["cache-control"] == "no-store"


async def test_the_bodies_of_the_published_page_are_taken_as_printed(here: Town):
    """They name no payment, no key, a foreign handler and a token of a type of its own (field.md 7)."""
    agent = here.stranger('profile="https://platform.example/profile"')
    body = {"line_items": [{"item": {"id": "voucher", "title": "Mug", "price": 1490}, "quantity": 3}]}
    checkout = await agent.create(body | {"currency": "EUR"}, buyer=BUYER)
    assert total(checkout) == 6000
    assert (checkout["status"], codes(checkout)) == ("ready_for_complete", ["currency_not_offered"])
    credential = {"type": "PAYMENT_GATEWAY", "token": "tok_demo"}
    payment = {"id": "pi_31", "handler_id": "com.google.pay", "type": "card", "credential": credential}
    path = f"/checkout-sessions/{checkout['id']}/complete"
    reply = await agent.ask("POST", path, {"payment_data": payment})
    assert (reply.status_code, reply.json()["status"]) == (200, "completed")


# --- what the caller cannot say ---


async def test_prices_titles_and_all_that_is_ours_are_never_read(agent: Agent):
    line = {"item": {"id": "roses", "title": "Free roses", "price": 0}, "quantity": 1, "totals": []}
    ours = {
        "id": "theirs",
        "status": "completed",
        "totals": [{"type": "total", "amount": 0}],
        "currency": "EUR",
        "links": [{"type": "x", "url": "https://evil.example"}],
        "order": {"id": "ord_1", "permalink_url": "https://evil.example"},
        "expires_at": "2099-01-01T00:00:00Z",
        "continue_url": "https://evil.example",
        "messages": [{"type": "error"}],
        "ucp": {"version": "2099-01-01"},
        "ap2": {"checkout_mandate": "not.a.mandate"},
    }
    checkout = await agent.create({"line_items": [line], "payment": {"handlers": [{"id": "x"}]}, **ours})
    assert checkout["line_items"][0]["item"]["title"] == "Bouquet of Roses"
    assert (total(checkout), checkout["currency"], checkout["status"]) == (3500, "USD", "incomplete")
    assert checkout["id"].startswith("chk_")
    assert "evil" not in str(checkout)
    assert checkout["expires_at"] < "2099"


async def test_what_is_null_is_as_good_as_absent(agent: Agent):
    checkout = await agent.create({**create_body(), "buyer": None, "fulfillment": None, "discounts": None})
    payment = {"selected_instrument_id": None, "instruments": [], "handlers": None}
    again = await agent.update(checkout, payment=payment, buyer={"email": None})
    assert again["id"] == checkout["id"]


BAD_BODIES: list[Wire | bytes] = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"line_items":[]',
    b'\xff{"line_items":[]}',
    b'{"line_items":[{"item":{"id":"roses"},"quantity":1}],"line_items":[]}',
    b'{"line_items":[{"item":{"id":"roses\\u0000"},"quantity":1}]}',
    b'{"line_items":[{"item":{"id":"roses"},"quantity":1e400}]}',
    b'{"line_items":[{"item":{"id":"roses"},"quantity":9007199254740992}]}',
    b'{"line_items":[{"item":{"id":"\\ud800"},"quantity":1}]}',
    b'{"line_items":[{"item":{"id":"roses"},"quantity":NaN}]}',
    {},
    {"line_items": {}},
    {"line_items": [{}]},
    {"line_items": [{"item": {"id": "roses"}}]},
    {"line_items": [{"item": {"id": "roses"}, "quantity": 0}]},
    {"line_items": [{"item": {"id": "roses"}, "quantity": -1}]},
    {"line_items": [{"item": {"id": "roses"}, "quantity": 1.5}]},
    {"line_items": [{"item": {"id": "roses"}, "quantity": "1"}]},
    {"line_items": [{"item": {"id": "roses"}, "quantity": True}]},
    {"line_items": [{"item": {"id": 7}, "quantity": 1}]},
    {"line_items": [{"item": "roses", "quantity": 1}]},
    create_body() | {"buyer": "ada"},
    create_body() | {"buyer": {"consent": {"marketing": "yes"}}},
    create_body() | {"fulfillment": {"methods": {}}},
    create_body() | {"fulfillment": {"methods": [{"type": "teleport"}]}},
    create_body() | {"discounts": {"codes": "10OFF"}},
    create_body() | {"payment": []},
]


async def test_a_body_of_another_form_is_400_and_says_where(agent: Agent):
    for body in BAD_BODIES:
        reply = await agent.ask("POST", "/checkout-sessions", body)
        assert reply.status_code == 400, (body, reply.text)
        assert codes(reply.json())[0] == "invalid_request", body


ODD_METHODS: list[list[Wire]] = [
    [{"type": 5}],
    [{"type": "shipping", "destinations": [{"id": "d", "type": 5, "address_country": "US"}]}],
    [{"id": "unknown", "type": "shipping"}],
    [{"type": "shipping", "selected_destination_id": "unknown"}],
    [{"type": "shipping", "groups": [{"id": "unknown", "selected_option_id": "unknown"}]}],
    [{"type": "shipping", "line_item_ids": ["unknown"]}],
    [{"type": "pickup", "destinations": [{"id": "x", "name": "Mine"}], "selected_destination_id": "x"}],
    [{}],
    [],
]


async def test_odd_fulfillment_is_an_answer_never_a_crash(agent: Agent):
    checkout = await agent.create()
    for methods in ODD_METHODS:
        reply = await agent.put(checkout, fulfillment={"methods": methods})
        assert reply.status_code in (200, 400), (methods, reply.text)
        assert (await agent.get(checkout))["id"] == checkout["id"]


# --- state ---


async def test_an_update_replaces_what_was_there(agent: Agent):
    checkout = await agent.create(buyer=BUYER, fulfillment=shipping(), discounts={"codes": ["10OFF"]})
    assert total(checkout, "discount") + total(checkout, "items_discount") == 700
    bare = await agent.update(checkout)
    assert "buyer" not in bare
    assert total(bare, "discount") + total(bare, "items_discount") == 0
    assert bare["status"] == "incomplete"
    # the same line of the same checkout keeps its id
    assert bare["line_items"][0]["id"] == checkout["line_items"][0]["id"]


async def test_the_suite_keeps_what_an_update_leaves_out(town: Open):
    async with town(mode="suite") as here:
        agent = here.stranger('profile="https://one.example/profile"')
        checkout = await agent.create(buyer=BUYER, fulfillment=shipping(), discounts={"codes": ["10OFF"]})
        kept = await agent.update(checkout)
        assert kept["buyer"] == checkout["buyer"]
        assert kept["totals"] == checkout["totals"]
        assert kept["discounts"] == checkout["discounts"]


@pytest.mark.parametrize("settled", ["completed", "canceled"])
async def test_what_is_over_stays_as_it_is(agent: Agent, settled: str):
    checkout = await agent.ready()
    await (agent.complete(checkout) if settled == "completed" else agent.cancel(checkout))
    before = await agent.get(checkout)
    assert before["status"] == settled
    for reply in (await agent.put(checkout), await agent.complete(checkout), await agent.cancel(checkout)):
        assert (reply.status_code, codes(reply.json())) == (409, ["invalid_state"])
    assert await agent.get(checkout) == before


async def test_another_checkout_in_the_body_is_refused(agent: Agent):
    first, second = await agent.create(), await agent.create()
    body = update_body(first) | {"id": second["id"]}
    reply = await agent.ask("PUT", f"/checkout-sessions/{first['id']}", body)
    assert (reply.status_code, codes(reply.json())) == (400, ["invalid_request"])


async def test_an_unknown_checkout_is_404(agent: Agent):
    for name in ("chk_" + "0" * 32, "unknown", "%00", "chk_", "%F0%9F%8C%B9", "chk_" + "0" * 33):
        for method, tail, body in (
            ("GET", "", None),
            ("PUT", "", {"id": name, **create_body()}),
            ("POST", "/complete", {"payment_data": CARD}),
            ("POST", "/cancel", None),
        ):
            reply = await agent.ask(method, f"/checkout-sessions/{name}{tail}", body)
            assert reply.status_code == 404, (name, method, tail)


async def test_a_complete_that_is_not_ready_names_all_that_is_missing(agent: Agent):
    checkout = await agent.create()
    reply = await agent.complete(checkout)
    assert reply.status_code == 400
    assert "Fulfillment address and option must be selected" in reply.text
    assert (await agent.get(checkout))["status"] == "incomplete"


async def test_a_declined_payment_is_402_and_the_next_one_counts(agent: Agent):
    checkout = await agent.ready()
    refused = await agent.complete(checkout, credential={"type": "token", "token": "fail_token"})
    assert (refused.status_code, codes(refused.json())) == (402, ["payment_failed"])
    paid = await agent.complete(checkout)
    assert (paid.status_code, paid.json()["status"]) == (200, "completed")


@pytest.mark.parametrize(
    ("item", "quantity", "code"),
    [
        ("gardenias", 1, "out_of_stock"),
        ("roses", 10_001, "out_of_stock"),
        ("pink_wumpus", 1, "item_unavailable"),
    ],
)
async def test_what_cannot_be_sold_is_400(agent: Agent, item: str, quantity: int, code: str):
    reply = await agent.ask("POST", "/checkout-sessions", create_body(item, quantity))
    assert (reply.status_code, codes(reply.json())) == (400, [code])
    assert reply.json()["messages"][0]["path"].startswith("$.line_items[0]")
    checkout = await agent.create()
    reply = await agent.ask(
        "PUT", f"/checkout-sessions/{checkout['id']}", {"id": checkout["id"], **create_body(item, quantity)}
    )
    assert (reply.status_code, codes(reply.json())) == (400, [code])
    assert total(await agent.get(checkout)) == total(checkout)


async def test_an_item_for_review_sends_the_buyer_to_us(agent: Agent):
    checkout = await agent.create(create_body("shears", 1), buyer=BUYER, fulfillment=shipping())
    assert checkout["status"] == "requires_escalation"
    assert checkout["continue_url"].startswith(SITE + "/checkout/")
    severities = {message.get("severity") for message in checkout["messages"]}
    assert severities & {"requires_buyer_review", "requires_buyer_input"}
    reply = await agent.complete(checkout)
    assert reply.status_code == 400
    assert "item_review_required" in codes(reply.json())


async def test_an_order_above_the_limit_sends_the_buyer_to_us(town: Open):
    async with town(escalate_above_minor=5000) as here:
        checkout = await here.agent().ready()
        assert (checkout["status"], codes(checkout)) == ("requires_escalation", ["high_value_order"])


# --- extensions ---


async def test_pickup_is_chosen_by_its_id(agent: Agent):
    checkout = await agent.create(buyer=BUYER, fulfillment={"methods": [{"type": "pickup"}]})
    (method,) = checkout["fulfillment"]["methods"]
    place = next(entry for entry in method["destinations"] if entry["id"] == "market")
    assert (place["name"], place["address"]["address_region"]) == ("Market Square", "IL")
    assert "type" not in place
    chosen: Wire = {
        "id": method["id"],
        "line_item_ids": method["line_item_ids"],
        # as the schema of 2026-01-11 asks: stores are sent back whole
        "destinations": method["destinations"],
        "selected_destination_id": "market",
    }
    checkout = await agent.update(checkout, buyer=BUYER, fulfillment={"methods": [chosen]})
    (method,) = checkout["fulfillment"]["methods"]
    assert method["selected_destination_id"] == "market"
    option = method["groups"][0]["options"][0]["id"]
    chosen["groups"] = [{"id": method["groups"][0]["id"], "selected_option_id": option}]
    checkout = await agent.update(checkout, buyer=BUYER, fulfillment={"methods": [chosen]})
    assert checkout["status"] == "ready_for_complete"


async def test_discounts_are_positive_and_named_case_blind(agent: Agent):
    checkout = await agent.create(discounts={"codes": ["10off", "nope", "FIXED500"]})
    assert total(checkout) == 7000 - 700 - 500
    assert all(row["amount"] >= 0 for row in checkout["totals"])
    assert [entry["code"] for entry in checkout["discounts"]["applied"]] == ["10OFF", "FIXED500"]
    assert checkout["discounts"]["codes"] == ["10off", "nope", "FIXED500"]
    (warning,) = [message for message in checkout["messages"] if message["type"] == "warning"]
    assert (warning["code"], warning["path"]) == ("discount_code_invalid", "$.discounts.codes[1]")
    cleared = await agent.update(checkout, discounts={"codes": []})
    assert total(cleared) == 7000


async def test_consent_comes_back_as_it_was_given(agent: Agent):
    consent = {"analytics": False, "marketing": True, "sale_of_data": False}
    checkout = await agent.create(buyer={**BUYER, "consent": consent})
    assert checkout["buyer"]["consent"] == consent
    assert (await agent.get(checkout))["buyer"] == {**BUYER, "consent": consent}


async def test_only_what_both_sides_have_shapes_anything(town: Open, tmp_path: Any):
    platforms = {"one": pinned(tmp_path, "one", capabilities=(CHECKOUT,))}
    async with town(platforms=platforms) as here:
        agent = here.agent("one", (CHECKOUT,))
        body = create_body() | {
            "buyer": {**BUYER, "consent": {"marketing": "junk"}},
            "fulfillment": "junk",
            "discounts": {"codes": ["10OFF"]},
        }
        checkout = await agent.create(body)
        assert {"fulfillment", "discounts"}.isdisjoint(checkout)
        assert "consent" not in checkout["buyer"]
        assert [entry["name"] for entry in checkout["ucp"]["capabilities"]] == [CHECKOUT]
        assert total(checkout) == 7000
        assert checkout["status"] in ("requires_escalation", "ready_for_complete")


async def test_the_reply_names_the_extensions_of_a_checkout_and_no_others(agent: Agent):
    checkout = await agent.create()
    assert checkout["ucp"]["version"] == "2026-01-11"
    names = {entry["name"] for entry in checkout["ucp"]["capabilities"]}
    assert names == {CHECKOUT, FULFILLMENT, DISCOUNT, BUYER_CONSENT}


async def test_handlers_are_listed_and_instruments_echoed_without_secrets(agent: Agent):
    card = {
        **CARD,
        "credential": {"type": "token", "token": "tok_planted"},
        "billing_address": {"postal_code": "1"},
    }
    payment = {"selected_instrument_id": "instr_1", "instruments": [card]}
    checkout = await agent.create(payment=payment)
    assert [entry["id"] for entry in checkout["payment"]["handlers"]] == ["mock_payment_handler"]
    (echoed,) = checkout["payment"]["instruments"]
    assert (echoed["brand"], echoed["last_digits"]) == ("Visa", "1234")
    assert checkout["payment"]["selected_instrument_id"] == "instr_1"
    assert "tok_planted" not in str(checkout)


async def test_a_card_is_taken_and_kept_nowhere(agent: Agent, pool: Any):
    checkout = await agent.ready()
    card = {"type": "card", "card_number_type": "fpan", "number": "4242424242424242", "cvc": "987"}
    reply = await agent.complete(
        checkout, credential={**card, "token": "success_token"}, last_digits="4242424242424242"
    )
    assert reply.status_code == 200, reply.text
    assert "4242424242424242" not in reply.text
    async with pool.connection() as connection:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in tables:
            rows = await connection.fetch(f'SELECT t::text AS row FROM "{table}" t')
            kept = " ".join(row["row"] for row in rows)
            assert "4242424242424242" not in kept, table
            assert "success_token" not in kept, table
            assert b"4242424242424242".hex() not in kept, table


# --- idempotency ---


async def test_the_same_key_gets_the_same_answer(agent: Agent):
    body = create_body()
    first = await agent.ask("POST", "/checkout-sessions", body, key="k1")
    again = await agent.ask("POST", "/checkout-sessions", body, key='"k1"')
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    other = await agent.ask("POST", "/checkout-sessions", {**body, "currency": "EUR"}, key="k1")
    assert (other.status_code, codes(other.json())) == (409, ["idempotency_key_reused"])


async def test_every_write_replays_before_the_state_is_looked_at(agent: Agent):
    checkout = await agent.ready()
    put = await agent.put(checkout, key="put", buyer=BUYER, fulfillment=shipping())
    assert (
        await agent.put(checkout, key="put", buyer=BUYER, fulfillment=shipping())
    ).content == put.content
    done = await agent.complete(checkout, key="complete")
    assert done.status_code == 200
    assert (await agent.complete(checkout, key="complete")).content == done.content
    changed = await agent.complete(checkout, key="complete", brand="Master")
    assert changed.status_code == 409
    canceled = await agent.create()
    first = await agent.cancel(canceled, key="cancel")
    path = f"/checkout-sessions/{canceled['id']}/cancel"
    assert (await agent.ask("POST", path, b"{}", key="cancel")).content == first.content
    assert (await agent.cancel(canceled, key="another")).status_code == 409


async def test_a_declined_payment_replays_as_declined(agent: Agent):
    checkout = await agent.ready()
    bad = {"type": "token", "token": "fail_token"}
    first = await agent.complete(checkout, key="k", credential=bad)
    again = await agent.complete(checkout, key="k", credential=bad)
    assert (first.status_code, again.status_code) == (402, 402)
    assert again.content == first.content


async def test_one_key_on_two_checkouts_is_a_mismatch(agent: Agent):
    first, second = await agent.create(), await agent.create()
    assert (await agent.cancel(first, key="k")).status_code == 200
    assert (await agent.cancel(second, key="k")).status_code == 409
    assert (await agent.get(second))["status"] == "incomplete"


async def test_twins_are_carried_out_once(agent: Agent):
    body = create_body()
    replies = await asyncio.gather(
        *(agent.ask("POST", "/checkout-sessions", body, key="twin") for _ in range(8))
    )
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.content for reply in replies}) == 1


async def test_what_is_no_key_is_400(agent: Agent):
    for key, status in (("", 400), (" ", 400), ("a b", 400), ("k" * 256, 400), ('"', 201)):
        sent = {"Idempotency-Key": key}
        reply = await agent.ask("POST", "/checkout-sessions", create_body(), headers=sent)
        assert reply.status_code == status, key


async def test_a_get_has_no_key(agent: Agent):
    checkout = await agent.create()
    reply = await agent.ask(
        "GET", f"/checkout-sessions/{checkout['id']}", headers={"Idempotency-Key": "a b"}
    )
    assert reply.status_code == 200
    assert "idempotent-replayed" not in reply.headers


async def test_a_merchant_may_ask_for_keys(town: Open):
    async with town(idempotency_key_required=True) as here:
        reply = await here.agent().ask("POST", "/checkout-sessions", create_body())
        assert (reply.status_code, codes(reply.json())) == (400, ["invalid_idempotency_key"])
        assert (
            await here.agent().ask("POST", "/checkout-sessions", create_body(), key="k")
        ).status_code == 201


# --- who asks ---


@pytest.mark.parametrize(
    ("agent", "code"),
    [
        ("", "invalid_profile_url"),
        ('profile="..."', "invalid_profile_url"),
        ("profile=https://one.example/profile", "invalid_profile_url"),
        ('profile="ftp://one.example/profile"', "invalid_profile_url"),
        ('profile="http://127.0.0.1:9/profile"', "profile_unreachable"),
    ],
)
async def test_who_is_not_known_is_told_why(here: Town, agent: str, code: str):
    reply = await here.stranger(agent).ask("POST", "/checkout-sessions", create_body())
    assert (reply.status_code, codes(reply.json())) == (400, [code])


async def test_the_version_comes_before_the_key(town: Open):
    async with town(mode="suite") as here:
        good = here.stranger('profile="..."; version="2026-01-11"')
        far = here.stranger('profile="..."; version="2099-01-01"')
        assert (await good.ask("POST", "/checkout-sessions", create_body(), key="k")).status_code == 201
        assert (await far.ask("POST", "/checkout-sessions", create_body(), key="k")).status_code == 400


async def test_the_request_id_is_echoed(agent: Agent):
    reply = await agent.ask("POST", "/checkout-sessions", create_body(), headers={"Request-Id": "r-1"})
    assert reply.headers["request-id"] == "r-1"
    refused = await agent.ask("GET", "/checkout-sessions/unknown", headers={"Request-Id": "r-2"})
    assert refused.headers["request-id"] == "r-2"


async def test_an_address_of_a_known_buyer_is_offered(agent: Agent):
    buyer = {"email": "john.doe@example.com"}
    checkout = await agent.create(buyer=buyer, fulfillment={"methods": [{"type": "shipping"}]})
    (method,) = checkout["fulfillment"]["methods"]
    assert {"addr_1", "addr_2"} <= {entry["id"] for entry in method["destinations"]}
    chosen = {"type": "shipping", "selected_destination_id": "addr_2"}
    checkout = await agent.update(checkout, buyer=buyer, fulfillment={"methods": [chosen]})
    (method,) = checkout["fulfillment"]["methods"]
    place = next(e for e in method["destinations"] if e["id"] == method["selected_destination_id"])
    assert (place["id"], place["street_address"]) == ("addr_2", "456 Oak Ave")


async def test_the_name_of_a_client_for_an_address_is_kept(agent: Agent):
    checkout = await agent.create(fulfillment=shipping(id="theirs"))
    (method,) = checkout["fulfillment"]["methods"]
    assert method["selected_destination_id"] == "theirs"
    (place,) = [entry for entry in method["destinations"] if entry["id"] == "theirs"]
    assert place == {**HOME, "id": "theirs"}


async def test_the_stored_reply_has_no_spaces_of_another_writer(agent: Agent):
    """A replay is the bytes of the first reply, and those are what the reply's length says."""
    reply = await agent.ask("POST", "/checkout-sessions", create_body(), key="k")
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert msgspec.json.encode(msgspec.json.decode(reply.content)) == reply.content


@pytest.mark.parametrize("quantity", [2**53 - 1, 2**52, 10**9])
async def test_a_quantity_beyond_all_bounds_is_an_answer(agent: Agent, quantity: int):
    for item in ("voucher", "roses"):
        reply = await agent.ask("POST", "/checkout-sessions", create_body(item, quantity))
        assert reply.status_code in (201, 400), reply.text


async def test_an_api_key_opens_for_the_platform_that_it_was_issued_to(
    town: Open, tmp_path: Any, pool: Any
):
    platforms = {name: pinned(tmp_path, name, auth="api_key") for name in ("one", "two")}
    async with town(platforms=platforms) as here:
        secret = await issued(pool, CredentialKind.PLATFORM, profile_url("one"))
        one, two = here.agent("one"), here.agent("two")
        keyed = {"X-API-Key": secret}
        assert (
            await one.ask("POST", "/checkout-sessions", create_body(), headers=keyed)
        ).status_code == 201
        without = await one.ask("POST", "/checkout-sessions", create_body())
        assert (without.status_code, codes(without.json())) == (401, ["unauthorized"])
        assert "ApiKey" in without.headers["www-authenticate"]
        foreign = await two.ask("POST", "/checkout-sessions", create_body(), headers=keyed)
        assert (foreign.status_code, codes(foreign.json())) == (403, ["forbidden"])
        assert secret not in without.text + foreign.text


async def test_a_certificate_that_a_trusted_proxy_passes_on_opens(town: Open, tmp_path: Any):
    fingerprint = hashlib.sha256(DER).hexdigest()
    platforms = {"one": pinned(tmp_path, "one", auth="mtls", client_certificate_sha256=fingerprint)}
    shown = {"Client-Cert": f":{base64.b64encode(DER).decode()}:"}
    for proxies, status in ((("127.0.0.1/32",), 201), (("10.0.0.0/8",), 401), ((), 401)):
        async with town(platforms=platforms, server={"trusted_proxies": proxies}) as here:
            agent = here.agent()
            reply = await agent.ask("POST", "/checkout-sessions", create_body(), headers=shown)
            assert reply.status_code == status, proxies
            assert (await agent.ask("POST", "/checkout-sessions", create_body())).status_code == 401

"""One purchase under every release that is served, and what each of them tells in its own way."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance import forms
from tests.simulators.running import until
from tests.ucp.conftest import (
    BUYER,
    JANUARY,
    SCHEMAS,
    SIMULATION_SECRET,
    Agent,
    Open,
    Town,
    complete_body,
    create_body,
    instrument,
    pinned,
    profile_url,
    shipping,
)
from tests.ucp.listening import TOLD_WITHIN_S, Listening, listening
from ucp_server.config import Platform
from ucp_server.ucp.releases import BUYER_CONSENT, CHECKOUT, DISCOUNT, FULFILLMENT, ORDER, SERVED

Wire = dict[str, Any]

DECLINED: Wire = {"credential": {"type": "token", "token": "fail_token"}}


def codes(document: Wire) -> list[str]:
    return [message["code"] for message in document.get("messages", ())]


def total(document: Wire, kind: str = "total") -> int:
    return sum(row["amount"] for row in document["totals"] if row["type"] == kind)


# --- the purchase ---


@pytest.mark.parametrize("release", SERVED)
async def test_a_purchase(town: Open, tmp_path: Path, release: str):
    """From a look that only the buyer can take to the last refund, as platform and merchant see it."""
    async with listening(town, tmp_path) as shop:
        agent = shop.here.agent_of(release)
        ready = await filled(agent, await looked_at(agent))
        done = await agent.paid(await declined(agent, ready))
        assert (done["status"], "continue_url" in done) == ("completed", False)
        assert done["order"]["id"].startswith("ord_")
        assert await agent.get(done) == done
        assert (await agent.cancel(done)).status_code == 409
        await sent_and_given_back(shop, agent, done)


async def looked_at(agent: Agent) -> Wire:
    """What needs the buyer's own eyes is shown to them; here the agent takes it out again."""
    asked = await agent.create(create_body("shears", 1, agent.release))
    assert (asked["status"], codes(asked)) == (
        "requires_escalation",
        ["item_review_required", "fulfillment_required"],
    )
    assert asked["continue_url"].startswith("http://shop.test/checkout/")
    lines = [{"id": asked["line_items"][0]["id"], "item": {"id": "roses"}, "quantity": 2}]
    bare = await agent.update(asked, line_items=lines)
    assert (bare["status"], codes(bare)) == ("incomplete", ["fulfillment_required"])
    return bare


async def filled(agent: Agent, bare: Wire) -> Wire:
    """With a buyer, a code that counts and one that does not, and a parcel."""
    buyer = {**BUYER, "consent": forms.consent(agent.release, marketing=True, sale_of_data=False)}
    shown = await agent.update(
        bare,
        buyer=buyer,
        fulfillment=shipping(None, agent.release),
        discounts={"codes": ["10off", "NOPE"]},
    )
    assert codes(shown) == ["fulfillment_required", "discount_code_invalid"]
    assert forms.discounted(agent.release, shown) == 700
    (method,) = shown["fulfillment"]["methods"]
    assert method["selected_destination_id"] == "dest_1"
    assert method["groups"][0]["options"][0]["id"] == "std-ship"
    ready = await agent.update(
        shown,
        buyer=buyer,
        fulfillment=shipping("std-ship", agent.release),
        discounts={"codes": ["10off"]},
    )
    assert (ready["status"], codes(ready)) == ("ready_for_complete", [])
    assert ready["discounts"]["applied"][0]["amount"] == 700
    assert (total(ready), total(ready, "fulfillment"), total(ready, "tax")) == (7225, 500, 425)
    assert ready["buyer"]["consent"].keys() >= buyer["consent"].keys()
    return ready


async def declined(agent: Agent, ready: Wire) -> Wire:
    """A card that is refused leaves the checkout open, and says so."""
    reply = await agent.pay(ready, **DECLINED)
    open_still = await agent.get(ready)
    assert (open_still["status"], codes(open_still)) == ("incomplete", ["payment_failed"])
    if agent.release in JANUARY:
        assert (reply.status_code, codes(reply.json())) == (402, ["payment_failed"])
    else:
        assert (reply.status_code, reply.json()) == (200, open_still)
    return open_still


async def sent_and_given_back(shop: Listening, agent: Agent, done: Wire) -> None:
    """Each change is told whole, in the form of the release, and shown alike to who asks for it."""
    order_id, (line,) = done["order"]["id"], done["line_items"]
    one = [{"line_id": line["id"], "quantity": 1}]
    told = [await told_and_shown(shop, agent, 1)]
    changes: list[tuple[str, int, Wire]] = [
        ("ship", 2, {"tracking_number": "PB1", "tracking_url": "https://post.example/PB1"}),
        ("return", 3, {"lines": one, "text": "Wilted"}),
        # A refund is told when it is begun and when it is paid.
        ("refund", 5, {"amount_minor": 3150}),
    ]
    for what, place, body in changes:
        await shop.change(order_id, what, **body)
        told.append(await told_and_shown(shop, agent, place))
    assert [order["line_items"][0]["status"] for order in told] == ["processing", *["fulfilled"] * 3]
    assert [len(order["adjustments"]) for order in told] == [0, 0, 1, 2]
    (event,) = told[-1]["fulfillment"]["events"]
    assert (event["type"], event["tracking_number"]) == ("shipped", "PB1")
    returned, refunded = told[-1]["adjustments"]
    assert (returned["type"], returned["status"], returned["description"]) == (
        "return",
        "completed",
        "Wilted",
    )
    assert (refunded["type"], refunded["status"]) == ("refund", "completed")
    sign = 1 if agent.release in JANUARY else -1
    assert returned["line_items"] == [{"id": line["id"], "quantity": sign}]
    if agent.release in JANUARY:
        assert refunded["amount"] == 3150
    else:
        assert refunded["totals"] == [{"type": "total", "amount": -3150}]


async def told_and_shown(shop: Listening, agent: Agent, place: int) -> Wire:
    """The order as event number ``place`` tells it; where orders are asked for, as that shows it too."""
    order = await shop.last_event(agent.release, place)
    assert SCHEMAS.checker(agent.release, "response", "order_event").check(order) == ()
    assert ("event_id" in order) is (agent.release in JANUARY)
    if agent.release not in JANUARY:
        assert (await agent.ask("GET", f"/orders/{order['id']}")).json() == order
    return order


@pytest.mark.parametrize("release", SERVED)
async def test_a_refund_that_cannot_be_paid(town: Open, tmp_path: Path, release: str):
    """The provider has forgotten the payment; the buyer hears of it by their platform, or by the page."""
    async with listening(town, tmp_path) as shop:
        agent = shop.here.agent_of(release)
        order_id = (await agent.bought())["order"]["id"]
        await forgotten(tmp_path / "data" / "mock-payments")
        await shop.change(order_id, "refund", amount_minor=500)
        begun, failed = await shop.last_event(release, 2), await told_and_shown(shop, agent, 3)
        assert [order["adjustments"][0]["status"] for order in (begun, failed)] == ["pending", "failed"]
        assert "messages" not in begun
        if release in JANUARY:
            assert "messages" not in failed
        else:
            (message,) = failed["messages"]
            assert (message["type"], message["code"]) == ("warning", "refund_failed")
            assert (message["path"], "5.00 USD" in message["content"]) == ("$.adjustments[0]", True)
        page = await shop.here.client.get(failed["permalink_url"])
        assert "$5.00 could not be paid back" in page.text


async def forgotten(books: Path) -> None:
    """Once the payment was captured, the mock's books are gone."""

    def captured() -> bool:
        return any(
            msgspec.json.decode(file.read_bytes())["captured_minor"] for file in books.glob("*/*.json")
        )

    def forget() -> None:
        # At once: file by file, one that is being written goes away under our hands.
        books.rename(books.with_name("forgotten"))

    await until(captured, wait_s=TOLD_WITHIN_S)
    forget()


async def test_the_bill_adds_up(everyone: list[Agent]):
    """Digest 8.2: signed since 2026-04-08, and before by the kind of the row."""
    for each in everyone:
        checkout = await each.update(await each.ready(), discounts={"codes": ["10OFF"]})
        rows = [row for row in checkout["totals"] if row["type"] != "total"]
        takes = -1 if each.release in forms.POSITIVE_DISCOUNTS else 1
        signs = {"discount": takes, "items_discount": takes}
        assert sum(signs.get(row["type"], 1) * row["amount"] for row in rows) == total(checkout)
        assert [row["type"] for row in checkout["totals"]].count("subtotal") == 1


async def test_a_buyer_who_has_to_look(everyone: list[Agent]):
    for each in everyone:
        checkout = await each.create(create_body("shears", 1, each.release))
        assert checkout["status"] == "requires_escalation"
        assert checkout["continue_url"].startswith("http://shop.test/checkout/")
        (asked,) = [m for m in checkout["messages"] if m["severity"] == "requires_buyer_review"]
        assert asked["path"] == "$.line_items[0]"
        reply = await each.complete(checkout)
        assert reply.status_code == (400 if each.release in JANUARY else 200)


async def test_collecting_in_a_shop(everyone: list[Agent]):
    for each in everyone:
        methods = [{"type": "pickup", "selected_destination_id": "market"}]
        body = create_body("vase", 1, each.release)
        checkout = await each.create(body, buyer=BUYER, fulfillment={"methods": methods})
        (method,) = checkout["fulfillment"]["methods"]
        place = next(each for each in method["destinations"] if each["id"] == "market")
        assert place["name"]
        assert ("type" in place) is (each.release not in forms.UNTYPED_DESTINATIONS)
        assert method["selected_destination_id"] == "market"


async def test_an_order_that_is_shipped(everyone: list[Agent]):
    for each in everyone:
        done = await each.bought()
        reply = await each.ask(
            "POST",
            f"/testing/simulate-shipping/{done['order']['id']}",
            headers={"Simulation-Secret": SIMULATION_SECRET},
        )
        assert reply.status_code == 200
        order = reply.json()
        assert SCHEMAS.checker(each.release, "response", "get_order").check(order) == ()
        assert [line["status"] for line in order["line_items"]] == ["fulfilled"]


# --- outcomes and errors ---


async def test_what_cannot_be_sold(everyone: list[Agent]):
    """January refuses it; later a checkout tells it (digest 6.6, field.md 5.2)."""
    for each in everyone:
        for item, code in (("gardenias", "out_of_stock"), ("pink_wumpus", "item_unavailable")):
            reply = await each.ask("POST", "/checkout-sessions", create_body(item, 1, each.release))
            document = reply.json()
            assert codes(document)[0] == code
            if each.release in JANUARY:
                assert (reply.status_code, document["status"]) == (400, "requires_escalation")
            elif code == "out_of_stock":
                assert (reply.status_code, document["status"]) == (201, "incomplete")
            else:
                assert (reply.status_code, document["ucp"]["status"]) == (200, "error")
                assert document["messages"][0]["severity"] == "unrecoverable"


async def test_one_thing_that_is_not_sold_among_others(everyone: list[Agent]):
    """From 2026-04-08 on the checkout is made and tells of it, as it is by an update."""
    for each in everyone:
        lines = [{"item": {"id": item}, "quantity": 1} for item in ("roses", "pink_wumpus")]
        body = forms.create(each.release, lines, "USD")
        reply = await each.ask("POST", "/checkout-sessions", body)
        assert codes(reply.json())[0] == "item_unavailable"
        if each.release in JANUARY:
            assert reply.status_code == 400
            continue
        assert (reply.status_code, reply.json()["messages"][0]["path"]) == (201, "$.line_items[1]")
        known = reply.json()
        only = forms.update(each.release, known) | {"line_items": [lines[1]]}
        changed = await each.ask("PUT", f"/checkout-sessions/{known['id']}", only)
        assert (changed.status_code, changed.json()["status"]) == (200, "incomplete")


async def test_an_incomplete_checkout_is_not_bought(everyone: list[Agent]):
    for each in everyone:
        bare = await each.create()
        reply = await each.complete(bare)
        assert "fulfillment_required" in codes(reply.json())
        if each.release in JANUARY:
            assert (reply.status_code, reply.json()["status"]) == (400, "requires_escalation")
        else:
            assert (reply.status_code, reply.json()) == (200, bare)


async def test_a_checkout_that_is_not_there(everyone: list[Agent]):
    for each in everyone:
        reply = await each.ask("GET", f"/checkout-sessions/chk_{'0' * 32}")
        assert codes(reply.json()) == ["not_found"]
        if each.release in JANUARY:
            assert reply.status_code == 404
        else:
            assert reply.status_code == 200
            assert reply.json()["ucp"] == {"version": each.release, "status": "error"}
            assert reply.json()["messages"][0]["severity"] == "unrecoverable"


async def test_a_body_of_another_form(everyone: list[Agent]):
    for each in everyone:
        for raw in (b"{", b"[]", b'{"line_items": 7}'):
            reply = await each.ask("POST", "/checkout-sessions", raw)
            assert reply.status_code == 400
            if each.release in JANUARY:
                assert codes(reply.json()) == ["invalid_request"]
            else:
                assert reply.json()["code"] == "invalid_request"


async def test_a_key_is_known_again(everyone: list[Agent]):
    for each in everyone:
        body = create_body(release=each.release)
        first = await each.ask("POST", "/checkout-sessions", body, key="once")
        again = await each.ask("POST", "/checkout-sessions", body, key="once")
        assert (again.status_code, again.content) == (201, first.content)
        other = await each.ask("POST", "/checkout-sessions", {**body, "buyer": BUYER}, key="once")
        assert other.status_code == 409
        ready = await each.ready()
        paid = complete_body(each.release, **DECLINED)
        path = f"/checkout-sessions/{ready['id']}/complete"
        declined = await each.ask("POST", path, paid, key="pay")
        assert (await each.ask("POST", path, paid, key="pay")).content == declined.content


# --- who speaks which release ---


async def test_a_checkout_is_readable_under_every_release(town: Open, tmp_path: Path):
    """Its platform has moved on to another release, or gone back: the checkout is the same."""
    made = {}
    async with town() as here:
        for release in SERVED:
            ready = await here.agent_of(release).ready()
            codes = {"codes": ["10OFF"]}
            made[release] = await here.agent_of(release).update(ready, discounts=codes)
    for other in SERVED:
        files = pinned(tmp_path, "moved", release=other).profile_file
        moved = {
            release: Platform(profile=profile_url(release), profile_file=files, auth="open")
            for release in SERVED
        }
        async with town(platforms=moved) as here:
            for release, checkout in made.items():
                seen = await here.stranger(f'profile="{profile_url(release)}"', other).get(checkout)
                assert seen["ucp"]["version"] == other
                assert (seen["id"], total(seen)) == (checkout["id"], total(checkout))
                assert forms.discounted(other, seen) == forms.discounted(release, checkout) == 700


async def test_the_profile_names_the_release_and_the_path_only_routes(here: Town):
    """DESIGN 4, "Who names the release"."""
    for release in SERVED:
        for path in SERVED:
            reply = await here.client.post(
                f"/ucp/{path}/checkout-sessions",
                content=msgspec.json.encode(create_body(release=release)),
                headers={"UCP-Agent": f'profile="{profile_url(release)}"'},
            )
            assert (reply.status_code, reply.json()["ucp"]["version"]) == (201, release)


async def test_only_what_both_have_is_told(everyone: list[Agent]):
    for each in everyone:
        checkout = await each.create()
        names = forms.capability_names(checkout["ucp"])
        assert names == [CHECKOUT, FULFILLMENT, DISCOUNT, BUYER_CONSENT]
        assert ORDER not in names


async def test_several_instruments(everyone: list[Agent]):
    """The selected one counts, until exactly one is asked for (M:D/overview#Payment Handlers)."""
    for each in everyone:
        if each.release in forms.PAYMENT_DATA:
            continue
        ready = await each.ready()
        card = instrument(each.release)
        both = [card | {"selected": True}, card | {"id": "instr_2"}]
        reply = await each.ask(
            "POST", f"/checkout-sessions/{ready['id']}/complete", {"payment": {"instruments": both}}
        )
        assert reply.status_code == 200
        if each.release in JANUARY | {"2026-04-08"}:
            assert reply.json()["status"] == "completed"
        else:
            (message,) = reply.json()["messages"]
            assert (message["code"], message["path"]) == ("payment_failed", "$.payment.instruments")
            assert (await each.complete(ready)).json()["status"] == "completed"


# --- what one release has, and what a platform may ask for ---


async def test_a_platform_may_have_its_problems_in_the_checkout(town: Open, tmp_path: Path):
    """Google's mapping: declines and missing stock with status 200 and messages (field.md 5.2)."""
    platforms = {
        release: pinned(tmp_path, release, release=release, problems="in_checkout") for release in SERVED
    }
    async with town(platforms=platforms) as here:
        for release in SERVED:
            each = here.agent_of(release)
            short = await each.create(create_body("gardenias", 1, release))
            assert codes(short)[0] == "out_of_stock"
            bare = await each.create()
            asked = await each.complete(bare)
            assert (asked.status_code, asked.json()) == (200, bare)
            declined = await each.complete(await each.ready(), **DECLINED)
            assert (declined.status_code, codes(declined.json())) == (200, ["payment_failed"])
            missing = await each.ask("GET", f"/checkout-sessions/chk_{'0' * 32}")
            assert missing.status_code == (404 if release in JANUARY else 200)


async def test_a_quantity_in_another_unit_is_never_read_as_pieces(everyone: list[Agent]):
    """M:D/checkout#Quantity; before, nobody could say so, and the member was nothing of ours."""
    pieces = {"unit": "C62", "display_text": "pieces"}
    kilograms = {"unit": "KGM", "scale": 3, "display_text": "kg"}
    for each in everyone:
        known = await each.create()
        for unit, mismatch in ((pieces, False), (kilograms, each.release == "2026-08-25")):
            line = {"item": {"id": "roses", "quantity_unit": unit}, "quantity": 2}
            made = await each.ask("POST", "/checkout-sessions", forms.create(each.release, [line], "USD"))
            line = line | {"id": known["line_items"][0]["id"], "quantity": 9}
            changed = await each.ask(
                "PUT",
                f"/checkout-sessions/{known['id']}",
                forms.update(each.release, known) | {"line_items": [line]},
            )
            assert made.status_code == (200 if mismatch else 201)
            assert ("quantity_unit_mismatch" in codes(made.json())) is mismatch
            assert ("quantity_unit_mismatch" in codes(changed.json())) is mismatch
            assert (await each.get(known))["line_items"][0]["quantity"] == 9
            known = changed.json()


async def test_a_destination_that_cannot_be_used(everyone: list[Agent]):
    """2026-08-25 leaves the checkout as it is (M:D/fulfillment#Selection and Location Identity)."""
    for each in everyone:
        ready = await each.ready()
        wanted = shipping("exp-ship", each.release)
        wanted["methods"][0]["selected_destination_id"] = "elsewhere"
        told = await each.update(ready, buyer=BUYER, fulfillment=wanted)
        assert codes(told)[0] == "destination_unknown"
        seen = await each.get(ready)
        if each.release == "2026-08-25":
            assert seen == ready
            assert told | {"messages": 0, "status": 0} == ready | {"messages": 0, "status": 0}
            (message,) = told["messages"]
            assert message["path"] == "$.fulfillment.methods[0].selected_destination_id"
        else:
            assert seen == told
            assert "selected_destination_id" not in seen["fulfillment"]["methods"][0]


async def test_an_update_while_the_payment_is_under_way(everyone: list[Agent]):
    """Digest 3.3: 2026-08-25 answers with the checkout unchanged, the others refuse."""
    for each in everyone:
        ready = await each.ready()
        paying = await each.complete(ready, credential={"type": "token", "token": "pending_token"})
        assert paying.json()["status"] == "complete_in_progress"
        assert "order" not in paying.json()
        reply = await each.put(ready)
        if each.release == "2026-08-25":
            assert (reply.status_code, reply.json()["status"]) == (200, "complete_in_progress")
            (message,) = reply.json()["messages"]
            assert (message["code"], message["severity"]) == ("payment_in_flight", "recoverable")
        else:
            assert reply.status_code == 409
        again = await each.complete(ready)
        assert again.status_code == 409


async def test_what_a_buyer_claims_never_blocks(everyone: list[Agent]):
    """D/checkout, "Eligibility"; attribution and signals change nothing of a reply at all."""
    for each in everyone:
        plain = await each.create(buyer=BUYER, fulfillment=shipping(release=each.release))
        told = await each.create(
            buyer=BUYER,
            fulfillment=shipping(release=each.release),
            context={"eligibility": ["com.example.gold"]},
            attribution={"utm_source": "x"},
            signals={"dev.ucp.buyer_ip": "203.0.113.9"},
        )
        expected = [] if each.release in JANUARY else ["eligibility_not_accepted"]
        assert codes(told) == expected
        assert told["status"] == "ready_for_complete"
        assert total(told) == total(plain)
        assert set(told) - {"messages"} == set(plain)
        assert (await each.complete(told)).json()["status"] == "completed"

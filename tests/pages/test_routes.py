"""From an agent's checkout to a placed order, by a person on our pages."""

from typing import Any

from tests.pages.browser import Buyer, Page
from tests.pages.conftest import Counted, Sql
from tests.ucp.conftest import BUYER, Agent, Open, create_body, shipping
from ucp_server.config import Link
from ucp_server.engine.faults import armed
from ucp_server.pages.routes import Pages

Wire = dict[str, Any]

ADDRESS = {
    "m0__street_address": "1 Elm Street",
    "m0__locality": "Springfield",
    "m0__region": "IL",
    "m0__postal_code": "62704",
    "m0__country": "US",
}
OPTION = "m0.option.shipping_1_group_1"


async def ends_well(page: Page, agent: Agent, checkout: Wire) -> None:
    """The buyer sees the order, and so does the agent."""
    assert page.title == "Thank you for your order"
    done = await agent.get(checkout)
    assert done["status"] == "completed"
    assert page.url.endswith(done["order"]["permalink_url"].partition("/order/")[2])


async def opened(buyer: Buyer, checkout: Wire) -> Page:
    page = await buyer.open(checkout["continue_url"])
    assert page.reply.status_code == 200
    return page


# --- every reason to hand a checkout over ---


async def test_a_bare_checkout_is_finished_step_by_step(agent: Agent, buyer: Buyer):
    checkout = await agent.create()
    page = await opened(buyer, checkout)
    assert "pay" not in page.buttons()
    assert page.texts("needs") == ["Still needed", "Where it goes"]
    page = await buyer.press(page, "update", email="ada@example.com", **ADDRESS)
    assert page.texts("needs") == ["Still needed", "How it reaches you"]
    assert page.choices(OPTION) == ["std-ship", "exp-ship"]
    page = await buyer.press(page, "update", **{OPTION: "exp-ship"})
    assert "Order and pay" in page.text
    assert page.texts("needs") == []
    await ends_well(await buyer.press(page, "pay"), agent, checkout)


async def test_the_buyers_data_come_along_with_the_press_that_pays(town: Open):
    async with town(required_buyer_fields=("email",)) as here:
        agent, buyer = here.agent(), Buyer(here.client)
        checkout = await agent.create(fulfillment=shipping())
        assert checkout["status"] == "incomplete"
        page = await opened(buyer, checkout)
        assert page.texts("needs") == ["Still needed", "Your e-mail"]
        await ends_well(await buyer.press(page, "pay", email="ada@example.com"), agent, checkout)


async def test_without_the_buyers_data_nothing_is_paid(town: Open):
    async with town(required_buyer_fields=("email",)) as here:
        agent, buyer = here.agent(), Buyer(here.client)
        checkout = await agent.create(fulfillment=shipping())
        page = await buyer.press(await opened(buyer, checkout), "pay")
        assert "Something is still missing" in page.text
        assert (await agent.get(checkout))["status"] == "incomplete"


async def test_a_place_to_collect_is_chosen(agent: Agent, buyer: Buyer):
    checkout = await agent.create(buyer=BUYER, fulfillment={"methods": [{"type": "pickup"}]})
    page = await opened(buyer, checkout)
    assert page.texts("needs") == ["Still needed", "Where you collect it"]
    assert "m0.street_address" not in page.fields()
    place = page.choices("m0.place")[0]
    page = await buyer.press(page, "update", m0__place=place)
    assert page.texts("needs") == ["Still needed", "How it reaches you"]
    group = next(control.name for control in page.controls if ".option." in control.name)
    page = await buyer.press(page, "update", **{group: page.choices(group)[0]})
    await ends_well(await buyer.press(page, "pay"), agent, checkout)


async def test_an_address_that_does_not_do_is_written_anew(agent: Agent, buyer: Buyer):
    checkout = await agent.create(buyer=BUYER, fulfillment=shipping(postal_code=""))
    page = await opened(buyer, checkout)
    assert page.texts("wrong") == ["Please fill this in."]
    assert page.texts("needs") == ["Still needed", "Postal code"]
    assert page.fields()["m0.street_address"] == "1 Elm Street"
    page = await buyer.press(page, "update", m0__postal_code="62704")
    assert page.texts("wrong") == []
    await ends_well(await buyer.press(page, "pay"), agent, checkout)


async def test_an_order_of_high_value_is_confirmed_by_ordering(town: Open):
    async with town(escalate_above_minor=1000) as here:
        agent, buyer = here.agent(), Buyer(here.client)
        checkout = await agent.ready()
        assert checkout["status"] == "requires_escalation"
        assert (await agent.complete(checkout)).status_code == 400
        page = await opened(buyer, checkout)
        assert page.texts("notice") == [
            "An order of this value needs your own confirmation; ordering here gives it."
        ]
        await ends_well(await buyer.press(page, "pay"), agent, checkout)


async def test_the_language_that_is_asked_for_is_kept_to_the_end(agent: Agent, buyer: Buyer):
    checkout = await agent.ready()
    page = await buyer.open(f"{checkout['continue_url']}?lang=de")
    assert page.reply.headers["content-language"] == "de"
    assert [link for link in page.links() if "lang" in link] == [
        "?lang=en",
        "?lang=de",
        "?lang=ar",
        "?lang=ja",
    ]
    page = await buyer.press(page, "update", quantity__li_1="3")
    assert page.url.endswith("?lang=de")
    page = await buyer.press(page, "pay")
    assert "/order/" in page.url
    assert page.url.endswith("?lang=de")


async def test_a_language_is_asked_for_with_its_region(agent: Agent, buyer: Buyer):
    page = await buyer.open(f"{(await agent.ready())['continue_url']}?lang=de-AT")
    assert page.reply.headers["content-language"] == "de"
    page = await buyer.press(page, "pay")
    assert "/order/" in page.url
    assert page.url.endswith("?lang=de")


async def test_the_browser_names_the_language_where_nobody_asks(agent: Agent, buyer: Buyer):
    checkout = await agent.ready()
    wish = {"Accept-Language": "fr;q=0.9, ar-EG;q=0.8, en;q=0.1"}
    reply = await buyer.client.get(checkout["continue_url"], headers=wish)
    assert reply.headers["content-language"] == "ar"
    assert '<html lang="ar" dir="rtl">' in reply.text


TERMS = Link(type="terms_of_service", title="Terms", url="https://shop.example/terms")


async def test_terms_are_agreed_to_in_person(town: Open, counted: Counted):
    async with town(terms_agreement=True, links=(TERMS,)) as here:
        agent, buyer = here.agent(), Buyer(here.client)
        checkout = await agent.ready()
        assert [(m["code"], m["severity"]) for m in checkout["messages"]] == [
            ("terms_agreement_required", "requires_buyer_review")
        ]
        assert checkout["status"] == "requires_escalation"
        assert (await agent.complete(checkout)).status_code == 400
        page = await opened(buyer, checkout)
        assert page.texts("agree") == ["I agree to", "the terms of Test shop", "."]
        page = await buyer.press(page, "pay")
        assert page.texts("notice")[0] == "Please agree to the terms; only then can this be ordered."
        assert page.texts("needs") == ["Still needed", "Your agreement to the terms"]
        assert (await agent.get(checkout))["status"] == "requires_escalation"
        await ends_well(await buyer.press(page, "pay", terms="agreed"), agent, checkout)
        # The merchant can show when.
        assert await counted("orders where document ? 'terms_agreed_at'") == 1


async def test_whoever_agreed_to_the_terms_may_leave_the_payment_to_the_agent(town: Open):
    async with town(terms_agreement=True) as here:
        agent, buyer = here.agent(), Buyer(here.client)
        checkout = await agent.ready()
        page = await buyer.press(await opened(buyer, checkout), "update", terms="agreed")
        assert page.texts("agree") == []
        assert (await agent.get(checkout))["status"] == "ready_for_complete"
        assert (await agent.complete(checkout)).json()["status"] == "completed"


async def test_a_flagged_item_is_confirmed_by_ordering(agent: Agent, buyer: Buyer):
    checkout = await agent.create(create_body("shears", 1), buyer=BUYER, fulfillment=shipping())
    assert checkout["status"] == "requires_escalation"
    page = await opened(buyer, checkout)
    assert "Needs your own confirmation; ordering here gives it." in page.texts("lines")
    await ends_well(await buyer.press(page, "pay"), agent, checkout)


async def test_a_payment_that_asks_for_the_buyer_is_finished_here(agent: Agent, buyer: Buyer):
    checkout = await agent.ready()
    reply = await agent.complete(checkout, credential={"type": "token", "token": "step_up_token"})
    assert reply.json()["status"] == "requires_escalation"
    page = await opened(buyer, checkout)
    assert page.texts("notice") == ["This payment needs one more confirmation by you."]
    await ends_well(await buyer.press(page, "pay"), agent, checkout)


async def test_what_cannot_be_had_is_taken_out(agent: Agent, buyer: Buyer, sql: Sql):
    lines = [{"item": {"id": item}, "quantity": 2} for item in ("roses", "vase")]
    checkout = await agent.create({"line_items": lines}, buyer=BUYER, fulfillment=shipping())
    await sql("update inventory set on_hand = 1 where item_id = 'vase'")
    page = await buyer.press(await opened(buyer, checkout), "update", codes="10OFF")
    assert "Only 1 is left." in page.texts("wrong")
    assert "pay" not in page.buttons()
    page = await buyer.press(page, "update", **{"quantity.li_2": "0"})
    assert "Glass Vase" not in page.text
    await ends_well(await buyer.press(page, "pay"), agent, checkout)


# --- pages of checkouts that are settled ---


async def test_a_completed_checkout_leads_to_its_order(agent: Agent, buyer: Buyer):
    checkout = await agent.ready()
    await agent.complete(checkout)
    page = await buyer.open(checkout["continue_url"])
    assert (page.reply.status_code, page.title) == (200, "Your order is placed")
    order = await buyer.open(page.links()[0])
    assert order.title == "Thank you for your order"


async def test_a_canceled_checkout_says_so(agent: Agent, buyer: Buyer):
    checkout = await agent.ready()
    await agent.cancel(checkout)
    page = await buyer.open(checkout["continue_url"])
    assert (page.title, page.buttons()) == ("This order was canceled", [])


async def test_an_expired_checkout_says_so(agent: Agent, buyer: Buyer, sql: Sql):
    checkout = await agent.ready()
    await sql("update checkouts set expires_at = now()")
    page = await buyer.open(checkout["continue_url"])
    assert (page.title, page.buttons()) == ("This offer has ended", [])


async def test_a_payment_under_way_is_looked_at_again_without_a_script(agent: Agent, buyer: Buyer):
    checkout = await agent.ready()
    await agent.complete(checkout, credential={"type": "token", "token": "pending_token"})
    page = await buyer.open(checkout["continue_url"])
    assert page.title == "Your payment is being worked on"
    assert ("meta", {"http-equiv": "refresh", "content": "3"}) in page.tags


def damaged(url: str) -> dict[str, str]:
    path, _, token = url.rpartition("/")
    site, _, page_id = path.rpartition("/")
    kind = site.rpartition("/")[2]
    return {
        "wrong token": f"{path}/{token[:-2]}xx",
        "no token": f"{path}/",
        "short token": f"{path}/{token[:10]}",
        "the API's id for a token": f"{path}/chk_{page_id}",
        "unknown id": f"{site}/{'0' * 32}/{token}",
        "no id": f"{site}/nothing/{token}",
        "more": f"{url}/more",
        "other page": url.replace(f"/{kind}/", "/order/" if kind == "checkout" else "/checkout/"),
    }


async def test_a_wrong_link_is_an_unknown_one(agent: Agent, buyer: Buyer):
    checkout = await agent.ready()
    unknown = await buyer.open(damaged(checkout["continue_url"])["unknown id"])
    assert (unknown.reply.status_code, unknown.title) == (404, "We could not find this page")
    for why, url in damaged(checkout["continue_url"]).items():
        page = await buyer.open(url)
        assert (page.reply.status_code, page.reply.text) == (404, unknown.reply.text), why


async def test_a_wrong_link_of_an_order_is_an_unknown_one(agent: Agent, buyer: Buyer):
    done = await agent.bought()
    unknown = await buyer.open(f"/order/{'0' * 32}/x")
    for why, url in damaged(done["order"]["permalink_url"]).items():
        page = await buyer.open(url)
        assert (page.reply.status_code, page.reply.text) == (404, unknown.reply.text), why


async def test_the_link_of_one_checkout_opens_no_other(agent: Agent, buyer: Buyer):
    mine, yours = await agent.ready(), await agent.ready()
    my_path, my_token = mine["continue_url"].rsplit("/", 1)
    assert (await buyer.open(f"{my_path}/{my_token}")).reply.status_code == 200
    assert (
        await buyer.open(yours["continue_url"].rsplit("/", 1)[0] + f"/{my_token}")
    ).reply.status_code == 404
    assert mine["id"].removeprefix("chk_") not in my_token


async def test_another_merchants_host_does_not_open_it(town: Open):
    async with town(others={"other": {"hosts": ("other.test",), "tenant": ""}}) as here:
        checkout = await here.agent().ready()
        path = checkout["continue_url"].partition("shop.test")[2]
        page = await Buyer(here.at("http://other.test").client).open(path)
        assert page.reply.status_code == 404


# --- what the layers around say ---


async def test_errors_of_the_layers_are_pages_too(agent: Agent, buyer: Buyer):
    checkout = await agent.ready()
    url = checkout["continue_url"]
    for reply, status in (
        (await buyer.client.post(url, json={}), 415),
        (await buyer.client.put(url), 405),
        (await buyer.client.post(url, content=b"a=" + b"x" * 300_000, headers=FORM), 413),
    ):
        assert reply.status_code == status
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert Page(reply).title


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_a_host_that_is_nobodys_gets_a_page_without_a_name(town: Open):
    async with town(hosts=("shop.test",)) as here:
        page = await Buyer(here.at("http://stranger.test").client).open("/checkout/x/y")
        assert (page.reply.status_code, page.title) == (421, "No shop is here")


async def test_a_shop_that_is_not_reached_asks_for_patience(agent: Agent, buyer: Buyer, sql: Sql):
    checkout = await agent.ready()
    await sql("update checkouts set expires_at = now()")
    with armed("expire.before_commit=raise"):
        page = await buyer.open(checkout["continue_url"])
    assert (page.reply.status_code, page.title) == (503, "We cannot be reached at the moment")
    assert page.reply.headers["retry-after"] == "5"


def test_the_paths_of_people_are_those_of_the_routes():
    templates = {
        route.path for route in Pages(engine=None, shop_of=None, payments=None, secret=b"").routes()
    }  # type: ignore[arg-type]  # routes look at none of them
    assert {t for t in templates if not t.startswith("/assets/")} == {
        "/checkout/{page_id}/{token}",
        "/checkout/{page_id}/{token}/state",
        "/cart/{page_id}/{token}",
        "/order/{page_id}/{token}",
        "/order/{page_id}/{token}/receipt",
        "/checkout/{rest:path}",
        "/cart/{rest:path}",
        "/order/{rest:path}",
    }

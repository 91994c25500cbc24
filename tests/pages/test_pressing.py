"""What a press of a button does when others press too, prices move, or the payment is refused."""

import asyncio
from collections.abc import Awaitable
from typing import Any, Protocol

import asyncpg
import httpx2
import pytest

from tests.pages.browser import Buyer
from tests.pages.conftest import BROKEN, FIELDS, FIELDS_URL, Counted, Sql, Till
from tests.ucp.conftest import BUYER, Agent, Town, shipping
from ucp_server.handlers.payment_mock.books import Books
from ucp_server.handlers.payment_mock.decisions import answered


class Answer(Protocol):
    def __call__(self, *, is_confirmed: bool) -> Awaitable[None]: ...


def where(reply: httpx2.Response) -> str:
    assert reply.status_code == 303
    return reply.headers["location"]


async def test_the_same_press_twice_is_one_payment(agent: Agent, buyer: Buyer):
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"])
    first = await buyer.post(page, "pay")
    second = await buyer.post(page, "pay")
    assert where(first) == where(second)
    assert first.headers["location"].startswith("/order/")


async def test_presses_at_the_same_moment_are_one_payment(agent: Agent, buyer: Buyer, counted: Counted):
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"])
    replies = await asyncio.gather(*(buyer.post(page, "pay") for _ in range(8)))
    assert len({where(reply) for reply in replies}) == 1
    assert await counted("attempts") == 1
    assert await counted("orders") == 1


async def test_presses_that_bring_data_along_are_one_payment(agent: Agent, buyer: Buyer, counted: Counted):
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"])
    typed = {"first_name": "Grace", "phone_number": "+1 650 555 0100"}
    await asyncio.gather(*(buyer.post(page, "pay", **typed) for _ in range(4)))
    last = await buyer.follow(await buyer.post(page, "pay", **typed))
    assert await counted("attempts") == await counted("orders") == 1
    done = await agent.get(checkout)
    assert (done["status"], done["buyer"]["first_name"]) == ("completed", "Grace")
    assert last.title in ("Thank you for your order", "Your order is placed")


async def test_a_price_that_rose_is_shown_before_it_is_paid(agent: Agent, buyer: Buyer, sql: Sql):
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"])
    await sql("update items set price_minor = 3600 where id = 'roses'")
    page = await buyer.press(page, "pay")
    assert page.texts("notice") == ["A price changed a moment ago. Please look at the new total."]
    (total,) = [row["amount"] for row in (await agent.get(checkout))["totals"] if row["type"] == "total"]
    assert total > checkout["totals"][-1]["amount"]
    assert f"Order and pay ${total / 100:.2f}" in page.text
    page = await buyer.press(page, "pay")
    assert page.title == "Thank you for your order"
    assert f"${total / 100:.2f}" in page.text


async def test_a_benefit_that_cannot_be_verified_is_taken_off_before_it_is_paid(here: Town, buyer: Buyer):
    """The agent could take the claim back; the buyer, who came in person, has only to look again."""
    checkout = await here.agent_of("2026-08-25").create(
        buyer=BUYER,
        fulfillment=shipping(release="2026-08-25"),
        context={"eligibility": ["com.example.club", "com.example.a", "com.example.b"]},
    )
    granted = "A benefit is taken off. We check that it is yours when you order."
    other = "A benefit that was asked for does not apply to this order."
    page = await buyer.open(checkout["continue_url"])
    assert page.texts("notice") == [granted, other]
    page = await buyer.press(page, "pay")
    changed = "A price changed a moment ago. Please look at the new total."
    assert page.texts("notice") == [other, changed]
    seen = await here.agent_of("2026-08-25").get(checkout)
    assert "discounts" not in seen
    assert f"Order and pay ${seen['totals'][-1]['amount'] / 100:.2f}" in page.text
    page = await buyer.press(page, "pay")
    assert page.title == "Thank you for your order"


async def test_what_the_buyer_typed_may_change_the_total_but_not_unseen(
    agent: Agent, buyer: Buyer, counted: Counted
):
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"])
    page = await buyer.press(page, "pay", codes="10OFF")
    assert "With what you entered the total is a new one." in page.text
    assert await counted("attempts") == 0
    page = await buyer.press(page, "pay")
    assert page.title == "Thank you for your order"


async def test_an_order_that_others_changed_is_shown_before_it_is_paid(
    agent: Agent, buyer: Buyer, counted: Counted
):
    """Even where the total is the same: the buyer agreed to something else."""
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"])
    moved = shipping(street_address="99 Other Street")
    await agent.update(checkout, buyer=BUYER, fulfillment=moved)
    page = await buyer.press(page, "pay")
    assert "This order changed while you were looking at it." in page.text
    assert "99 Other Street" in page.text
    assert await counted("attempts") == 0


@pytest.mark.parametrize("typed", [{}, {"first_name": "Grace"}])
async def test_what_others_change_while_it_is_being_paid_is_shown_first(
    agent: Agent, tills: Till, counted: Counted, typed: dict[str, str]
):
    checkout = await agent.ready()
    page = await tills("success_token").open(checkout["continue_url"])

    async def move() -> None:
        await agent.update(checkout, buyer=BUYER, fulfillment=shipping(street_address="99 Other Street"))

    reply = await tills("success_token", move).post(page, "pay", **typed)
    assert where(reply).endswith("said=conflict")
    assert await counted("attempts") == 0
    assert "99 Other Street" in (await tills("success_token").open(checkout["continue_url"])).text


async def test_what_was_typed_survives_a_change_by_others(agent: Agent, buyer: Buyer):
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"])
    await agent.update(checkout, buyer=BUYER, fulfillment=shipping(), discounts={"codes": []})
    page = await buyer.press(page, "pay", first_name="Grace")
    assert page.fields()["first_name"] == "Grace"


async def test_a_press_after_a_cancellation_charges_nothing(agent: Agent, buyer: Buyer, counted: Counted):
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"])
    await agent.cancel(checkout)
    for action in ("update", "pay"):
        assert (await buyer.press(page, action, first_name="Grace")).title == "This order was canceled"
    assert await counted("attempts") == 0


async def test_a_press_after_the_end_charges_nothing(
    agent: Agent, buyer: Buyer, sql: Sql, counted: Counted
):
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"])
    await sql("update checkouts set expires_at = now()")
    assert (await buyer.press(page, "pay")).title == "This offer has ended"
    assert await counted("attempts") == 0


async def test_a_press_after_the_agent_paid_shows_the_order(agent: Agent, buyer: Buyer, counted: Counted):
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"])
    await agent.complete(checkout)
    assert (await buyer.press(page, "pay")).title == "Your order is placed"
    assert await counted("orders") == 1


# --- payments that do not go through ---


async def test_a_declined_payment_can_be_tried_again(agent: Agent, tills: Till, counted: Counted):
    checkout = await agent.ready()
    broke, rich = tills("fail_token"), tills("success_token")
    page = await broke.press(await broke.open(checkout["continue_url"]), "pay")
    assert page.texts("notice") == ["The payment was declined."]
    assert page.texts("lead") == ["Nothing was charged. Please check your order, then try again."]
    assert (await agent.get(checkout))["status"] == "incomplete"
    page = await rich.press(page, "pay")
    assert page.title == "Thank you for your order"
    assert await counted("attempts") == 2


async def test_a_declined_press_stays_declined_when_it_is_repeated(
    agent: Agent, tills: Till, counted: Counted
):
    checkout = await agent.ready()
    broke, rich = tills("fail_token"), tills("success_token")
    page = await broke.open(checkout["continue_url"])
    first = await broke.post(page, "pay")
    assert where(await rich.post(page, "pay")) == where(first)
    assert await counted("attempts") == 1


async def test_an_unknown_outcome_is_waited_for(agent: Agent, tills: Till, counted: Counted):
    checkout = await agent.ready()
    slow = tills("pending_token")
    page = await slow.open(checkout["continue_url"])
    waiting = await slow.press(page, "pay")
    assert waiting.title == "Your payment is being worked on"
    assert (await slow.press(page, "pay")).title == "Your payment is being worked on"
    assert (await agent.get(checkout))["status"] == "complete_in_progress"
    assert await counted("attempts") == 1


@pytest.mark.parametrize("token", [None, BROKEN])
async def test_a_page_that_cannot_pay_sends_back_to_the_assistant(
    agent: Agent, tills: Till, token: str | None
):
    checkout = await agent.ready()
    page = await tills(token).open(checkout["continue_url"])
    assert "pay" not in page.buttons()
    assert "please go back there" in page.text
    fields = page.fields() | {"action": "pay"}
    reply = await tills(token).send(page.url, fields)
    assert where(reply).startswith("/checkout/")
    assert (await agent.get(checkout))["status"] == "ready_for_complete"


async def test_a_challenge_is_passed_elsewhere_and_finished_here(agent: Agent, tills: Till, sql: Sql):
    checkout = await agent.ready()
    await agent.complete(checkout, credential={"type": "token", "token": "step_up_token"})
    await sql(
        "update checkouts set document = jsonb_set(document, '{challenge_url}', $1::jsonb)",
        '"https://bank.example/challenge?id=1&x=%3C"',
    )
    till = tills("success_token")
    page = await till.open(checkout["continue_url"])
    assert "https://bank.example/challenge?id=1&x=%3C" in page.links()
    assert "bank.example asks you to confirm the payment." in page.text
    assert (await till.press(page, "pay")).title == "Thank you for your order"


# --- fields of the provider's ---


async def test_the_page_frames_the_providers_fields_and_names_itself(agent: Agent, tills: Till):
    checkout = await agent.ready()
    page = await tills(FIELDS).open(checkout["continue_url"])
    assert f'src="{FIELDS_URL}?lang=en&amp;origin=http%3A%2F%2Fshop.test"' in page.reply.text
    assert "frame-src https://pay.example;" in page.reply.headers["content-security-policy"]
    # A header allows it to the page; only the frame itself hands it on.
    assert 'allow="payment; publickey-credentials-get"' in page.reply.text


async def test_without_a_card_nothing_is_tried(agent: Agent, tills: Till, counted: Counted):
    checkout = await agent.ready()
    till = tills(FIELDS)
    page = await till.press(await till.open(checkout["continue_url"]), "pay", first_name="Grace")
    assert page.texts("notice") == ["Please enter the card that you want to pay with."]
    assert page.fields()["first_name"] == "Grace"
    assert await counted("attempts") == 0
    assert (await agent.get(checkout))["status"] == "ready_for_complete"


# --- back from the provider ---


@pytest.fixture
def answer(here: Town, database: str) -> Answer:
    """The buyer's answer to the only question of the bank."""
    assert here.settings.data_dir is not None
    books = Books(here.settings.data_dir / "mock-payments")

    async def say(*, is_confirmed: bool) -> None:
        connection = await asyncpg.connect(database)
        key = await connection.fetchval("select psp_key from attempts")
        await connection.close()
        books.change(key, lambda record: answered(record, is_confirmed=is_confirmed))

    return say


async def waiting(agent: Agent, sql: Sql) -> dict[str, Any]:
    """A checkout whose buyer is asked by the bank."""
    checkout = await agent.ready()
    await agent.complete(checkout, credential={"type": "token", "token": "step_up_token"})
    url = '"https://bank.example/challenge"'
    await sql("update checkouts set document = jsonb_set(document, '{challenge_url}', $1::jsonb)", url)
    return checkout


@pytest.mark.parametrize("token", ["success_token", FIELDS, None])
async def test_the_payment_that_was_confirmed_goes_on(
    agent: Agent, tills: Till, sql: Sql, counted: Counted, answer: Answer, token: str | None
):
    """With whatever the page itself could pay."""
    checkout = await waiting(agent, sql)
    await answer(is_confirmed=True)
    till = tills(token)
    page = await till.open(checkout["continue_url"] + "?back=1")
    assert "data-press" in page.reply.text
    for _ in range(2):
        assert (await till.press(page, "back")).title == "Thank you for your order"
    assert await counted("attempts") == await counted("orders") == 1
    assert (await agent.get(checkout))["status"] == "completed"


async def test_the_payment_that_was_refused_is_over(
    agent: Agent, tills: Till, sql: Sql, counted: Counted, answer: Answer
):
    checkout = await waiting(agent, sql)
    await answer(is_confirmed=False)
    till = tills("success_token")
    page = await till.open(checkout["continue_url"] + "?back=1")
    page = await till.press(page, "back")
    assert page.texts("notice") == ["The payment was declined."]
    assert "back" not in page.buttons()
    assert await counted("attempts") == 1
    assert (await till.press(page, "pay")).title == "Thank you for your order"


async def test_before_the_buyer_answered_nothing_begins(
    agent: Agent, tills: Till, sql: Sql, counted: Counted, answer: Answer
):
    checkout = await waiting(agent, sql)
    till = tills(FIELDS)
    for action in ("back", "pay"):
        page = await till.press(await till.open(checkout["continue_url"] + "?back=1"), action)
        assert "https://bank.example/challenge" in page.links()
        assert "data-press" not in page.reply.text
    assert await counted("attempts") == 1
    await answer(is_confirmed=True)
    assert (await till.press(page, "pay")).title == "Thank you for your order"
    assert await counted("attempts") == 1


async def test_who_comes_back_to_nothing_sees_the_page(agent: Agent, tills: Till, counted: Counted):
    checkout = await agent.ready()
    till = tills("success_token")
    page = await till.open(checkout["continue_url"] + "?back=1")
    assert "data-press" not in page.reply.text
    page = await till.send(page.url, page.fields() | {"action": "back"})
    assert where(page).startswith("/checkout/")
    assert await counted("attempts") == 0


# --- smaller things ---


async def test_nothing_changed_writes_nothing(agent: Agent, buyer: Buyer):
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"])
    again = await buyer.press(page, "update")
    assert again.fields()["revision"] == page.fields()["revision"]
    assert await agent.get(checkout) == checkout


async def test_the_first_button_of_the_form_never_pays(agent: Agent, buyer: Buyer):
    """It is the one that the Enter key presses."""
    page = await buyer.open((await agent.ready())["continue_url"])
    assert page.buttons()[0] == "update"
    assert page.buttons().count("pay") == 1


async def test_a_foreign_word_for_what_was_said_is_not_repeated(agent: Agent, buyer: Buyer):
    checkout = await agent.ready()
    page = await buyer.open(checkout["continue_url"] + "?said=<b>Call+0900</b>")
    assert page.texts("notice") == ["That was not possible; please look at your order again."]


async def test_what_an_agent_told_at_length_stops_no_press(agent: Agent, buyer: Buyer):
    """It stands in the fields, and comes back with whatever the buyer presses."""
    name, codes = (
        "Ada\tAugusta " + "Lovelace " * 100,
        [f"SPRING-AND-SUMMER-OF-THE-YEAR-{n:03}" for n in range(20)],
    )
    checkout = await agent.create(
        buyer=BUYER | {"first_name": name}, fulfillment=shipping(), discounts={"codes": codes}
    )
    page = await buyer.open(checkout["continue_url"])
    done = await buyer.press(page, "pay")
    assert done.title == "Thank you for your order"
    assert (await agent.get(checkout))["buyer"]["first_name"].split() == name.split()

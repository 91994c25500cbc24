"""Pay is pressed a few times a minute, and the page that says so leads back to the order."""

import pytest

from tests.pages.browser import Buyer, Page
from tests.pages.conftest import Counted
from tests.ucp.conftest import Agent, Open
from ucp_server.pages.budgets import PRESSES_PER_CHECKOUT, Budgets, Rates, TooOftenError

HERE, THERE = "203.0.113.9", "203.0.113.10"


class Watch:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_one_checkout_takes_a_few_presses_whoever_presses():
    watch = Watch()
    budgets = Budgets(now=watch)
    for number in range(PRESSES_PER_CHECKOUT):
        budgets.press("shop", "one", f"203.0.113.{number}")
    with pytest.raises(TooOftenError) as told:
        budgets.press("shop", "one", HERE)
    budgets.press("shop", "another", HERE)
    watch.at += told.value.wait_s
    budgets.press("shop", "one", HERE)


def test_one_address_presses_a_few_times_on_whatever_checkouts():
    budgets = Budgets(Rates(presses=3), now=Watch())
    for number in range(3):
        budgets.press("shop", str(number), HERE)
    with pytest.raises(TooOftenError):
        budgets.press("shop", "fresh", HERE)
    budgets.press("shop", "fresh", THERE)


def test_a_look_counts_a_fifth_of_a_form():
    budgets = Budgets(Rates(forms=2), now=Watch())
    budgets.ask(HERE, posts=True)
    for _ in range(5):
        budgets.ask(HERE, posts=False)
    for posts in (True, False):
        with pytest.raises(TooOftenError):
            budgets.ask(HERE, posts=posts)
        budgets.ask(THERE, posts=posts)


def test_who_cannot_be_told_from_others_is_not_counted():
    budgets = Budgets(Rates(forms=1, presses=1), now=Watch())
    for number in range(100):
        budgets.ask("", posts=True)
        budgets.press("shop", str(number), "")


async def test_the_page_asks_to_wait_and_leads_back(agent: Agent, buyer: Buyer, counted: Counted):
    """Neither a payment nor a decline is counted for a press that came too soon."""
    checkout = await agent.ready()
    page = await buyer.open(f"{checkout['continue_url']}?lang=de")
    stale = page.fields() | {"action": "pay", "revision": "0"}
    for _ in range(PRESSES_PER_CHECKOUT):
        assert (await buyer.send(page.url, stale)).status_code == 303
    told = Page(await buyer.send(page.url, page.fields() | {"action": "pay"}))
    assert told.reply.status_code == 429
    assert 1 <= int(told.reply.headers["retry-after"]) <= 60
    assert told.reply.headers["cache-control"] == "no-store"
    assert await counted("attempts") == 0
    back = next(given["href"] for tag, given in told.tags if given.get("class") == "button" and tag == "a")
    again = await buyer.open(back)
    assert (again.reply.status_code, again.url) == (200, page.url)
    # What is no payment goes on.
    assert (await buyer.post(page, "update", first_name="Grace")).status_code == 303


async def test_an_address_behind_the_proxy_is_told_to_slow_down(town: Open):
    server = {"trusted_proxies": ("127.0.0.1/32",), "address_rate": 2, "pay_rate": 1}
    async with town(server=server) as here:
        first, second = await here.agent().ready(), await here.agent().ready()
        buyer = Buyer(here.client)
        buyer.client.headers["forwarded"] = f"for={HERE}"
        one, other = [await buyer.open(checkout["continue_url"]) for checkout in (first, second)]
        stale = {"action": "pay", "revision": "0"}
        assert (await buyer.send(one.url, one.fields() | stale)).status_code == 303
        assert (await buyer.open(other.url)).reply.status_code == 200
        slow = await buyer.open(other.url)
        while slow.reply.status_code == 200:
            slow = await buyer.open(other.url)
        assert (slow.reply.status_code, slow.title) == (429, "Please slow down a little")
        buyer.client.headers["forwarded"] = f"for={THERE}"
        assert (await buyer.open(other.url)).reply.status_code == 200

import socket
from collections.abc import Callable

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from tests.handlers.contract import (
    LISTING,
    Events,
    PaymentContract,
    VaultContract,
    attempt,
    authorise,
    card,
    settle,
)
from tests.simulators.running import Psp, psp
from ucp_server.domain.money import Money
from ucp_server.handlers.payment_http import HttpPayment
from ucp_server.ports import (
    ActionNeeded,
    Approved,
    Declined,
    NotSent,
    Settlement,
    Unknown,
    Vaulted,
)

# One provider for all of them; each attempt has a key of its own.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider():
    async with psp() as process:
        yield process


@pytest_asyncio.fixture(loop_scope="module")
async def made():
    handlers: list[HttpPayment] = []
    yield handlers
    for handler in handlers:
        await handler.close()


@pytest.fixture
def again(provider: Psp, made: list[HttpPayment]) -> Callable[[], HttpPayment]:
    def make() -> HttpPayment:
        made.append(HttpPayment(LISTING, provider.url, api_key="planted-api-key"))
        return made[-1]

    return make


@pytest.fixture
def payment(again: Callable[[], HttpPayment]) -> HttpPayment:
    return again()


@pytest.fixture
def events(provider: Psp) -> Events:
    async def told(key: str) -> list[str]:
        return [entry["event"] for entry in await provider.ledger() if entry["key"] == key]

    return told


EUR_10 = Money(1000, "EUR")


async def test_an_agreement_on_our_page_is_charged_to_the_account_that_was_arranged(
    provider: Psp, made: list[HttpPayment], events: Events
):
    made.append(HttpPayment(LISTING, provider.url, account_token="success_token"))
    agreed = await made[-1].on_page("shop", EUR_10, "session")
    assert agreed is not None
    assert agreed.instrument is not None
    assert agreed.credential is not None
    of = attempt()
    assert isinstance(await made[-1].authorise(of, agreed.instrument, agreed.credential), Approved)
    assert await events(of.psp_key) == ["authorised"]


async def test_without_an_arrangement_nothing_is_paid_on_our_page(payment: HttpPayment):
    assert await payment.on_page("shop", EUR_10, "session") is None


class TestHttpPayment(PaymentContract, VaultContract):
    async def test_a_step_up_leads_to_the_provider(self, payment: HttpPayment, provider: Psp):
        of = msgspec.structs.replace(attempt(), return_url="https://shop.example/back")
        outcome = await authorise(payment, of, "step_up_token")
        *_, call = await provider.calls("authorise")
        assert call["return_url"] == "https://shop.example/back"
        assert isinstance(outcome, ActionNeeded)
        assert outcome.url is not None
        await provider.pass_challenge(outcome.url.rpartition("/")[2])
        assert isinstance(await payment.look_up(of), Approved)

    @pytest.mark.parametrize("how", ["cut", "500", "garbage"])
    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_trouble_is_never_taken_for_an_answer(
        self, payment: HttpPayment, provider: Psp, how: str, when: str
    ):
        of = attempt()
        for call in ("authorise", "look_up", "capture"):
            await provider.control(fail_next={"count": 1, "how": how, "when": when, "calls": call})
            if call == "authorise":
                outcome = await authorise(payment, of, "success_token")
            elif call == "look_up":
                # An idempotent call is repeated by the client where the line was cut.
                await provider.control(fail_next={"count": 2, "how": how, "when": when, "calls": call})
                outcome = await payment.look_up(of)
                await provider.control(fail_next={"count": 0})
                assert isinstance(await authorise(payment, of, "success_token"), Approved)
            else:
                outcome = await settle(payment, of, Settlement.CAPTURE, 1000, "c")
            assert isinstance(outcome, Unknown), call
        assert isinstance(await settle(payment, of, Settlement.CAPTURE, 1000, "c"), Approved)

    async def test_a_key_the_provider_forgot_is_not_charged_by_a_look_up(
        self, payment: HttpPayment, provider: Psp, events: Events
    ):
        of = attempt()
        await authorise(payment, of, "success_token")
        await provider.control(forget=[of.psp_key])
        assert isinstance(await payment.look_up(of), NotSent)
        assert await events(of.psp_key) == ["authorised"]

    async def test_a_late_decision_is_heard(self, payment: HttpPayment, provider: Psp):
        of = attempt()
        await authorise(payment, of, "pending_token")
        await provider.control(settle={of.psp_key: "declined"})
        assert isinstance(await payment.look_up(of), Declined)

    @pytest.mark.parametrize("how", ["cut", "500", "garbage"])
    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_trouble_at_the_vault_says_nothing_about_the_card(
        self, payment: HttpPayment, provider: Psp, how: str, when: str
    ):
        trouble = {"count": 1, "how": how, "when": when}
        await provider.control(fail_next={**trouble, "calls": "vault"})
        key = f"{how}-{when}"
        assert isinstance(await payment.vault("shop", card("4242424242424242"), key), Unknown)
        kept = await payment.vault("shop", card("4242424242424242"), key)
        assert isinstance(kept, Vaulted)
        await provider.control(fail_next={**trouble, "calls": "forget"})
        with pytest.raises((ConnectionError, aiohttp.ClientError)):
            await payment.forget("shop", kept.reference)
        await provider.control(fail_next={"count": 0})
        await payment.forget("shop", kept.reference)
        assert kept.reference not in await provider.cards()

    async def test_only_a_card_leaves_for_the_vault(self, payment: HttpPayment, provider: Psp):
        await payment.vault("shop", card("4242424242424242", pin="planted-pin"), "a card and more")
        for path in provider.folder.rglob("*"):
            if path.is_file():
                assert "4242424242424242" not in path.read_text()
                assert "planted" not in path.read_text()

    async def test_its_traces_hold_no_credential(self, payment: HttpPayment, provider: Psp):
        await authorise(payment, attempt(), "success_token")
        for path in provider.folder.glob("*.*"):
            assert "success_token" not in path.read_text()
            assert "planted" not in path.read_text()


async def test_nobody_there_means_not_sent_but_says_nothing_of_before(made: list[HttpPayment]):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        payment = HttpPayment(LISTING, f"http://127.0.0.1:{taken.getsockname()[1]}")
        made.append(payment)
        of = attempt()
        assert isinstance(await authorise(payment, of, "success_token"), NotSent)
        assert isinstance(await settle(payment, of, Settlement.VOID, 1, "v"), NotSent)
        assert isinstance(await payment.look_up(of), Unknown)


async def test_a_redirect_is_no_answer(made: list[HttpPayment]):
    async def move(_request: web.BaseRequest) -> web.Response:
        return web.Response(status=307, headers={"Location": "http://127.0.0.1:1/"})

    runner = web.ServerRunner(web.Server(move))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    payment = HttpPayment(LISTING, f"http://127.0.0.1:{runner.addresses[0][1]}")
    made.append(payment)
    assert isinstance(await authorise(payment, attempt(), "success_token"), Unknown)
    await runner.cleanup()


async def test_a_provider_is_reached_over_https():
    HttpPayment(LISTING, "https://psp.example/v1")
    with pytest.raises(ValueError, match="https"):
        HttpPayment(LISTING, "http://psp.example/v1")

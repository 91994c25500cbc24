"""The mock's own pages: a card is entered where no page of ours is, and its bank asks the buyer."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.handlers.contract import EUR_10, LISTING, attempt, authorise
from ucp_server.handlers.payment_mock import MockPayment
from ucp_server.handlers.payment_mock.fields import Card, read_card
from ucp_server.handlers.payment_mock.origins import named_by
from ucp_server.handlers.payment_mock.sessions import CARD_KEPT_S
from ucp_server.hosted import Site
from ucp_server.ports import (
    ActionNeeded,
    Approved,
    Attempt,
    Credential,
    Declined,
    OnPage,
    Outcome,
    Settlement,
)

ORIGIN = "http://pay.test"
SHOP = "https://shop.example"
SITE = Site(url=ORIGIN, shop="<b>Kiosk</b>", shop_origins=(SHOP, "http://localhost:*"))
NUMBER = "4242424242424242"
CARD = {"number": "4242 4242 4242 4242", "expiry": "09/30", "cvc": "123"}
FIELDS = "/fields/session"
RETURN = f"{SHOP}/checkout/1/token?back=1"
TODAY = datetime(2026, 11, 22, tzinfo=UTC)


class Hours:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = TODAY

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
def payment(tmp_path: Path, hours: Hours) -> MockPayment:
    return MockPayment(LISTING, tmp_path, hours)


@pytest.fixture
async def person(payment: MockPayment) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser at the mock's pages."""
    transport = httpx2.ASGITransport(payment.hosted(SITE))
    async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        yield client


async def on_page(payment: MockPayment) -> OnPage:
    found = await payment.on_page("shop", EUR_10, "session")
    assert found is not None
    return found


async def pay(payment: MockPayment, of: Attempt) -> Outcome:
    found = await on_page(payment)
    assert found.instrument is not None
    assert found.credential is not None
    return await payment.authorise(of, found.instrument, found.credential)


def written_in(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


# --- the fields ---


async def test_fields_are_nowhere_before_the_shop_asked(person: httpx2.AsyncClient, tmp_path: Path):
    assert (await person.get(FIELDS)).status_code == 404
    assert (await person.post(FIELDS, data=CARD)).status_code == 404
    assert written_in(tmp_path) == ""


async def test_a_card_is_entered_there_and_pays_here(
    payment: MockPayment, person: httpx2.AsyncClient, tmp_path: Path
):
    before = await on_page(payment)
    assert before == OnPage(fields_url=f"{ORIGIN}{FIELDS}")
    assert 'autocomplete="cc-number"' in (await person.get(FIELDS)).text
    reply = await person.post(FIELDS, data=CARD, params={"lang": "de", "origin": SHOP, "x": "1"})
    assert (reply.status_code, reply.headers["location"]) == (
        303,
        f"{FIELDS}?lang=de&origin=https%3A%2F%2Fshop.example",
    )
    shown = await person.get(FIELDS)
    assert "•••• 4242" in shown.text
    assert 'id="number"' in (await person.get(FIELDS, params={"another": "1"})).text
    entered = (await on_page(payment)).instrument
    assert entered is not None
    assert entered.display == {
        "brand": "visa",
        "last_digits": "4242",
        "expiry_month": 9,
        "expiry_year": 2030,
    }
    assert isinstance(await pay(payment, attempt()), Approved)
    assert NUMBER not in written_in(tmp_path).replace(" ", "")


async def test_a_declined_card_makes_room_for_another(payment: MockPayment, person: httpx2.AsyncClient):
    await on_page(payment)
    await person.post(FIELDS, data=CARD | {"number": "4000000000000002"})
    assert isinstance(await pay(payment, attempt()), Declined)
    assert (await on_page(payment)).instrument is None
    assert 'id="number"' in (await person.get(FIELDS)).text


async def test_a_card_is_forgotten_in_time(payment: MockPayment, person: httpx2.AsyncClient, hours: Hours):
    await on_page(payment)
    await person.post(FIELDS, data=CARD)
    hours.at = datetime.fromtimestamp(TODAY.timestamp() + CARD_KEPT_S, UTC)
    assert (await on_page(payment)).instrument is None
    assert 'id="number"' in (await person.get(FIELDS)).text


async def test_what_is_wrong_is_said_at_its_field(payment: MockPayment, person: httpx2.AsyncClient):
    await on_page(payment)
    typed = {"number": '4242"><script>', "expiry": "13/20", "cvc": "12"}
    page = (await person.post(FIELDS, data=typed)).text
    assert re.findall(r'aria-describedby="(.*?)"', page) == ["number-wrong", "expiry-wrong", "cvc-wrong"]
    assert "<script>" not in page.replace("<script ", "")
    assert 'value="13/20"' in page
    assert 'value="12"' not in page
    assert (await on_page(payment)).instrument is None


async def test_another_site_posts_nothing(payment: MockPayment, person: httpx2.AsyncClient):
    await on_page(payment)
    for site in ("cross-site", "same-site", "none"):
        reply = await person.post(FIELDS, data=CARD, headers={"Sec-Fetch-Site": site})
        assert reply.status_code == 403
    assert (await on_page(payment)).instrument is None


async def test_the_page_talks_to_the_shop_alone(payment: MockPayment, person: httpx2.AsyncClient):
    await on_page(payment)
    for origin, parent in ((SHOP, SHOP), ("https://evil.example", None), ("", None)):
        page = await person.get(FIELDS, params={"origin": origin})
        assert (f'data-parent="{parent}"' in page.text) == (parent is not None)
        policy = page.headers["content-security-policy"]
        assert policy.endswith(f"frame-ancestors {SHOP} http://localhost:*")
        assert "script-src 'self'" in policy
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("code", ["en", "de", "ar", "ja"])
async def test_the_fields_speak_the_buyers_language(
    payment: MockPayment, person: httpx2.AsyncClient, code: str
):
    await on_page(payment)
    page = await person.get(FIELDS, params={"lang": code})
    assert f'<html lang="{code}" dir="{"rtl" if code == "ar" else "ltr"}">' in page.text
    assert ("Card number" in page.text) == (code == "en")


@pytest.mark.parametrize(
    ("origin", "is_named"),
    [
        ("https://shop.example", True),
        ("https://shop.example.evil.example", False),
        ("https://shop.example:8443", False),
        ("http://localhost:8080", True),
        ("http://localhost", True),
        ("http://localhost:8080.evil.example", False),
        ("http://localhost:8080/path", False),
        ("https://localhost:8080", False),
        ("http://user@localhost:8080", False),
        ("null", False),
        ("http://[", False),
    ],
)
def test_origins_are_named_whole(origin: str, is_named: bool):
    assert bool(named_by(origin, SITE.shop_origins)) is is_named


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({}, set()),
        ({"number": "٤٢٤٢ ٤٢٤٢ ٤٢٤٢ ٤٢٤٢", "expiry": "٠٩/٣٠", "cvc": "١٢٣"}, set()),
        ({"number": "４２４２-４２４２-４２４２-４２４２", "expiry": "9/2030"}, set()),
        ({"expiry": "11/26"}, set()),
        ({"expiry": "0930"}, set()),
        ({"number": "378282246310005", "cvc": "1234"}, set()),
        ({"number": "378282246310005"}, {"cvc"}),
        ({"number": "4242424242424241"}, {"number"}),
        ({"number": "4000000000000069"}, {"number"}),
        ({"expiry": "10/26"}, {"expiry"}),
        ({"expiry": "00/30"}, {"expiry"}),
        ({"expiry": "09/47"}, {"expiry"}),
        ({"cvc": "1234"}, {"cvc"}),
        ({"number": "", "expiry": "", "cvc": ""}, {"number", "expiry", "cvc"}),
    ],
)
def test_a_card_is_read_as_people_type_it(typed: dict[str, str], wrong: set[str]):
    read = read_card(CARD | typed, TODAY)
    assert (set() if isinstance(read, Card) else set(read)) == wrong


@given(st.dictionaries(st.sampled_from(["number", "expiry", "cvc"]), st.text(max_size=30)))
def test_whatever_is_typed_is_a_card_or_is_not(typed: dict[str, str]):
    read = read_card(typed, TODAY)
    assert isinstance(read, Card) or read


# --- the bank's question ---


async def challenged(payment: MockPayment, return_url: str = RETURN) -> tuple[Attempt, str]:
    """A payment that waits for its buyer, and the path of the question."""
    of = msgspec.structs.replace(attempt(), return_url=return_url)
    outcome = await authorise(payment, of, "step_up_token")
    assert isinstance(outcome, ActionNeeded)
    assert outcome.url is not None
    assert await payment.look_up(of) == outcome
    return of, outcome.url.removeprefix(ORIGIN)


@pytest.mark.parametrize(("answer", "kind"), [("confirm", Approved), ("refuse", Declined)])
async def test_the_buyers_first_answer_counts(
    payment: MockPayment, person: httpx2.AsyncClient, answer: str, kind: type[Outcome]
):
    of, path = await challenged(payment)
    page = await person.get(path)
    assert "&lt;b&gt;Kiosk&lt;/b&gt;" in page.text
    assert "€10.00" in page.text
    policy = page.headers["content-security-policy"]
    assert f"form-action 'self' {SHOP};" in policy
    assert policy.endswith("frame-ancestors 'none'")
    other = {"confirm": "refuse", "refuse": "confirm"}[answer]
    for said in (answer, answer, other):
        reply = await person.post(path, data={"answer": said})
        assert (reply.status_code, reply.headers["location"]) == (303, RETURN)
        assert isinstance(await payment.look_up(of), kind)
    assert 'name="answer"' not in (await person.get(path)).text


async def test_a_question_without_a_way_back_ends_where_it_is(
    payment: MockPayment, person: httpx2.AsyncClient
):
    of, path = await challenged(payment, "")
    reply = await person.post(path, data={"answer": "confirm"})
    assert reply.status_code == 200
    assert "You have confirmed this payment" in reply.text
    assert isinstance(await payment.look_up(of), Approved)


async def test_no_answer_and_no_foreign_one_decides(payment: MockPayment, person: httpx2.AsyncClient):
    of, path = await challenged(payment)
    await person.post(path, data={"answer": "maybe"})
    await person.post(path, content=b"answer=confirm&" * 100)
    await person.post(path, data={"answer": "confirm"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert isinstance(await payment.look_up(of), ActionNeeded)
    assert (await person.get("/challenge/unknown")).status_code == 404
    assert (await person.post("/challenge/unknown", data={"answer": "confirm"})).status_code == 404


async def test_what_was_called_off_cannot_be_confirmed(payment: MockPayment, person: httpx2.AsyncClient):
    of, path = await challenged(payment)
    await payment.settle(of, Settlement.VOID, EUR_10, "void")
    await person.post(path, data={"answer": "confirm"})
    assert isinstance(await payment.look_up(of), Declined)


async def test_without_pages_of_its_own_an_agreement_pays(payment: MockPayment):
    found = await on_page(payment)
    assert found.instrument is not None
    assert found.fields_url == ""
    outcome = await authorise(payment, attempt(), "step_up_token")
    assert isinstance(outcome, ActionNeeded)
    assert outcome.url is None


async def test_where_no_page_is_shown_an_agreement_pays(payment: MockPayment):
    payment.hosted(SITE)
    found = await payment.on_page("shop", EUR_10, "")
    assert found is not None
    assert found.credential == Credential(type="token", members={"token": "success_token"})

"""An order on paper."""

from typing import Any

import msgspec
import pytest

from tests.pages.browser import Buyer
from tests.ucp import samples
from tests.ucp.conftest import Agent
from ucp_server.domain.checkout import Buyer as Person
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.order import Expectation, Quantity
from ucp_server.domain.quote import Total
from ucp_server.languages import LANGUAGES
from ucp_server.pages.contexts import ReceiptPage, Shop
from ucp_server.pages.receipt import receipt_page
from ucp_server.pages.rendering import SHOP_ASSETS, show

SHOP = Shop(
    merchant_id="demo",
    title="Kiosk",
    origin="https://shop.example",
    seller=("Kiosk Ltd", "1 High Street", "GB 000"),
)


def page_of(shop: Shop = SHOP, **changes: Any) -> ReceiptPage:
    return receipt_page(samples.order(**changes), shop, assets=SHOP_ASSETS)


def taxed(tax_minor: int) -> tuple[Any, ...]:
    return tuple(msgspec.structs.replace(line, tax_minor=tax_minor) for line in samples.LINES)


def test_it_says_who_sold_what_to_whom():
    page = page_of(paid_with=samples.CARD, buyer=Person(email="ada@example.com"))
    assert page.seller == SHOP.seller
    assert page.billed_to == (
        "Ada Agent",
        "Main Street 1",
        "Springfield, IL 62704",
        "United States",
        "ada@example.com",
    )
    assert page.sent_to == (page.billed_to[:4],)
    assert (page.paid, page.paid_with) == ("Paid", "Visa •••• 1234")
    assert [(line.title, line.quantity, line.each, line.amount, line.note) for line in page.lines] == [
        ("Roses", 2, "$35.00", "$70.00", "discount −$7.00")
    ]


def test_a_shop_that_says_no_more_is_named_by_its_title():
    assert page_of(msgspec.structs.replace(SHOP, seller=())).seller == ("Kiosk",)


def test_a_buyer_without_an_address_is_named():
    ada = Person(first_name="Ada", last_name="Agent")
    assert page_of(buyer=ada).billed_to == ("Ada Agent",)
    japanese = msgspec.structs.replace(SHOP, language=LANGUAGES["ja"])
    assert page_of(japanese, buyer=ada).billed_to == ("Agent Ada",)
    assert page_of(buyer=Person(full_name="Ada")).billed_to == ("Ada",)
    assert page_of().billed_to == ()


def test_tax_is_told_of_each_line_as_it_was_charged():
    assert page_of(lines=taxed(500)).lines[0].note == "discount −$7.00, plus tax $5.00"
    contained = page_of(lines=taxed(500), included_tax_minor=580)
    assert contained.lines[0].note == "discount −$7.00, of which tax $5.00"
    assert contained.totals[-1].amount == "$5.80"


def test_where_taxes_differ_a_line_claims_neither():
    added = Total(type="tax", amount_minor=200)
    mixed = page_of(lines=taxed(500), included_tax_minor=300, totals=(added, *samples.TOTALS))
    assert mixed.lines[0].note == "discount −$7.00"
    assert {"Tax", "of which tax"} <= {row.label for row in mixed.totals}


def promised(address: Address, quantity: int = 1) -> Expectation:
    lines = (Quantity(line_id="line_1", quantity=quantity),)
    return Expectation(id=address.locality or "", method_type="shipping", lines=lines, address=address)


def test_every_address_is_named_once():
    work = Address(street_address="Neuer Wall 10", locality="Hamburg", country="DE")
    ways = (promised(samples.HOME), promised(work), promised(work))
    sent_to = page_of(expectations=ways, adjustments=()).sent_to
    assert [lines[-1] for lines in sent_to] == ["United States", "Germany"]


def test_what_was_canceled_was_sent_nowhere():
    gone = msgspec.structs.replace(
        samples.order().adjustments[0], lines=(Quantity(line_id="line_1", quantity=2),)
    )
    assert page_of(adjustments=(gone,), events=()).sent_to == ()


def test_what_is_collected_was_sent_nowhere():
    collected = msgspec.structs.replace(promised(samples.HOME), method_type="pickup")
    assert page_of(expectations=(collected,)).sent_to == ()


@pytest.mark.parametrize(
    ("payment", "text"),
    [
        ("payment_failed", "Not paid"),
        ("authorised", "Authorised, to be collected"),
        ("captured", "Paid"),
        ("refunded", "Paid"),
    ],
)
def test_it_claims_no_payment_that_did_not_come(payment: str, text: str):
    assert page_of(payment=payment).paid == text


@pytest.mark.parametrize("code", LANGUAGES)
def test_it_is_printed_in_every_language(code: str):
    shop = msgspec.structs.replace(SHOP, language=LANGUAGES[code], chosen_language=code)
    page = page_of(shop)
    assert page.order_path.endswith(f"?lang={code}")
    assert "Kiosk Ltd" in show(page).body.decode()


async def test_it_is_one_press_away_from_the_order(agent: Agent, buyer: Buyer):
    done = await agent.bought()
    order = await buyer.open(done["order"]["permalink_url"])
    path = next(link for link in order.links() if link.endswith("/receipt"))
    receipt = await buyer.open(path)
    assert (receipt.reply.status_code, receipt.reply.headers["cache-control"]) == (200, "no-store")
    assert "Visa •••• 1234" in receipt.text
    assert path.removesuffix("/receipt") in receipt.links()


async def test_another_token_opens_no_receipt(agent: Agent, buyer: Buyer):
    done = await agent.bought()
    page = await buyer.open(done["order"]["permalink_url"][:-2] + "xx/receipt")
    assert page.reply.status_code == 404

"""Letters as buyers get them: one per kind, to somebody of each language."""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from ucp_server.domain.checkout import Buyer, Instrument
from ucp_server.domain.events import Job, JobKind, Notice
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.order import Adjustment, Expectation, FulfillmentEvent, Order, Quantity
from ucp_server.domain.quote import QuotedLine, Total
from ucp_server.domain.tools import ToolRun
from ucp_server.letters.writing import Sender, ShopLink, Writing
from ucp_server.ports import MailMessage

JOB_ID: Final = "01890a5d-ac96-774b-bcce-b302099a8058"
ID: Final = "01890a5d-ac96-774b-bcce-b302099a8057"
PLACED_AT: Final = datetime(2026, 1, 11, 9, 30, tzinfo=UTC)
TOLD_AT: Final = datetime(2026, 1, 14, 16, 5, tzinfo=UTC)
ARRIVES_AT: Final = (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 1, 17, tzinfo=UTC))
SENDER: Final = Sender(
    shop="Kiosk & Kettle",
    address="Kiosk & Kettle <orders@shop.example>",
    site="https://shop.example",
    picture_site="https://shop.example",
    links=(
        ShopLink(type="terms_of_service", title="", url="https://shop.example/terms"),
        ShopLink(type="refund_policy", title="", url="https://shop.example/refunds"),
        ShopLink(type="contact", title="", url="https://shop.example/contact"),
    ),
)
WRITING: Final = Writing(senders={"demo": SENDER}, order_path="/order/{}/{}".format)
LANGUAGES: Final = ("en", "de", "ar", "ja")

# What a buyer of each language is called, where they live, what they buy in.
_BUYERS: Final = {
    "en": Buyer(email="ada@example.com", first_name="Ada", last_name="Agent"),
    "de": Buyer(email="joerg@example.com", first_name="Jörg", last_name="Müßig"),
    "ar": Buyer(email="layla@example.com", first_name="ليلى", last_name="حداد"),
    "ja": Buyer(email="hanako@example.com", first_name="花子", last_name="佐藤"),
}
_HOMES: Final = {
    "en": Address(
        full_name="Ada Agent",
        street_address="12 Main Street",
        locality="Springfield",
        region="IL",
        postal_code="62704",
        country="US",
    ),
    "de": Address(
        full_name="Jörg Müßig",
        street_address="Wiesenweg 7",
        extended_address="Hinterhaus, 2. Stock",
        locality="Freiburg im Breisgau",
        postal_code="79098",
        country="DE",
    ),
    "ar": Address(
        full_name="ليلى حداد",
        street_address="شارع الحمرا 14",
        locality="بيروت",
        postal_code="1103",
        country="LB",
    ),
    "ja": Address(
        full_name="佐藤 花子",
        street_address="千代田1-1",
        locality="千代田区",
        region="東京都",
        postal_code="100-0001",
        country="JP",
    ),
}
_CURRENCIES: Final = {"en": "USD", "de": "EUR", "ar": "USD", "ja": "JPY"}
_CARD: Final = Instrument(
    id="card_1",
    handler_id="mock",
    type="card",
    selected=True,
    display={"brand": "Visa", "last_digits": "4242"},
)
PARCEL: Final = FulfillmentEvent(
    id="evt_1",
    type="shipped",
    occurred_at=TOLD_AT,
    lines=(Quantity(line_id="line_1", quantity=2), Quantity(line_id="line_3", quantity=1)),
    carrier="Parcelbird",
    tracking_number="PB 4711 0815",
    tracking_url="https://parcelbird.example/follow/PB47110815",
)
CANCELLATION: Final = Adjustment(
    id="adj_1",
    type="cancellation",
    occurred_at=TOLD_AT,
    status="pending",
    lines=(Quantity(line_id="line_2", quantity=1),),
    amount_minor=4900,
    description="The pen did not pass our last look at it.",
)
GIVEN_UP: Final = ToolRun(id="run_1", line_id="line_3", tool_id="print", state="failed")
REFUND: Final = msgspec.structs.replace(CANCELLATION, status="completed")


def order(home: str = "en", /, **changes: Any) -> Order:
    """Three lines to a buyer's home; nothing has happened to it yet."""
    currency = _CURRENCIES[home]
    lines = (
        _line("line_1", "Notebook with dotted pages, A5", 1490, 2, "pictures/notebook.jpg"),
        _line("line_2", "Fountain pen, moss, medium nib", 4900, 1, "pictures/pen.png"),
        _line("line_3", "Tea for long letters: first flush, loose, 100 g", 1250, 1),
    )
    new = Order(
        id=ID,
        merchant_id="demo",
        platform_id="https://platform.example/profile",
        version=1,
        currency=currency,
        lines=lines,
        totals=(
            Total(type="subtotal", amount_minor=9130),
            Total(type="discount", amount_minor=-913, text="WELCOME10"),
            Total(type="fulfillment", amount_minor=490),
            Total(type="total", amount_minor=8707),
        ),
        included_tax_minor=1390,
        permalink_token="p" * 22,
        placed_at=PLACED_AT,
        payment="captured",
        paid_with=_CARD,
        expectations=(
            Expectation(
                id="exp_1",
                method_type="shipping",
                lines=tuple(Quantity(line_id=line.line_id, quantity=line.quantity) for line in lines),
                address=_HOMES[home],
                description="Parcelbird",
                earliest_at=ARRIVES_AT[0],
                latest_at=ARRIVES_AT[1],
            ),
        ),
        buyer=_BUYERS[home],
        language=home,
    )
    return msgspec.structs.replace(new, **changes)


def _line(
    line_id: str, title: str, price_minor: int, quantity: int, image_url: str | None = None
) -> QuotedLine:
    total_minor = price_minor * quantity
    return QuotedLine(
        line_id=line_id,
        item_id=line_id,
        title=title,
        unit_price_minor=price_minor,
        quantity=quantity,
        totals=(
            Total(type="subtotal", amount_minor=total_minor),
            Total(type="total", amount_minor=total_minor),
        ),
        image_url=image_url,
    )


def notices(language: str) -> dict[str, Notice]:
    """What each kind of letter is about, by its name."""
    return {
        "placed": Notice(what="placed", order=order(language)),
        "served": Notice(what="served", order=order(language, runs=(GIVEN_UP,))),
        "shipped": Notice(what="shipped", order=order(language, events=(PARCEL,)), about="evt_1"),
        "canceled": Notice(
            what="canceled", order=order(language, adjustments=(CANCELLATION,)), about="adj_1"
        ),
        "refunded": Notice(what="refunded", order=order(language, adjustments=(REFUND,)), about="adj_1"),
    }


def job_of(notice: Notice, merchant_id: str = "demo") -> Job:
    return Job(
        id=JOB_ID,
        merchant_id=merchant_id,
        kind=JobKind.MAIL,
        stream="mail:1",
        sequence=1,
        payload=msgspec.json.encode(notice),
        created_at=TOLD_AT,
    )


def written(notice: Notice, writing: Writing = WRITING) -> MailMessage:
    """The letter as the mail port gets it."""
    return msgspec.json.decode(writing.render(job_of(notice)), type=MailMessage)

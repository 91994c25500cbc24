"""Sessions: create, get, update."""

from datetime import datetime

from conformance.chipp.application import BUYER, CHIPP, HOME, Application
from conformance.chipp.shapes import check_session, data_of
from conformance.registry import check, expect

HOUR_S = 3600
# Between the clock that counts and the one that writes.
SLACK_S = 2


@check("checkout#Create", releases=CHIPP)
async def create_answers_201_with_a_session(app: Application) -> None:
    """A create is answered 201, its session wrapped in data, ready to be paid."""
    session = await app.payable()
    expect(session["status"] == "ready_for_payment", f"the status is {session['status']}")


@check("checkout#Create", releases=CHIPP)
async def quantity_is_one_by_default(app: Application) -> None:
    """A line without a quantity is one piece; several pieces cost their sum."""
    (line,) = (await app.created())["line_items"]
    expect(line["quantity"] == 1, f"the quantity is {line['quantity']}")
    body = {"line_items": [{"product_id": line["productId"], "quantity": 2}]}
    twice = data_of(await app.send("POST", "/checkout_sessions", body))
    expect(
        twice["subtotal"]["amount"] == 2 * line["unitPriceCents"], "two pieces do not cost twice as much"
    )


@check("checkout#Create", releases=CHIPP)
async def prices_are_the_applications_own(app: Application) -> None:
    """Prices and totals are never read from a request."""
    body = {
        "line_items": [{"product_id": await app.product(), "unitPriceCents": 1, "price": 1}],
        "total": {"amount": 1, "currency": "usd"},
        "status": "completed",
    }
    cheap = data_of(await app.send("POST", "/checkout_sessions", body))
    plain = await app.created()
    expect(cheap["subtotal"] == plain["subtotal"], "the price follows the request")
    expect(cheap["status"] == plain["status"], "the status follows the request")


@check("checkout#Create", releases=CHIPP)
async def session_lasts_an_hour(app: Application) -> None:
    """A session expires one hour after it was made."""
    session = await app.created()
    made, over = (datetime.fromisoformat(session[name]) for name in ("created_at", "expires_at"))
    expect(abs((over - made).total_seconds() - HOUR_S) <= SLACK_S, f"it lasts {over - made}")


@check("checkout#Session", releases=CHIPP)
async def get_shows_the_session(app: Application) -> None:
    """A get is answered 200 with the session as it was made."""
    session = await app.payable()
    reply = await app.send("GET", f"/checkout_sessions/{session['id']}")
    expect(reply.status == 200, f"answered {reply.status}")
    shown = data_of(reply)
    check_session(shown, reply)
    expect(shown == session, "it is shown otherwise than it was made")


@check("checkout#Session", releases=CHIPP)
async def buyer_is_shown_as_sent(app: Application) -> None:
    """Buyer and address come back as sent."""
    session = await app.payable()
    expect(session["buyer"] == BUYER, f"the buyer is {session['buyer']}")
    expect(session["shipping_address"] == HOME, f"the address is {session['shipping_address']}")


@check("checkout#Session", releases=CHIPP)
async def buyer_without_name_and_address_is_null(app: Application) -> None:
    """A buyer with neither name nor e-mail address is null, also with a phone; missing parts are null."""
    expect((await app.created())["buyer"] is None, "a buyer is shown that nobody sent")
    expect((await app.created(buyer={"phone": "1"}))["buyer"] is None, "a phone alone shows a buyer")
    named = (await app.created(buyer={"name": "Ana"}))["buyer"]
    expect(named == {"name": "Ana", "email": None, "phone": None}, f"the buyer is {named}")


@check("checkout#Update", releases=CHIPP)
async def sent_fields_change_and_others_stay(app: Application) -> None:
    """An update changes what it sends and leaves the rest."""
    session = await app.payable()
    reply = await app.change(session, buyer=BUYER | {"email": "new@buyer.example"})
    expect(reply.status == 200, f"answered {reply.status}")
    changed = data_of(reply)
    check_session(changed, reply)
    expect(changed["buyer"]["email"] == "new@buyer.example", "the buyer did not change")
    for name in ("line_items", "shipping_address", "total", "created_at", "expires_at"):
        expect(changed[name] == session[name], f"{name} changed, too")
    lines = [{"product_id": session["line_items"][0]["productId"], "quantity": 3}]
    again = data_of(await app.change(session, line_items=lines))
    expect(again["line_items"][0]["quantity"] == 3, "the lines did not change")
    expect(again["buyer"] == changed["buyer"], "the buyer changed with the lines")

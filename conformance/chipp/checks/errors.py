"""What a request that cannot be served is told."""

from uuid import uuid4

from conformance.chipp.application import CHIPP, Application
from conformance.chipp.shapes import error_of
from conformance.registry import Wire, check, expect, lacking
from conformance.wire import Exchange

SECTION = "checkout#Errors"


def _refused(reply: Exchange, status: int, sentence: str = "") -> None:
    expect(reply.status == status, f"answered {reply.status}, not {status}", reply)
    told = error_of(reply)
    expect(not sentence or told == sentence, f"told {told!r}, not {sentence!r}", reply)


@check(SECTION, releases=CHIPP)
async def bad_bodies_are_400(app: Application) -> None:
    """A body of the wrong form is answered 400 with a sentence."""
    product = await app.product()
    bodies: tuple[Wire | bytes, ...] = (
        b"{",
        b"[]",
        {},
        {"line_items": []},
        {"line_items": [{}]},
        {"line_items": [{"product_id": "seven"}]},
        {"line_items": [{"product_id": product, "quantity": 0}]},
        {"line_items": [{"product_id": product, "quantity": "two"}]},
        {"line_items": [{"product_id": product}], "buyer": {"email": "nobody"}},
    )
    for body in bodies:
        _refused(await app.send("POST", "/checkout_sessions", body), 400)


@check(SECTION, releases=CHIPP)
async def bad_updates_are_400_and_change_nothing(app: Application) -> None:
    """An update of the wrong form is answered 400; the session stays as it is."""
    session = await app.payable()
    bad: tuple[Wire, ...] = ({"line_items": []}, {"buyer": "Ana"}, {"buyer": {"email": "nobody"}})
    for fields in bad:
        _refused(await app.change(session, **fields), 400)
    expect(await app.shown(session) == session, "the session changed")


@check(SECTION, releases=CHIPP)
async def unknown_products_are_refused(app: Application) -> None:
    """A product that the application does not offer is answered 4xx with a sentence."""
    reply = await app.create(str(uuid4()))
    expect(400 <= reply.status < 500, f"answered {reply.status}")
    error_of(reply)


@check(SECTION, releases=CHIPP)
async def unknown_sessions_are_404(app: Application) -> None:
    """An unknown session, or what is no id, is answered 404."""
    for session_id in (str(uuid4()), "none"):
        path = f"/checkout_sessions/{session_id}"
        for reply in (
            await app.send("GET", path),
            await app.send("POST", path, {}),
            await app.send("POST", f"{path}/complete"),
            await app.send("POST", f"{path}/cancel"),
        ):
            _refused(reply, 404, "Checkout session not found")


@check(SECTION, releases=CHIPP)
async def canceled_sessions_stay_canceled(app: Application) -> None:
    """A canceled session cannot be completed or changed: 400, naming its status."""
    session = await app.payable()
    await app.act(session, "cancel")
    sentence = "Cannot complete checkout in status: canceled"
    _refused(await app.act(session, "complete"), 400, sentence)
    _refused(await app.change(session, buyer={"name": "Ana"}), 400)
    expect((await app.shown(session))["status"] == "canceled", "it is no longer canceled")


@check(SECTION, releases=CHIPP)
async def completed_sessions_stay_completed(app: Application) -> None:
    """A completed session cannot be completed (400), changed (400) or canceled (405)."""
    session = await app.payable()
    await app.act(session, "complete")
    _refused(await app.act(session, "complete"), 400, "Cannot complete checkout in status: completed")
    _refused(await app.change(session, buyer={"name": "Ana"}), 400)
    _refused(await app.act(session, "cancel"), 405, "Cannot cancel checkout in status: completed")
    expect((await app.shown(session))["status"] == "completed", "it is no longer completed")


@check(SECTION, releases=CHIPP)
async def what_is_sold_out_is_not_sold(app: Application) -> None:
    """A complete of what cannot be had is answered 400, and the session is not completed."""
    if not app.inputs.sold_out_product:
        lacking("a product that is sold out (--sold-out-product)")
    session = await app.payable(app.inputs.sold_out_product)
    _refused(await app.act(session, "complete"), 400)
    expect((await app.shown(session))["status"] != "completed", "it is completed")


@check(SECTION, releases=CHIPP)
async def expired_sessions_are_410(app: Application) -> None:
    """A session past its hour is answered 410, whatever is asked of it."""
    if not app.inputs.expired_session:
        lacking("a session that was left open for an hour (--expired-session)")
    session = {"id": app.inputs.expired_session}
    for reply in (
        await app.act(session, "complete"),
        await app.change(session, buyer={"name": "Ana"}),
        await app.act(session, "cancel"),
    ):
        _refused(reply, 410, "Checkout session has expired")

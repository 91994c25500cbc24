"""What the application hears of its orders."""

import hashlib
import hmac

from conformance.chipp.application import CHIPP, Application
from conformance.chipp.hooks import Event
from conformance.chipp.shapes import EVENT, data_of, is_moment, is_money, members
from conformance.registry import Broken, check, expect, lacking


async def _told(app: Application, product: str = "") -> Event:
    """The event of a sale."""
    hooks = app.hooks
    order = data_of(await app.act(await app.payable(product), "complete"))["order"]
    event = await hooks.heard(lambda told: told.get("order_id") == order["id"], app.inputs.event_wait_s)
    if event is None:
        raise Broken(f"no event came within {app.inputs.event_wait_s} s")
    return event


@check("webhooks#Payload", releases=CHIPP)
async def event_has_its_members(app: Application) -> None:
    """An event tells order, session, application, status, results, total and time."""
    document = (await _told(app)).document()
    members(document, EVENT, "the event")
    expect(document["application_id"] == app.app_id, "it names another application")
    expect(is_money(document["total"]), "the total is no amount with a lower-case currency")
    expect(is_moment(document["created_at"]), "created_at has no milliseconds in UTC")


@check("webhooks#Events", releases=CHIPP)
async def manual_order_is_told_as_created(app: Application) -> None:
    """The order of a product that a person fulfils is told as order.created."""
    document = (await _told(app)).document()
    expect(document["event"] == "order.created", f"the event is {document['event']}")


@check("webhooks#Events", releases=CHIPP)
async def automatic_order_is_told_as_fulfilled(app: Application) -> None:
    """The order of a product whose tool does its work is told as order.fulfilled, with its results."""
    if not app.inputs.automatic_product:
        lacking("a product whose tools do their work (--automatic-product)")
    document = (await _told(app, app.inputs.automatic_product)).document()
    expect(document["event"] == "order.fulfilled", f"the event is {document['event']}")
    expect(document["status"] == "fulfilled", f"the status is {document['status']}")
    expect(document["fulfillment_result"], "the event has no results")


@check("webhooks#Signature", releases=CHIPP)
async def event_is_signed(app: Application) -> None:
    """An event carries the HMAC-SHA256 of its time and body (X-Chipp-Signature: t=..., v1=...)."""
    if not app.inputs.hook_secret:
        lacking("what events are signed with (--hook-secret)")
    event = await _told(app)
    parts = dict(part.partition("=")[::2] for part in event.headers.get("x-chipp-signature", "").split(","))
    signed = f"{parts.get('t', '')}.".encode() + event.body
    wanted = hmac.new(app.inputs.hook_secret.encode(), signed, hashlib.sha256).hexdigest()
    expect(hmac.compare_digest(wanted, parts.get("v1", "")), "the signature does not fit")

"""Complete and cancel: what becomes of a session."""

import asyncio

from conformance.chipp.application import CHIPP, Application
from conformance.chipp.shapes import check_order, check_session, data_of
from conformance.registry import Wire, check, expect, lacking

TWINS = 4


async def _completed(app: Application, product: str = "") -> tuple[Wire, Wire]:
    """The session and the order of a sale."""
    reply = await app.act(await app.payable(product), "complete")
    expect(reply.status == 200, f"a complete was answered {reply.status}")
    data = data_of(reply)
    expect(set(data) == {"checkout_session", "order"}, f"data has {sorted(data)}")
    check_session(data["checkout_session"], reply)
    check_order(data["order"], reply)
    return data["checkout_session"], data["order"]


@check("checkout#Complete", releases=CHIPP)
async def complete_makes_an_order(app: Application) -> None:
    """A complete without a body is answered with the completed session and its order."""
    session, _ = await _completed(app)
    expect(session["status"] == "completed", f"the status is {session['status']}")
    expect((await app.shown(session))["status"] == "completed", "a get shows another status")


@check("checkout#Order status", releases=CHIPP)
async def manual_order_waits_for_a_person(app: Application) -> None:
    """The order of a product that a person fulfils is confirmed."""
    _, order = await _completed(app)
    expect(order["status"] == "confirmed", f"the status is {order['status']}")


@check("checkout#Order status", releases=CHIPP)
async def automatic_order_is_fulfilled(app: Application) -> None:
    """The order of a product whose tool does its work is fulfilled, with what the tool told."""
    if not app.inputs.automatic_product:
        lacking("a product whose tools do their work (--automatic-product)")
    _, order = await _completed(app, app.inputs.automatic_product)
    expect(order["status"] == "fulfilled", f"the status is {order['status']}")
    results = order["fulfillment_result"]
    expect(results and any(result["success"] for result in results), "no tool did its work")


@check("checkout#Order status", releases=CHIPP)
async def order_of_failing_tools_waits_for_a_person(app: Application) -> None:
    """The order of a product whose tools all fail is confirmed."""
    if not app.inputs.failing_product:
        lacking("a product whose tools all fail (--failing-product)")
    _, order = await _completed(app, app.inputs.failing_product)
    expect(order["status"] == "confirmed", f"the status is {order['status']}")


@check("checkout#Complete", releases=CHIPP)
async def twins_make_one_order(app: Application) -> None:
    """Of several completes at once one makes the order, the others are told that it is too late."""
    session = await app.payable()
    replies = await asyncio.gather(*(app.act(session, "complete") for _ in range(TWINS)))
    statuses = sorted(reply.status for reply in replies)
    expect(statuses == [200] + [400] * (TWINS - 1), f"they were answered {statuses}")


@check("checkout#Cancel", releases=CHIPP)
async def cancel_answers_canceled(app: Application) -> None:
    """A cancel before the payment is answered with canceled of true."""
    session = await app.created()
    reply = await app.act(session, "cancel")
    expect(reply.status == 200, f"answered {reply.status}")
    expect(data_of(reply) == {"canceled": True}, "data is not canceled of true")
    expect((await app.shown(session))["status"] == "canceled", "a get shows another status")

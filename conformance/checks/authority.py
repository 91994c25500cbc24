"""What belongs to the shop is never believed when a request brings it."""

from typing import Any

from conformance.buying import amount, basket, created, plain_checkout, resend, total
from conformance.registry import EVERY, SINCE_APRIL, SINCE_AUGUST, Wire, check, expect, lacking
from conformance.shop import Shop

WRONG_PRICE = 1
WRONG_TITLE = "A title that no shop would give"
EVIL = "https://evil.example/"


async def _claimed(shop: Shop, **members: Any) -> Wire:
    """A checkout whose create, and then whose update, claimed `members` for itself."""
    reply = await shop.create(basket(shop, **members))
    if not reply.succeeded:
        # A refusal believes nothing either.
        return await shop.scene(plain_checkout)
    checkout = reply.document()
    again = await shop.update(checkout["id"], resend(checkout) | members)
    return again.document() if again.succeeded else checkout


@check("checkout#Item Response", releases=EVERY)
async def price_is_not_believed(shop: Shop) -> None:
    """A price in the request does not become the price."""
    usual = await shop.scene(plain_checkout)
    item = {"id": shop.inputs.item, "price": WRONG_PRICE}
    claimed = await _claimed(shop, line_items=[{"item": item, "quantity": 1}])
    price = claimed["line_items"][0]["item"]["price"]
    expect(price == usual["line_items"][0]["item"]["price"], f"the price is {price}")
    expect(total(claimed) == total(usual), f"the total is {total(claimed)}")


@check("checkout#Item Response", releases=EVERY)
async def title_is_not_believed(shop: Shop) -> None:
    """A title in the request does not become the title."""
    item = {"id": shop.inputs.item, "title": WRONG_TITLE}
    claimed = await _claimed(shop, line_items=[{"item": item, "quantity": 1}])
    title = claimed["line_items"][0]["item"]["title"]
    expect(title != WRONG_TITLE, f"the title is {title!r}")


@check("checkout#Total Response", releases=EVERY)
async def totals_are_not_believed(shop: Shop) -> None:
    """Totals in the request, of the checkout or of a line, change nothing."""
    usual = await shop.scene(plain_checkout)
    wrong = [{"type": "subtotal", "amount": 1}, {"type": "total", "amount": 1}]
    lines = [{"item": {"id": shop.inputs.item}, "quantity": 1, "totals": wrong}]
    claimed = await _claimed(shop, totals=wrong, line_items=lines)
    expect(total(claimed) == total(usual), f"the total is {total(claimed)}")
    line_total = amount(claimed["line_items"][0]["totals"], "total")
    expect(line_total == amount(usual["line_items"][0]["totals"], "total"), f"{line_total}")


@check("checkout#Checkout", releases=EVERY)
async def status_is_not_believed(shop: Shop) -> None:
    """A status in the request changes nothing."""
    usual = await shop.scene(plain_checkout)
    claimed = await _claimed(shop, status="completed")
    expect(claimed["status"] == usual["status"], f"the status is {claimed['status']}")


@check("checkout#Checkout", releases=EVERY)
async def currency_is_not_believed(shop: Shop) -> None:
    """Another currency is refused, ignored or converted: never the same number in it."""
    usual = await shop.scene(plain_checkout)
    wanted = "JPY" if usual["currency"] != "JPY" else "EUR"
    claimed = await _claimed(shop, currency=wanted)
    if claimed["currency"] == wanted and total(usual):
        expect(total(claimed) != total(usual), f"{total(claimed)} is now in {wanted}")


@check("checkout#Checkout", releases=EVERY)
async def expiry_is_not_believed(shop: Shop) -> None:
    """An expires_at in the request changes nothing."""
    far = "2199-01-01T00:00:00Z"
    claimed = await _claimed(shop, expires_at=far)
    expect(not str(claimed.get("expires_at", "")).startswith("2199"), f"it is {far}")


@check("checkout#Continue URL", releases=EVERY)
async def continue_url_is_not_believed(shop: Shop) -> None:
    """A continue_url in the request does not come back to send buyers elsewhere."""
    claimed = await _claimed(shop, continue_url=f"{EVIL}pay")
    url = str(claimed.get("continue_url", ""))
    expect(EVIL not in url, f"continue_url is {url}")


@check("checkout#Link", releases=EVERY)
async def links_are_not_believed(shop: Shop) -> None:
    """Links in the request are not shown as the shop's."""
    claimed = await _claimed(shop, links=[{"type": "terms_of_service", "url": f"{EVIL}terms"}])
    strange = [each["url"] for each in claimed.get("links") or [] if EVIL in str(each.get("url"))]
    expect(not strange, f"links are {strange}")


@check("checkout#Order Confirmation", releases=EVERY)
async def order_is_not_believed(shop: Shop) -> None:
    """An order in the request makes no order."""
    claimed = await _claimed(shop, order={"id": "o_1", "permalink_url": f"{EVIL}o_1"})
    expect(not claimed.get("order"), f"the order is {claimed.get('order')}")


@check("checkout#Message", releases=EVERY)
async def messages_are_not_believed(shop: Shop) -> None:
    """Messages in the request are not repeated as the shop's."""
    said = {"type": "warning", "code": "evil", "content": "All sales are free today"}
    claimed = await _claimed(shop, messages=[said])
    codes = [each.get("code") for each in claimed.get("messages") or []]
    expect("evil" not in codes, f"message codes are {codes}")


@check("discount#Discounts Object", releases=EVERY)
async def applied_discounts_are_not_believed(shop: Shop) -> None:
    """`discounts.applied` in the request takes nothing off."""
    shop.need_capability("discount")
    usual = await shop.scene(plain_checkout)
    gift = {"title": "Gift", "amount": 1, "code": "GIFT"}
    claimed = await _claimed(shop, discounts={"codes": [], "applied": [gift]})
    expect(total(claimed) == total(usual), f"the total is {total(claimed)}")


@check("checkout#Create Checkout", releases=EVERY)
async def create_never_touches_another_checkout(shop: Shop) -> None:
    """A create that names the id of an existing checkout leaves that one alone."""
    first = await created(shop)
    reply = await shop.create(basket(shop, quantity=5, id=first["id"]))
    expect(reply.status < 500, f"answered {reply.status}")
    later = (await shop.get(first["id"])).document()
    quantity = later["line_items"][0]["quantity"]
    expect(quantity == 1, f"the first checkout has now {quantity}")


@check("checkout#Line Item", releases=EVERY)
async def odd_quantities_are_refused(shop: Shop) -> None:
    """Quantities that are no positive integer are refused."""
    for quantity in (0, -1, 1.5, "2", None, 10**30):
        body = basket(shop)
        body["line_items"][0]["quantity"] = quantity
        reply = await shop.create(body)
        fits = 400 <= reply.status < 500
        expect(fits, f"a quantity of {quantity!r} was answered {reply.status}")


@check("checkout#Message Error", releases=EVERY)
async def nothing_is_sold_out_of_stock(shop: Shop) -> None:
    """An item out of stock is refused, or the checkout says so and cannot be completed."""
    item = shop.inputs.out_of_stock_item or lacking("an item out of stock (--out-of-stock-item)")
    reply = await shop.create(basket(shop, item=item))
    expect(reply.status < 500, f"answered {reply.status}")
    document = reply.document()
    codes = {each.get("code") for each in document.get("messages") or []}
    expect(codes & {"out_of_stock", "item_unavailable"}, f"codes are {codes}")
    expect(document.get("status") != "ready_for_complete", "the checkout is ready")


@check("checkout#Message Error", releases=EVERY)
async def nothing_unknown_is_sold(shop: Shop) -> None:
    """An item that does not exist is refused, or the checkout says so of its line."""
    reply = await shop.create(basket(shop, item="no-such-item-4711"))
    expect(reply.status < 500, f"answered {reply.status}")
    document = reply.document()
    errors = [each for each in document.get("messages") or [] if each.get("type") == "error"]
    expect(errors, "there is no error message")
    if reply.succeeded:
        named = [each for each in errors if "line_items" in str(each.get("path"))]
        expect(named, f"no error names the line: {errors}")


@check("overview#Attribution", releases=SINCE_APRIL)
async def attribution_changes_nothing(shop: Shop) -> None:
    """Who led the buyer here has no influence on what the buyer is offered, and is not told."""
    usual = await shop.scene(plain_checkout)
    claimed = await created(shop, attribution={"utm_source": "agent", "click": "4711"})
    expect(claimed["status"] == usual["status"], f"the status is {claimed['status']}")
    expect(total(claimed) == total(usual), f"the total is {total(claimed)}")
    expect("attribution" not in claimed, "it is in the reply")


@check("checkout#Eligibility", releases=SINCE_APRIL)
async def unknown_claims_never_block(shop: Shop) -> None:
    """A claim of which the shop has never heard changes neither the total nor the status."""
    usual = await shop.scene(plain_checkout)
    claimed = await created(shop, context={"eligibility": ["com.example.unheard_of"]})
    expect(claimed["status"] == usual["status"], f"the status is {claimed['status']}")
    expect(total(claimed) == total(usual), f"the total is {total(claimed)}")


@check("overview#Integer range and ingestion", releases=SINCE_AUGUST)
async def inexact_integers_are_refused(shop: Shop) -> None:
    """A number that some readers cannot hold is refused, not rounded."""
    reply = await shop.create(basket(shop, quantity=2**53))
    expect(400 <= reply.status < 500, f"answered {reply.status}")

"""Updating replaces: what is not sent is gone."""

from conformance.buying import addressed, basket, buyer, created, groups, methods, resend
from conformance.registry import EVERY, JANUARY, check, expect, lacking
from conformance.shop import Shop


@check("checkout#Update Checkout", releases=EVERY)
async def lines_are_replaced(shop: Shop) -> None:
    """Lines that an update leaves out are gone, and a new line comes in."""
    item = shop.inputs.item
    lines = [{"item": {"id": item}, "quantity": 1}, {"item": {"id": item}, "quantity": 2}]
    checkout = await created(shop, line_items=lines)
    if len(checkout["line_items"]) != 2:
        lacking("two lines of one item (the shop merges them)")
    body = resend(checkout)
    body["line_items"] = body["line_items"][1:]
    document = (await shop.update(checkout["id"], body)).document()
    quantities = [line["quantity"] for line in document["line_items"]]
    expect(quantities == [2], f"quantities are {quantities}")


@check("checkout#Update Checkout", releases=EVERY)
async def item_can_be_exchanged(shop: Shop) -> None:
    """An update with another item replaces the first one."""
    other = shop.inputs.second_item or lacking("a second item (--second-item)")
    checkout = await created(shop)
    body = resend(checkout) | {"line_items": [{"item": {"id": other}, "quantity": 1}]}
    document = (await shop.update(checkout["id"], body)).document()
    items = [line["item"]["id"] for line in document["line_items"]]
    expect(items == [other], f"items are {items}")


@check("checkout#Update Checkout", releases=EVERY)
async def absent_buyer_is_removed(shop: Shop) -> None:
    """An update without `buyer` removes the buyer; what was agreed to is another matter."""
    checkout = await created(shop, buyer=buyer())
    body = resend(checkout)
    body.pop("buyer", None)
    document = (await shop.update(checkout["id"], body)).document()
    kept = sorted(set(document.get("buyer") or {}) - {"consent"})
    expect(not kept, f"still there: {kept}")


@check("checkout#Update Checkout", releases=EVERY)
async def absent_fulfillment_is_removed(shop: Shop) -> None:
    """An update without `fulfillment` removes destination and choice."""
    shop.need_capability("fulfillment")
    checkout = await addressed(shop)
    body = resend(checkout)
    body.pop("fulfillment", None)
    document = (await shop.update(checkout["id"], body)).document()
    chosen = [
        each["selected_destination_id"] for each in methods(document) if each.get("selected_destination_id")
    ]
    expect(not chosen, f"still selected: {chosen}")
    picked = [each["selected_option_id"] for each in groups(document) if each.get("selected_option_id")]
    expect(not picked, f"still selected: {picked}")


@check("discount#Operations", releases=EVERY)
async def absent_discounts_are_removed(shop: Shop) -> None:
    """An update without `discounts` removes the codes."""
    shop.need_capability("discount")
    code = shop.inputs.discount_code or lacking("a discount code (--discount-code)")
    checkout = await created(shop, discounts={"codes": [code]})
    body = resend(checkout)
    body.pop("discounts", None)
    document = (await shop.update(checkout["id"], body)).document()
    codes = (document.get("discounts") or {}).get("codes") or []
    applied = [each for each in (document.get("discounts") or {}).get("applied") or [] if each.get("code")]
    expect(not codes and not applied, f"codes {codes}, applied {applied}")


@check("checkout-rest#Update Checkout", releases=JANUARY)
async def foreign_id_in_the_body_is_refused(shop: Shop) -> None:
    """A body whose id is not the path's is refused and changes neither checkout."""
    first, second = await created(shop), await created(shop)
    body = resend(first)
    body["line_items"][0]["quantity"] = 4
    reply = await shop.update(second["id"], body)
    expect(400 <= reply.status < 500, f"answered {reply.status}")
    for untouched in (first, second):
        later = (await shop.get(untouched["id"])).document()
        quantity = later["line_items"][0]["quantity"]
        expect(quantity == 1, f"{untouched['id']} has now {quantity}")


@check("checkout#Guidelines", releases=EVERY)
async def refused_update_changes_nothing(shop: Shop) -> None:
    """An update that is refused leaves the checkout as it was."""
    checkout = await created(shop, buyer=buyer())
    body = basket(shop, quantity=-1) | {"id": checkout["id"]}
    reply = await shop.update(checkout["id"], body)
    expect(400 <= reply.status < 500, f"a quantity of -1 was answered {reply.status}")
    later = (await shop.get(checkout["id"])).document()
    expect(later.get("line_items") == checkout["line_items"], "the lines changed")
    expect(later.get("buyer") == checkout.get("buyer"), "the buyer changed")

"""Where goods go, as 2026-08-25 has it: places have a type, and a choice is never exchanged."""

from conformance.buying import address, addressed, created, methods, options, resend
from conformance.checks.lookback import checkouts_seen
from conformance.registry import SINCE_AUGUST, Wire, check, expect, lacking
from conformance.shop import Shop

SECTION = "fulfillment#Selection and Location Identity"
STRANGE = "no-such-destination"
MADE_UP = "a-place-of-our-own"


async def _methods_seen(shop: Shop) -> list[Wire]:
    shop.need_capability("fulfillment")
    await addressed(shop)
    return [method for _, checkout in await checkouts_seen(shop) for method in methods(checkout)]


def _errors(checkout: Wire) -> list[Wire]:
    return [each for each in checkout.get("messages") or [] if each.get("type") == "error"]


@check("fulfillment#Destinations", releases=SINCE_AUGUST)
async def destinations_have_a_type(shop: Shop) -> None:
    """Every destination has a type and an id, and a place of the shop a name."""
    for method in await _methods_seen(shop):
        for each in method.get("destinations") or []:
            expect(each.get("type") and each.get("id"), f"a destination is {each}")
            named = each["type"] != "business_location" or each.get("name")
            expect(named, f"a place is {each}")


@check(SECTION, releases=SINCE_AUGUST)
async def choice_names_one_destination(shop: Shop) -> None:
    """A selected destination is one of the method's, and only one has that id."""
    for method in await _methods_seen(shop):
        chosen = method.get("selected_destination_id")
        ids = [each.get("id") for each in method.get("destinations") or []]
        expect(chosen is None or ids.count(chosen) == 1, f"{chosen!r} is chosen of {ids}")


@check(SECTION, releases=SINCE_AUGUST)
async def unusable_choice_changes_nothing(shop: Shop) -> None:
    """An id that cannot be used leaves the checkout as it was, and a recoverable error points to it."""
    shop.need_capability("fulfillment")
    before = await addressed(shop)
    wanted = resend(before)
    wanted["fulfillment"]["methods"][0]["selected_destination_id"] = STRANGE
    wanted["line_items"][0]["quantity"] += 1
    reply = await shop.update(before["id"], wanted)
    expect(reply.status == 200 and reply.succeeded, f"answered {reply.status}", reply)
    told = [(each.get("severity"), each.get("path")) for each in _errors(reply.document())]
    path = "$.fulfillment.methods[0].selected_destination_id"
    expect(("recoverable", path) in told, f"errors are {told}", reply)
    later = (await shop.get(before["id"])).document()
    for member in ("line_items", "fulfillment", "totals"):
        expect(later.get(member) == before.get(member), f"{member} changed", reply)


@check("fulfillment#Fulfillment Method", releases=SINCE_AUGUST)
async def destinations_come_with_a_type_of_method(shop: Shop) -> None:
    """Destinations in a method that does not say its type are refused."""
    shop.need_capability("fulfillment")
    checkout = await created(shop)
    lines = [line["id"] for line in checkout["line_items"]]
    method = {"line_item_ids": lines, "destinations": [{"type": "shipping_address", **address(shop)}]}
    reply = await shop.update(checkout["id"], resend(checkout, fulfillment={"methods": [method]}))
    expect(400 <= reply.status < 500, f"answered {reply.status}")


@check("fulfillment#Destinations", releases=SINCE_AUGUST)
async def places_are_not_believed(shop: Shop) -> None:
    """A place to pick up from that a request makes up is none of the shop's."""
    shop.need_capability("fulfillment")
    checkout = await created(shop)
    lines = [line["id"] for line in checkout["line_items"]]
    place = {"type": "business_location", "id": MADE_UP, "name": "Back door"}
    method = {"type": "pickup", "line_item_ids": lines, "destinations": [place]}
    reply = await shop.update(checkout["id"], resend(checkout, fulfillment={"methods": [method]}))
    expect(reply.status < 500, f"answered {reply.status}")
    listed = methods(reply.document()) if reply.succeeded else []
    ids = [each.get("id") for method in listed for each in method.get("destinations") or []]
    expect(MADE_UP not in ids, "it is listed")


@check("fulfillment#Fulfillment Option", releases=SINCE_AUGUST)
async def descriptions_are_objects(shop: Shop) -> None:
    """An option is described in plain text, HTML or Markdown, each under its name."""
    described = [
        option["description"]
        for _, checkout in await checkouts_seen(shop)
        for option in options(checkout)
        if "description" in option
    ]
    if not described:
        lacking("an option with a description")
    for each in described:
        fits = isinstance(each, dict) and each.keys() & {"plain", "html", "markdown"}
        expect(fits, f"a description is {each!r}")

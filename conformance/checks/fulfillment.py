"""Where the goods go and how."""

from conformance.buying import (
    addressed,
    amount,
    changed,
    created,
    groups,
    methods,
    options,
    prepared,
    ready_checkout,
    resend,
    total,
)
from conformance.registry import EVERY, Wire, check, expect, lacking
from conformance.shop import Shop
from conformance.wire import Exchange


async def _offered(shop: Shop) -> Wire:
    shop.need_capability("fulfillment")
    checkout = await addressed(shop)
    if not options(checkout):
        lacking("options for the address")
    return checkout


def _not_taken(reply: Exchange, strange: str) -> None:
    """The strange id was refused, or the checkout says what is wrong and is not ready."""
    expect(reply.status < 500, f"answered {reply.status}")
    if not reply.succeeded:
        return
    document = reply.document()
    expect(document.get("status") != "ready_for_complete", "the checkout is ready")
    errors = [each for each in document.get("messages") or [] if each.get("type") == "error"]
    expect(errors, f"{strange} was passed over in silence")


@check("fulfillment#Fulfillment Method Response", releases=EVERY)
async def address_brings_options(shop: Shop) -> None:
    """A shipping destination, selected, brings a method with a group and its options."""
    shop.need_capability("fulfillment")
    checkout = await addressed(shop)
    chosen = methods(checkout)
    expect(chosen, "there is no method")
    expect(groups(checkout), "there is no group")
    expect(options(checkout), "there are no options")


@check("fulfillment#Shipping Destination Response", releases=EVERY)
async def destination_is_kept(shop: Shop) -> None:
    """The destination comes back with an id and as it was sent, selected."""
    checkout = await _offered(shop)
    method = methods(checkout)[0]
    selected = method.get("selected_destination_id")
    found = [each for each in method.get("destinations") or [] if each.get("id") == selected]
    expect(len(found) == 1, f"{selected!r} names {len(found)} destinations")
    country = found[0].get("address_country")
    expect(country == shop.inputs.country, f"address_country is {country!r}")


@check("fulfillment#Business Responsibilities", releases=EVERY)
async def options_can_be_told_apart(shop: Shop) -> None:
    """Options of a group have different titles and different ids."""
    for group in groups(await _offered(shop)):
        for member in ("title", "id"):
            values = [each.get(member) for each in group.get("options") or []]
            expect(len(set(values)) == len(values), f"{member}s are {values}")


@check("fulfillment#Fulfillment Option Response", releases=EVERY)
async def options_have_a_price(shop: Shop) -> None:
    """Each option says what it costs in a total."""
    for option in options(await _offered(shop)):
        kinds = [each.get("type") for each in option.get("totals") or []]
        expect("total" in kinds, f"{option.get('id')} has totals {kinds}")


@check("fulfillment#Business Response Behavior", releases=EVERY)
async def one_group_per_method(shop: Shop) -> None:
    """A platform that does not support several groups gets one per method."""
    for method in methods(await _offered(shop)):
        count = len(method.get("groups") or [])
        expect(count == 1, f"{method.get('id')} has {count} groups")


@check("fulfillment#Fulfillment Method Response", releases=EVERY)
async def methods_cover_the_lines(shop: Shop) -> None:
    """Methods and groups name existing lines, and every line is in one of the methods."""
    checkout = await _offered(shop)
    lines = {line["id"] for line in checkout["line_items"]}
    named = {each for method in methods(checkout) for each in method.get("line_item_ids") or []}
    expect(named == lines, f"lines are {sorted(lines)}, named are {sorted(named)}")
    grouped = {each for group in groups(checkout) for each in group.get("line_item_ids") or []}
    expect(grouped == lines, f"lines are {sorted(lines)}, grouped are {sorted(grouped)}")


@check("fulfillment#Fulfillment Group Response", releases=EVERY)
async def choice_is_kept(shop: Shop) -> None:
    """The selected option comes back as selected, among the options."""
    shop.need_capability("fulfillment")
    for group in groups(await prepared(shop)):
        selected = group.get("selected_option_id")
        offered = [each.get("id") for each in group.get("options") or []]
        expect(selected in offered, f"selected is {selected!r}, offered are {offered}")


@check("checkout#Total Response", releases=EVERY)
async def choice_is_paid_for(shop: Shop) -> None:
    """The totals hold the fulfillment amount of the selected options, no more and no less."""
    shop.need_capability("fulfillment")
    checkout = await shop.scene(ready_checkout)
    costs = sum(
        amount(option.get("totals") or [], "total")
        for group in groups(checkout)
        for option in group.get("options") or []
        if option.get("id") == group.get("selected_option_id")
    )
    charged = amount(checkout["totals"], "fulfillment")
    expect(charged == costs, f"options cost {costs}, totals say {charged}")


@check("fulfillment#Fulfillment Group Response", releases=EVERY)
async def another_choice_changes_the_total(shop: Shop) -> None:
    """Choosing a dearer option makes the total dearer."""
    checkout = await prepared(shop)
    by_price = sorted(options(checkout), key=lambda each: amount(each.get("totals") or [], "total"))
    if len(groups(checkout)) != 1 or len(by_price) < 2:
        lacking("one group with two options")
    totals = []
    for option in (by_price[0], by_price[-1]):
        groups(checkout)[0]["selected_option_id"] = option["id"]
        totals.append(total(await changed(shop, checkout)))
    prices = [amount(each["totals"], "total") for each in (by_price[0], by_price[-1])]
    if prices[0] == prices[1]:
        lacking("two options of different prices")
    expect(totals[0] < totals[1], f"totals are {totals} for prices {prices}")


@check("fulfillment#Fulfillment Group Response", releases=EVERY)
async def unknown_option_is_not_taken(shop: Shop) -> None:
    """An option that was never offered is refused or named by an error, not replaced silently."""
    checkout = await _offered(shop)
    groups(checkout)[0]["selected_option_id"] = "no-such-option"
    reply = await shop.update(checkout["id"], resend(checkout))
    _not_taken(reply, "no-such-option")


@check("fulfillment#Fulfillment Method Response", releases=EVERY)
async def unknown_destination_is_not_taken(shop: Shop) -> None:
    """A destination id that names nothing is refused or named by an error."""
    checkout = await _offered(shop)
    methods(checkout)[0]["selected_destination_id"] = "no-such-destination"
    reply = await shop.update(checkout["id"], resend(checkout))
    _not_taken(reply, "no-such-destination")


@check("fulfillment#Retail Location Response", releases=EVERY)
async def pickup_lists_named_places(shop: Shop) -> None:
    """A pickup method lists places with a name, of which one can be chosen."""
    shop.need_capability("fulfillment")
    begun = await created(shop)
    lines = [line["id"] for line in begun["line_items"]]
    wanted = {"methods": [{"type": "pickup", "line_item_ids": lines}]}
    reply = await shop.update(begun["id"], resend(begun, fulfillment=wanted))
    expect(reply.status < 500, f"answered {reply.status}")
    listed = methods(reply.document()) if reply.succeeded else []
    places = [each for method in listed for each in method.get("destinations") or []]
    if not places or listed[0].get("type") != "pickup":
        lacking("a shop with pickup")
    nameless = [each.get("id") for each in places if not each.get("name")]
    expect(not nameless, f"places without a name: {nameless}")
    listed[0]["selected_destination_id"] = places[0]["id"]
    picked = await changed(shop, reply.document(), fulfillment={"methods": [listed[0]]})
    selected = [each.get("selected_destination_id") for each in methods(picked)]
    expect(selected == [places[0]["id"]], f"selected is {selected}")
    expect(options(picked), "the chosen place brings no option")

"""One product, with what a buyer can choose of it."""

from uuid import uuid4

from conformance.browsing import LOOKUP, choices, configurable, context, item, shown
from conformance.registry import SINCE_APRIL, Wire, check, expect, lacking
from conformance.shapes import violations
from conformance.shop import Shop

SECTION = "catalog-lookup#Option Selection"
NO_SUCH_LABEL = "as nobody makes it"


def _as_sent(chosen: dict[str, str]) -> list[Wire]:
    return [{"name": name, "label": label} for name, label in chosen.items()]


def _fits(variant: Wire, chosen: dict[str, str]) -> bool:
    own = choices(variant.get("options"))
    return all(own.get(name) == label for name, label in chosen.items())


@check("catalog-lookup#Resolution Behavior", releases=SINCE_APRIL)
async def variant_is_shown_first(shop: Shop) -> None:
    """Whoever asks for a variant is shown its product with that variant first."""
    asked = [item(shop)]
    with_choices = (await shop.scene(configurable))["variants"]
    for wanted in asked + [variant["id"] for variant in with_choices]:
        first = (await shown(shop, wanted))["variants"][0]["id"]
        expect(first == wanted, f"asked for {wanted}, shown {first}")


@check("catalog-lookup#Response Shape", releases=SINCE_APRIL)
async def product_has_the_shape(shop: Shop) -> None:
    """A product that is shown has the members and types that its schema demands."""
    shop.need_capability(LOOKUP)
    reply = await shop.catalog("product", {"id": item(shop), "context": context(shop)})
    expect(reply.succeeded, f"answered {reply.status}")
    wrong = violations(shop.release, "catalog", reply.document())
    expect(not wrong, wrong)


@check("catalog-lookup#Response Shape", releases=SINCE_APRIL)
async def unknown_product_is_told_with_200(shop: Shop) -> None:
    """A product that nobody sells is answered 200, with an envelope of status error: not_found."""
    shop.need_capability(LOOKUP)
    reply = await shop.catalog("product", {"id": f"nobody-sells-{uuid4().hex}"})
    expect(reply.status == 200, f"answered {reply.status}")
    wrong = violations(shop.release, "error", reply.document())
    expect(not wrong, wrong)
    told = [(each.get("code"), each.get("severity")) for each in reply.document()["messages"]]
    expect(("not_found", "unrecoverable") in told, f"told {told}")


@check(SECTION, releases=SINCE_APRIL)
async def options_come_with_a_selection(shop: Shop) -> None:
    """A product with options says which are selected: those of its first variant unless asked."""
    product = await shown(shop, str((await shop.scene(configurable))["id"]))
    selected = choices(product.get("selected"))
    expect(selected, "nothing is selected")
    first = choices(product["variants"][0].get("options"))
    expect(_fits(product["variants"][0], selected), f"selected {selected}, first is {first}")


@check(SECTION, releases=SINCE_APRIL)
async def variant_id_decides_the_selection(shop: Shop) -> None:
    """Where a variant is named, what else was selected does not count."""
    first, *others = (await shop.scene(configurable))["variants"]
    foreign = choices(others[-1].get("options"))
    product = await shown(shop, first["id"], selected=_as_sent(foreign))
    selected, own = choices(product.get("selected")), choices(first.get("options"))
    expect(product["variants"][0]["id"] == first["id"], f"shown {product['variants'][0]['id']}")
    expect(selected == own, f"selected {selected}, the variant is {own}")


@check(SECTION, releases=SINCE_APRIL)
async def shown_variants_fit_the_selection(shop: Shop) -> None:
    """Every variant that is shown has what is selected."""
    offered = await shop.scene(configurable)
    for variant in offered["variants"]:
        wanted = choices(variant.get("options"))
        product = await shown(shop, str(offered["id"]), selected=_as_sent(wanted))
        selected = choices(product.get("selected"))
        expect(selected == wanted, f"wanted {wanted}, selected {selected}")
        strange = [each["id"] for each in product["variants"] if not _fits(each, selected)]
        expect(not strange, f"selected {selected}, shown {strange}")


@check(SECTION, releases=SINCE_APRIL)
async def impossible_choice_is_given_up(shop: Shop) -> None:
    """A choice that nothing has is dropped, the last of the preferences first; others are kept."""
    offered = await shop.scene(configurable)
    possible = choices(offered["variants"][-1].get("options"))
    if len(possible) < 2:
        lacking("a product with two options on the first page of goods")
    kept, given_up = sorted(possible)[:2]
    wanted = {kept: possible[kept], given_up: NO_SUCH_LABEL}
    product = await shown(shop, str(offered["id"]), selected=_as_sent(wanted), preferences=[kept, given_up])
    selected = choices(product.get("selected"))
    expect(selected.get(given_up) != NO_SUCH_LABEL, f"selected {selected}")
    expect(selected.get(kept) == possible[kept], f"wanted {wanted}, selected {selected}")
    expect(product["variants"], "no variant is shown")


@check("catalog-lookup#Option Selection", releases=SINCE_APRIL, advice=True)
async def values_say_what_there_is(shop: Shop) -> None:
    """Every value of an option says whether it exists and can be had; what is selected exists."""
    product = await shown(shop, str((await shop.scene(configurable))["id"]))
    selected = choices(product.get("selected"))
    for option in product["options"]:
        for value in option["values"]:
            told = (value.get("exists"), value.get("available"))
            expect(all(isinstance(each, bool) for each in told), f"{value['label']} says {told}")
            expect(told != (False, True), f"{value['label']} can be had and does not exist")
            is_selected = selected.get(option["name"]) == value["label"]
            expect(value["exists"] or not is_selected, f"{value['label']} is selected")

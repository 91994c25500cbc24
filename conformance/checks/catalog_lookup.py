"""Goods by their ids."""

from uuid import uuid4

from conformance.browsing import (
    LOOKUP,
    configurable,
    item,
    item_looked_up,
    item_price,
    item_shown,
    looked_up,
    variant_ids,
    variants,
)
from conformance.platform import CHECKOUT_ONLY
from conformance.registry import SINCE_APRIL, Wire, check, expect, lacking
from conformance.shapes import violations
from conformance.shop import Shop

SECTION = "catalog-lookup#Supported Identifiers"
# More than anybody looks up at once, and no more than a server reads of a request.
TOO_MANY = 500
TEN = 10


def _unknown() -> str:
    return f"nobody-sells-{uuid4().hex}"


def _inputs(document: Wire) -> list[Wire]:
    return [entry for variant in variants(document) for entry in variant["inputs"]]


@check(SECTION, releases=SINCE_APRIL)
async def item_is_found_by_its_id(shop: Shop) -> None:
    """The id of a variant leads to it, and says that it did so exactly."""
    document = await shop.scene(item_looked_up)
    found = {variant["id"]: variant["inputs"] for variant in variants(document)}
    expect(item(shop) in found, f"{item(shop)} led to {sorted(found)}")
    entries = [entry for entry in found[item(shop)] if entry["id"] == item(shop)]
    expect([entry.get("match") for entry in entries] == ["exact"], f"inputs are {found[item(shop)]}")


@check("catalog-lookup#Response", releases=SINCE_APRIL)
async def lookup_has_the_shape(shop: Shop) -> None:
    """What was looked up has the members and types that its schema demands."""
    wrong = violations(shop.release, "catalog", await shop.scene(item_looked_up))
    expect(not wrong, wrong)


@check("catalog-lookup#Client Correlation", releases=SINCE_APRIL)
async def inputs_name_what_was_asked(shop: Shop) -> None:
    """Every variant names ids of the request that led to it, and no others."""
    second = shop.inputs.second_item or lacking("a second item (--second-item)")
    document = await looked_up(shop, item(shop), second)
    for variant in variants(document):
        named = {entry["id"] for entry in variant.get("inputs") or []}
        expect(named, f"{variant['id']} names nothing")
        expect(named <= {item(shop), second}, f"{variant['id']} names {sorted(named)}")
    named = {entry["id"] for entry in _inputs(document)}
    expect(named == {item(shop), second}, f"{sorted(named)} led to something")


@check("catalog-lookup#Resolution Behavior", releases=SINCE_APRIL)
async def product_id_leads_to_a_featured_variant(shop: Shop) -> None:
    """The id of a product leads to one of its variants, and says that the shop chose it."""
    product_id = str((await shop.scene(configurable))["id"])
    entries = _inputs(await looked_up(shop, product_id))
    expect(entries, f"{product_id} led to nothing")
    kinds = {(entry["id"], entry.get("match")) for entry in entries}
    expect(kinds == {(product_id, "featured")}, f"inputs are {entries}")


@check(SECTION, releases=SINCE_APRIL)
async def one_product_comes_once(shop: Shop) -> None:
    """A product that several ids lead to, or one id twice, is returned once."""
    product_id = str((await shop.scene(item_shown))["id"])
    document = await looked_up(shop, item(shop), product_id, item(shop))
    found = [product["id"] for product in document["products"]]
    expect(found == [product_id], f"found {found}")
    for variant in variants(document):
        named = [entry["id"] for entry in variant["inputs"]]
        expect(len(set(named)) == len(named), f"{variant['id']} names {named}")


@check("catalog#Lookup", releases=SINCE_APRIL)
async def unknown_ids_are_no_error(shop: Shop) -> None:
    """An id that leads to nothing does not keep the others from being found."""
    found = variant_ids(await looked_up(shop, _unknown(), item(shop)))
    expect(item(shop) in found, f"found {found}")
    reply = await shop.catalog("lookup", {"ids": [_unknown()]})
    expect(reply.status == 200 and reply.succeeded, f"answered {reply.status}")
    expect(reply.document()["products"] == [], "something was found")


@check("catalog-lookup#Batch Size", releases=SINCE_APRIL, advice=True)
async def ten_ids_are_taken(shop: Shop) -> None:
    """Ten ids can be looked up at once."""
    shop.need_capability(LOOKUP)
    asked = [item(shop), *(_unknown() for _ in range(TEN - 1))]
    reply = await shop.catalog("lookup", {"ids": asked})
    expect(reply.succeeded, f"answered {reply.status}")
    expect(item(shop) in variant_ids(reply.document()), "the item was not found")


@check("catalog-lookup#Batch Size", releases=SINCE_APRIL)
async def too_many_ids_are_told(shop: Shop) -> None:
    """More ids than the shop looks up at once are answered 400 request_too_large."""
    shop.need_capability(LOOKUP)
    reply = await shop.catalog("lookup", {"ids": [_unknown() for _ in range(TOO_MANY)]})
    if reply.succeeded:
        lacking(f"a shop that does not look up {TOO_MANY} ids at once")
    expect(reply.status == 400, f"answered {reply.status}")
    code = reply.document().get("code")
    expect(code == "request_too_large", f"code is {code}")


@check("catalog-lookup#Filters", releases=SINCE_APRIL)
async def filters_come_after_ids(shop: Shop) -> None:
    """A variant that costs more than the highest price is left out, though its id was named."""
    limit = await shop.scene(item_price)
    document = await looked_up(shop, item(shop), filters={"price": {"max": limit - 1}})
    expect(item(shop) not in variant_ids(document), f"{item(shop)} costs {limit} and was found")
    document = await looked_up(shop, item(shop), filters={"price": {"max": limit}})
    expect(item(shop) in variant_ids(document), f"{item(shop)} costs {limit} and was left out")


@check("overview#Error Codes", releases=SINCE_APRIL)
async def lookup_needs_its_capability(shop: Shop) -> None:
    """A platform that does not have the capability is not answered with goods."""
    shop.need_capability(LOOKUP)
    for operation, body in (("lookup", {"ids": [item(shop)]}), ("product", {"id": item(shop)})):
        reply = await shop.catalog(operation, body, who=CHECKOUT_ONLY)
        expect(reply.status < 500, f"{operation} answered {reply.status}", reply)
        expect(not reply.succeeded, f"{operation} answered {reply.status}", reply)

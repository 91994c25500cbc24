"""What an agent asks a catalog, and the ready-made scenes that checks look at."""

from typing import Any

from conformance.buying import plain_checkout
from conformance.registry import Wire, lacking
from conformance.shop import Shop

SEARCH, LOOKUP = "catalog.search", "catalog.lookup"
# Enough goods to find some with choices and some with a unit price; a shop may show fewer.
BROWSED = 50
EVERYTHING: Wire = {"filters": {"price": {"min": 0}}}


def item(shop: Shop) -> str:
    return shop.inputs.item or lacking("an item to look for (--item)")


def variants(document: Wire) -> list[Wire]:
    """The variants in the reply of any catalog operation."""
    products = document["products"] if "products" in document else [document["product"]]
    return [variant for product in products for variant in product["variants"]]


def variant_ids(document: Wire) -> list[str]:
    return [str(variant["id"]) for variant in variants(document)]


def choices(options: list[Wire] | None) -> dict[str, str]:
    """Chosen options: the label of each name."""
    return {each["name"]: each["label"] for each in options or []}


def context(shop: Shop) -> Wire:
    """Where the buyer is, so that prices are in the currency that filters speak of."""
    return {"address_country": shop.inputs.country, "currency": shop.inputs.currency}


async def searched(shop: Shop, **members: Any) -> Wire:
    shop.need_capability(SEARCH)
    reply = await shop.catalog("search", {"context": context(shop), **members})
    if not reply.succeeded:
        lacking(f"a page of goods (search answered {reply.status})")
    return reply.document()


async def looked_up(shop: Shop, *ids: str, **members: Any) -> Wire:
    shop.need_capability(LOOKUP)
    reply = await shop.catalog("lookup", {"ids": list(ids), "context": context(shop), **members})
    if not reply.succeeded:
        lacking(f"goods that were looked up (lookup answered {reply.status})")
    return reply.document()


async def shown(shop: Shop, wanted: str, **members: Any) -> Wire:
    """The product of an id, with what was asked beside it."""
    shop.need_capability(LOOKUP)
    reply = await shop.catalog("product", {"id": wanted, "context": context(shop), **members})
    if not reply.succeeded:
        lacking(f"a product that is shown (product answered {reply.status})")
    document: Wire = reply.document()["product"]
    return document


async def title(shop: Shop) -> str:
    """What the item is called, as a checkout has it."""
    shop.need_capability(SEARCH)
    return str((await shop.scene(plain_checkout))["line_items"][0]["item"]["title"])


async def titled(shop: Shop) -> Wire:
    """The goods that are found by the item's title."""
    return await searched(shop, query=await shop.scene(title))


async def browsed(shop: Shop) -> Wire:
    """Some of all goods."""
    return await searched(shop, **EVERYTHING, pagination={"limit": BROWSED})


async def item_looked_up(shop: Shop) -> Wire:
    return await looked_up(shop, item(shop))


async def item_shown(shop: Shop) -> Wire:
    return await shown(shop, item(shop))


async def item_price(shop: Shop) -> int:
    """What the catalog says that the item costs, in minor units."""
    found = [each for each in variants(await shop.scene(item_looked_up)) if each["id"] == item(shop)]
    return int(found[0]["price"]["amount"]) if found else lacking("the item's price")


async def configurable(shop: Shop) -> Wire:
    """A product that a buyer chooses one of several variants of, with the most options there are."""
    products = (await shop.scene(browsed))["products"]
    offered = [each for each in products if each.get("options") and len(each["variants"]) > 1]
    if not offered:
        lacking("a product with options and several variants on the first page of goods")
    return max(offered, key=lambda each: len(each["options"]))

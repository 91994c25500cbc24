"""How the agent finds what somebody asked for: a search, and a look at what comes first."""

from collections.abc import Iterator
from typing import Final

from ucp_server.agent.shop import Shop, ShopError, Wire
from ucp_server.agent.speech import Offer
from ucp_server.agent.telling import Say, amount

# As many as a person reads.
_PAGE: Final = 5


async def find(shop: Shop, offer: Offer, query: str, country: str, say: Say) -> str:
    """The id of the best match that can be had; raises `ShopError` where there is none."""
    if not (offer.has("catalog.search") and offer.has("catalog.lookup")):
        raise ShopError(f"This shop cannot be searched in UCP {offer.release}: name an --item.")
    context = {"address_country": country}
    asked: Wire = {"query": query, "context": context, "pagination": {"limit": _PAGE}}
    products = (await shop.ask(offer, "search", asked))["products"]
    say("search", f"“{query}” finds {len(products) or 'nothing'}")
    for product in products:
        say("", _row(product))
    chosen = next(_to_be_had(products), None)
    if chosen is None:
        raise ShopError(f"There is nothing to be had for “{query}”.")
    shown = await shop.ask(offer, "product", {"id": chosen["id"], "context": context})
    return _tell_product(shown["product"], say)


def _to_be_had(products: list[Wire]) -> Iterator[Wire]:
    variants = (variant for product in products for variant in product["variants"])
    return (variant for variant in variants if _is_available(variant))


def _is_available(variant: Wire) -> bool:
    return bool(variant.get("availability", {}).get("available", True))


def _row(product: Wire) -> str:
    """A product as one line: what it is, from what price on, and whether it can be had."""
    least, most = product["price_range"]["min"], product["price_range"]["max"]
    since = "" if least == most else "from "
    can_be_had = any(_is_available(variant) for variant in product["variants"])
    told = "" if can_be_had else ", not to be had"
    return f"{product['title']}, {since}{amount(least['amount'], least['currency'])}{told}"


def _tell_product(product: Wire, say: Say) -> str:
    """What is about to be bought, and what could be chosen instead; its id."""
    variant: Wire = product["variants"][0]
    price = variant["price"]
    say("product", f"{variant['title']}, {amount(price['amount'], price['currency'])}")
    chosen = {option["name"]: option["label"] for option in product.get("selected", ())}
    for option in product.get("options", ()):
        name, own = option["name"], chosen.get(option["name"])
        others = [value["label"] for value in option["values"] if value["label"] != own]
        instead = f", also {', '.join(others)}" if others else ""
        say("", f"{name}: {own}{instead}")
    variant_id: str = variant["id"]
    return variant_id

"""Finding goods."""

from conformance.browsing import (
    EVERYTHING,
    SEARCH,
    browsed,
    context,
    item,
    item_price,
    searched,
    title,
    titled,
    variant_ids,
    variants,
)
from conformance.buying import basket
from conformance.platform import CHECKOUT_ONLY
from conformance.registry import SINCE_APRIL, SINCE_AUGUST, Wire, check, expect, lacking
from conformance.shapes import violations
from conformance.shop import Shop

SECTION = "catalog-search#Search Inputs"
NOBODY_SELLS = "qxzvwkj 90817263 vvjqqz"
PAGES_MAX = 4
BOUGHT_MAX = 10
MALFORMED = (b"", b"{", b"[]", b"null", b'{"query": 7}', b'{"query": "tea", "pagination": {"limit": "x"}}')


@check(SECTION, releases=SINCE_APRIL)
async def title_finds_the_item(shop: Shop) -> None:
    """Whoever searches for an item's title finds it, by the id that a checkout takes."""
    found = variant_ids(await shop.scene(titled))
    expect(item(shop) in found, f"{await shop.scene(title)!r} finds {found}")


@check("catalog-search#Response", releases=SINCE_APRIL)
async def page_has_the_shape(shop: Shop) -> None:
    """A page of goods has the members and types that its schema demands."""
    for page in (await shop.scene(titled), await shop.scene(browsed)):
        wrong = violations(shop.release, "catalog", page)
        expect(not wrong, wrong)


@check(SECTION, releases=SINCE_APRIL, advice=True)
async def empty_search_is_refused(shop: Shop) -> None:
    """A search without a query, a filter or anything else to go by is refused."""
    shop.need_capability(SEARCH)
    reply = await shop.catalog("search", {"context": context(shop)})
    expect(reply.status < 500, f"answered {reply.status}")
    expect(not reply.succeeded, f"answered {reply.status}")


@check(SECTION, releases=SINCE_APRIL)
async def malformed_search_is_refused(shop: Shop) -> None:
    """Searches that are no JSON, or JSON of the wrong form, are answered 4xx."""
    shop.need_capability(SEARCH)
    for raw in MALFORMED:
        reply = await shop.catalog("search", raw)
        expect(400 <= reply.status < 500, f"{raw!r} was answered {reply.status}", reply)


@check("catalog#Empty Search", releases=SINCE_APRIL)
async def no_match_is_an_empty_page(shop: Shop) -> None:
    """What nobody sells is answered 200 with no products, and with no error."""
    shop.need_capability(SEARCH)
    reply = await shop.catalog("search", {"query": NOBODY_SELLS})
    expect(reply.status == 200 and reply.succeeded, f"answered {reply.status}")
    expect(reply.document().get("products") == [], "something was found")


@check("catalog-search#Price Filter", releases=SINCE_APRIL)
async def price_filter_holds(shop: Shop) -> None:
    """With a highest price, no product is found of which every variant is dearer."""
    limit = await shop.scene(item_price)
    page = await searched(shop, filters={"price": {"max": limit}}, pagination={"limit": BOUGHT_MAX})
    for product in page["products"]:
        least = product["price_range"]["min"]
        if least["currency"] == shop.inputs.currency:
            expect(least["amount"] <= limit, f"{product['id']} costs {least['amount']}, not {limit}")
    cheaper = await searched(shop, query=await shop.scene(title), filters={"price": {"max": limit - 1}})
    wrong = [each["id"] for each in cheaper["products"] if each["price_range"]["min"]["amount"] >= limit]
    expect(not wrong, f"dearer than {limit - 1}: {wrong}")


@check("catalog-search#Page Size", releases=SINCE_APRIL, advice=True)
async def page_is_no_longer_than_asked_for(shop: Shop) -> None:
    """A page has no more products than its limit."""
    for limit in (1, 2):
        count = len((await searched(shop, **EVERYTHING, pagination={"limit": limit}))["products"])
        expect(count <= limit, f"limit {limit} brought {count}")


@check("catalog-search#Pagination", releases=SINCE_APRIL)
async def pages_follow_each_other(shop: Shop) -> None:
    """A cursor leads on to other products, and its last page to none."""
    seen: list[str] = []
    page = await searched(shop, **EVERYTHING, pagination={"limit": 1})
    if not (page.get("pagination") or {}).get("has_next_page"):
        lacking("more goods than fit on a page")
    for _ in range(PAGES_MAX):
        seen += [product["id"] for product in page["products"]]
        pagination = page["pagination"]
        if not pagination["has_next_page"]:
            break
        again = {"limit": 1, "cursor": pagination["cursor"]}
        page = await searched(shop, **EVERYTHING, pagination=again)
    expect(len(seen) > 1, f"the cursor led to {seen} alone")
    expect(len(set(seen)) == len(seen), f"pages showed {seen}")


@check("catalog#Price Range", releases=SINCE_APRIL)
async def prices_lie_in_the_range(shop: Shop) -> None:
    """The price of every variant lies within the price range of its product."""
    for product in (await shop.scene(browsed))["products"]:
        least, most = (product["price_range"][end]["amount"] for end in ("min", "max"))
        prices = [variant["price"]["amount"] for variant in product["variants"]]
        outside = [price for price in prices if not least <= price <= most]
        expect(not outside, f"{product['id']}: {outside} outside {least} to {most}")


@check("catalog#Relationship to Checkout", releases=SINCE_APRIL)
async def variants_can_be_bought(shop: Shop) -> None:
    """A checkout takes the id of every variant that is said to be available, and names it."""
    offered = [
        variant["id"]
        for variant in variants(await shop.scene(browsed))
        if (variant.get("availability") or {}).get("available", True)
    ]
    for wanted in offered[:BOUGHT_MAX]:
        reply = await shop.create(basket(shop, item=wanted))
        expect(reply.succeeded, f"{wanted} was answered {reply.status}", reply)
        bought = [line["item"]["id"] for line in reply.document()["line_items"]]
        expect(bought == [wanted], f"{wanted} became {bought}", reply)


@check("overview#Attribution", releases=SINCE_APRIL)
async def attribution_changes_no_page(shop: Shop) -> None:
    """Where a search comes from changes nothing of what it finds."""
    usual = await shop.scene(titled)
    told = await searched(shop, query=await shop.scene(title), attribution={"utm_source": "checks"})
    expect(_ids(told) == _ids(usual), f"{_ids(usual)} became {_ids(told)}")


def _ids(page: Wire) -> list[str]:
    return [product["id"] for product in page["products"]]


@check("overview#Error Codes", releases=SINCE_APRIL)
async def search_needs_its_capability(shop: Shop) -> None:
    """A platform that does not have the capability is not answered with goods."""
    shop.need_capability(SEARCH)
    reply = await shop.catalog("search", {"query": "tea"}, who=CHECKOUT_ONLY)
    expect(reply.status < 500, f"answered {reply.status}")
    expect(not reply.succeeded, f"answered {reply.status}")


@check("catalog#Distinction from unit price", releases=SINCE_AUGUST)
async def unit_prices_are_worked_out(shop: Shop) -> None:
    """A unit price is the price by the measure and for the reference, both in one unit."""
    told = [each for each in variants(await shop.scene(browsed)) if each.get("unit_price")]
    for variant in told or lacking("a variant with a unit price on the first page of goods"):
        unit = variant["unit_price"]
        measure, reference = unit["measure"], unit["reference"]
        expect(unit["currency"] == variant["price"]["currency"], f"{variant['id']}: {unit['currency']}")
        expect(measure["unit"] == reference["unit"], f"{variant['id']}: {measure}, {reference}")
        wanted = variant["price"]["amount"] * _quantity(reference) / _quantity(measure)
        expect(abs(wanted - unit["amount"]) < 1, f"{variant['id']}: {unit['amount']}, not {wanted:.2f}")


def _quantity(measure: Wire) -> float:
    return float(measure["value"]) / float(10 ** int(measure.get("scale", 0)))

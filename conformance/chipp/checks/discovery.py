"""What an application tells anybody."""

from urllib.parse import urlsplit

from conformance.chipp.application import CHIPP, Application
from conformance.chipp.shapes import PRODUCT, is_id, is_money, members
from conformance.registry import check, expect

SECTION = "agent-discovery#Agent card"
CARD = frozenset({"name", "description", "url", "version", "capabilities", "endpoints", "authentication"})


@check(SECTION, releases=CHIPP)
async def card_is_public(app: Application) -> None:
    """The agent card is served to anybody, with its members."""
    reply = await app.send("GET", "/.well-known/agent.json", authorization=None)
    expect(reply.status == 200, f"answered {reply.status}")
    members(reply.document(), CARD, "the card")


@check(SECTION, releases=CHIPP)
async def card_says_what_can_be_done_and_where(app: Application) -> None:
    """The card has version 1.0.0, both capabilities, absolute endpoints, and bearer authentication."""
    card = (await app.send("GET", "/.well-known/agent.json", authorization=None)).document()
    expect(card["version"] == "1.0.0", f"the version is {card['version']!r}")
    for name in ("products", "checkout"):
        expect(name in card["capabilities"], f"the capability {name} is not told")
        expect(urlsplit(card["endpoints"][name]).scheme in {"http", "https"}, f"no address of {name}")
    expect(card["authentication"]["type"] == "bearer", "the authentication is not bearer")


@check("agent-discovery#Products", releases=CHIPP)
async def products_are_public(app: Application) -> None:
    """Products are listed to anybody, each with price, SKU and who fulfils it."""
    reply = await app.send("GET", "/products", authorization=None)
    expect(reply.status == 200, f"answered {reply.status}")
    for product in reply.document()["data"]:
        lacks = sorted(PRODUCT - set(product))
        expect(not lacks, f"a product lacks {', '.join(lacks)}")
        expect(is_id(product["id"]), "a product's id is no UUID")
        expect(is_money(product["price"]), "a price is no amount with a lower-case currency")
        expect(product["fulfillment_type"] in {"automatic", "manual"}, "who fulfils it is not told")

"""The tiny shop's operations before a checkout: catalog and carts, since April."""

from starlette.requests import Request

from tests.conformance.tiny_shop import carts, goods
from tests.conformance.tiny_shop.caller import Caller, Operation, need
from tests.conformance.tiny_shop.state import Shop, Wire, write


async def search(shop: Shop, caller: Caller, request: Request, body: Wire) -> tuple[int, Wire]:
    need(goods.SEARCH, caller, shop)
    return 200, goods.search(body, shop)


async def lookup(shop: Shop, caller: Caller, request: Request, body: Wire) -> tuple[int, Wire]:
    need(goods.LOOKUP, caller, shop)
    return 200, goods.lookup(body, shop)


async def show(shop: Shop, caller: Caller, request: Request, body: Wire) -> tuple[int, Wire]:
    need(goods.LOOKUP, caller, shop)
    return 200, goods.show(body, shop)


async def fill_cart(shop: Shop, caller: Caller, request: Request, body: Wire) -> tuple[int, Wire]:
    need("cart", caller, shop)
    cart = carts.fill(body, caller.url, caller.capabilities, shop)
    return (200 if shop.faulty("creates with 200") else 201), carts.shown(cart, shop, origin(request))


async def read_cart(shop: Shop, caller: Caller, request: Request, body: Wire) -> tuple[int, Wire]:
    cart = carts.of(request.path_params["id"], caller.url, shop)
    if shop.faulty("changes what is read"):
        cart.lines[0]["quantity"] += 1
    return 200, carts.shown(cart, shop, origin(request))


async def refill_cart(shop: Shop, caller: Caller, request: Request, body: Wire) -> tuple[int, Wire]:
    cart = carts.of(request.path_params["id"], caller.url, shop)
    before = cart.lines
    write(cart, body, shop, replacing=True)
    if shop.faulty("adds lines to earlier ones"):
        cart.lines = [*before, *cart.lines]
    return 200, carts.shown(cart, shop, origin(request))


async def cancel_cart(shop: Shop, caller: Caller, request: Request, body: Wire) -> tuple[int, Wire]:
    cart = carts.of(request.path_params["id"], caller.url, shop)
    document = carts.shown(cart, shop, origin(request))
    cart.state = "canceled"
    if shop.faulty("empties carts that it cancels"):
        document["line_items"] = []
    return 200, document


def origin(request: Request) -> str:
    return str(request.base_url).rstrip("/")


OPERATIONS: tuple[tuple[str, str, Operation], ...] = (
    ("POST", "/catalog/search", search),
    ("POST", "/catalog/lookup", lookup),
    ("POST", "/catalog/product", show),
    ("POST", "/carts", fill_cart),
    ("GET", "/carts/{id}", read_cart),
    ("PUT", "/carts/{id}", refill_cart),
    ("POST", "/carts/{id}/cancel", cancel_cart),
)

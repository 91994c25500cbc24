"""REST: routes that turn a request into an `Incoming` and send the `Reply`."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.reply import Reply
from ucp_server.c2a.incoming import Incoming, Shop

Endpoint = Callable[[Request], Awaitable[Reply]]
# What a route leads to: the operation, and the prefix under which it was asked.
EndpointFor = Callable[[str, str], Endpoint]

# The page's title has the one, its samples the other: both are served.
PREFIXES: Final = ("/api/c2a", "/api/v1/c2a")

# Path below a prefix, method, operation.
ROUTES: Final = (
    ("/offer/bundles", "POST", "make_offer"),
    ("/offer/showcase", "POST", "show_offer"),
    ("/offer/checkout", "POST", "submit_checkout"),
    ("/offer/checkout/{tracking}/status", "GET", "checkout_status"),
    ("/customer/payment/methods/add", "POST", "add_method"),
    ("/customer/payment/methods/list", "GET", "list_methods"),
    ("/customer/payment/methods/info", "GET", "show_method"),
    ("/customer/payment/methods/delete", "DELETE", "delete_method"),
    ("/customer/payment/methods/activate", "POST", "activate_method"),
    ("/customer/payment/methods/inactivate", "POST", "inactivate_method"),
)


def routes(endpoint_for: EndpointFor) -> Iterable[Route]:
    for prefix in PREFIXES:
        for path, method, operation in ROUTES:
            yield Route(prefix + path, endpoint_for(operation, prefix), methods=[method])


def operation_at(path: str) -> str:
    """Which operation a path belongs to, for errors that are found before it; "" for none."""
    below = next((path.removeprefix(prefix) for prefix in PREFIXES if path.startswith(prefix)), "")
    if below.startswith("/offer/checkout/"):
        return "checkout_status"
    return next((operation for known, _, operation in ROUTES if known == below), "")


async def read_incoming(request: Request, operation: str, shop: Shop, endpoint: str) -> Incoming:
    """The request with its whole body, which the guard has bounded before."""
    return Incoming(
        operation=operation,
        shop=shop,
        endpoint=endpoint,
        headers=request.headers,
        query=request.query_params,
        raw=await request.body(),
        facts=facts_of(request.scope),
        target=request.path_params.get("tracking", ""),
    )

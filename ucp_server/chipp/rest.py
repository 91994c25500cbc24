"""Routes that turn a request into an `Incoming` and send the `Reply`."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Final

from starlette.requests import Request
from starlette.routing import Route

from ucp_server.asgi.reply import Reply

Endpoint = Callable[[Request], Awaitable[Reply]]

BASE: Final = "/acp/{app_id}"

# Path below the app's address, method, operation; those of one path stand together.
SESSION_ROUTES: Final = (
    ("/checkout_sessions", "POST", "create_session"),
    ("/checkout_sessions/{id}", "GET", "get_session"),
    ("/checkout_sessions/{id}", "POST", "update_session"),
    ("/checkout_sessions/{id}/complete", "POST", "complete_session"),
    ("/checkout_sessions/{id}/cancel", "POST", "cancel_session"),
    ("/orders/{id}", "GET", "get_order"),
)


def session_routes(endpoint_for: Callable[[str], Endpoint]) -> Iterable[Route]:
    for path, rows in groupby(SESSION_ROUTES, key=itemgetter(0)):
        yield _route(BASE + path, {method: endpoint_for(operation) for _, method, operation in rows})


def _route(path: str, endpoints: Mapping[str, Endpoint]) -> Route:
    """All methods of one path: as routes of their own a 405 would name but the first's in Allow."""

    async def answer(request: Request) -> Reply:
        method = "GET" if request.method == "HEAD" else request.method
        return await endpoints[method](request)

    return Route(path, answer, methods=list(endpoints))

"""The tiny shop over HTTP: a correct server of any release in which faults can be planted.

`POST /faults` with a list of names forgets everything and plants those faults.
"""

import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from uuid import uuid4

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.conformance.tiny_shop import carts, events, later, render, shopping
from tests.conformance.tiny_shop.caller import Caller, Operation
from tests.conformance.tiny_shop.profile import profile
from tests.conformance.tiny_shop.state import (
    EXTENSIONS,
    HANDLER,
    RELEASE,
    SERVICE,
    Checkout,
    Refusal,
    Shop,
    Wire,
    table,
    text,
    write,
)

PROFILE_WAIT_S = 0.5


def as_json(document: Any, status: int = 200, **headers: str) -> Response:
    body = json.dumps(document).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, status, named, media_type="application/json")


def refusal_body(refusal: Refusal, shop: Shop) -> Wire:
    message = render.error(refusal.code, refusal.content, "requires_buyer_input")
    if shop.faulty("leaves severity out"):
        del message["severity"]
    if shop.faulty("tells secrets in errors"):
        message["content"] += ' Traceback: File "shop.py", line 7'
    return {"status": "requires_escalation", "messages": [message]}


async def discovery(request: Request) -> Response:
    shop: Shop = request.app.state.shop
    if shop.faulty("redirects its profile") and request.url.path == "/.well-known/ucp":
        return Response(status_code=302, headers={"Location": "/.well-known/ucp/"})
    if shop.faulty("hides its profile from agents") and "ucp-agent" in request.headers:
        return Response(status_code=403)
    document = profile(shop, str(request.base_url).rstrip("/"))
    reply = as_json(document)
    if shop.faulty("calls its profile text"):
        reply.headers["content-type"] = "text/plain"
    if not shop.faulty("forbids to keep its profile"):
        reply.headers["cache-control"] = "public, max-age=300"
    if not shop.faulty("tells no etag"):
        etag = '"' + hashlib.sha256(reply.body).hexdigest()[:16] + '"'
        reply.headers["etag"] = etag
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"etag": etag})
    return reply


async def leaf(request: Request) -> Response:
    document = profile(request.app.state.shop, str(request.base_url).rstrip("/"))
    del document["ucp"]["supported_versions"]
    return as_json(document)


async def plant(request: Request) -> Response:
    release = request.app.state.shop.release
    origin = str(request.base_url).rstrip("/")
    request.app.state.shop = Shop(faults=set(await request.json()), release=release, origin=origin)
    return as_json({})


async def page(request: Request) -> Response:
    return Response("<!doctype html><title>Tiny shop</title>", media_type="text/html")


async def negotiated(request: Request, shop: Shop) -> Caller:
    """The caller, from the profile named in UCP-Agent."""
    header = request.headers.get("ucp-agent", "")
    found = re.search(r'(?:^|,\s*)profile="(https?://[^"]+)"', header)
    if found is None:
        if shop.faulty("serves anybody") or shop.faulty("shows orders to anybody"):
            return Caller("anybody", ["checkout", *EXTENSIONS], "")
        raise Refusal(400, "invalid_profile_url", "UCP-Agent names no profile.")
    if shop.faulty("stumbles over parameters") and ";" in header:
        raise Refusal(400, "invalid_profile_url", "UCP-Agent is malformed.")
    try:
        document = await fetched(found[1], shop)
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError, AttributeError) as error:
        if shop.faulty("guesses unreadable profiles"):
            return Caller(found[1], ["checkout", *EXTENSIONS], "")
        raise unread(error, shop) from error
    return intersected(found[1], document, shop, first=request.url.path == "/ucp/checkout-sessions")


def unread(error: Exception, shop: Shop) -> Refusal:
    """Since April what cannot be reached and what cannot be read differ."""
    if not shop.since_april or shop.faulty("refuses with 400"):
        return Refusal(400, "profile_malformed", "The profile cannot be read.")
    if isinstance(error, aiohttp.ClientConnectionError | TimeoutError | Unreachable):
        return Refusal(424, "profile_unreachable", "The profile cannot be reached.")
    return Refusal(422, "profile_malformed", "The profile is none.")


class Unreachable(ValueError):
    """The profile was answered, but not with 2xx."""


async def fetched(url: str, shop: Shop) -> Wire:
    wait = aiohttp.ClientTimeout(total=PROFILE_WAIT_S)
    follow = shop.faulty("follows redirects")
    async with (
        aiohttp.ClientSession(timeout=wait) as session,
        session.get(url, allow_redirects=follow) as reply,
    ):
        if reply.status != 200:
            raise Unreachable(url)
        return dict((await reply.json())["ucp"])


def intersected(url: str, ucp: Wire, shop: Shop, *, first: bool) -> Caller:
    version = ucp["version"]
    if shop.since_april and version != shop.release and not shop.faulty("takes any release"):
        status = 400 if shop.faulty("refuses with 400") else 422
        raise Refusal(status, "version_unsupported", f"Version {version} is not supported.")
    lax = shop.faulty("checks the release only at first") and not first
    if version > shop.release and not lax and not shop.faulty("takes any release"):
        raise Refusal(400, "version_unsupported", f"Version {version} is not supported.")
    if version < shop.release and shop.faulty("refuses older releases"):
        raise Refusal(400, "version_unsupported", f"Version {version} is not supported.")
    theirs = {each["name"].rpartition(".")[2]: each for each in later.capabilities(ucp)}
    if "unheard_of" in theirs and shop.faulty("stumbles over unknown capabilities"):
        raise Refusal(400, "invalid", "unknown capability")
    if "checkout" not in theirs and not shop.faulty("needs nothing in common"):
        raise Refusal(400, "capabilities_incompatible", "We have no checkout in common.")
    shared = [each for each in ("checkout", *EXTENSIONS) if each in theirs]
    config = theirs.get("order", {}).get("config", {})
    roots = frozenset(each["name"].removeprefix(f"{SERVICE}.") for each in later.capabilities(ucp))
    return Caller(url, shared, config.get("webhook_url", ""), roots)


def route(operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    """Negotiate, replay or run, keep the reply."""

    async def endpoint(request: Request) -> Response:
        shop: Shop = request.app.state.shop
        try:
            reply = await answered(operation, shop, request)
        except Refusal as refusal:
            reply = refused(refusal, shop)
        if shop.faulty("calls errors text") and reply.status_code >= 400:
            reply.headers["content-type"] = "text/plain"
        if shop.faulty("calls replies text") and reply.status_code < 400:
            reply.headers["content-type"] = "text/plain"
        if "request-id" in request.headers and not shop.faulty("keeps the request id"):
            reply.headers["request-id"] = request.headers["request-id"]
        return reply

    return endpoint


def refused(refusal: Refusal, shop: Shop) -> Response:
    if not shop.since_april:
        return as_json(refusal_body(refusal, shop), refusal.status)
    status, document = later.refusal(refusal, shop)
    return as_json(document, status)


async def answered(operation: Operation, shop: Shop, request: Request) -> Response:
    if shop.faulty("wants real signatures") and "request-signature" in request.headers:
        raise Refusal(401, "signature_invalid", "The signature does not hold.")
    if shop.faulty("fails on long ids") and len(request.url.path) > 1000:
        return Response(status_code=500)
    caller = await negotiated(request, shop)
    raw = await request.body()
    scope = scope_of(operation, caller, request, shop)
    known = shop.replies.get(scope) if scope and request.method != "GET" else None
    asked = request.url.path.encode() + b" " + raw
    if shop.faulty("forgets the target of a key"):
        asked = raw
    if known is not None and not shop.faulty("never replays"):
        if known[0] != asked and not shop.faulty("replays without comparing"):
            raise Refusal(409, "idempotency_conflict", "The key was used for another request.")
        return Response(
            known[2] + (b" " if shop.faulty("replays other bytes") else b""),
            known[1],
            media_type="application/json",
        )
    status, document = await operation(shop, caller, request, parsed(raw, request, shop))
    if shop.faulty("is slow between twins"):
        await asyncio.sleep(PROFILE_WAIT_S)
    body = json.dumps(document).encode()
    if scope:
        shop.replies[scope] = (asked, status, body)
    return Response(body, status, media_type="application/json")


def scope_of(operation: Operation, caller: Caller, request: Request, shop: Shop) -> tuple[str, ...]:
    key = request.headers.get("idempotency-key")
    if key is None:
        if shop.faulty("demands a key") and request.method != "GET":
            raise Refusal(400, "invalid", "Idempotency-Key is needed.")
        return ()
    name = getattr(operation, "__name__", "")
    return (name, key) if shop.faulty("mixes platforms' keys") else (caller.url, name, key)


def parsed(raw: bytes, request: Request, shop: Shop) -> Wire:
    if request.method in {"GET", "DELETE"} or request.url.path.endswith("/cancel"):
        return {}
    try:
        body = json.loads(raw)
    except ValueError as error:
        if shop.faulty("fails on malformed bodies"):
            raise
        raise Refusal(400, "invalid", "The body is no JSON.") from error
    if shop.faulty("knows all members") and "com_example" in body:
        raise Refusal(400, "invalid", "com_example is unknown")
    return table(body, "the body")


def shown(checkout: Checkout, shop: Shop, request: Request) -> Wire:
    document = render.render(checkout, shop, str(request.base_url).rstrip("/"))
    return later.checkout(document, checkout, shop) if shop.is_mapped else document


async def create(shop: Shop, caller: Caller, request: Request, body: Wire) -> tuple[int, Wire]:
    wanted = str(body.get("id", "")) if shop.faulty("takes the client's id") else ""
    checkout = Checkout(wanted or str(uuid4()), caller.url, caller.webhook_url, caller.capabilities)
    if "cart_id" in body and "cart" in caller.roots:
        found, body = carts.checkout_of(body, caller.url, shop)
        if found is not None:
            return 200, shown(found, shop, request)
        checkout.cart_id = str(body["cart_id"])
    write(checkout, body, shop, replacing=False)
    if shop.faulty("forgets quantities"):
        checkout.lines[0]["quantity"] = 1
    shop.checkouts[checkout.id] = checkout
    return (200 if shop.faulty("creates with 200") else 201), shown(checkout, shop, request)


async def read(shop: Shop, caller: Caller, request: Request, body: Wire) -> tuple[int, Wire]:
    checkout = shop.of(request.path_params["id"], caller.url)
    if request.method == "DELETE" and not shop.faulty("answers any method"):
        raise Refusal(405, "method_not_allowed", "A checkout is canceled, not deleted.")
    if shop.faulty("changes what is read"):
        checkout.lines[0]["quantity"] += 1
    return 200, shown(checkout, shop, request)


def modifiable(checkout: Checkout, shop: Shop, what: str) -> None:
    if checkout.state != "open" and not shop.faulty(f"{what} what is over"):
        raise Refusal(409, "invalid_state", f"The checkout is {checkout.state}.")


async def update(shop: Shop, caller: Caller, request: Request, body: Wire) -> tuple[int, Wire]:
    checkout = shop.of(request.path_params["id"], caller.url)
    if checkout.state == "complete_in_progress":
        if shop.faulty("changes what is in progress"):
            write(checkout, body, shop, replacing=True)
        document = shown(checkout, shop, request)
        return 200, later.with_error(document, "in_progress", "The payment is under way.")
    modifiable(checkout, shop, "changes")
    if body.get("id") not in (None, checkout.id) and not shop.faulty("does not compare ids"):
        raise Refusal(400, "invalid", "id is not the id of the path.")
    odd = later.without_usable_choice(body) if shop.since_august else None
    if odd is not None and not shop.faulty("takes unusable choices"):
        path = f"$.fulfillment.methods[{odd}].selected_destination_id"
        return 200, later.with_error(
            shown(checkout, shop, request), "address_undeliverable", "We do not go there.", path
        )
    if shop.faulty("clears before it checks"):
        checkout.buyer = {}
    write(checkout, body, shop, replacing=True)
    if shop.faulty("adds lines to earlier ones") and len(checkout.lines) == 1:
        checkout.lines = checkout.lines * 2
    return (202 if shop.faulty("updates with 202") else 200), shown(checkout, shop, request)


async def complete(shop: Shop, caller: Caller, request: Request, body: Wire) -> tuple[int, Wire]:
    """Since April what keeps an order from being placed is shown beside the checkout."""
    checkout = shop.of(request.path_params["id"], caller.url)
    modifiable(checkout, shop, "completes")
    try:
        return await placed(shop, checkout, request, body)
    except Refusal as refusal:
        declined = refusal.code in {"missing", "payment_declined", "payment_failed"}
        if not shop.since_april or not declined or shop.faulty("declines with an error"):
            raise
        code = refusal.code.replace("declined", "failed")
        document = shown(checkout, shop, request)
        status = document["status"] if checkout.state != "open" else "incomplete"
        return 200, later.with_error(document | {"status": status}, code, refusal.content)


async def placed(shop: Shop, checkout: Checkout, request: Request, body: Wire) -> tuple[int, Wire]:
    before = shown(checkout, shop, request)
    sent = later.instrument(body, shop) if shop.is_mapped else body.get("payment_data")
    instrument = table(sent, "payment_data")
    if before["status"] not in sellable(shop):
        content = "Fulfillment address and option must be selected"
        raise Refusal(400, "missing", content)
    try:
        charge(instrument, shop)
    except Refusal:
        if shop.faulty("gives up after a decline"):
            checkout.state = "canceled"
        raise
    if instrument["credential"]["token"] == later.PENDING:
        checkout.state = "complete_in_progress"
        return 200, shown(checkout, shop, request)
    if shop.since_august and not shop.faulty("drops what a complete brings"):
        checkout.buyer = {**checkout.buyer, **(body.get("buyer") or {})}
    order_id = "order-1" if shop.faulty("numbers all orders one") else str(uuid4())
    link = f"{request.base_url}orders/{order_id}"
    if shop.faulty("links orders relatively"):
        link = f"/orders/{order_id}"
    if shop.faulty("links orders nowhere"):
        link = f"{request.base_url}nowhere/{order_id}"
    checkout.state = "completed"
    checkout.order = {"id": order_id, "permalink_url": link}
    checkout.claimed = {**checkout.claimed, **body}
    document = shown(checkout, shop, request)
    if shop.faulty("charges more than shown"):
        document["totals"][-1]["amount"] += 1
        document["totals"][0]["amount"] += 1
    if checkout.webhook_url and checkout.methods:
        order = events.order_of(checkout, document, shop)
        if shop.faulty("tells credentials"):
            order["payment"] = instrument
        shop.orders[order_id] = order
        request.app.state.tell(events.tell(order, checkout.webhook_url, shop))
    return 200, document


def sellable(shop: Shop) -> set[str]:
    """The statuses in which a complete goes on."""
    statuses = {"ready_for_complete"}
    if shop.faulty("sells what is not ready"):
        statuses.add("incomplete")
    if shop.faulty("completes what is over"):
        statuses |= {"completed", "canceled"}
    return statuses


def charge(instrument: Wire, shop: Shop) -> None:
    if instrument.get("handler_id") != HANDLER and not shop.faulty("takes any handler"):
        raise Refusal(400, "invalid", "There is no such payment handler.")
    credential = instrument.get("credential")
    if credential is None and shop.faulty("needs no credential"):
        return
    token = text(table(credential, "credential").get("token"), "token")
    if token not in {"pays-well", later.PENDING} and not shop.faulty("never declines"):
        status = 400 if shop.faulty("declines with 400") else 402
        raise Refusal(status, "payment_declined", "The payment was declined.")


async def read_order(shop: Shop, caller: Caller, request: Request, body: Wire) -> tuple[int, Wire]:
    if "x-api-key" not in request.headers and not shop.faulty("shows orders without a credential"):
        raise Refusal(401, "unauthorized", "Orders are shown with a key alone.")
    order = shop.orders.get(request.path_params["id"])
    anybody = shop.faulty("shows orders to anybody") or shop.faulty("shows foreign checkouts")
    foreign = order and shop.checkouts[order["checkout_id"]].owner != caller.url and not anybody
    if order is None or foreign or shop.faulty("hides orders"):
        raise Refusal(404, "not_found", "There is no such order.")
    if shop.faulty("reads orders otherwise"):
        return 200, order | {"label": "read"}
    return 200, order


async def cancel(shop: Shop, caller: Caller, request: Request, body: Wire) -> tuple[int, Wire]:
    checkout = shop.of(request.path_params["id"], caller.url)
    modifiable(checkout, shop, "cancels")
    if not shop.faulty("does not cancel"):
        checkout.state = "canceled"
    if shop.faulty("tells of canceled checkouts"):
        event = {"id": "none", "ucp": {}, "checkout_id": checkout.id}
        request.app.state.tell(events.tell(event, caller.webhook_url, shop))
    return 200, shown(checkout, shop, request)


async def ship(request: Request) -> Response:
    shop: Shop = request.app.state.shop
    if request.headers.get("simulation-secret") != "open-sesame":
        return as_json({}, 403)
    order = shop.orders[request.path_params["id"]]
    shipped = {
        "id": "s1",
        "type": "shipped",
        "occurred_at": "2026-02-02T10:00:00Z",
        "line_items": [{"id": each["id"], "quantity": 1} for each in order["line_items"]],
    }
    if not shop.faulty("forgets shipments"):
        order["fulfillment"]["events"] = [shipped]
    if shop.since_april and not shop.faulty("counts no shipments"):
        for line in order["line_items"]:
            line["quantity"]["fulfilled"] = 1
            line["status"] = "fulfilled" if line["quantity"]["total"] == 1 else "partial"
    checkout = shop.checkouts[order["checkout_id"]]
    request.app.state.tell(events.tell(order, checkout.webhook_url, shop))
    return as_json({})


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> Any:
    running: set[asyncio.Task[None]] = set()

    def tell(event: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(event)
        running.add(task)
        task.add_done_callback(running.discard)

    app.state.tell = tell
    yield
    for task in running:
        task.cancel()


def create_app(release: str = RELEASE) -> Starlette:
    sessions = "/ucp/checkout-sessions"
    app = Starlette(
        routes=[
            Route("/faults", plant, methods=["POST"]),
            Route("/.well-known/ucp", discovery),
            Route("/.well-known/ucp/", discovery),
            Route("/.well-known/ucp/{release}", leaf),
            Route("/continue/{id}", page),
            Route("/orders/{id}", page),
            Route("/testing/simulate-shipping/{id}", ship, methods=["POST"]),
            Route("/ucp/orders/{id}", route(read_order), methods=["GET"]),
            Route(sessions, route(create), methods=["POST"]),
            Route(f"{sessions}/{{id}}", route(read), methods=["GET", "DELETE"]),
            Route(f"{sessions}/{{id}}", route(update), methods=["PUT"]),
            Route(f"{sessions}/{{id}}/complete", route(complete), methods=["POST"]),
            Route(f"{sessions}/{{id}}/cancel", route(cancel), methods=["POST"]),
            *(
                Route(f"/ucp{path}", route(operation), methods=[method])
                for method, path, operation in shopping.OPERATIONS
            ),
        ],
        lifespan=lifespan,
    )
    app.state.shop = Shop(release=release)
    return app

"""What a request that cannot be served is told."""

from uuid import uuid4

from conformance.buying import basket, created, payment, plain_checkout, resend
from conformance.registry import EVERY, JANUARY, check, expect
from conformance.shapes import violations
from conformance.shop import Shop
from conformance.wire import Exchange

SECTION = "checkout-rest#Status Codes"
MALFORMED = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'"line_items"',
    b'{"line_items": 7}',
    b'{"line_items": [{}]}',
    b'{"line_items": [{"item": "x", "quantity": 1}]}',
    b'{"line_items": [{"item": {"id": 7}, "quantity": 1}]}',
    b'{"currency": "USD"}',
    b"\xff\xfe{}",
)


def _bad_request(reply: Exchange, what: object) -> None:
    fits = 400 <= reply.status < 500
    expect(fits, f"{what!r} was answered {reply.status}", reply)


async def _some_refusals(shop: Shop) -> list[Exchange]:
    """One refusal of each kind that costs nothing."""
    key = str(uuid4())
    await shop.create(basket(shop), key=key)
    checkout_id = (await created(shop))["id"]
    await shop.cancel(checkout_id)
    return [
        await shop.get(str(uuid4())),
        await shop.send("POST", "/checkout-sessions", b"{", shop.headers()),
        await shop.send("POST", "/checkout-sessions", b'{"line_items": 7}', shop.headers()),
        await shop.create(basket(shop, quantity=2), key=key),
        await shop.cancel(checkout_id),
    ]


@check(SECTION, releases=JANUARY)
async def unknown_get_is_404(shop: Shop) -> None:
    """Reading a checkout that does not exist is answered 404."""
    reply = await shop.get(str(uuid4()))
    expect(reply.status == 404, f"answered {reply.status}")


@check(SECTION, releases=JANUARY)
async def unknown_update_is_404(shop: Shop) -> None:
    """Updating a checkout that does not exist is answered 404."""
    checkout_id = str(uuid4())
    body = resend(await shop.scene(plain_checkout)) | {"id": checkout_id}
    reply = await shop.update(checkout_id, body)
    expect(reply.status == 404, f"answered {reply.status}")


@check(SECTION, releases=JANUARY)
async def unknown_complete_is_404(shop: Shop) -> None:
    """Completing a checkout that does not exist is answered 404."""
    body = payment(shop, await shop.scene(plain_checkout), "any-token-at-all")
    reply = await shop.complete(str(uuid4()), body)
    expect(reply.status == 404, f"answered {reply.status}")


@check(SECTION, releases=JANUARY)
async def unknown_cancel_is_404(shop: Shop) -> None:
    """Canceling a checkout that does not exist is answered 404."""
    reply = await shop.cancel(str(uuid4()))
    expect(reply.status == 404, f"answered {reply.status}")


@check(SECTION, releases=EVERY)
async def odd_ids_are_unknown(shop: Shop) -> None:
    """Ids of an odd form are answered like any unknown one."""
    for odd in ("x", "%00", "..%2f..%2fetc", "'; drop table", "a" * 3000, "%F0%9F%8C%B7"):
        reply = await shop.get(odd.replace(" ", "%20"))
        if not reply.tells_an_error:
            _bad_request(reply, odd)


@check(SECTION, releases=EVERY)
async def malformed_create_is_refused(shop: Shop) -> None:
    """Bodies that are no JSON, or JSON of the wrong form, are answered 4xx."""
    for raw in MALFORMED:
        _bad_request(await shop.send("POST", "/checkout-sessions", raw, shop.headers()), raw)


@check(SECTION, releases=EVERY)
async def malformed_update_is_refused(shop: Shop) -> None:
    """Malformed updates are answered 4xx and change nothing."""
    checkout = await created(shop)
    path = f"/checkout-sessions/{checkout['id']}"
    for raw in MALFORMED:
        _bad_request(await shop.send("PUT", path, raw, shop.headers()), raw)
    later = (await shop.get(checkout["id"])).document()
    expect(later.get("line_items") == checkout["line_items"], "the lines changed")


@check(SECTION, releases=EVERY)
async def malformed_complete_is_refused(shop: Shop) -> None:
    """Malformed completes are answered 4xx."""
    path = f"/checkout-sessions/{(await created(shop))['id']}/complete"
    for raw in (b"{", b"[]", b"null", b'{"payment_data": 7}', b'{"payment_data": []}'):
        _bad_request(await shop.send("POST", path, raw, shop.headers()), raw)


@check(SECTION, releases=EVERY)
async def wrong_method_is_refused(shop: Shop) -> None:
    """A method that the path does not know is answered 404 or 405."""
    checkout_id = (await created(shop))["id"]
    for method, path in (
        ("DELETE", f"/checkout-sessions/{checkout_id}"),
        ("GET", f"/checkout-sessions/{checkout_id}/complete"),
        ("PATCH", "/checkout-sessions"),
    ):
        reply = await shop.send(method, path, None, shop.headers())
        expect(reply.status in {404, 405}, f"{method} {path} was answered {reply.status}", reply)


@check("checkout-rest#Error Responses", releases=JANUARY)
async def errors_have_the_shape(shop: Shop) -> None:
    """Error bodies have a status and messages with type, code, content and severity."""
    for reply in await _some_refusals(shop):
        wrong = violations(shop.inputs.release, "error", reply.document())
        expect(not wrong, f"{reply.status}: {wrong}", reply)


@check("checkout-rest#Content Types", releases=EVERY)
async def errors_are_json(shop: Shop) -> None:
    """Error bodies come as application/json."""
    for reply in await _some_refusals(shop):
        kind = reply.headers.get("content-type", "nothing")
        expect(reply.is_json, f"{reply.status} came as {kind}", reply)


@check("checkout#Guidelines", releases=EVERY, advice=True)
async def errors_do_not_tell_secrets(shop: Shop) -> None:
    """Error bodies show no trace, file name or statement of the server."""
    for reply in await _some_refusals(shop):
        said = reply.body.lower()
        leaks = [
            word
            for word in (b"traceback", b'file "', b"exception", b"select ", b"asyncpg", b"line ")
            if word in said
        ]
        expect(not leaks, f"the body holds {leaks}", reply)

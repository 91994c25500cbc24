"""What holds for every answer, whatever was asked."""

import asyncio
import contextlib
import ssl
from urllib.parse import urlsplit

from conformance import forms
from conformance.checks.lookback import checkouts_seen, replies_seen
from conformance.platform import OLDER
from conformance.registry import EVERY, check, expect, lacking
from conformance.shop import Shop

HANDSHAKE_S = 5.0


@check("checkout-rest#Status Codes", releases=EVERY)
async def no_internal_errors(shop: Shop) -> None:
    """Nothing that was sent made the server fail."""
    for exchange in await replies_seen(shop):
        expect(exchange.status != 500, f"{exchange.method} answered 500", exchange)


@check("checkout-rest#Content Types", releases=EVERY)
async def everything_is_json(shop: Shop) -> None:
    """Every answer of an operation with a body is application/json."""
    for exchange in await replies_seen(shop):
        operation = exchange.method in {"GET", "PUT", "POST"} and exchange.succeeded
        if operation and exchange.body:
            kind = exchange.headers.get("content-type", "nothing")
            expect(exchange.is_json, f"it came as {kind}", exchange)


@check("overview#Business Requirements", releases=EVERY)
async def every_checkout_carries_ucp(shop: Shop) -> None:
    """Every checkout carries `ucp` with the release and the active capabilities."""
    for exchange, checkout in await checkouts_seen(shop):
        ucp = checkout.get("ucp") or {}
        version = ucp.get("version")
        # One that speaks an earlier release may be answered in an earlier one.
        if not exchange.sent_headers.get("UCP-Agent", "").endswith(f'/{OLDER}"'):
            expect(version == shop.inputs.release, f"ucp.version is {version!r}", exchange)
        expect(ucp.get("capabilities"), "ucp.capabilities is empty", exchange)


@check("checkout#Checkout", releases=EVERY)
async def currency_is_constant(shop: Shop) -> None:
    """The currency of a checkout never changes while it is open."""
    first: dict[object, object] = {}
    for exchange, checkout in await checkouts_seen(shop):
        known = first.setdefault(checkout.get("id"), checkout.get("currency"))
        expect(known == checkout.get("currency"), f"{known} became another", exchange)


@check("overview#Payment Handlers", releases=EVERY)
async def checkout_handlers_are_those_of_the_profile(shop: Shop) -> None:
    """A checkout lists no payment handler that the profile does not."""
    known = {each.get("id") for each in forms.handlers(shop.profile)}
    for exchange, checkout in await checkouts_seen(shop):
        listed = [each.get("id") for each in forms.handlers(checkout)]
        strange = [each for each in listed if each not in known]
        expect(not strange, f"unknown handlers: {strange}", exchange)


@check("checkout-rest#Transport Security", releases=EVERY)
async def old_tls_is_refused(shop: Shop) -> None:
    """TLS 1.2 and older are refused."""
    parts = urlsplit(shop.endpoint)
    if parts.scheme != "https":
        lacking("an https endpoint")
    old = ssl.create_default_context()
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    spoke = False
    with contextlib.suppress(ssl.SSLError, OSError, TimeoutError):
        async with asyncio.timeout(HANDSHAKE_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=old)
            spoke = True
            writer.close()
    expect(not spoke, "a TLS 1.2 handshake succeeded")

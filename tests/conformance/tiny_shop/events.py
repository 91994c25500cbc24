"""The tiny shop's order events."""

import asyncio
import base64
import contextlib
import json
from uuid import uuid4

import aiohttp
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.conformance.tiny_shop import later
from tests.conformance.tiny_shop.message_signatures import signed_headers
from tests.conformance.tiny_shop.state import RELEASE, SERVICE, Checkout, Shop, Wire

KEY = ec.generate_private_key(ec.SECP256R1())
ANOTHER_KEY = ec.generate_private_key(ec.SECP256R1())
TRIES_MAX = 3
PAUSE_S = 0.05


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def public_key(shop: Shop) -> Wire:
    numbers = KEY.public_key().public_numbers()
    key = {"kid": "k1", "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256"}
    key |= {"x": b64(numbers.x.to_bytes(32, "big")), "y": b64(numbers.y.to_bytes(32, "big"))}
    if shop.faulty("publishes its private key"):
        key["d"] = b64(KEY.private_numbers().private_value.to_bytes(32, "big"))
    return key


def signature(body: bytes, shop: Shop) -> str:
    encoded = shop.faulty("signs the encoded payload")
    header: Wire = {"alg": "ES256", "kid": "k9" if shop.faulty("names an unknown key") else "k1"}
    if not encoded:
        header |= {"b64": False, "crit": ["b64"]}
    protected = b64(json.dumps(header).encode())
    payload = b64(body).encode() if encoded else body
    key = ANOTHER_KEY if shop.faulty("signs with another key") else KEY
    der = key.sign(protected.encode() + b"." + payload, ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(der)
    return f"{protected}..{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def order_of(checkout: Checkout, shown: Wire, shop: Shop) -> Wire:
    method = checkout.methods[0]
    destination = next(
        each for each in method["destinations"] if each["id"] == method["selected_destination_id"]
    )
    fulfilled = 1 if shop.faulty("ships before it sells") else 0
    lines = [
        {
            **line,
            "quantity": {"total": line["quantity"], "fulfilled": fulfilled},
            "status": "processing",
        }
        for line in shown["line_items"]
    ]
    expectation = {
        "id": "e1",
        "line_items": [{"id": each["id"], "quantity": 1} for each in lines],
        "method_type": method["type"],
        "destination": {name: value for name, value in destination.items() if name != "id"},
    }
    order = {
        "ucp": {
            "version": RELEASE,
            "capabilities": [{"name": f"{SERVICE}.order", "version": RELEASE}],
        },
        **checkout.order,
        "checkout_id": checkout.id,
        "line_items": lines,
        "totals": shown["totals"],
        "fulfillment": {
            "expectations": [] if shop.faulty("expects nothing") else [expectation],
            "events": [],
        },
    }
    return later.order(order, shop) if shop.is_mapped else order


async def tell(order: Wire, webhook_url: str, shop: Shop) -> None:
    """Deliver the order as an event; a refusal brings it again."""
    if shop.faulty("tells nobody"):
        return
    event_id = str(uuid4())
    event = {**order, "event_id": event_id, "created_time": "2026-02-01T10:00:00Z"}
    if shop.since_april:
        event = dict(order)
    if shop.faulty("tells only what is new"):
        event = {each: event[each] for each in ("id", "event_id", "created_time", "ucp") if each in event}
    if shop.faulty("tells everybody"):
        await send(event, event_id, webhook_url.replace("other-agent", "buyer-agent"), shop)
    await send(event, event_id, webhook_url, shop)


async def send(event: Wire, event_id: str, webhook_url: str, shop: Shop) -> None:
    # The receiver goes away with the run that it belongs to.
    with contextlib.suppress(aiohttp.ClientError):
        await send_until_taken(event, event_id, webhook_url, shop)


def headers_of(body: bytes, event_id: str, webhook_url: str, shop: Shop) -> dict[str, str]:
    if shop.since_april:
        key = ANOTHER_KEY if shop.faulty("signs with another key") else KEY
        return signed_headers(webhook_url, body, event_id, key, shop)
    headers = {"Content-Type": "text/plain" if shop.faulty("calls events text") else "application/json"}
    if not shop.faulty("does not sign"):
        headers["Request-Signature"] = signature(body, shop)
    return headers


async def send_until_taken(event: Wire, event_id: str, webhook_url: str, shop: Shop) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(1 if shop.faulty("gives up at once") else TRIES_MAX):
            if shop.faulty("renames events when it retries"):
                event_id = str(uuid4())
                event = event if shop.since_april else event | {"event_id": event_id}
            body = json.dumps(event).encode()
            headers = headers_of(body, event_id, webhook_url, shop)
            async with session.post(webhook_url, data=body, headers=headers) as reply:
                if reply.status < 300:
                    return
            await asyncio.sleep(PAUSE_S)

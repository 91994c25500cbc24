"""One signed request, and everything that somebody on the way could do to it: nothing is accepted."""

import base64
from collections.abc import Callable
from typing import Any

import http_sf
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc.jwk import ECKey, OKPKey
from msgspec.structs import replace

from tests.ucp.test_signatures import AGENT, BODY, KEY, LARGE, NOW, public, signed
from ucp_server.ucp.signatures import Request, SignatureRefused, content_digest, verify

Change = Callable[[Request], Request]

SITE = "https://shop.example"
PATH = "/ucp/2026-08-25/checkout-sessions/chk_1/complete"
OCTETS = OKPKey.generate_key("Ed25519", {"kid": "octets"})
KEYS = (KEY, LARGE, OCTETS)
ORIGINAL = Request(
    method="POST",
    url=f"{SITE}{PATH}?a=1&b=2",
    headers={"ucp-agent": AGENT, "content-type": "application/json", "idempotency-key": "key-1"},
    body=BODY,
)


def to(url: str) -> Change:
    return lambda message: replace(message, url=url)


def by(method: str) -> Change:
    return lambda message: replace(message, method=method)


def header(name: str, text: str | None) -> Change:
    def change(message: Request) -> Request:
        kept = {known: value for known, value in message.headers.items() if known != name}
        return replace(message, headers=kept if text is None else {**kept, name: text})

    return change


def relayed(change: Change, component: str) -> Change:
    """Sent on to another place, with a header that says where it was for: HTTP/2 can write such."""
    return lambda message: header(component, ORIGINAL.values()[component])(change(message))


def body(raw: bytes, *, with_digest: bool = False) -> Change:
    def change(message: Request) -> Request:
        told = {"content-digest": content_digest(raw)} if with_digest else {}
        return replace(message, body=raw, headers={**message.headers, **told})

    return change


def said(old: str, new: str) -> Change:
    """Something else in ``Signature-Input``."""

    def change(message: Request) -> Request:
        before = message.headers["signature-input"]
        assert old in before
        return header("signature-input", before.replace(old, new, 1))(message)

    return change


def signature(change: Callable[[bytes], bytes]) -> Change:
    def changed(message: Request) -> Request:
        (raw, _) = http_sf.parse(message.headers["signature"].encode(), tltype="dictionary")["sig1"]
        told = base64.b64encode(change(raw)).decode()
        return header("signature", f"sig1=:{told}:")(message)

    return changed


def der(raw: bytes) -> bytes:
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))


def by_somebody_else(message: Request) -> Request:
    return signed(ORIGINAL, ECKey.generate_key("P-256", {"kid": "octets"}))


def of_another_message(message: Request) -> Request:
    other = signed(replace(ORIGINAL, url=SITE), _key_of(message))
    return header("signature", other.headers["signature"])(message)


def _key_of(message: Request) -> Any:
    return next(key for key in KEYS if f'keyid="{key.kid}"' in message.headers["signature-input"])


COVERED = (
    "@method",
    "@authority",
    "@path",
    "@query",
    "ucp-agent",
    "content-type",
    "idempotency-key",
    "content-digest",
)
TAMPERED: dict[str, Change] = {
    **{f"method {method}": by(method) for method in ("PUT", "DELETE", "GET", "PATCH", "post")},
    "another host": to(f"https://other.example{PATH}?a=1&b=2"),
    "a host below": to(f"https://a.shop.example{PATH}?a=1&b=2"),
    "a host in full": to(f"https://shop.example.{PATH}?a=1&b=2"),
    "another port": to(f"{SITE}:8443{PATH}?a=1&b=2"),
    "the port of http": to(f"{SITE}:80{PATH}?a=1&b=2"),
    "another checkout": to(f"{SITE}{PATH.replace('chk_1', 'chk_2')}?a=1&b=2"),
    "another operation": to(f"{SITE}{PATH.replace('complete', 'cancel')}?a=1&b=2"),
    "another release": to(f"{SITE}{PATH.replace('08-25', '04-08')}?a=1&b=2"),
    "a longer path": to(f"{SITE}{PATH}/?a=1&b=2"),
    "a doubled slash": to(f"{SITE}/{PATH}?a=1&b=2"),
    "a path in other letters": to(f"{SITE}{PATH.upper()}?a=1&b=2"),
    "a path written otherwise": to(f"{SITE}{PATH.replace('chk_1', 'chk%5F1')}?a=1&b=2"),
    "a path with dots": to(f"{SITE}/x/..{PATH}?a=1&b=2"),
    "no query": to(f"{SITE}{PATH}"),
    "another query": to(f"{SITE}{PATH}?a=1&b=3"),
    "a longer query": to(f"{SITE}{PATH}?a=1&b=2&c=3"),
    "a query turned round": to(f"{SITE}{PATH}?b=2&a=1"),
    "another platform": header("ucp-agent", 'profile="https://other.example/profile"'),
    "more of the platform": header("ucp-agent", f"{AGENT}, more=1"),
    "no platform": header("ucp-agent", None),
    "another key of idempotency": header("idempotency-key", "key-2"),
    "no key of idempotency": header("idempotency-key", None),
    "two keys of idempotency": header("idempotency-key", "key-1, key-2"),
    "another type": header("content-type", "text/plain"),
    "a type and its charset": header("content-type", "application/json; charset=utf-16"),
    "no type": header("content-type", None),
    "a host that a header repeats": relayed(to(f"https://other.example{PATH}?a=1&b=2"), "@authority"),
    "a path that a header repeats": relayed(to(f"{SITE}{PATH}/more?a=1&b=2"), "@path"),
    "a query that a header repeats": relayed(to(f"{SITE}{PATH}"), "@query"),
    "no digest": header("content-digest", None),
    "a digest of something else": header("content-digest", content_digest(b"{}")),
    "a digest of another kind": header("content-digest", "sha-512=:AAAA:"),
    "two digests": header("content-digest", f"{content_digest(BODY)}, sha-512=:AAAA:"),
    "an agent of another kind": header("signature-agent", 'sig1="https://other.example"'),
    "another body": body(b'{"id":"ord_2"}'),
    "another body and its digest": body(b'{"id":"ord_2"}', with_digest=True),
    "a body with a space more": body(BODY + b" "),
    "a body cut off": body(BODY[:-1]),
    "a body taken out": body(b""),
    "a body taken out, and its digest": body(b"", with_digest=True),
    "a body before a NUL": body(BODY + b"\0"),
    "the first bit": signature(lambda raw: bytes([raw[0] ^ 0x80]) + raw[1:]),
    "the last bit": signature(lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])),
    "halves turned round": signature(lambda raw: raw[len(raw) // 2 :] + raw[: len(raw) // 2]),
    "nothing but zeros": signature(lambda raw: bytes(len(raw))),
    "nothing but ones": signature(lambda raw: b"\xff" * len(raw)),
    "a byte too few": signature(lambda raw: raw[:-1]),
    "a byte too many": signature(lambda raw: raw + b"\0"),
    "a zero before it": signature(lambda raw: b"\0" + raw[:-1]),
    "DER": signature(der),
    "no byte at all": signature(lambda _: b""),
    "no signature": header("signature", None),
    "under another name": header("signature", "sig2=:AAAA:"),
    "no input": header("signature-input", None),
    "an input of another name": said("sig1=", "sig2="),
    "somebody else of that name": by_somebody_else,
    "made for something else": of_another_message,
    **{f"{name} left out": said(f'"{name}"', "") for name in COVERED},
    **{f"{name} said twice": said(f'"{name}"', f'"{name}" "{name}"') for name in COVERED},
    "another order": said('"@method" "@authority"', '"@authority" "@method"'),
    "another spelling": said('"ucp-agent"', '"UCP-Agent"'),
    "the whole target": said('"@path"', '"@target-uri"'),
    "a name that is none": said('"@path"', "path"),
    **{f"with ;{one}": said('"ucp-agent"', f'"ucp-agent";{one}') for one in ("sf", "bs", "req", 'key="a"')},
    "another time": said(f"created={NOW}", f"created={NOW - 1}"),
    "no time": said(f";created={NOW}", ""),
    "a time to come": said(f"created={NOW}", f"created={NOW + 3600}"),
    "an end": said(";created", f";expires={NOW + 60};created"),
    "an end that is over": said(";created", f";expires={NOW - 3600};created"),
    "a nonce": said(";created", ';nonce="a";created'),
    "a tag": said(";created", ';tag="web-bot-auth";created'),
    "an algorithm": said(";created", ';alg="hmac-sha256";created'),
    "no name of a key": said(";keyid=", ";kid="),
}


@pytest.mark.parametrize("key", KEYS, ids=["ES256", "ES384", "EdDSA"])
def test_nothing_that_was_tampered_with_is_accepted(key: ECKey | OKPKey):
    assert len(TAMPERED) >= 60
    message = signed(ORIGINAL, key)
    assert verify(message, published(), NOW) == key.kid
    accepted = [name for name, change in TAMPERED.items() if is_accepted(change(message))]
    assert accepted == []


def published() -> list[dict[str, Any]]:
    return public(*KEYS)


def is_accepted(message: Request) -> bool:
    try:
        verify(message, published(), NOW)
    except SignatureRefused:
        return False
    return True


@pytest.mark.parametrize("key", KEYS, ids=["ES256", "ES384", "EdDSA"])
@pytest.mark.parametrize("other", KEYS, ids=["ES256", "ES384", "EdDSA"])
def test_a_signature_is_of_the_key_that_it_names(key: ECKey | OKPKey, other: ECKey | OKPKey):
    message = said(f'keyid="{key.kid}"', f'keyid="{other.kid}"')(signed(ORIGINAL, key))
    assert is_accepted(message) is (key is other)

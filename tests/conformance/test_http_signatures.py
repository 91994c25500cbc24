"""Signatures that an independent library made, and what is done to them on the way."""

from dataclasses import dataclass
from typing import Any

import pytest
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ECDSA_P256_SHA256, ECDSA_P384_SHA384, ED25519
from joserfc.jwk import ECKey, OKPKey
from msgspec.structs import replace

from conformance.http_signatures import Received, check_digest, signature_of, to_cover, verify
from conformance.jws import SignatureFault
from tests.conformance.tiny_shop.message_signatures import digest

HOOK = "http://127.0.0.1:8123/hooks/buyer?shop=a%20b"
BODY = b'{"id":"order-1"}'
NAMES = ("@method", "@authority", "@path", "@query", "ucp-agent", "content-type", "content-digest")
SMALL = ECKey.generate_key("P-256", {"kid": "k1"})
LARGE = ECKey.generate_key("P-384", {"kid": "k1"})
EDWARDS = OKPKey.generate_key("Ed25519", {"kid": "k1"})
Key = ECKey | OKPKey


@dataclass
class Message:
    """What the library signs."""

    method: str
    url: str
    headers: dict[str, str]


class Keys(HTTPSignatureKeyResolver):
    def __init__(self, key: Key) -> None:
        self.key = key

    def resolve_private_key(self, key_id: str) -> Any:
        return self.key.as_pem(private=True)


def published(key: Key = SMALL) -> dict[str, dict[str, Any]]:
    return {"k1": dict(key.as_dict(private=False))}


def signed(
    key: Key = SMALL, algorithm: Any = ECDSA_P256_SHA256, names: tuple[str, ...] = NAMES, url: str = HOOK
) -> Received:
    headers = {
        "Content-Type": "application/json",
        "UCP-Agent": 'profile="https://shop.example/.well-known/ucp"',
        "Content-Digest": digest(BODY),
    }
    message = Message("POST", url, headers)
    HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=Keys(key)).sign(
        message,
        key_id="k1",
        include_alg=False,
        covered_component_ids=names,
        body=BODY,
        use_existing_digest=True,
    )
    lower = {name.lower(): value for name, value in message.headers.items()}
    return Received("POST", url, lower, BODY)


def without(request: Received, *names: str) -> Received:
    kept = {name: value for name, value in request.headers.items() if name not in names}
    return replace(request, headers=kept)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(SMALL, ECDSA_P256_SHA256), (LARGE, ECDSA_P384_SHA384), (EDWARDS, ED25519)],
)
@pytest.mark.parametrize(
    "url", [HOOK, "https://platform.example:443/hooks?x", "https://PLATFORM.example/?a=1"]
)
def test_a_signature_of_another_library_holds(key: Key, algorithm: Any, url: str) -> None:
    request = signed(key, algorithm, url=url)
    verify(request, published(key))
    check_digest(request)
    assert to_cover(request) <= set(signature_of(request).covered)


@pytest.mark.parametrize(
    "changed",
    [
        replace(signed(), method="PUT"),
        replace(signed(), url="http://127.0.0.1:8123/hooks/other?shop=a%20b"),
        replace(signed(), url="http://127.0.0.1:8124/hooks/buyer?shop=a%20b"),
        replace(signed(), headers={**signed().headers, "ucp-agent": 'profile="https://evil.example"'}),
        replace(signed(), headers={**signed().headers, "content-digest": digest(b"{}")}),
    ],
)
def test_whatever_is_exchanged_on_the_way_breaks_it(changed: Received) -> None:
    with pytest.raises(SignatureFault, match="did not sign"):
        verify(changed, published())


def test_another_key_or_none_breaks_it() -> None:
    with pytest.raises(SignatureFault, match="did not sign"):
        verify(signed(), published(ECKey.generate_key("P-256", {"kid": "k1"})))
    with pytest.raises(SignatureFault, match="has no key"):
        verify(signed(), {})
    with pytest.raises(SignatureFault, match="none that can be used"):
        verify(signed(), {"k1": {"kid": "k1", "kty": "EC", "crv": "P-256"}})
    with pytest.raises(SignatureFault, match="64 bytes"):
        verify(signed(), published(LARGE))


def test_another_body_breaks_the_digest() -> None:
    with pytest.raises(SignatureFault, match="Content-Digest"):
        check_digest(replace(signed(), body=BODY + b" "))


@pytest.mark.parametrize("name", ["signature-input", "signature"])
def test_a_request_without_a_signature_is_told(name: str) -> None:
    with pytest.raises(SignatureFault):
        signature_of(without(signed(), name))
    garbled = replace(signed(), headers={**signed().headers, name: "((("})
    with pytest.raises(SignatureFault, match="structured field"):
        signature_of(garbled)


def test_what_is_covered_must_be_there() -> None:
    with pytest.raises(SignatureFault, match="ucp-agent"):
        verify(without(signed(), "ucp-agent"), published())


def test_what_binds_the_request_has_to_be_covered() -> None:
    # The library covers the digest of a body unasked.
    bare = signed(names=("@method", "@path"))
    missing = to_cover(bare) - set(signature_of(bare).covered)
    assert missing == {"@authority", "@query", "ucp-agent", "content-type"}
    named = replace(bare, headers={**bare.headers, "idempotency-key": "evt"}, body=b"")
    assert to_cover(named) == {"@method", "@authority", "@path", "@query", "ucp-agent", "idempotency-key"}

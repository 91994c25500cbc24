import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwk, jws

from conformance.jws import SignatureFault, header_of, verify

BODY = b'{"id":"order-1"}'


def signed(key: jwk.ECKey, body: bytes, algorithm: str = "ES256") -> str:
    """A detached signature made by an independent library."""
    header = {"alg": algorithm, "kid": "k1", "b64": False, "crit": ["b64"]}
    compact = jws.serialize_compact(header, body, key, registry=jws.JWSRegistry(algorithms=[algorithm]))
    protected, _, signature = compact.split(".") if isinstance(compact, str) else ("", "", "")
    return f"{protected}..{signature}"


def pair(curve: str = "P-256") -> tuple[jwk.ECKey, dict[str, object]]:
    key = jwk.ECKey.generate_key(curve, parameters={"kid": "k1"})
    return key, {"k1": dict(key.as_dict(private=False))}


@pytest.mark.parametrize(("curve", "algorithm"), [("P-256", "ES256"), ("P-384", "ES384")])
def test_a_signature_of_another_library_holds(curve: str, algorithm: str) -> None:
    key, published = pair(curve)
    verify(signed(key, BODY, algorithm), BODY, published)


def test_another_body_does_not_hold() -> None:
    key, published = pair()
    with pytest.raises(SignatureFault, match="did not sign"):
        verify(signed(key, BODY), BODY + b" ", published)


def test_another_key_does_not_hold() -> None:
    key, _ = pair()
    _, published = pair()
    with pytest.raises(SignatureFault, match="did not sign"):
        verify(signed(key, BODY), BODY, published)


def test_a_key_that_is_not_published_does_not_hold() -> None:
    key, _ = pair()
    with pytest.raises(SignatureFault, match="no key"):
        verify(signed(key, BODY), BODY, {})


def test_a_key_of_another_curve_is_told_apart() -> None:
    key, _ = pair()
    _, published = pair("P-384")
    with pytest.raises(SignatureFault, match="not for ES256"):
        verify(signed(key, BODY), BODY, published)


def test_a_point_off_the_curve_is_told_apart() -> None:
    key, published = pair()
    off = base64.urlsafe_b64encode(b"\x01" * 32).rstrip(b"=").decode()
    with pytest.raises(SignatureFault, match="not a point"):
        verify(signed(key, BODY), BODY, {"k1": {**published["k1"], "x": off}})


@pytest.mark.parametrize("text", ["", "a.b.c", "..", "a..b", "!!!..x", "bnVsbA..x"])
def test_what_is_no_detached_signature_is_told(text: str) -> None:
    with pytest.raises(SignatureFault):
        header_of(text)


def test_an_encoded_payload_is_verified_as_its_header_says() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    own = jwk.ECKey.import_key(key)
    compact = jws.serialize_compact({"alg": "ES256", "kid": "k1"}, BODY, own)
    protected, _, signature = compact.split(".")
    verify(f"{protected}..{signature}", BODY, {"k1": {**own.as_dict(private=False), "kid": "k1"}})


def test_an_algorithm_without_a_key_is_refused() -> None:
    _, published = pair()
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "k1"}).encode())
    with pytest.raises(SignatureFault, match="no algorithm"):
        verify(f"{header.rstrip(b'=').decode()}..", BODY, published)

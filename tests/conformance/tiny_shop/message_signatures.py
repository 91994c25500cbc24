"""How the tiny shop signs events since 2026-04-08: RFC 9421 written out by hand."""

import base64
import hashlib
import time
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.conformance.tiny_shop.state import Shop


def signed_headers(
    url: str, body: bytes, event_id: str, key: ec.EllipticCurvePrivateKey, shop: Shop
) -> dict[str, str]:
    """All headers of one event but the content type, which is covered too."""
    headers = {
        "content-type": "text/plain" if shop.faulty("calls events text") else "application/json",
        "content-digest": digest(body + b" " if shop.faulty("digests other bytes") else body),
        "ucp-agent": f'profile="{shop.origin}/.well-known/ucp"',
    }
    if shop.faulty("signs for somebody else"):
        headers["ucp-agent"] = f'profile="{shop.origin}/profile"'
    if not shop.faulty("gives events no name"):
        headers |= {"webhook-id": event_id, "webhook-timestamp": str(int(time.time()))}
    if shop.faulty("does not sign"):
        return headers
    parts = urlsplit(url)
    values = {"@method": "POST", "@authority": parts.netloc, "@path": parts.path, **headers}
    if shop.faulty("covers too little"):
        del values["ucp-agent"]
    said = "(" + " ".join(f'"{name}"' for name in values) + ")"
    said += f';keyid="{"k9" if shop.faulty("names an unknown key") else "k1"}";created={int(time.time())}'
    if shop.faulty("names the algorithm"):
        said += ';alg="ecdsa-p256-sha256"'
    lines = [f'"{name}": {value}' for name, value in values.items()]
    base = "\n".join([*lines, f'"@signature-params": {said}']).encode()
    r, s = decode_dss_signature(key.sign(base, ec.ECDSA(hashes.SHA256())))
    raw = base64.b64encode(r.to_bytes(32) + s.to_bytes(32)).decode()
    return headers | {"signature-input": f"sig1={said}", "signature": f"sig1=:{raw}:"}


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"

"""What a signed exchange costs beside the two bare operations of elliptic curves that it cannot do without.

``python -m tests.bench.signatures [ROUNDS]`` verifies a request of a platform and signs the reply, as
the server does, and does the same with the keys alone: ECDSA on P-256 over bytes that are ready. Both
in turn, one after the other, in one process; times are microseconds, medians of the rounds.
"""

import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from ucp_server.ucp.signatures import Request, Response, sign, verify

ROUNDS: Final = 40
CALLS: Final = 100
NOW: Final = 1_768_123_456
# What issue and specification ask for.
LIMIT: Final = 3.0
# A checkout as it travels.
BODY: Final = b'{"line_items":[' + b",".join([b'{"item":{"id":"roses"},"quantity":2}'] * 45) + b"]}"

THEIRS: Final = ECKey.generate_key("P-256", {"kid": "platform-2026"})
OURS: Final = ECKey.generate_key("P-256", {"kid": "merchant-2026"})
KEYS: Final = [THEIRS.as_dict(private=False)]


def _request() -> Request:
    headers = {
        "host": "shop.example",
        "user-agent": "platform/1",
        "content-type": "application/json",
        "ucp-agent": 'profile="https://platform.example/.well-known/ucp"',
        "idempotency-key": "0198c0ee-6a4e-7d30-8d5c-0123456789ab",
    }
    url = "https://shop.example/ucp/2026-08-25/checkout-sessions/chk_0198c0ee6a4e7d308d5c0123456789ab"
    covered = {name: text for name, text in headers.items() if name not in ("host", "user-agent")}
    plain = Request(method="PUT", url=url, headers=covered, body=BODY)
    return Request(method="PUT", url=url, headers={**headers, **sign(plain, THEIRS, NOW)}, body=BODY)


def exchange(request: Request) -> None:
    verify(request, KEYS, NOW)
    reply = Response(status=200, headers={"content-type": "application/json"}, body=BODY)
    sign(reply, OURS, NOW)


def bare(base: bytes, signature: bytes) -> None:
    algorithm = ec.ECDSA(hashes.SHA256())
    _public().verify(signature, base, algorithm)
    _private().sign(base, algorithm)


def _public() -> ec.EllipticCurvePublicKey:
    key = THEIRS.public_key
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key


def _private() -> ec.EllipticCurvePrivateKey:
    key = OURS.private_key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def timed_us(call: Callable[[], None]) -> float:
    started = time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - started) / CALLS * 1e6


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    request = _request()
    base = request.headers["signature-input"].encode()
    key = THEIRS.private_key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signature = key.sign(base, ec.ECDSA(hashes.SHA256()))
    whole, least = [], []
    for _ in range(rounds):
        whole.append(timed_us(lambda: exchange(request)))
        least.append(timed_us(lambda: bare(base, signature)))
    ratio = median(ours / theirs for ours, theirs in zip(whole, least, strict=True))
    print(f"verify a request and sign its reply, {len(BODY)} bytes each, {rounds} rounds in turn")
    print(f"  as the server does   {median(whole):7.1f} us")
    print(f"  the two ECDSA alone  {median(least):7.1f} us")
    print(f"  ratio                {ratio:7.2f}    (at most {LIMIT:g})")


if __name__ == "__main__":
    main()

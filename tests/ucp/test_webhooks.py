"""Order events: their body, their signature held against a second construction, their outcomes."""

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey

from tests.ucp import samples
from ucp_server.domain.checkout import Subscriber
from ucp_server.domain.events import Delivered, Job, JobKind, Notice, Parked, Retry
from ucp_server.ports import FetchCode, Fetched, FetchRefused
from ucp_server.resources import folder
from ucp_server.store.database import Pool
from ucp_server.ucp.incoming import Paths
from ucp_server.ucp.releases import WITH_SCHEMAS
from ucp_server.ucp.replies import Replies
from ucp_server.ucp.schema import Schemas
from ucp_server.ucp.signing_keys import SigningKeys
from ucp_server.ucp.terms import EventTerms
from ucp_server.ucp.webhooks import OrderEvents, detached_jws

HOOK = "https://platform.example/hooks"
EVENT_ID = "01890a5d-ac96-774b-bcce-b302099a8058"
SCHEMAS = Schemas(folder("schemas") / "ucp", WITH_SCHEMAS)


class Endpoint:
    """The port `Fetch` with one answer; keeps what it was sent."""

    def __init__(self, answer: Fetched | FetchRefused) -> None:
        self.answer = answer
        self.sent: list[tuple[str, dict[str, str], bytes]] = []

    async def get(self, url: str, **_: Any) -> Fetched:
        raise AssertionError("events are not got")

    async def post(
        self, url: str, *, headers: Sequence[tuple[str, str]], body: bytes, max_bytes: int, timeout_s: float
    ) -> Fetched:
        self.sent.append((url, dict(headers), body))
        if isinstance(self.answer, FetchRefused):
            raise self.answer
        return self.answer


def refuse_faults(*fault: object) -> None:
    raise AssertionError(fault)


REPLIES = Replies(
    schemas=SCHEMAS,
    payments={},
    links={},
    paths=Paths(checkout="/checkout/{}/{}".format, order="/order/{}/{}".format),
    on_fault=refuse_faults,
)


def job(what: str = "placed", subscriber: Subscriber | None = None) -> Job:
    terms = EventTerms(release="2026-01-11", site="https://shop.example")
    return Job(
        id=EVENT_ID,
        merchant_id="demo",
        kind=JobKind.WEBHOOK,
        stream=samples.ID,
        sequence=1,
        payload=msgspec.json.encode(Notice(what=what, order=samples.order())),
        created_at=samples.AT,
        subscriber=subscriber or terms.subscriber(HOOK),
    )


@pytest.fixture
async def events(pool: Pool) -> OrderEvents:
    keys = SigningKeys(pool, b"a secret of thirty-two characters")
    await keys.ensure("demo")
    return OrderEvents(replies=REPLIES, keys=keys, fetch=Endpoint(Fetched(200, (), b"")))


def test_an_event_is_the_whole_order_its_id_and_its_time():
    events = OrderEvents(replies=REPLIES, keys=None, fetch=None)
    body = json.loads(events.render(job()))
    assert SCHEMAS.checker("2026-01-11", "response", "order_event").check(body) == ()
    assert (body["event_id"], body["created_time"]) == (EVENT_ID, "2026-01-11T09:30:00Z")
    assert body["id"] == samples.ORDER_WIRE_ID
    assert body["permalink_url"] == f"https://shop.example/order/{samples.ID}/{'p' * 26}"
    assert body["fulfillment"]["events"][0]["type"] == "shipped"
    assert {"event_type", "order"}.isdisjoint(body)


def test_the_suite_finds_the_order_a_second_time():
    events = OrderEvents(replies=REPLIES, keys=None, fetch=None, detailed=True)
    body = json.loads(events.render(job("shipped")))
    assert body["event_type"] == "order_shipped"
    assert body["checkout_id"] == samples.WIRE_ID
    assert body["order"]["id"] == body["id"]
    assert SCHEMAS.checker("2026-01-11", "response", "order_event").check(body) == ()


def test_the_same_event_is_rendered_the_same():
    events = OrderEvents(replies=REPLIES, keys=None, fetch=None)
    assert events.render(job()) == events.render(job())


@pytest.mark.parametrize("body", [b"{}", b'{"a":"b.c"}', '{"ä":"…"}'.encode(), b'{"n":1}\n'])
def test_the_signature_is_rfc_7797_over_the_raw_bytes(body: bytes):
    key = ECKey.generate_key("P-256", parameters={"kid": "k1"})
    token = detached_jws(body, key)
    protected, payload, signature = token.split(".")
    assert payload == ""
    assert json.loads(_bytes(protected)) == {"alg": "ES256", "kid": "k1", "b64": False, "crit": ["b64"]}
    raw = _bytes(signature)
    der = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    key.public_key.verify(der, protected.encode() + b"." + body, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        key.public_key.verify(der, protected.encode() + b"." + body + b" ", ec.ECDSA(hashes.SHA256()))


def test_another_library_agrees():
    key = ECKey.generate_key("P-256", parameters={"kid": "k1"})
    token = detached_jws(b'{"id":1}', key)
    assert jws.deserialize_compact(token, key, payload=b'{"id":1}').headers()["kid"] == "k1"
    with pytest.raises(BadSignatureError):
        jws.deserialize_compact(token, key, payload=b'{"id":2}')


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


async def test_an_event_goes_out_signed_with_a_published_key(events: OrderEvents):
    body = events.render(job())
    assert await events.deliver(job(), body) == Delivered()
    ((url, headers, sent),) = events.fetch.sent
    assert (url, sent) == (HOOK, body)
    assert headers["content-type"] == "application/json"
    assert headers["ucp-agent"] == 'profile="https://shop.example/.well-known/ucp"'
    (public,) = await events.keys.published("demo")
    jws.deserialize_compact(headers["request-signature"], ECKey.import_key(public), payload=sent)


async def test_every_try_has_the_same_body_and_a_signature_of_its_own(events: OrderEvents):
    body = events.render(job())
    for _ in range(2):
        await events.deliver(job(), body)
    (_, first, one), (_, second, other) = events.fetch.sent
    assert hashlib.sha256(one).digest() == hashlib.sha256(other).digest()
    assert first["request-signature"] != second["request-signature"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("forbidden_url", Parked),
        ("unreachable", Retry),
        ("timeout", Retry),
        ("tls", Retry),
        ("redirected", Retry),
        ("too_large", Retry),
    ],
)
async def test_what_could_not_be_sent(events: OrderEvents, code: FetchCode, kind: type):
    events.fetch.answer = FetchRefused(code, "no")
    assert isinstance(await events.deliver(job(), b"{}"), kind)


async def test_without_a_key_nothing_goes_out_unsigned(pool: Pool):
    endpoint = Endpoint(Fetched(200, (), b""))
    events = OrderEvents(replies=REPLIES, keys=SigningKeys(pool, b"x" * 32), fetch=endpoint)
    assert isinstance(await events.deliver(job(), b"{}"), Retry)
    assert endpoint.sent == []

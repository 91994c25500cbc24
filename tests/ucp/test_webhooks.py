"""Order events: their body, their signature held against a second construction, their outcomes."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from http_message_signatures import HTTPMessageVerifier
from http_message_signatures.algorithms import ECDSA_P256_SHA256
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey

from tests.simulators import running
from tests.ucp import samples
from tests.ucp.test_signatures import Keys, Message
from ucp_server.domain.checkout import Subscriber
from ucp_server.domain.events import Delivered, Job, JobKind, Notice, Parked, Retry
from ucp_server.handlers.fetch_guarded.client import GuardedFetch
from ucp_server.ports import FetchCode, Fetched, FetchRefused
from ucp_server.resources import folder
from ucp_server.store.database import Pool
from ucp_server.ucp.incoming import Paths, Shop
from ucp_server.ucp.releases import RELEASES, ROWS, SERVED, WITH_SCHEMAS, Release
from ucp_server.ucp.replies import Replies
from ucp_server.ucp.schema import Schemas
from ucp_server.ucp.signatures import Request, verify
from ucp_server.ucp.signing_keys import SigningKeys
from ucp_server.ucp.terms import EventTerms
from ucp_server.ucp.webhooks import OrderEvents, detached_jws

HOOK = "https://platform.example/hooks"
EVENT_ID = "01890a5d-ac96-774b-bcce-b302099a8058"
BODY = b'{"id":"ord_1"}'
SCHEMAS = Schemas(folder("schemas") / "ucp", WITH_SCHEMAS)
ALL = [row.version for row in RELEASES]
JANUARY = [row.version for row in RELEASES if row.events_are_signed_by == "detached_jws"]
LATER = [row.version for row in RELEASES if row.events_are_signed_by == "http_message"]


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


class Now:
    """The time of the clock on the wall; the other library looks at that one."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def refuse_faults(*fault: object) -> None:
    raise AssertionError(fault)


REPLIES = Replies(
    schemas=SCHEMAS,
    payments={},
    links={},
    paths=Paths(
        checkout="/checkout/{}/{}".format,
        back="/checkout/{}/{}?back".format,
        cart="/cart/{}/{}".format,
        order="/order/{}/{}".format,
    ),
    on_fault=refuse_faults,
)


def job(
    what: str = "placed",
    subscriber: Subscriber | None = None,
    *,
    release: str = "2026-01-11",
    hook: str = HOOK,
) -> Job:
    terms = EventTerms(release=release, site="https://shop.example")
    return Job(
        id=EVENT_ID,
        merchant_id="demo",
        kind=JobKind.WEBHOOK,
        stream=samples.ID,
        sequence=1,
        payload=msgspec.json.encode(Notice(what=what, order=samples.order())),
        created_at=samples.AT,
        subscriber=subscriber or terms.subscriber(hook),
    )


@pytest.fixture
async def events(pool: Pool) -> OrderEvents:
    keys = SigningKeys(pool, b"a secret of thirty-two characters")
    await keys.ensure("demo")
    return OrderEvents(replies=REPLIES, keys=keys, fetch=Endpoint(Fetched(200, (), b"")), clock=Now())


@pytest.mark.parametrize("release", WITH_SCHEMAS)
def test_an_event_is_the_whole_order(release: str):
    events = OrderEvents(replies=REPLIES, keys=None, fetch=None, clock=Now())
    body = json.loads(events.render(job(release=release)))
    assert SCHEMAS.checker(release, "response", "order_event").check(body) == ()
    assert body["id"] == samples.ORDER_WIRE_ID
    assert body["permalink_url"] == f"https://shop.example/order/{samples.ID}/{'p' * 26}"
    assert body["fulfillment"]["events"][0]["type"] == "shipped"
    assert {"event_type", "order"}.isdisjoint(body)


@pytest.mark.parametrize("release", [row for row in RELEASES if row.version in WITH_SCHEMAS])
def test_until_headers_do_an_event_names_itself(release: Release):
    events = OrderEvents(replies=REPLIES, keys=None, fetch=None, clock=Now())
    body = json.loads(events.render(job(release=release.version)))
    named = {"event_id": EVENT_ID, "created_time": "2026-01-11T09:30:00Z"}
    assert {name: body[name] for name in named if name in body} == (
        named if release.events_name_themselves else {}
    )


def test_the_suite_finds_the_order_a_second_time():
    events = OrderEvents(replies=REPLIES, keys=None, fetch=None, clock=Now(), detailed=True)
    body = json.loads(events.render(job("shipped")))
    assert body["event_type"] == "order_shipped"
    assert body["checkout_id"] == samples.WIRE_ID
    assert body["order"]["id"] == body["id"]
    assert SCHEMAS.checker("2026-01-11", "response", "order_event").check(body) == ()


def test_the_same_event_is_rendered_the_same():
    events = OrderEvents(replies=REPLIES, keys=None, fetch=None, clock=Now())
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


@pytest.mark.parametrize("release", JANUARY)
async def test_an_event_goes_out_signed_with_a_published_key(events: OrderEvents, release: str):
    sent = job(release=release)
    assert await events.deliver(sent, BODY) == Delivered()
    ((url, headers, body),) = events.fetch.sent
    assert (url, body) == (HOOK, BODY)
    assert sorted(headers) == ["content-type", "request-signature", "ucp-agent"]
    assert headers["content-type"] == "application/json"
    assert headers["ucp-agent"] == 'profile="https://shop.example/.well-known/ucp"'
    (public,) = await events.keys.published("demo")
    jws.deserialize_compact(headers["request-signature"], ECKey.import_key(public), payload=body)


@pytest.mark.parametrize(
    ("release", "hook"),
    [*((release, HOOK) for release in LATER), (LATER[-1], "https://platform.example?shop=a%20b")],
)
async def test_later_an_event_is_named_and_signed_by_its_headers(
    events: OrderEvents, release: str, hook: str
):
    sent = job(release=release, hook=hook)
    assert await events.deliver(sent, BODY) == Delivered()
    ((url, headers, body),) = events.fetch.sent
    named = {
        "content-type": "application/json",
        "ucp-agent": 'profile="https://shop.example/.well-known/ucp"',
        "webhook-id": EVENT_ID,
        "webhook-timestamp": str(int(samples.AT.timestamp())),
        "idempotency-key": EVENT_ID,
    }
    assert headers.items() >= named.items()
    assert sorted(headers.keys() - named.keys()) == ["content-digest", "signature", "signature-input"]
    request = Request(method="POST", url=url, headers=headers, body=body)
    (public,) = await events.keys.published("demo")
    # It also refuses what was not made today.
    assert HTTPMessageVerifier(
        signature_algorithm=ECDSA_P256_SHA256, key_resolver=Keys(ECKey.import_key(public))
    ).verify(Message.of(request), body=BODY, require_components=sorted(request.to_cover() | named.keys()))
    assert verify(request, [public], datetime.now(UTC).timestamp()) == public["kid"]


async def test_what_arrives_is_what_was_signed(pool: Pool):
    """Over a real connection, whose client writes target and headers in its own way."""
    keys = SigningKeys(pool, b"a secret of thirty-two characters")
    await keys.ensure("demo")
    (public,) = await keys.published("demo")
    fetch = GuardedFetch(allow_loopback=True)
    events = OrderEvents(replies=REPLIES, keys=keys, fetch=fetch, clock=Now())
    async with running.receiver() as platform:
        for release in ALL:
            path, query = f"/hooks/{release}", "shop=a%20b&x=~"
            sent = job(release=release, hook=f"{platform.url}{path}?{query}")
            assert await events.deliver(sent, events.render(sent)) == Delivered()
            (arrived,) = await platform.received(path, at_least=1)
            headers = {name.lower(): text for name, text in arrived.headers}
            if release in JANUARY:
                token = headers["request-signature"]
                jws.deserialize_compact(token, ECKey.import_key(public), payload=arrived.body)
                continue
            url = f"http://{headers['host']}{path}?{query}"
            request = Request(method=arrived.method, url=url, headers=headers, body=arrived.body)
            assert verify(request, [public], datetime.now(UTC).timestamp()) == public["kid"]
            assert HTTPMessageVerifier(
                signature_algorithm=ECDSA_P256_SHA256, key_resolver=Keys(ECKey.import_key(public))
            ).verify(Message.of(request), body=arrived.body, require_components=sorted(request.to_cover()))
    await fetch.close()


@pytest.mark.parametrize(
    ("release", "member"), [("2026-01-11", "request-signature"), ("2026-04-08", "signature")]
)
async def test_every_try_has_the_same_body_and_a_signature_of_its_own(
    events: OrderEvents, release: str, member: str
):
    sent = job(release=release)
    for _ in range(2):
        await events.deliver(sent, BODY)
    (_, first, one), (_, second, other) = events.fetch.sent
    assert one == other
    assert first[member] != second[member]
    assert first.get("webhook-id") == second.get("webhook-id")


async def test_an_address_that_is_none_is_left_to_those_who_ask(events: OrderEvents):
    events.fetch.answer = FetchRefused("forbidden_url", "The URL is not a plain https URL.")
    for release in ALL:
        for hook in ("", "https://[nothing", "not a url", "https://größe.example/ü", "/x\n"):
            outcome = await events.deliver(job(release=release, hook=hook), BODY)
            assert isinstance(outcome, Parked), (release, hook)


def shop(root: str) -> Shop:
    return Shop(merchant_id="demo", site="https://shop.example", root_release=root)


@pytest.mark.parametrize("release", RELEASES)
def test_an_event_names_the_profile_that_its_platform_knows(release: Release):
    at_root, own = "https://shop.example/.well-known/ucp", f"https://shop.example/ucp/{release.version}"
    for root in map(ROWS.__getitem__, SERVED):
        leads = root.lists_supported_versions and release.lists_supported_versions
        expected = at_root if leads or root is release else f"{own}/.well-known/ucp"
        assert shop(root.version).profile_url(release) == expected


async def test_the_profile_that_was_named_then_is_named(events: OrderEvents):
    known = "https://shop.example/ucp/2026-01-11/.well-known/ucp"
    terms = EventTerms(release="2026-01-11", site="https://shop.example", profile_url=known)
    await events.deliver(job(subscriber=terms.subscriber(HOOK)), BODY)
    assert events.fetch.sent[0][1]["ucp-agent"] == f'profile="{known}"'


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
    events = OrderEvents(replies=REPLIES, keys=SigningKeys(pool, b"x" * 32), fetch=endpoint, clock=Now())
    assert isinstance(await events.deliver(job(), b"{}"), Retry)
    assert endpoint.sent == []

"""Signed requests and replies through the whole application."""

import itertools
import json
import time
import uuid
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import starlette.requests
from http_message_signatures import HTTPMessageVerifier
from http_message_signatures.algorithms import ECDSA_P256_SHA256
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey
from msgspec.structs import replace

from tests.ucp.conftest import (
    JANUARY,
    SITE,
    Open,
    Town,
    complete_body,
    create_body,
    pinned,
    profile_url,
)
from tests.ucp.test_negotiation import SHOP
from tests.ucp.test_signatures import KEY, LARGE, OCTETS, Keys, public
from tests.ucp.test_signatures_of_replies import Message
from ucp_server.config import Platform
from ucp_server.modes import Mode
from ucp_server.ucp.releases import ROWS, SERVED
from ucp_server.ucp.rest import as_sent
from ucp_server.ucp.signature_base import Request, Response
from ucp_server.ucp.signature_keys import SigningKey
from ucp_server.ucp.signatures import content_digest, sign, verify

Wire = dict[str, Any]

SIGNING = [version for version in SERVED if ROWS[version].signs_replies]
NEWEST = SERVED[-1]
STRANGER = ECKey.generate_key("P-256", {"kid": "stranger"})
USELESS = {**OctKey.generate_key(256).as_dict(), "kid": "useless"}


def signing(path: Path, release: str, auth: str = "signature", **settings: Any) -> Platform:
    """A platform of ``release`` with keys of every kind in its profile."""
    platform = pinned(path, release, release=release, auth=auth, **settings)
    assert platform.profile_file is not None
    document = json.loads(platform.profile_file.read_bytes())
    member = ROWS[release].keys_member
    document[member] = [USELESS, *public(KEY, LARGE, OCTETS)]
    platform.profile_file.write_bytes(msgspec.json.encode(document))
    return platform


def everybody(path: Path, **settings: Any) -> dict[str, Platform]:
    return {release: signing(path, release, **settings) for release in SERVED}


class Signer:
    """A platform that signs what it sends; ``sent`` can be sent again, and changed before."""

    def __init__(self, here: Town, release: str = NEWEST, key: SigningKey = KEY) -> None:
        self.here = here
        self.release = release
        self.key = key

    def request(
        self, method: str, path: str, body: Wire | None = None, key: str | None = None, site: str = SITE
    ) -> Request:
        headers = {"ucp-agent": f'profile="{profile_url(self.release)}"'}
        headers |= {"idempotency-key": key} if key else {}
        headers |= {"content-type": "application/json"} if body is not None else {}
        raw = b"" if body is None else msgspec.json.encode(body)
        url = f"{site}/ucp/{self.release}{path}"
        plain = Request(method=method, url=url, headers=headers, body=raw)
        return replace(plain, headers={**headers, **sign(plain, self.key, int(time.time()))})

    async def send(self, request: Request) -> httpx2.Response:
        return await self.here.client.request(
            request.method, request.url, content=request.body or None, headers=dict(request.headers)
        )

    async def ask(self, method: str, path: str, body: Wire | None = None, **more: Any) -> httpx2.Response:
        return await self.send(self.request(method, path, body, **more))

    async def ready(self) -> str:
        body = create_body(release=self.release)
        reply = await self.ask("POST", "/checkout-sessions", body)
        assert reply.status_code == 201, reply.text
        id_: str = reply.json()["id"]
        return id_


def code(reply: httpx2.Response, release: str) -> str:
    document = reply.json()
    told: str = document["messages"][0]["code"] if release in JANUARY else document["code"]
    return told


def changed(request: Request, **headers: str) -> Request:
    return replace(request, headers={**request.headers, **headers})


@pytest.mark.parametrize("key", [KEY, LARGE, OCTETS], ids=["ES256", "ES384", "EdDSA"])
async def test_who_signs_is_who_it_says(town: Open, tmp_path: Path, key: SigningKey):
    async with town(platforms=everybody(tmp_path)) as here:
        for release in SERVED:
            signer = Signer(here, release, key)
            id_ = await signer.ready()
            shown = await signer.ask("GET", f"/checkout-sessions/{id_}?a=1%20b")
            assert shown.status_code == 200, shown.text


async def test_each_fault_has_its_word_and_its_status(town: Open, tmp_path: Path):
    """Digest 6.2, in the form of each release."""
    async with town(platforms=everybody(tmp_path)) as here:
        for release in SERVED:
            signer = Signer(here, release)
            body = create_body(release=release)
            good = signer.request("POST", "/checkout-sessions", body)
            unsigned = {n: t for n, t in good.headers.items() if not n.startswith("signature")}
            named = good.headers["signature-input"]
            for request, status, told in (
                (replace(good, headers=unsigned), 401, "signature_missing"),
                (changed(good, signature="sig1=1"), 401, "signature_missing"),
                (changed(good, **{"idempotency-key": "added"}), 401, "signature_invalid"),
                (
                    Signer(here, release, STRANGER).request("POST", "/checkout-sessions", body),
                    401,
                    "key_not_found",
                ),
                (replace(good, body=good.body + b" "), 400, "digest_mismatch"),
                (
                    changed(good, **{"signature-input": named.replace("ours", "useless")}),
                    400,
                    "algorithm_unsupported",
                ),
            ):
                reply = await signer.send(request)
                assert (reply.status_code, code(reply, release)) == (status, told), reply.text
                challenge = 'Signature realm="ucp"' if status == 401 else None
                assert reply.headers.get("www-authenticate") == challenge
                assert reply.headers["cache-control"] == "no-store"


async def test_a_signed_request_comes_again_and_nothing_happens_twice(town: Open, tmp_path: Path):
    """M:D/signatures#Replay Protection: the same is answered the same, and anywhere else it is nothing."""
    async with town(platforms=everybody(tmp_path), signed_replies=True) as here:
        signer = Signer(here)
        request = signer.request(
            "POST", "/checkout-sessions", create_body(release=NEWEST), key=uuid.uuid4().hex
        )
        first, again = await signer.send(request), await signer.send(request)
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.content == again.content
        assert again.headers["idempotent-replayed"] == "true"
        assert first.headers["signature"] != again.headers["signature"]
        id_ = first.json()["id"]
        other = create_body(release=NEWEST, quantity=1)
        raw = msgspec.json.encode(other)
        for elsewhere, told in (
            (replace(request, url=request.url.replace("shop.test", "other.test")), "signature_invalid"),
            (replace(request, url=f"{request.url}/{id_}/cancel"), "signature_invalid"),
            (replace(request, url=f"{request.url}?a=1"), "signature_invalid"),
            (replace(request, url=request.url.replace(NEWEST, SERVED[-2])), "signature_invalid"),
            (replace(request, method="PUT", url=f"{request.url}/{id_}"), "signature_invalid"),
            (replace(request, body=raw), "digest_mismatch"),
            (
                changed(replace(request, body=raw), **{"content-digest": content_digest(raw)}),
                "signature_invalid",
            ),
        ):
            reply = await signer.send(elsewhere)
            assert code(reply, NEWEST) == told


async def test_a_key_is_bound_to_the_platform_that_publishes_it(town: Open, tmp_path: Path):
    """Two platforms, each with a key of the same name: neither is believed to be the other."""
    platforms = everybody(tmp_path)
    other = ECKey.generate_key("P-256", {"kid": "ours"})
    file = platforms[NEWEST].profile_file
    assert file is not None
    document = json.loads(file.read_bytes())
    file.write_bytes(msgspec.json.encode({**document, "keys": public(other)}))
    async with town(platforms=platforms) as here:
        reply = await Signer(here, NEWEST, KEY).ask(
            "POST", "/checkout-sessions", create_body(release=NEWEST)
        )
        assert code(reply, NEWEST) == "signature_invalid"
        await Signer(here, NEWEST, other).ready()
        await Signer(here, SERVED[-2], KEY).ready()


# --- what was signed, put together again ---


def sent(authority: str, path: str, query: str) -> Request | None:
    scope = {
        "type": "http",
        "method": "GET",
        "headers": [],
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
    }
    return as_sent(starlette.requests.Request(scope), SHOP, {"host": authority}, b"")


LATIN = st.text(st.characters(max_codepoint=0xFF), max_size=12)


@settings(max_examples=300, deadline=None)
@given(
    authority=st.one_of(LATIN, st.from_regex(r"[a-z]{1,5}(\.[a-z]{2,3})(:[0-9]{2,5})?", fullmatch=True)),
    path=LATIN.map("/{}".format),
    query=LATIN,
)
def test_a_target_is_taken_apart_as_it_was_put_together(authority: str, path: str, query: str):
    """No Host, path or query can make a signature count for something else than what is asked."""
    made = sent(authority, path, query)
    if made is None:
        return
    try:
        values = made.values()
    except ValueError:
        return  # nobody's signature covers what is no URL
    assert values["@authority"] in (authority.lower(), authority.lower().removesuffix(":443"))
    assert (values["@path"], values.get("@query", "")) == (path, f"?{query}" if query else "")


@pytest.mark.parametrize(
    ("authority", "path", "query"),
    [
        ("", "/", ""),
        ("shop.test/ucp", "/", ""),
        ("shop.test?", "/", ""),
        ("me@shop.test", "/", ""),
        ("shop.test", "/a#b", ""),
        ("shop.test", "/a\tb", ""),
        ("shop.test", "*", ""),
        ("shop.test", "/", "a#b"),
        ("shop.test", "/", "a\nb"),
    ],
)
def test_a_target_that_nobody_can_have_signed(authority: str, path: str, query: str):
    assert sent(authority, path, query) is None


def test_a_target_is_what_it_was():
    made = sent("shop.test:8443", "/a%20b//c", "x=?")
    assert made is not None
    assert made.url == "https://shop.test:8443/a%20b//c?x=?"


# --- replies ---


async def keys_of(here: Town) -> list[Wire]:
    profile = (await here.client.get(f"/.well-known/ucp/{NEWEST}")).json()
    keys: list[Wire] = profile["keys"]
    return keys


def is_signed(reply: httpx2.Response, keys: list[Wire]) -> bool:
    """Whether it is, and then well: by our own judgement and by the other library's."""
    if "signature" not in reply.headers:
        assert "signature-input" not in reply.headers
        return False
    headers = dict(reply.headers)
    response = Response(status=reply.status_code, headers=headers, body=reply.content)
    assert verify(response, keys, time.time()) in {key["kid"] for key in keys}
    resolver = Keys(*(ECKey.import_key(key) for key in keys))
    HTTPMessageVerifier(signature_algorithm=ECDSA_P256_SHA256, key_resolver=resolver).verify(
        Message(reply.status_code, headers),
        body=reply.content,
        require_components=("@status", "content-digest", "content-type"),
    )
    return True


@pytest.mark.parametrize("every", [False, True])
async def test_replies_are_signed_where_it_matters_and_where_the_merchant_wants(town: Open, every: bool):
    async with town(signed_replies=every) as here:
        keys = await keys_of(here)
        for release in SERVED:
            agent = here.agent_of(release)
            signs = release in SIGNING
            checkout = await agent.ready()
            shown = await agent.ask("GET", f"/checkout-sessions/{checkout['id']}")
            assert is_signed(shown, keys) is (signs and every)
            paid = await agent.pay(checkout)
            assert is_signed(paid, keys) is signs
            if signs:
                done = await agent.paid(await agent.ready())
                order = await agent.ask("GET", f"/orders/{done['order']['id']}")
                assert is_signed(order, keys)
                unknown = await agent.ask("GET", f"/orders/ord_{'0' * 32}")
                assert is_signed(unknown, keys)
                settled = await agent.ask("POST", f"/checkout-sessions/{done['id']}/complete", b"[")
                assert settled.status_code == 400
                assert not is_signed(settled, keys)


@pytest.mark.parametrize("release", SIGNING)
async def test_a_replayed_reply_is_signed_anew(here: Town, release: str):
    """What is kept is the reply; by the time that it is asked for again its key may be gone."""
    agent = here.agent_of(release)
    checkout = await agent.ready()
    path, key = f"/checkout-sessions/{checkout['id']}/complete", uuid.uuid4().hex
    body = complete_body(release)
    replies = [await agent.ask("POST", path, body, key=key) for _ in range(3)]
    keys = await keys_of(here)
    assert all(is_signed(reply, keys) for reply in replies)
    for before, after in itertools.pairwise(replies):
        assert before.content == after.content
        assert after.headers["idempotent-replayed"] == "true"
        assert before.headers["content-digest"] == after.headers["content-digest"]
        assert before.headers["signature"] != after.headers["signature"]


async def test_an_order_opens_in_production_to_who_signs(town: Open, tmp_path: Path):
    platforms = {
        NEWEST: signing(tmp_path, NEWEST, auth="open", writes=False),
        SERVED[-2]: signing(tmp_path, SERVED[-2], auth="open", signatures="require"),
    }
    async with town(
        platforms=platforms, server={"mode": Mode.PRODUCTION}, public_url="https://shop.test"
    ) as here:
        for release in platforms:
            signer = Signer(here, release)
            request = signer.request("GET", f"/orders/ord_{'0' * 32}", site="https://shop.test")
            reply = await signer.send(request)
            assert reply.json()["messages"][0]["code"] == "not_found"
            broken = changed(request, signature=f"sig1=:{'A' * 86}==:")
            assert code(await signer.send(broken), release) == "signature_invalid"

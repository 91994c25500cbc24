"""The outbound client: spellings, addresses and hosts it refuses, each without a packet astray.

The lab (`ssrf_lab.py`) needs a network namespace; where none can be made its cases are skipped,
and the same rules are shown by look-ups that must not happen and listeners that must stay alone.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from tests.handlers.ssrf_cases import (
    FORBIDDEN_ADDRESSES,
    FORBIDDEN_URLS,
    HOST_CASES,
    LAB_CASES,
    PUBLIC_ADDRESSES,
    Case,
)
from tests.handlers.ssrf_hosts import BEHAVIOURS
from tests.handlers.ssrf_lab import CONTROL_ADDRESSES
from ucp_server.handlers.fetch_guarded import GuardedFetch
from ucp_server.handlers.fetch_guarded.addresses import is_public
from ucp_server.handlers.fetch_guarded.urls import checked_url
from ucp_server.ports import FetchRefused

REPOSITORY = Path(__file__).parents[2]
LAB_S = 90.0
PATIENCE_S = 20.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\r\n{}"


async def no_look_up(_host: str) -> Sequence[str]:
    raise AssertionError("nothing may be looked up")


@pytest.fixture
async def naked_fetch():
    """A client that fails the test when it looks up a name."""
    fetch = GuardedFetch(lookup=no_look_up)
    yield fetch
    await fetch.close()


@pytest.fixture
async def local_fetch():
    """A client of a demo shop: this machine may be asked."""
    fetch = GuardedFetch(allow_loopback=True)
    yield fetch
    await fetch.close()


async def ask(fetch: GuardedFetch, url: str, *, timeout_s: float = PATIENCE_S) -> int:
    got = await fetch.get(url, accept="*/*", max_bytes=1000, timeout_s=timeout_s)
    return got.status


async def refusal_of(fetch: GuardedFetch, url: str, *, timeout_s: float = PATIENCE_S) -> str:
    with pytest.raises(FetchRefused) as refused:
        await ask(fetch, url, timeout_s=timeout_s)
    return refused.value.code


# --- spellings ---


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
async def test_a_forbidden_spelling_is_not_even_looked_up(naked_fetch: GuardedFetch, url: str):
    assert await refusal_of(naked_fetch, url) == "forbidden_url"


@pytest.mark.parametrize(
    "url",
    [
        "https://good.example",
        "https://good.example/",
        "https://good.example:443/profile.json?v=1&w=%20",
        "https://Good.Example/~a/b;c=d,e/@f:!$'()*+",
        "https://xn--gd-yka.example/",
        f"https://{'a' * 63}.example/",
    ],
)
def test_a_plain_https_url_is_allowed(url: str):
    target = checked_url(url, allow_loopback=False)
    assert (target.scheme, target.port, target.loopback) == ("https", 443, False)
    assert URL(target.url, encoded=True).raw_host == target.host == urlsplit(url).hostname


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://localhost/profile", 80),
        ("http://localhost:8285/profile", 8285),
        ("http://127.0.0.1:1/", 1),
        ("https://[::1]:8443/", 8443),
        ("https://LOCALHOST:65535/", 65535),
    ],
)
def test_a_demo_shop_may_ask_its_own_machine(url: str, port: int):
    target = checked_url(url, allow_loopback=True)
    assert (target.loopback, target.port) == (True, port)
    with pytest.raises(FetchRefused, match=r"https|public|443"):
        checked_url(url, allow_loopback=False)


def test_a_demo_shop_may_ask_nothing_else_that_is_private():
    allowed = {"https://127.0.0.1/", "https://[::1]/", "https://localhost/", "https://LOCALHOST/"}
    for url in set(FORBIDDEN_URLS) - allowed:
        with pytest.raises(FetchRefused):
            checked_url(url, allow_loopback=True)
    for url in ("http://localhost:65536/", "http://127.0.0.2/", "http://localhost@10.0.0.1/"):
        with pytest.raises(FetchRefused):
            checked_url(url, allow_loopback=True)


_pieces = st.sampled_from(
    [*"/\\@:?#[]%.- \t\n", "https://", "http:", "//", "good.example", "127.0.0.1", "0x7f.1", "::1"]
)


@given(st.one_of(st.text(), st.lists(_pieces, max_size=8).map("".join)), st.booleans())
@example("https://good.example", False)
def test_whatever_is_allowed_means_the_same_to_every_reader(tail: str, behind_a_name: bool):
    url = f"https://good.example{tail}" if behind_a_name else tail
    try:
        target = checked_url(url, allow_loopback=False)
    except FetchRefused:
        return
    for reader in (urlsplit(url), urlsplit(target.url)):
        assert (reader.scheme, reader.hostname, reader.port or 443) == ("https", target.host, 443)
        assert reader.username is None
    other = URL(target.url, encoded=True)
    assert (other.scheme, other.raw_host, other.port, other.user) == ("https", target.host, 443, None)


# --- addresses ---


@pytest.mark.parametrize("address", FORBIDDEN_ADDRESSES)
def test_an_inner_address_is_not_public(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_an_outer_address_is_public(address: str):
    assert is_public(address)


@pytest.mark.parametrize("address", ["", "good.example", "1.2.3", "2606:4700::1111%eth0", "[::1]"])
def test_what_is_no_address_is_not_public(address: str):
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_cannot_hide_in_a_longer_one(address: Any):
    if not is_public(str(address)):
        assert not is_public(f"::ffff:{address}")
    high, low = int(address) >> 16, int(address) & 0xFFFF
    for carrier in (f"64:ff9b::{high:x}:{low:x}", f"2002:{high:x}:{low:x}::1", f"::{high:x}:{low:x}"):
        assert not is_public(carrier)


# --- names that lead inwards, without a namespace: somebody listens and stays alone ---


class Listener:
    """On loopback; counts who came, and answers them."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.port = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(ANSWER)
        await writer.drain()
        writer.close()


@pytest.fixture
async def listener():
    found = Listener()
    server = await asyncio.start_server(found.take, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["::1"], ["93.184.216.34", "127.0.0.1"], ["10.0.0.1"]])
@pytest.mark.parametrize("allow_loopback", [False, True])
async def test_a_name_that_leads_inwards_is_refused(answers: list[str], allow_loopback: bool):
    async def lookup(_host: str) -> Sequence[str]:
        return answers

    fetch = GuardedFetch(lookup=lookup, allow_loopback=allow_loopback)
    assert await refusal_of(fetch, "https://good.example/") == "forbidden_url"
    await fetch.close()


async def test_the_gate_stops_what_the_others_let_pass(listener: Listener):
    fetch = GuardedFetch(lookup=no_look_up)
    here = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", listener.port))
    with pytest.raises(PermissionError):
        fetch._gate(here)
    with GuardedFetch(allow_loopback=True)._gate(here) as allowed:
        assert allowed.family == socket.AF_INET
    await fetch.close()
    assert listener.heads == []


async def test_a_local_host_is_asked_and_no_cookie_kept(local_fetch: GuardedFetch, listener: Listener):
    for host in ("127.0.0.1", "localhost"):
        assert await ask(local_fetch, f"http://{host}:{listener.port}/a?b=%20") == 200
    assert [head.splitlines()[0] for head in listener.heads] == ["GET /a?b=%20 HTTP/1.1"] * 2
    assert not any("cookie" in head.lower() for head in listener.heads)


async def test_nobody_there_is_unreachable(local_fetch: GuardedFetch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        assert await refusal_of(local_fetch, url) == "unreachable"


async def test_no_more_connections_than_allowed():
    open_now, most, gate = 0, 0, asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal open_now, most
        await reader.readuntil(b"\r\n\r\n")
        open_now += 1
        most = max(most, open_now)
        if open_now == 2:
            gate.set()
        await gate.wait()
        open_now -= 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    fetch = GuardedFetch(allow_loopback=True, connections_max=8)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        assert await asyncio.gather(*(ask(fetch, url) for _ in range(20))) == [200] * 20
    assert most == 2, "a quarter of the lines for one host"
    await fetch.close()


async def test_waiting_for_a_line_counts_towards_the_deadline():
    asked = asyncio.Event()

    async def lookup(_host: str) -> Sequence[str]:
        asked.set()
        await asyncio.Event().wait()
        return []

    fetch = GuardedFetch(lookup=lookup, connections_max=1)
    first = asyncio.ensure_future(ask(fetch, "https://good.example/"))
    await asked.wait()
    assert await refusal_of(fetch, "https://other.example/", timeout_s=0.05) == "timeout"
    first.cancel()
    await asyncio.wait([first])
    await fetch.close()


# --- the lab ---


def test_every_host_of_the_lab_has_its_behaviour():
    by_certificate_or_address = ("certificate", "no-tls", "mute-at-tls", "nobody", "packets")
    for case in HOST_CASES:
        known = case.name in BEHAVIOURS or case.name.startswith(by_certificate_or_address)
        assert known or case.name == "takes-a-post", case.name
    assert len({case.name for case in LAB_CASES}) == len(LAB_CASES)
    assert len(LAB_CASES) + len(FORBIDDEN_URLS) >= 100


def do_without(why: str) -> NoReturn:
    """Skip the lab on a developer's machine, and never where its silence would pass for a proof."""
    if os.environ.get("CI"):
        pytest.fail(f"THE SSRF LAB CANNOT RUN: {why}")
    pytest.skip(f"SSRF LAB NOT RUN: {why}")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What happened to each case in the lab, which runs once for all of them."""
    namespace = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
    if not (shutil.which("unshare") and shutil.which("ip")):
        do_without("unshare (util-linux) and ip (iproute2) are needed")
    probe = [*namespace, "ip", "link", "add", "wire", "type", "veth", "peer", "name", "far"]
    tried = subprocess.run(probe, capture_output=True, text=True, check=False)
    if tried.returncode:
        do_without(f"no network namespace can be made here: {tried.stderr}")
    ran = subprocess.run(
        [*namespace, sys.executable, "-m", "tests.handlers.ssrf_lab", tmp_path_factory.mktemp("lab")],
        capture_output=True,
        text=True,
        check=False,
        timeout=LAB_S,
        cwd=REPOSITORY,
    )
    assert ran.returncode == 0, ran.stderr
    found = [json.loads(line) for line in ran.stdout.splitlines()]
    return {entry["name"]: entry for entry in found}


def test_the_lab_sees_an_unguarded_client(lab: dict[str, dict[str, Any]]):
    assert lab["control"]["contacts"] == sorted(CONTROL_ADDRESSES)


@pytest.mark.parametrize("case", LAB_CASES, ids=lambda case: case.name)
def test_in_the_lab(lab: dict[str, dict[str, Any]], case: Case):
    found = lab[case.name]
    if case.code is None:
        assert (found.get("code"), found.get("status")) == (None, case.status)
        assert found["seen"].startswith(f"{case.method} /profile HTTP/1.1\r\nHost: {case.host}\r\n")
    else:
        assert found["code"] == case.code
        assert not any(mark in found["text"] for mark in ("11.22.", "127.", "10.", "169.", ":"))
    assert set(found["contacts"]) <= set(case.contacts)


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
def test_a_forbidden_spelling_sends_no_packet(lab: dict[str, dict[str, Any]], url: str):
    assert lab[url] == {"name": url, "code": "forbidden_url", "contacts": [], "asked": 0}


def test_a_name_is_resolved_once(lab: dict[str, dict[str, Any]]):
    # An idempotent request that got no byte of an answer is tried once more, judged afresh.
    tried_again = {"hangs-up"}
    twice = {case.name for case in LAB_CASES if lab[case.name]["asked"] > 1}
    assert twice <= tried_again
    assert lab["rebinds-to-loopback"]["asked"] == 1


def test_names_are_never_completed_by_the_search_domain(lab: dict[str, dict[str, Any]]):
    assert lab["stray look-ups"]["names"] == []


def test_a_packed_body_stays_packed(lab: dict[str, dict[str, Any]]):
    assert lab["gzip-bomb"]["size"] < 100_000
    assert lab["gzip-bomb"]["start"].startswith("\x1f\x8b")


def test_a_post_arrives_as_it_was_given(lab: dict[str, dict[str, Any]]):
    head, _, body = lab["takes-a-post"]["seen"].partition("\r\n\r\n")
    assert body == '{"a": 1}'
    assert {"Content-Type: application/json", "Webhook-Id: evt_1"} <= set(head.split("\r\n"))

"""The two checks that need a shop of another kind: one on TLS, one in production."""

import asyncio
import ssl

import pytest
import trustme

from conformance.checks import always, negotiation
from conformance.inputs import Inputs
from conformance.platform import MAIN, Platform
from conformance.registry import Broken, Lacking
from conformance.shop import SERVICE, Shop, discover
from conformance.wire import Client, Exchange

RELEASE = "2026-01-11"


def shop_at(endpoint: str) -> Shop:
    """A shop of which nothing is known but where its endpoint is."""
    profile = {"ucp": {"version": RELEASE, "services": {SERVICE: {"rest": {"endpoint": endpoint}}}}}
    body = str(profile).replace("'", '"').encode()
    discovery = Exchange("GET", endpoint, {}, b"", 200, {"content-type": "application/json"}, body)
    client = Client(insecure=True, extra_headers={})
    return Shop(client, Inputs(url=endpoint, release=RELEASE), discovery, None)


async def tls_server(oldest: ssl.TLSVersion) -> asyncio.Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    context.minimum_version = oldest

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    return await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)


@pytest.mark.parametrize(
    ("oldest", "accepted"), [(ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, False)]
)
async def test_a_shop_that_speaks_tls_1_2_is_found_out(oldest: ssl.TLSVersion, *, accepted: bool) -> None:
    server = await tls_server(oldest)
    port = server.sockets[0].getsockname()[1]
    async with server:
        checked = always.old_tls_is_refused(shop_at(f"https://127.0.0.1:{port}"))
        if accepted:
            with pytest.raises(Broken, match=r"TLS 1\.2"):
                await checked
        else:
            await checked


async def test_plain_http_leaves_nothing_to_say_about_tls() -> None:
    with pytest.raises(Lacking):
        await always.old_tls_is_refused(shop_at("http://127.0.0.1:1"))


async def test_a_production_shop_that_reads_profiles_over_http_is_found_out(
    tiny_shop: str,
) -> None:
    async with Platform(RELEASE) as platform, Client(insecure=False, extra_headers={}) as client:
        twin = platform.profile_url(MAIN).replace("http://", "https://")
        inputs = Inputs(url=tiny_shop, release=RELEASE, item="mug", profile=twin, production=True)
        shop = Shop(client, inputs, await discover(client, inputs), None)
        with pytest.raises(Broken, match="answered 201"):
            await negotiation.plain_http_profile_is_refused(shop)

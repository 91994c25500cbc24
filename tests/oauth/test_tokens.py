"""From the metadata to the order: tokens fetched, shown, narrowed, revoked."""

import base64
from pathlib import Path
from urllib.parse import quote_plus, urlencode

from tests.oauth.conftest import CHECKOUT, MERCHANT, ORDER, RELEASE, bearer, by_secret, post, token
from tests.ucp.conftest import SITE, Agent, Open, Town, create_body, pinned, profile_url
from ucp_server.engine.grants import Grants, Registered
from ucp_server.store.database import Pool, read, statement
from ucp_server.ucp.scopes import scopes_supported

METADATA = f'resource_metadata="{SITE}/.well-known/oauth-protected-resource"'


def agent(here: Town, name: str = "one") -> Agent:
    return here.stranger(f'profile="{profile_url(name)}"', RELEASE)


async def create(here: Town, headers: dict[str, str], name: str = "one") -> tuple[int, str, str]:
    """Status, code and challenge of a create."""
    body = create_body(release=RELEASE)
    reply = await agent(here, name).ask("POST", "/checkout-sessions", body, headers=headers)
    return reply.status_code, reply.json().get("code", ""), reply.headers.get("www-authenticate", "")


async def test_a_platform_buys_with_a_token(here: Town, client: Registered) -> None:
    reply = await post(here, "/oauth/token", by_secret(client))
    assert reply.status_code == 200
    issued = reply.json()
    secret = issued.pop("access_token")
    assert (secret[:5], len(secret)) == ("ucpt_", 48)
    granted = " ".join(scopes_supported())
    assert issued == {"token_type": "Bearer", "expires_in": 3600, "scope": granted}
    assert {CHECKOUT, ORDER} <= set(granted.split())
    assert (reply.headers["cache-control"], reply.headers["pragma"]) == ("no-store", "no-cache")

    status, _, _ = await create(here, bearer(secret))
    assert status == 201
    assert (await create(here, {"authorization": f"bearer  {secret} "}))[0] == 201


async def test_no_token_and_no_valid_token_are_told_apart(here: Town) -> None:
    """RFC 6750 3.1: whoever sent none is not told of an error."""
    for sent in (None, "", "Bearer", "Basic ucpt_x"):
        headers = {} if sent is None else {"authorization": sent}
        refused = f'Bearer realm="{SITE}", {METADATA}'
        assert await create(here, headers) == (401, "unauthorized", refused)
    for sent in ("Bearer ucpt_guess", "Bearer a b", "bearer ucpt_guess,ucpt_guess"):
        refused = f'Bearer realm="{SITE}", error="invalid_token", {METADATA}'
        assert await create(here, {"authorization": sent}) == (401, "unauthorized", refused)


async def test_an_api_key_is_no_token(here: Town, client: Registered) -> None:
    issued = await token(here, client)
    assert (await create(here, {"X-API-Key": issued}))[0] == 401
    assert (await create(here, bearer(client.secret)))[0] == 401


async def test_a_token_opens_for_the_platform_whose_it_is(here: Town, client: Registered) -> None:
    status, code, challenge = await create(here, bearer(await token(here, client)), "two")
    assert (status, code, challenge) == (403, "forbidden", "")


async def test_a_token_opens_in_the_shop_that_gave_it(here: Town, grants: Grants) -> None:
    elsewhere = await grants.register("another", profile_url("one"), scopes_supported())
    refused = await post(here, "/oauth/token", by_secret(elsewhere))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    found = await grants.find("another", elsewhere.id)
    assert found is not None
    issued = await grants.issue("another", found, found.scopes)
    assert issued is not None
    assert (await create(here, bearer(issued.token)))[0] == 401


async def test_a_token_for_less_opens_less(here: Town, client: Registered) -> None:
    orders = bearer(await token(here, client, scope=ORDER))
    status, code, challenge = await create(here, orders)
    assert (status, code) == (403, "insufficient_scope")
    needed = f'error="insufficient_scope", scope="{CHECKOUT}"'
    assert challenge == f'Bearer realm="{SITE}", {needed}, {METADATA}'

    unknown = f"/orders/{client.id}"
    assert "not_found" in (await agent(here).ask("GET", unknown, headers=orders)).text
    checkouts = bearer(await token(here, client, scope=CHECKOUT))
    refused = await agent(here).ask("GET", unknown, headers=checkouts)
    assert (refused.status_code, ORDER in refused.headers["www-authenticate"]) == (403, True)
    assert (await create(here, checkouts))[0] == 201


async def test_nobody_gets_more_than_the_grant(here: Town, grants: Grants) -> None:
    reader = await grants.register(MERCHANT, profile_url("one"), {ORDER})
    for scope in (CHECKOUT, f"{ORDER} {CHECKOUT}", "admin", ORDER.upper()):
        refused = await post(here, "/oauth/token", by_secret(reader, scope=scope))
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    issued = await post(here, "/oauth/token", by_secret(reader, scope=f"{ORDER} {ORDER}"))
    assert issued.json()["scope"] == ORDER


async def test_a_revoked_token_opens_nothing(here: Town, client: Registered, grants: Grants) -> None:
    first, second = await token(here, client), await token(here, client)
    stranger = await grants.register(MERCHANT, profile_url("two"), scopes_supported())
    theirs = {"client_id": stranger.id, "client_secret": stranger.secret, "token": first}
    assert (await post(here, "/oauth/revoke", theirs)).status_code == 200
    assert (await create(here, bearer(first)))[0] == 201

    mine = {"client_id": client.id, "client_secret": client.secret, "token_type_hint": "access_token"}
    for _ in range(2):
        revoked = await post(here, "/oauth/revoke", {**mine, "token": first})
        assert (revoked.status_code, revoked.content) == (200, b"")
    assert (await create(here, bearer(first)))[0] == 401
    assert (await create(here, bearer(second)))[0] == 201
    nameless = await post(here, "/oauth/revoke", mine)
    assert (nameless.status_code, nameless.json()["error"]) == (400, "invalid_request")


async def test_with_its_client_a_token_ends(here: Town, client: Registered, grants: Grants) -> None:
    issued = await token(here, client)
    found = await grants.find(MERCHANT, client.id)
    assert found is not None
    assert await grants.end(MERCHANT, client.id)
    assert not await grants.end(MERCHANT, client.id)
    assert (await create(here, bearer(issued)))[0] == 401
    refused = await post(here, "/oauth/token", by_secret(client))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert await grants.issue(MERCHANT, found, found.scopes) is None


async def test_a_token_is_over_after_its_hour(here: Town, client: Registered, pool: Pool) -> None:
    issued = bearer(await token(here, client))
    for earlier, status in (("3590 seconds", 201), ("20 seconds", 401)):
        async with statement(pool) as tx:
            sql = "update access_tokens set expires_at = expires_at - $1::text::interval"
            assert await tx.execute(sql, earlier) == 1
        assert (await create(here, issued))[0] == status


async def test_secrets_are_nowhere(here: Town, client: Registered, pool: Pool) -> None:
    issued = await token(here, client)
    async with read(pool) as db:
        tables = ("oauth_clients", "oauth_grants", "access_tokens", "rate_windows")
        rows = [await db.fetch(f"select t::text from {table} t") for table in tables]
    told = repr(rows) + repr(client)
    assert str(client.id) in told
    assert client.secret not in told
    assert issued not in told


async def test_basic_credentials_are_form_encoded(here: Town, client: Registered) -> None:
    pair = f"{quote_plus(client.id)}:{quote_plus(client.secret)}"
    headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    reply = await post(here, "/oauth/token", {"grant_type": "client_credentials"}, headers=headers)
    assert reply.status_code == 200


async def test_who_fails_too_often_waits_and_keeps_nobody_out(
    here: Town, client: Registered, grants: Grants
) -> None:
    wrong = by_secret(client) | {"client_secret": "ucps_guess"}
    for _ in range(10):
        refused = await post(here, "/oauth/token", wrong)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == f'Basic realm="{SITE}"'
    late = await post(here, "/oauth/token", by_secret(client))
    assert (late.status_code, late.json()["error"]) == (429, "temporarily_unavailable")
    assert 0 < int(late.headers["retry-after"]) <= 60
    other = await grants.register(MERCHANT, profile_url("two"), scopes_supported())
    assert await token(here, other)


async def test_behind_a_proxy_callers_are_told_apart(
    town: Open, client: Registered, tmp_path: Path
) -> None:
    proxied = {"trusted_proxies": ("127.0.0.1/32",)}
    wrong = by_secret(client) | {"client_secret": "ucps_guess"}
    async with town(platforms={"one": pinned(tmp_path, "one", auth="oauth")}, server=proxied) as here:
        for forged in range(10):
            who = {"Forwarded": f"for=198.51.100.{forged}, for=203.0.113.7"}
            assert (await post(here, "/oauth/token", wrong, headers=who)).status_code == 401
        for address, status in (("203.0.113.7", 429), ("203.0.113.8", 200)):
            who = {"Forwarded": f"for={address}"}
            assert (await post(here, "/oauth/token", by_secret(client), headers=who)).status_code == status


async def test_requests_a_minute_are_bounded(here: Town, client: Registered, pool: Pool) -> None:
    await token(here, client)
    async with statement(pool) as tx:
        assert await tx.execute("update rate_windows set used = 600") == 1
    for path in ("/oauth/token", "/oauth/revoke"):
        refused = await post(here, path, by_secret(client, token="ucpt_any"))
        assert (refused.status_code, "retry-after" in refused.headers) == (429, True)


async def test_what_is_not_understood_is_told(here: Town, client: Registered) -> None:
    refused = {
        ("grant_type", "password"): "unsupported_grant_type",
        ("grant_type", "authorization_code"): "unsupported_grant_type",
        ("grant_type", ""): "invalid_request",
        ("client_assertion_type", "other"): "invalid_request",
    }
    for (name, text), error in refused.items():
        reply = await post(here, "/oauth/token", by_secret(client) | {name: text})
        assert (reply.status_code, reply.json()["error"]) == (400, error)


async def test_odd_requests_are_answered(here: Town, client: Registered) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    odd = (b"", b"=", b"&&", b"%00=%00", b"a" * 5000, b"a=1&" * 400, b"\xff", b"{}", b"token=%ff")
    sound = urlencode(by_secret(client)).encode()
    bodies = (*odd, *(sound + b"&" + tail for tail in odd), sound + b"&scope=%00", sound + b"&scope=+")
    headers = ({}, {"Authorization": "Basic"}, {"Authorization": "Basic AAAA"}, {"Authorization": ""})
    for path in ("/oauth/token", "/oauth/revoke"):
        for body in bodies:
            for more in headers:
                reply = await here.client.post(path, content=body, headers=form | more)
                assert reply.status_code in (200, 400, 401, 429), (path, body, more, reply.text)


async def test_layers_and_routes_speak_of_errors_alike(here: Town) -> None:
    for reply in (
        await here.client.post("/oauth/token", json={"grant_type": "client_credentials"}),
        await here.client.get("/oauth/token"),
        await here.client.get("/oauth/authorize?response_type=code"),
        await here.client.get("/oauth/elsewhere"),
    ):
        assert set(reply.json()) == {"error", "error_description"}
        assert 400 <= reply.status_code < 500
    assert reply.headers["content-type"] == "application/json"


async def test_the_metadata_leads_to_the_endpoints(here: Town) -> None:
    server = await here.client.get("/.well-known/oauth-authorization-server")
    assert server.headers["cache-control"] == "public, max-age=3600"
    document = server.json()
    assert document["issuer"] == SITE
    assert document["token_endpoint"] == f"{SITE}/oauth/token"
    assert document["revocation_endpoint"] == f"{SITE}/oauth/revoke"
    assert document["grant_types_supported"] == ["client_credentials"]
    resource = (await here.client.get("/.well-known/oauth-protected-resource")).json()
    assert resource["authorization_servers"] == [SITE]
    assert resource["scopes_supported"] == document["scopes_supported"] == list(scopes_supported())


async def test_where_hosts_are_named_others_have_no_tokens(town: Open) -> None:
    async with town(hosts=("shop.test",), platforms={}) as here:
        elsewhere = here.at("http://other.test")
        for path in ("/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource"):
            assert (await here.client.get(path)).status_code == 200
            refused = await elsewhere.client.get(path)
            assert (refused.status_code, refused.json()["error"]) == (421, "misdirected_request")
        assert (await post(elsewhere, "/oauth/token", {})).status_code == 421

"""Signed calls of tools: the signature is about the whole message, and so is that of the reply."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.ucp.conftest import BUYER, Open, complete_body, create_body, profile_url, shipping
from tests.ucp.test_signed_requests import SIGNING, Signer, everybody, is_signed, keys_of

Wire = dict[str, Any]


def call(release: str, name: str, key: str | None = None, **arguments: Any) -> Wire:
    meta: Wire = {"ucp-agent": {"profile": profile_url(release)}}
    meta |= {"idempotency-key": key} if key else {}
    params = {"name": name, "arguments": {"meta": meta, **arguments}}
    return {"jsonrpc": "2.0", "id": "1", "method": "tools/call", "params": params}


@pytest.mark.parametrize("release", SIGNING)
async def test_a_signed_purchase_by_tools(town: Open, tmp_path: Path, release: str) -> None:
    async with town(platforms=everybody(tmp_path)) as here:
        signer = Signer(here, release)
        body = create_body(release=release) | {"buyer": BUYER, "fulfillment": shipping(release=release)}
        made = await signer.ask("POST", "/mcp", call(release, "create_checkout", checkout=body))
        assert made.status_code == 200, made.text
        named = {"id": made.json()["result"]["structuredContent"]["id"]}
        pay = call(release, "complete_checkout", "pay", checkout=complete_body(release), **named)
        done = await signer.ask("POST", "/mcp", pay, key="pay")
        assert done.json()["result"]["structuredContent"]["status"] == "completed", done.text
        assert is_signed(done, await keys_of(here))


@pytest.mark.parametrize("release", SIGNING)
async def test_each_fault_has_its_code(town: Open, tmp_path: Path, release: str) -> None:
    async with town(platforms=everybody(tmp_path)) as here:
        signer = Signer(here, release)
        message = call(release, "create_checkout", checkout=create_body(release=release))
        good = signer.request("POST", "/mcp", message)
        unsigned = {name: text for name, text in good.headers.items() if not name.startswith("signature")}
        for request, status, number, code in (
            (replace(good, headers=unsigned), 401, -32000, "signature_missing"),
            (replace(good, body=good.body + b" "), 400, -32600, "digest_mismatch"),
            (replace(good, url=good.url + "?a=1"), 401, -32000, "signature_invalid"),
        ):
            reply = await signer.send(request)
            error = reply.json()["error"]
            assert (reply.status_code, error["code"], error["data"]["code"]) == (status, number, code)

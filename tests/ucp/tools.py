"""Platforms of the tests that call tools; what they get reads as what REST answers."""

import re
from itertools import count
from typing import Any

import httpx2
import msgspec

from tests.ucp.conftest import ALL, Agent, Town, profile_url
from ucp_server.ucp.operation_table import OPERATIONS, Family, Operation, operations_of
from ucp_server.ucp.releases import ROWS
from ucp_server.ucp.tools import NEED_KEYS

Wire = dict[str, Any]

# Its methods are the operations themselves.
RAW = frozenset({"2026-01-11"})
JANUARY = frozenset({"2026-01-11", "2026-01-23"})
PAYLOADS = {Family.CHECKOUT: "checkout", Family.CART: "cart", Family.CATALOG: "catalog"}
BOTH = {"accept": "application/json, text/event-stream"}


class ToolAgent(Agent):
    """Asks by JSON-RPC, in the form of its release, and holds each reply against its schema.

    ``last`` is the message that came last.
    """

    def __init__(self, client: httpx2.AsyncClient, profile: str, release: str) -> None:
        super().__init__(client, f'profile="{profile}"', frozenset(ALL), release)
        self.profile = profile
        self.last: Wire = {}
        self._ids = count(1)
        self._keys = count(1)

    async def ask(
        self,
        method: str,
        path: str,
        body: Wire | bytes | None = None,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        operation, target = named(self.release, method, path)
        assert not isinstance(body, bytes)
        if key is None and operation.name in NEED_KEYS:
            key = f"{self.profile}-{next(self._keys)}"
        sent = await self.post(self.message(operation, target, body, key), **(headers or {}))
        reply = as_rest(self.last, sent)
        self._check(method, path, reply)
        return reply

    async def post(self, message: Any, **headers: str) -> httpx2.Response:
        raw = message if isinstance(message, bytes) else msgspec.json.encode(message)
        reply = await self._client.post(
            f"/ucp/{self.release}/mcp",
            content=raw,
            headers={"content-type": "application/json", **BOTH, **headers},
        )
        if reply.content:
            self.last = reply.json()
        return reply

    def message(self, operation: Operation, target: str, body: Wire | None, key: str | None) -> Wire:
        if self.release in RAW:
            params = {"_meta": {"ucp": {"profile": self.profile}}, **(body or {})}
            params |= {"idempotency_key": key} if key else {}
            params |= {"id": target} if target else {}
            return self.call(operation.name, params)
        meta: Wire = {"ucp-agent": {"profile": self.profile}}
        arguments: Wire = {"meta": meta | ({"idempotency-key": key} if key else {})}
        arguments |= {"id": target} if target else {}
        if body is not None:
            payload = {name: value for name, value in body.items() if not target or name != "id"}
            arguments[PAYLOADS[operation.family]] = payload
        return self.call("tools/call", {"name": operation.name, "arguments": arguments})

    def call(self, method: str, params: Any) -> Wire:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}


def tool_agent(here: Town, release: str, name: str | None = None) -> ToolAgent:
    return ToolAgent(here.client, profile_url(name or release), release)


def named(release: str, method: str, path: str) -> tuple[Operation, str]:
    for row in operations_of(ROWS[release]):
        found = re.fullmatch(row.path.replace("{id}", "(?P<id>[^/]+)"), path)
        if row.method == method and found:
            return row, found.groupdict().get("id", "")
    raise LookupError(f"{release} has no {method} {path}")


def as_rest(message: Wire, sent: httpx2.Response) -> httpx2.Response:
    """What REST would have said: the document under its own status."""
    assert message["jsonrpc"] == "2.0"
    headers = {name: value for name, value in sent.headers.items() if name != "content-length"}
    if "error" in message:
        assert sent.status_code >= 400, message
        return httpx2.Response(sent.status_code, headers=headers, json=error_document(message["error"]))
    assert sent.status_code == 200
    document = document_of(message["result"])
    made = document.get("id") and sent.request is not None and b'"create_' in sent.request.content
    return httpx2.Response(201 if made else 200, headers=headers, json=document)


def document_of(result: Wire) -> Wire:
    """The document, which is there twice where a tool was called."""
    if "content" not in result:
        return result
    text = msgspec.json.decode(result["content"][0]["text"])
    rest = {name: value for name, value in result.items() if name not in {"content", "resultType"}}
    assert rest.get("structuredContent", rest) == text
    return text


def error_document(error: Wire) -> Wire:
    data = error["data"]
    if "errors" not in data:
        assert error["message"] == data["content"]
        return {name: value for name, value in data.items() if name != "retry_after"}
    assert error["code"] == -32603
    messages = [
        {
            "type": "error",
            "code": each["code"],
            "content": each["message"],
            "severity": each["severity"],
            **each.get("details", {}),
        }
        for each in data["errors"]
    ]
    return {"status": "requires_escalation", "messages": messages}


def operation(name: str) -> Operation:
    return OPERATIONS[name]

"""Tools over HTTP: what they are told, and what each of their answers means."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.simulators.running import Receiver, receiver
from ucp_server.handlers.fetch_guarded import GuardedFetch
from ucp_server.handlers.tools_http import HttpTools
from ucp_server.handlers.tools_http.client import ANSWER_BYTES_MAX, OUTPUT_CHARACTERS_MAX
from ucp_server.ports import Failed, Ran, ToolAnswer, ToolCall, Unreached

PATH = "/tools/audit"
ID = "01890a5d-ac96-774b-bcce-b302099a8057"

ANSWERS: list[tuple[dict[str, Any], ToolAnswer]] = [
    ({"status": 200, "body": '{"output": "done"}'}, Ran("done")),
    ({"status": 201, "body": '{"output": {"score": 7}}'}, Ran('{"score":7}')),
    ({"status": 204}, Ran("")),
    ({"status": 200, "body": "done"}, Ran("done")),
    ({"status": 200, "body": "[1, 2]"}, Ran("[1,2]")),
    ({"status": 200, "body": '{"success": true}'}, Ran("")),
    ({"status": 200, "body": '{"success": false, "output": "no site"}'}, Failed("no site")),
    ({"status": 200, "body": '{"output": "a\\u0000b"}'}, Ran("ab")),
    ({"status": 200, "body": "x" * 5_000}, Ran("x" * OUTPUT_CHARACTERS_MAX)),
    ({"status": 400, "body": "secret"}, Failed("The tool answered with status 400.")),
    ({"status": 410}, Failed("The tool answered with status 410.")),
    ({"status": 408}, Unreached("The tool answered with status 408.")),
    ({"status": 429}, Unreached("The tool answered with status 429.")),
    ({"status": 500, "body": '{"output": "done"}'}, Unreached("The tool answered with status 500.")),
    ({"status": 302, "headers": {"Location": "/"}}, Failed("The host answered with a redirect.")),
    ({"cut": "before"}, Unreached("The host gave no usable answer.")),
    ({"cut": "after_status"}, Unreached("The host gave no usable answer.")),
    ({"hang": True}, Unreached("There was no complete answer in time.")),
    (
        {"status": 200, "body": "x" * (ANSWER_BYTES_MAX + 1)},
        Failed(f"The answer is larger than {ANSWER_BYTES_MAX} bytes."),
    ),
]


def call(url: str, timeout_s: float = 10.0) -> ToolCall:
    return ToolCall(
        id=ID,
        tool_id="run_audit",
        url=url,
        timeout_s=timeout_s,
        merchant_id="shop",
        order_id="o1",
        product_id="p1",
        sku="AUD-2",
        item_id="audit",
        title="Site audit",
        quantity=2,
        buyer_email="ana@buyer.example",
    )


@pytest.fixture
async def tool() -> AsyncIterator[Receiver]:
    async with receiver() as process:
        yield process


@pytest.fixture
async def tools() -> AsyncIterator[HttpTools]:
    fetch = GuardedFetch(allow_loopback=True)
    yield HttpTools(fetch)
    await fetch.close()


async def test_each_answer_has_its_meaning(tools: HttpTools, tool: Receiver) -> None:
    for answer, meaning in ANSWERS:
        await tool.answer(PATH, then=answer)
        timeout_s = 0.2 if "hang" in answer else 10.0
        assert await tools.run(call(tool.url + PATH, timeout_s)) == meaning, answer


async def test_a_tool_is_told_what_it_is_for_and_under_which_key(tools: HttpTools, tool: Receiver) -> None:
    await tools.run(call(f"{tool.url}{PATH}?token=t"))
    (asked,) = await tool.received(PATH, at_least=1)
    assert asked.method == "POST"
    assert asked.header("content-type") == "application/json"
    assert asked.header("idempotency-key") == ID
    assert msgspec.json.decode(asked.body) == {
        "id": ID,
        "tool": "run_audit",
        "order_id": "o1",
        "product_id": "p1",
        "sku": "AUD-2",
        "item_id": "audit",
        "title": "Site audit",
        "quantity": 2,
        "buyer_email": "ana@buyer.example",
    }


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "https://localhost.localdomain/x", "file:///etc/passwd"]
)
async def test_a_tool_inside_is_never_asked(tools: HttpTools, url: str) -> None:
    assert not isinstance(await tools.run(call(url)), Ran)


async def test_nobody_at_home_is_silence(tools: HttpTools) -> None:
    assert isinstance(await tools.run(call("http://127.0.0.1:1/")), Unreached)

"""A tool is a URL: what is to be done goes out as JSON, what was done comes back.

    POST <url>    Idempotency-Key: <id, the same over all tries>
    {"id", "tool", "order_id", "product_id", "sku", "item_id", "title", "quantity", "buyer_email"}

Any 2xx says done, its body being the output: text, or a JSON object with ``output`` and, where it
was not done after all, ``success`` of false. 408, 429 and 5xx mean that it may be asked again; any
other status is a no. The address is the secret between merchant and tool: nothing else proves who
asks, so it is given a token in its path or query.
"""

from typing import Any, Final

import msgspec

from ucp_server.ports import Failed, Fetch, Fetched, FetchRefused, Ran, ToolAnswer, ToolCall, Unreached

Wire = dict[str, Any]

# More than that is no message to the one who ordered.
ANSWER_BYTES_MAX: Final = 64 * 1024
OUTPUT_CHARACTERS_MAX: Final = 4_000

_NOT_NOW: Final = frozenset({408, 429})


class HttpTools:
    """`ports.Tools` over the one guarded way out."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def run(self, call: ToolCall) -> ToolAnswer:
        headers = (
            ("content-type", "application/json"),
            ("accept", "application/json, text/plain"),
            ("idempotency-key", call.id),
        )
        try:
            answer = await self._fetch.post(
                call.url,
                headers=headers,
                body=msgspec.json.encode(_asked(call)),
                max_bytes=ANSWER_BYTES_MAX,
                timeout_s=call.timeout_s,
            )
        except FetchRefused as refused:
            never = refused.code in {"forbidden_url", "too_large", "redirected"}
            return Failed(refused.text) if never else Unreached(refused.text)
        return _told(answer)


def _asked(call: ToolCall) -> Wire:
    return {
        "id": call.id,
        "tool": call.tool_id,
        "order_id": call.order_id,
        "product_id": call.product_id,
        "sku": call.sku,
        "item_id": call.item_id,
        "title": call.title,
        "quantity": call.quantity,
        "buyer_email": call.buyer_email,
    }


def _told(answer: Fetched) -> ToolAnswer:
    if answer.status in _NOT_NOW or answer.status >= 500:
        return Unreached(f"The tool answered with status {answer.status}.")
    if not 200 <= answer.status < 300:
        return Failed(f"The tool answered with status {answer.status}.")
    is_done, output = _read(answer.body)
    return Ran(output) if is_done else Failed(output)


def _read(body: bytes) -> tuple[bool, str]:
    """Whether it was done, and what was said of it; whatever is no such object is text."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True, _text(body.decode("utf-8", "replace"))
    if not isinstance(document, dict):
        return True, _text(document)
    return document.get("success") is not False, _text(document.get("output", ""))


def _text(value: object) -> str:
    """What Postgres keeps and a person reads: no NUL, no endless story."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text.replace("\0", "")[:OUTPUT_CHARACTERS_MAX]

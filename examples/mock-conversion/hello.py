"""The journey of an agent, from a question to the link that it gives to the buyer.

Nothing here is real: the server answers this key with made-up offers, and the link leads nowhere.
Start a server with `make serve`, then: python hello.py
"""

import json
import os
from typing import Any
from urllib.request import Request, urlopen

URL = os.environ.get("AAP_API_URL", "http://localhost:8080") + "/v1/mcp"
KEY = os.environ.get("AAP_API_KEY", "aap_mock_conversion")
VERSION = "2025-11-25"
TIMEOUT_S = 20


def send(message: dict[str, Any]) -> dict[str, Any]:
    """Post one message; a notification has no answer."""
    headers = {
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": VERSION,
    }
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    with urlopen(Request(URL, body, headers), timeout=TIMEOUT_S) as reply:  # noqa: S310 - http on this machine
        return json.loads(reply.read() or b"{}")


def ask(method: str, params: dict[str, Any]) -> dict[str, Any]:
    answer = send({"id": method, "method": method, "params": params})
    if "error" in answer:
        raise SystemExit(answer["error"]["message"])
    return answer["result"]


def use(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    done = ask("tools/call", {"name": tool, "arguments": arguments})
    if done["isError"]:
        raise SystemExit(done["structuredContent"]["error"])
    return done["structuredContent"]


me = {"name": "hello", "version": "1"}
ask("initialize", {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": me})
send({"method": "notifications/initialized"})
tools = [tool["name"] for tool in ask("tools/list", {})["tools"]]
print("tools:", ", ".join(tools))

found = use("search_offers", {"vertical": "sim", "min_data_gb": 50})
offer = found["offers"][0]
print(f"offer: {offer['name']}, {offer['price']} {offer['currency']}")

needs = use("get_checkout_requirements", {"offer_id": offer["id"]})["requirements"]
print("the buyer brings:", ", ".join(need["field"] for need in needs))

link = use("get_checkout_link", {"session_id": found["sessionId"], "offer_id": offer["id"]})
# Here the journey ends for the agent: paying and ordering are the buyer's, the conversion the shop's.
print(link["checkout_url"])

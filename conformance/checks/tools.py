"""The same shop by tools: MCP carries the operations that REST carries."""

from uuid import uuid4

import msgspec

from conformance.buying import basket, created, payment, ready, resend, success_token
from conformance.registry import EVERY, JANUARY, LISTED_CAPABILITIES, SINCE_APRIL, check, expect, lacking
from conformance.shop import Shop
from conformance.tools import Tools
from conformance.wire import Exchange

SECTION = "checkout-mcp"
CHECKOUTS = ("create", "get", "update", "complete", "cancel")


def _error(exchange: Exchange) -> int:
    said = exchange.document()
    expect("error" in said, "the call was answered with a result", exchange)
    return int(said["error"]["code"])


@check(f"{SECTION}#Tools", releases=EVERY - LISTED_CAPABILITIES)
async def tools_are_listed_with_their_forms(shop: Shop) -> None:
    """tools/list names the operations on checkouts, each with a schema of what it takes."""
    exchange = await Tools(shop).rpc("tools/list", {})
    listed = {each["name"]: each for each in exchange.document()["result"]["tools"]}
    for verb in CHECKOUTS:
        tool = listed.get(f"{verb}_checkout")
        expect(tool, f"there is no {verb}_checkout among {sorted(listed)}")
        form = tool["inputSchema"] if tool else {}
        expect(form.get("type") == "object" and "meta" in form["properties"], f"{verb} takes {form}")


@check(f"{SECTION}#create_checkout", releases=EVERY)
async def what_a_tool_makes_is_there_by_rest(shop: Shop) -> None:
    """A checkout made by a tool is the checkout that REST shows, member by member."""
    tools = Tools(shop)
    made = tools.document(await tools.call("create_checkout", body=basket(shop)))
    shown = await shop.get(made["id"])
    seen = shown.document()
    for member in ("line_items", "totals", "status", "currency", "links"):
        expect(made.get(member) == seen.get(member), f"{member} differs between the two", shown)
    again = tools.document(await tools.call("get_checkout", checkout_id=made["id"]))
    expect(again == seen, "get_checkout and GET show different checkouts", shown)


@check(f"{SECTION}#complete_checkout", releases=EVERY)
async def a_purchase_by_tools(shop: Shop) -> None:
    """A checkout that is ready is paid by a tool, once for a key."""
    token, tools = success_token(shop), Tools(shop)
    checkout = await ready(shop)
    updated = await tools.call("update_checkout", checkout_id=checkout["id"], body=resend(checkout))
    before = tools.document(updated)
    key, body = str(uuid4()), payment(shop, before, token)
    done = await tools.call("complete_checkout", checkout_id=checkout["id"], body=body, key=key)
    bought = tools.document(done)
    expect(bought.get("status") == "completed", f"the checkout is {bought.get('status')}", done)
    expect((bought.get("order") or {}).get("id"), "no order is named", done)
    twice = await tools.call("complete_checkout", checkout_id=checkout["id"], body=body, key=key)
    expect(tools.document(twice) == bought, "the repeated complete says something else", twice)


@check(f"{SECTION}#Request Metadata", releases=EVERY, advice=True)
async def what_ends_a_checkout_needs_a_key(shop: Shop) -> None:
    """A cancel without an idempotency key is refused, and the checkout goes on."""
    checkout = await created(shop)
    exchange = await Tools(shop).call("cancel_checkout", checkout_id=checkout["id"])
    _error(exchange)
    still = (await shop.get(checkout["id"])).document()
    expect(still["status"] == checkout["status"], f"the checkout is {still['status']}")


@check("overview#Error Codes", releases=SINCE_APRIL)
async def the_status_says_what_the_error_says(shop: Shop) -> None:
    """A call that cannot be processed is an error of JSON-RPC under the status that REST has for it."""
    key = str(uuid4())
    tools = Tools(shop)
    first = await tools.call("create_checkout", body=basket(shop), key=key)
    if first.status != 200:
        lacking(f"a checkout made by a tool (answered {first.status})")
    other = await tools.call("create_checkout", body=basket(shop, quantity=2), key=key)
    expect((other.status, _error(other)) == (409, -32000), f"a reused key is answered {other.status}")


@check("overview#Response Format", releases=SINCE_APRIL)
async def the_text_says_what_the_structure_says(shop: Shop) -> None:
    """The text of a result is its structured content, for clients that read text alone."""
    exchange = await Tools(shop).call("create_checkout", body=basket(shop))
    result = exchange.document()["result"]
    said = msgspec.json.decode(result["content"][0]["text"])
    expect(said == result["structuredContent"], "the text and the structured content differ", exchange)


@check(f"{SECTION}#Error Handling", releases=JANUARY)
async def errors_tell_what_is_wrong_in_their_data(shop: Shop) -> None:
    """An error names what is wrong in data.errors, each with a code and a message."""
    exchange = await Tools(shop).call("get_checkout", checkout_id=f"unknown-{uuid4()}")
    expect(_error(exchange) == -32603, "the code is another", exchange)
    errors = exchange.document()["error"]["data"]["errors"]
    expect(
        errors and all(each["code"] and each["message"] for each in errors), "no error is told", exchange
    )


@check("jsonrpc#Error object", releases=EVERY)
async def what_is_no_call_is_refused(shop: Shop) -> None:
    """What is no JSON, no request or no tool is an error of its kind, and never a failure of the shop."""
    tools = Tools(shop)
    expect(_error(await tools.post(b"{")) == -32700, "broken JSON is another error")
    expect(_error(await tools.post({"jsonrpc": "2.0", "id": 1})) == -32600, "no method is another error")
    for method, params in (("fly", {}), ("tools/call", {"name": "fly", "arguments": {}})):
        exchange = await tools.rpc(method, params)
        expect(_error(exchange) in {-32601, -32602}, "what is not there is another error", exchange)
        expect(exchange.status < 500, f"it was answered {exchange.status}", exchange)

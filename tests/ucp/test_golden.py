"""What is said, word for word: one file per reply, read by a person, compared by this test.

A difference is either a defect or a decision. For a decision: ``WRITE_GOLDEN=1`` writes the files
anew, and the commit's diff is what a person reads.
"""

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from tests.ucp.conftest import BUYER, CARD, Agent, Town, create_body, shipping
from tests.ucp.test_webhooks import REPLIES, job
from ucp_server.ucp.webhooks import OrderEvents

Wire = dict[str, Any]
FOLDER = Path(__file__).parents[1] / "golden" / "2026-01-11"

# What differs from run to run: ids, tokens, times, keys.
CHANGING = (
    (re.compile(r"\b(chk|ord)_[0-9a-f]{32}\b"), r"\1_…"),
    (re.compile(r"/(checkout|order)/[0-9a-f]{32}/[A-Za-z0-9_-]{22}"), r"/\1/…/…"),
    (re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "a time"),
    (re.compile(r'"(kid|x|y)": "[A-Za-z0-9_-]{43}"'), r'"\1": "…"'),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "an id"),
)


def compare(name: str, status: int, document: Any) -> None:
    """Hold a reply against its file; with WRITE_GOLDEN the file against nothing."""
    text = (
        msgspec.json.format(msgspec.json.encode({"status": status, "body": document}), indent=2).decode()
        + "\n"
    )
    for pattern, mask in CHANGING:
        text = pattern.sub(mask, text)
    file = FOLDER / f"{name}.json"
    if os.environ.get("WRITE_GOLDEN") == "1":
        FOLDER.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert file.exists(), f"{file} is missing; see the head of this module"
    assert text == file.read_text(), f"{file} says something else"


async def asked(agent: Agent, name: str, method: str, path: str, body: Wire | bytes | None = None) -> Wire:
    reply = await agent.ask(method, path, body)
    compare(name, reply.status_code, reply.json())
    return reply.json()


async def test_the_profile(here: Town):
    reply = await here.client.get("/.well-known/ucp")
    compare("profile", reply.status_code, reply.json())


async def test_a_purchase(agent: Agent):
    checkout = await asked(agent, "create", "POST", "/checkout-sessions", create_body())
    path = f"/checkout-sessions/{checkout['id']}"
    consent = {"marketing": True, "sale_of_data": False}
    line = {"id": checkout["line_items"][0]["id"], "item": {"id": "roses"}, "quantity": 2}
    full = {
        "id": checkout["id"],
        "line_items": [line],
        "buyer": {**BUYER, "consent": consent},
        "fulfillment": shipping(),
        "discounts": {"codes": ["10off", "NOPE"]},
        "payment": {"selected_instrument_id": "instr_1", "instruments": [CARD]},
    }
    await asked(agent, "update", "PUT", path, full)
    await asked(agent, "get", "GET", path)
    await asked(agent, "complete", "POST", f"{path}/complete", {"payment_data": CARD})
    await asked(agent, "complete-again", "POST", f"{path}/complete", {"payment_data": CARD})


def test_an_event():
    nothing: Any = None
    events = OrderEvents(replies=REPLIES, keys=nothing, fetch=nothing)
    compare("order-event", 200, msgspec.json.decode(events.render(job("shipped"))))


async def test_a_cancellation(agent: Agent):
    checkout = await agent.create()
    await asked(agent, "cancel", "POST", f"/checkout-sessions/{checkout['id']}/cancel")


async def test_pickup(agent: Agent):
    methods = [{"type": "pickup", "selected_destination_id": "market"}]
    await asked(
        agent,
        "create-pickup",
        "POST",
        "/checkout-sessions",
        create_body("vase", 1) | {"buyer": BUYER, "fulfillment": {"methods": methods}},
    )


async def test_an_escalation(agent: Agent):
    await asked(agent, "create-for-review", "POST", "/checkout-sessions", create_body("shears", 1))


async def test_refusals(here: Town, agent: Agent):
    create = "/checkout-sessions"
    await asked(agent, "error-out-of-stock", "POST", create, create_body("gardenias", 1))
    await asked(agent, "error-unknown-item", "POST", create, create_body("pink_wumpus", 1))
    await asked(agent, "error-not-json", "POST", create, b"{")
    await asked(agent, "error-form", "POST", create, {"line_items": [{"quantity": 0}], "buyer": 1})
    await asked(agent, "error-not-found", "GET", f"{create}/chk_{'0' * 32}")
    stranger = here.stranger('profile="..."')
    await asked(stranger, "error-no-profile", "POST", create, create_body())
    ready = await agent.ready()
    declined = {"payment_data": CARD | {"credential": {"type": "token", "token": "fail_token"}}}
    await asked(agent, "error-declined", "POST", f"{create}/{ready['id']}/complete", declined)
    bare = await agent.create()
    await asked(
        agent, "error-no-fulfillment", "POST", f"{create}/{bare['id']}/complete", {"payment_data": CARD}
    )

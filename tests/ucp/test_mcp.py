"""A purchase by tools is the purchase by REST, member by member, under every release."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.ucp.conftest import BUYER, JANUARY, Agent, Open, Town, create_body, pinned, shipping
from tests.ucp.tools import ToolAgent, tool_agent
from ucp_server.config import Platform
from ucp_server.ucp.releases import SERVED

Wire = dict[str, Any]

DECLINED: Wire = {"credential": {"type": "token", "token": "fail_token"}}
# What is new in every document: ids, moments, and what opens a page.
NEW = re.compile(r"(chk|ord|cart|li|mth|grp)_?[0-9a-f-]{16,}|[0-9a-f]{32}|\d{4}-\d\d-\d\dT[\d:.]+Z")


def told(document: Any) -> Any:
    """The document without what no two have in common."""
    match document:
        case dict():
            return {name: told(value) for name, value in document.items()}
        case list():
            return [told(value) for value in document]
        case str():
            return re.sub(r"http://shop.test/\S+", "url", NEW.sub("new", document))
    return document


async def steps(agent: Agent) -> list[Wire]:
    """Every reply on the way from a look to an order, and what is refused beside it."""
    seen = [await agent.create(create_body(release=agent.release))]
    seen.append(await agent.update(seen[0], buyer=BUYER, fulfillment=shipping(None, agent.release)))
    seen.append(await agent.update(seen[1], buyer=BUYER, fulfillment=shipping(release=agent.release)))
    declined = await agent.pay(seen[2], **DECLINED)
    seen += [{"status": declined.status_code, "document": declined.json()}, await agent.get(seen[2])]
    seen.append(await agent.paid(seen[2]))
    late = await agent.cancel(seen[-1])
    seen.append({"status": late.status_code, "document": late.json()})
    unknown = await agent.ask("GET", "/checkout-sessions/chk_" + "0" * 32)
    seen.append({"status": unknown.status_code, "document": unknown.json()})
    gone = await agent.create(create_body(release=agent.release))
    seen.append((await agent.cancel(gone)).json())
    return seen


@pytest.mark.parametrize("release", SERVED)
async def test_a_purchase_is_told_alike(here: Town, release: str) -> None:
    by_rest = await steps(here.agent_of(release))
    by_tools = await steps(tool_agent(here, release))
    assert [told(each) for each in by_tools] == [told(each) for each in by_rest]
    assert by_tools[5]["status"] == "completed"

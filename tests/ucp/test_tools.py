"""What is listed: whole schemas, which official examples and our own replies follow."""

import jsonschema
import pytest

from tests.ucp.conftest import JANUARY, SCHEMAS, Town, create_body
from tests.ucp.tools import operation, tool_agent
from ucp_server.ucp.operation_table import operations_of
from ucp_server.ucp.releases import ROWS, SERVED
from ucp_server.ucp.tools import NEED_KEYS, tools_of

EVERY = [
    pytest.param(release, tool.listed(), id=f"{release}-{tool.name}")
    for release in SERVED
    for tool in tools_of(ROWS[release], SCHEMAS)
]
AGENT = {"ucp-agent": {"profile": "https://platform.example/profile"}}


@pytest.mark.parametrize(("release", "tool"), EVERY)
def test_every_schema_stands_alone(release: str, tool: dict) -> None:
    schemas = [tool["inputSchema"], *([tool["outputSchema"]] if "outputSchema" in tool else [])]
    assert ("outputSchema" in tool) is (release not in JANUARY)
    for schema in schemas:
        assert schema["type"] == "object"
        jsonschema.Draft202012Validator.check_schema(schema)
        # Every reference leads somewhere inside.
        jsonschema.Draft202012Validator(schema).is_valid({})


@pytest.mark.parametrize(("release", "tool"), EVERY)
def test_what_has_to_be_said_is_required(release: str, tool: dict) -> None:
    form, row = tool["inputSchema"], operation(tool["name"])
    assert "meta" in form["required"]
    assert ("id" in form["required"]) is ("{id}" in row.path)
    needed = form["properties"]["meta"]["required"]
    assert needed == ["ucp-agent", *(["idempotency-key"] if tool["name"] in NEED_KEYS else [])]
    assert tool["annotations"]["readOnlyHint"] is not row.writes


@pytest.mark.parametrize("release", SERVED)
async def test_all_operations_of_a_release_are_listed(here: Town, release: str) -> None:
    agent = tool_agent(here, release)
    await agent.post(agent.call("tools/list", {}))
    listed = {tool["name"]: tool for tool in agent.last["result"]["tools"]}
    assert list(listed) == [row.name for row in operations_of(ROWS[release])]
    arguments = {"meta": AGENT, "checkout": create_body(release=release)}
    jsonschema.validate(arguments, listed["create_checkout"]["inputSchema"])
    del arguments["checkout"]["line_items"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(arguments, listed["create_checkout"]["inputSchema"])


@pytest.mark.parametrize("release", [each for each in SERVED if each not in JANUARY])
async def test_replies_and_refusals_follow_the_schema_that_is_listed(here: Town, release: str) -> None:
    agent = tool_agent(here, release)
    tools = {tool.name: tool for tool in tools_of(ROWS[release], SCHEMAS)}
    checkout = await agent.ready()
    jsonschema.validate(checkout, tools["create_checkout"].output_schema)
    unknown = await agent.ask("GET", "/checkout-sessions/chk_" + "0" * 32)
    jsonschema.validate(unknown.json(), tools["get_checkout"].output_schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"ucp": {"version": release}}, tools["get_checkout"].output_schema)

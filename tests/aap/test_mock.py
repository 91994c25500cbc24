"""The lesson: two scripts, one link, one file, and nothing behind them."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest
from click.testing import CliRunner

from tests.aap.conftest import SCHEMAS, Caller, Town
from tests.aap.listening import listening
from ucp_server.aap.mock import CHECKOUT_URL, KEY, conversion_event
from ucp_server.commands.mock_conversion import mock_conversion

LESSON = Path(__file__).parents[2] / "examples" / "mock-conversion"
SCRIPT_S = 30.0


def test_the_file_is_what_the_command_writes(tmp_path: Path) -> None:
    kept = (LESSON / "conversion-event.json").read_bytes()
    printed = CliRunner().invoke(mock_conversion, [])
    assert printed.output.encode() == kept
    written = tmp_path / "event.json"
    assert CliRunner().invoke(mock_conversion, ["--output", str(written)]).exit_code == 0
    assert written.read_bytes() == kept


def test_the_event_says_of_itself_that_it_is_made_up() -> None:
    event = conversion_event()
    assert (event["event_type"], event["status"]) == ("conversion.eligible", "eligible_conversion")
    assert (event["environment"], event["attribution"]["recorded"]) == ("mock", True)
    host = urlsplit(event["checkout_url"]).hostname
    assert host is not None
    assert host.endswith(".invalid")
    ids = {event[name] for name in event if name.endswith("_id")}
    assert len(ids) == 7
    assert all("mock" in id_ or "M0CK" in id_ for id_ in ids)


async def test_the_lesson_has_the_forms_of_the_real_journey(here: Town) -> None:
    learner = Caller(here.client, KEY)
    found = (await learner.use("search_offers"))["structuredContent"]
    assert SCHEMAS["offers_reply"].check(found) == ()
    offer = {"offer_id": found["offers"][0]["id"]}
    needs = (await learner.use("get_checkout_requirements", **offer))["structuredContent"]
    assert SCHEMAS["requirements_reply"].check(needs) == ()
    link = await learner.use("get_checkout_link", session_id=found["sessionId"], **offer)
    assert SCHEMAS["link_reply"].check(link["structuredContent"]) == ()
    assert link["structuredContent"]["checkout_url"] == CHECKOUT_URL
    for wrong in ({"offer_id": "offer-60"}, {"session_id": "x"}):
        asked = {"session_id": found["sessionId"], **offer, **wrong}
        assert (await learner.use("get_checkout_link", **asked))["isError"] is True


async def test_the_lesson_leaves_no_trace(here: Town) -> None:
    learner = Caller(here.client, KEY)
    found = (await learner.use("search_offers"))["structuredContent"]
    await learner.use("get_checkout_link", session_id=found["sessionId"], offer_id=found["offers"][0]["id"])
    for table in ("search_sessions", "recommendations", "checkouts", "ledger", "rate_windows"):
        assert await here.count(table) == 0


async def test_where_nobody_teaches_the_key_of_the_lesson_is_none(here: Town) -> None:
    strict = here.with_(teaches=False)
    reply = await strict.client.post("/v1/mcp", json={}, headers={"authorization": f"Bearer {KEY}"})
    assert reply.status_code == 401


@pytest.fixture
async def url(here: Town) -> AsyncIterator[str]:
    async with listening(here.application()) as served:
        yield served


@pytest.mark.parametrize(("program", "script"), [(sys.executable, "hello.py"), ("node", "hello.mjs")])
async def test_both_scripts_reach_the_same_link(url: str, program: str, script: str) -> None:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not on this machine")
    process = await asyncio.create_subprocess_exec(
        found,
        str(LESSON / script),
        env={"AAP_API_URL": url, "PATH": "/usr/bin:/bin"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SCRIPT_S):
        printed, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    lines = printed.decode().splitlines()
    assert lines[-1] == CHECKOUT_URL
    event = msgspec.json.decode((LESSON / "conversion-event.json").read_bytes())
    assert lines[-1] == event["checkout_url"]
    assert lines[0] == "tools: search_offers, get_checkout_requirements, get_checkout_link"

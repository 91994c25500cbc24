"""The checks of tools are shown a shop that breaks what they stand for: ours, behind a liar."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from conformance.inputs import Inputs
from conformance.registry import checks_for
from conformance.run import run
from tests.conformance.lying import Answer, Change, liar
from tests.serving import REPOSITORY, server

Wire = dict[str, Any]
# Changes the reply to the operation of this name, in place; what it returns is the status instead.
Lie = Callable[[str, Wire], int | None]


def listing_no_cancel(name: str, said: Wire) -> None:
    if name == "tools/list":
        tools = said["result"]["tools"]
        said["result"]["tools"] = [each for each in tools if each["name"] != "cancel_checkout"]


def other_totals(name: str, said: Wire) -> None:
    if name == "create_checkout" and "result" in said:
        shown(said)["totals"] = []


def never_completed(name: str, said: Wire) -> None:
    if name == "complete_checkout" and "result" in said:
        shown(said)["status"] = "incomplete"


def canceled_without_a_key(name: str, said: Wire) -> None:
    if name == "cancel_checkout" and said.pop("error", None):
        said["result"] = {}


def always_200(_: str, said: Wire) -> int | None:
    return 200 if "error" in said else None


def other_text(_: str, said: Wire) -> None:
    if "content" in said.get("result", {}):
        said["result"]["content"][0]["text"] = "{}"


def one_code(_: str, said: Wire) -> None:
    if "error" in said:
        said["error"]["code"] = -1


def no_data(_: str, said: Wire) -> None:
    if "error" in said:
        said["error"]["data"] = {"errors": []}


LIES: dict[str, dict[Lie, str]] = {
    "2026-08-25": {
        listing_no_cancel: "tools_are_listed_with_their_forms",
        other_totals: "what_a_tool_makes_is_there_by_rest",
        never_completed: "a_purchase_by_tools",
        canceled_without_a_key: "what_ends_a_checkout_needs_a_key",
        always_200: "the_status_says_what_the_error_says",
        other_text: "the_text_says_what_the_structure_says",
        one_code: "what_is_no_call_is_refused",
    },
    "2026-01-23": {
        listing_no_cancel: "tools_are_listed_with_their_forms",
        no_data: "errors_tell_what_is_wrong_in_their_data",
    },
    "2026-01-11": {
        other_totals: "what_a_tool_makes_is_there_by_rest",
        no_data: "errors_tell_what_is_wrong_in_their_data",
    },
}


def shown(said: Wire) -> Wire:
    return said["result"].get("structuredContent", said["result"])


def telling(lie: Lie) -> Change:
    """The lie, wherever a tool answers."""

    def change(request: web.Request, raw: bytes, answer: Answer) -> None:
        if request.path.endswith("/mcp"):
            said = msgspec.json.decode(answer.body)
            answer.status = lie(named(raw), said) or answer.status
            answer.body = msgspec.json.encode(said)

    return change


def named(raw: bytes) -> str:
    """The operation, or the method of what asks for none."""
    try:
        call = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return ""
    params = call.get("params")
    name = params.get("name") if isinstance(params, dict) else None
    return str(name or call.get("method", ""))


async def test_every_check_reports_the_lie_that_it_is_there_for(database: str, tmp_path: Path) -> None:
    shop = REPOSITORY / "examples" / "demo_shop"
    async with (
        server(database, tmp_path, "--import", str(shop), mode="demo") as ours,
        liar(ours.http) as it,
    ):
        for release, lies in LIES.items():
            for lie, check in lies.items():
                for told, verdict in ((None, "pass"), (lie, "fail")):
                    it.change = telling(told) if told else None
                    results = await run(inputs(it.url, release, f"tools.{check}"))
                    got = [(each.verdict, each.reason) for each in results]
                    assert [each[0] for each in got] == [verdict], (release, check, got)


def inputs(url: str, release: str, check: str) -> Inputs:
    # Only the newest leads to the others from its root.
    site = url if release not in {"2026-01-11", "2026-01-23"} else f"{url}/ucp/{release}"
    return Inputs(
        url=site,
        release=release,
        strict=True,
        item="gift-card-25",
        success_token="success_token",
        currency="EUR",
        country="DE",
        only=frozenset({check}),
    )


def test_no_check_is_without_a_lie() -> None:
    told = {f"tools.{check}" for lies in LIES.values() for check in lies.values()}
    every = {each.id for release in LIES for each in checks_for(release, frozenset({"tools"}))}
    assert told == every

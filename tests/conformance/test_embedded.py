"""The checks of framed pages are shown a shop that breaks what they stand for: ours, behind a liar."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from conformance import forms
from conformance.checks.embedded import STRANGER
from conformance.cli import RELEASES
from conformance.registry import checks_for
from conformance.run import run
from tests.conformance.lying import Answer, Change, liar
from tests.conformance.test_tools import inputs
from tests.serving import REPOSITORY, server

Wire = dict[str, Any]
POLICY = "content-security-policy"
ANCESTORS = re.compile(r"frame-ancestors [^;]*")


def documents(spoil: Callable[[Wire], None]) -> Change:
    """Spoils what is said of the transport, in profiles and checkouts."""

    def change(_: web.Request, __: bytes, answer: Answer) -> None:
        if answer.headers.get("content-type", "").startswith("application/json"):
            said = msgspec.json.decode(answer.body)
            found = forms.transport(said, "embedded")
            if found:
                spoil(found)
                answer.body = msgspec.json.encode(said)

    return change


def pages(sources: Callable[[web.Request], str]) -> Change:
    """Who may frame pages."""

    def change(request: web.Request, _: bytes, answer: Answer) -> None:
        policy = answer.headers.get(POLICY, "")
        answer.headers[POLICY] = ANCESTORS.sub(f"frame-ancestors {sources(request)}", policy)

    return change


def unframed(_: web.Request, __: bytes, answer: Answer) -> None:
    answer.headers.pop(POLICY, None)


def confused(request: web.Request, _: bytes, answer: Answer) -> None:
    """By what it does not know."""
    if "ec_version" in request.query:
        answer.status = 400


LIES: dict[Change, str] = {
    documents(lambda said: said.update(schema="embedded.json")): "transport_names_its_schema",
    documents(lambda said: said.pop("config", None)): "checkouts_say_what_can_be_taken_over",
    documents(lambda said: said.update(version="2020-01-01")): "checkouts_say_what_can_be_taken_over",
    confused: "page_is_loaded_by_its_version",
    unframed: "page_names_its_host",
    pages(lambda _: "*"): "page_names_its_host",
    pages(lambda _: "https:"): "page_names_its_host",
    pages(lambda _: "https://*.example"): "page_names_its_host",
    pages(lambda _: "'none'"): "page_names_its_host",
    pages(lambda request: request.headers.get("Origin", STRANGER)): "nobody_names_itself_the_host",
}


@pytest.mark.parametrize("release", [RELEASES[0], RELEASES[-1]])
async def test_every_check_reports_the_lie_that_it_is_there_for(
    database: str, tmp_path: Path, release: str
) -> None:
    known = {each.id for each in checks_for(release)}
    shop = REPOSITORY / "examples" / "demo_shop"
    async with (
        server(database, tmp_path, "--import", str(shop), mode="demo") as ours,
        liar(ours.http) as it,
    ):
        for lie, name in LIES.items():
            check = f"embedded.{name}"
            if check not in known:
                continue
            for told, verdict in ((None, "pass"), (lie, "fail")):
                it.change = told
                (result,) = await run(inputs(it.url, release, check))
                assert result.verdict == verdict, (name, result.reason)


def test_no_check_is_without_a_lie() -> None:
    every = {each.id for release in RELEASES for each in checks_for(release, frozenset({"embedded"}))}
    assert {f"embedded.{check}" for check in LIES.values()} == every

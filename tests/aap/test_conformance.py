"""Our own server before the checks that are meant for anybody's."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conformance.aap.cli import main
from conformance.aap.inputs import Inputs
from conformance.aap.run import run
from tests.aap.conftest import Town
from tests.aap.listening import listening

Wire = dict[str, Any]


@pytest.fixture
async def url(here: Town) -> AsyncIterator[str]:
    async with listening(here.application()) as served:
        yield served


async def test_our_server_passes_every_check(here: Town, url: str) -> None:
    source = await here.source()
    # The other merchant cannot be paid; its offers would be found as well.
    await here.sql("update offers set active = false where merchant_id = 'other'")
    results = await run(
        Inputs(
            url=url,
            agent_key=(await here.agent("agent_1")).key,
            other_agent_key=(await here.agent("agent_2")).key,
            merchant_key=(await here.merchant()).key,
            source=source.source.id,
            source_secret=source.source.secret,
            strict=True,
        )
    )
    assert {each.check.id: each.reason for each in results if each.verdict != "pass"} == {}
    assert len(results) > 40


async def test_checks_without_their_inputs_are_left_out(here: Town, url: str) -> None:
    await here.sql("update offers set active = false where merchant_id = 'other'")
    results = await run(Inputs(url=url, agent_key=(await here.agent()).key, only=frozenset({"evidence"})))
    assert {each.verdict for each in results} == {"skip"}


def test_the_checks_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert "aap.evidence.a_true_payment_is_verified" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["http://127.0.0.1:1"])


# --- the checks see what they are for ---


def changed(application: ASGIApp, path: str, change: Callable[[Wire], Wire], status: int = 200) -> ASGIApp:
    """``application`` whose answers under ``path`` with ``status`` say something else."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        if scope["type"] != "http" or not scope["path"].startswith(path):
            await application(scope, receive, send)
            return
        await application(scope, receive, keep)
        start, body = kept[0], b"".join(message.get("body", b"") for message in kept[1:])
        if start["status"] == status:
            body = msgspec.json.encode(change(msgspec.json.decode(body)))
            headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
            start = start | {"headers": [*headers, (b"content-length", b"%d" % len(body))]}
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return answer


FAULTS: list[tuple[str, str, int, Callable[[Wire], Wire]]] = [
    ("checkout.ids_are_required", "/v1/checkout", 400, lambda _: {"error": "Bad request"}),
    ("checkout.an_unknown_recommendation_is_404", "/v1/checkout", 404, lambda _: {"error": "Gone"}),
    ("always.errors_are_one_sentence", "/v1/offers", 401, lambda _: {"detail": "no"}),
    ("checkout.a_hand_off_has_its_form", "/v1/checkout", 200, lambda told: told | {"amount": "18"}),
    (
        "checkout.the_session_becomes_checkout",
        "/v1/sessions",
        200,
        lambda told: told | {"conversions": [1]},
    ),
    ("codes.a_changed_code_is_invalid", "/v1/codes/verify", 200, lambda told: told | {"valid": True}),
    (
        "evidence.a_wrong_amount_is_not_verified",
        "/v1/sessions",
        200,
        lambda told: told | {"conversions": [{"verification": "verified"}]},
    ),
    (
        "authority.metadata_in_a_body_is_not_believed",
        "/v1/checkout/",
        200,
        lambda told: told | {"metadata": dict.fromkeys(told["metadata"], "evil")},
    ),
]


@pytest.mark.parametrize(("check", "path", "status", "change"), FAULTS, ids=[fault[0] for fault in FAULTS])
async def test_a_planted_fault_is_found(
    here: Town, check: str, path: str, status: int, change: Callable[[Wire], Wire]
) -> None:
    source = await here.source()
    await here.sql("update offers set active = false where merchant_id = 'other'")
    # What looks back needs something to look back at.
    only = frozenset({check} | ({"access"} if check.startswith("always") else set()))
    async with listening(changed(here.application(), path, change, status)) as served:
        results = await run(
            Inputs(
                url=served,
                agent_key=(await here.agent()).key,
                merchant_key=(await here.merchant()).key,
                source=source.source.id,
                source_secret=source.source.secret,
                only=only,
            )
        )
    assert {each.check.id: each.verdict for each in results}[f"aap.{check}"] == "fail"

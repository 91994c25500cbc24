"""Our own server before the checks that are meant for anybody's."""

from collections.abc import AsyncIterator

import pytest

from conformance.aap.cli import main
from conformance.aap.inputs import Inputs
from conformance.aap.run import run
from tests.aap.conftest import Town
from tests.aap.listening import listening


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

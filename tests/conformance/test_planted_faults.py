"""A check that cannot fail is worthless: each is shown a shop that breaks what it stands for."""

import pytest

from conformance.inputs import Inputs
from conformance.registry import checks_for
from conformance.run import run
from tests.conformance.faults import FAULTS
from tests.conformance.planting import checked

RELEASE = "2026-01-11"
# These two need a shop in production and one on TLS; test_transport.py shows them theirs. Tools and frames
# are transports that the tiny shop has not; test_tools.py and test_embedded.py have faults of theirs.
ELSEWHERE = {"negotiation.plain_http_profile_is_refused", "always.old_tls_is_refused"} | {
    each.id for each in checks_for(RELEASE, frozenset({"tools", "embedded"}))
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_planted_fault_is_reported_by_the_checks_it_belongs_to(tiny_shop: str, fault: str) -> None:
    results = await checked(tiny_shop, RELEASE, *FAULTS[fault], fault=fault)
    verdicts = {name: result.verdict for name, result in results.items()}
    assert verdicts == dict.fromkeys(FAULTS[fault], "fail")
    assert all(result.reason for result in results.values())


def test_every_check_has_a_fault_that_it_reports() -> None:
    shown = {name for names in FAULTS.values() for name in names} | ELSEWHERE
    assert {each.id for each in checks_for(RELEASE)} == shown


async def test_a_shop_without_faults_passes_every_check(tiny_shop: str) -> None:
    results = await checked(tiny_shop, RELEASE)
    others = {name: each.reason for name, each in results.items() if each.verdict != "pass"}
    assert set(others) == ELSEWHERE, others


async def test_what_is_only_advised_warns_unless_the_run_is_strict(tiny_shop: str) -> None:
    await checked(tiny_shop, RELEASE, "checkout.expiry_is_told", fault="tells no expiry")
    mild = Inputs(url=tiny_shop, release=RELEASE, item="mug", only=frozenset({"checkout.expiry_is_told"}))
    assert [each.verdict for each in await run(mild)] == ["warn"]


async def test_a_check_without_its_input_is_skipped_and_says_what_it_needs(tiny_shop: str) -> None:
    bare = Inputs(url=tiny_shop, release=RELEASE, only=frozenset({"checkout", "discount"}))
    results = await run(bare)
    assert {each.verdict for each in results} == {"skip"}
    assert all("--item" in each.reason or "--discount-code" in each.reason for each in results)

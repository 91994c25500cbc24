"""What only later releases demand is shown a tiny shop of theirs that breaks it."""

import pytest

from conformance.cli import RELEASES
from conformance.registry import checks_for
from tests.conformance.conftest import serving
from tests.conformance.faults import FAULTS
from tests.conformance.later_faults import LATER_FAULTS
from tests.conformance.planting import checked
from tests.conformance.shopping_faults import SHOPPING_FAULTS

NEWEST = RELEASES[-1]
# These two need a shop in production and one on TLS; test_transport.py shows them theirs. Tools and frames
# are transports that the tiny shop has not; test_tools.py and test_embedded.py have faults of theirs.
ELSEWHERE = {"negotiation.plain_http_profile_is_refused", "always.old_tls_is_refused"}


# A fault may stand in both tables: what it spoils in a checkout, and what in a catalog or a cart.
PLANTED = [(fault, names) for table in (LATER_FAULTS, SHOPPING_FAULTS) for fault, names in table.items()]


def elsewhere(release: str) -> set[str]:
    return ELSEWHERE | {each.id for each in checks_for(release, frozenset({"tools", "embedded"}))}


@pytest.mark.parametrize(("fault", "names"), PLANTED)
async def test_a_planted_fault_is_reported_by_the_checks_it_belongs_to(
    newest_shop: str, fault: str, names: tuple[str, ...]
) -> None:
    results = await checked(newest_shop, NEWEST, *names, fault=fault)
    verdicts = {name: result.verdict for name, result in results.items()}
    assert verdicts == dict.fromkeys(names, "fail")
    assert all(result.reason for result in results.values())


@pytest.mark.parametrize("release", RELEASES)
def test_every_check_has_a_fault_that_it_reports(release: str) -> None:
    tables = (FAULTS, LATER_FAULTS, SHOPPING_FAULTS)
    shown = {name for table in tables for names in table.values() for name in names}
    assert {each.id for each in checks_for(release)} <= shown | elsewhere(release)


@pytest.mark.parametrize("release", RELEASES[1:])
async def test_a_shop_without_faults_passes_every_check(release: str) -> None:
    with serving(release) as url:
        results = await checked(url, release)
    others = {name: each.reason for name, each in results.items() if each.verdict != "pass"}
    assert set(others) == elsewhere(release), others

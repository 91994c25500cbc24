"""The checks that are meant for anybody's server: ours passes them, and each can fail."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass

import hypercorn.asyncio
import pytest
from hypercorn.config import Config

from conformance.c2a.inputs import Inputs
from conformance.c2a.run import DIALECT, run
from conformance.registry import checks_of
from conformance.run import Result
from tests.c2a.conftest import CUSTOMER, OTHER_TENANT, TENANT, VISA, Town
from tests.c2a.spoiling import FAULTS, Spoilt
from tests.c2a.test_rest import CHALLENGED, DECLINED, REFUSED
from ucp_server.asgi.lines import Lines

PAUSE_S = 0.02
# What the checks of everything look back at.
SAID = frozenset({"checkout.an_order_is_taken_in_with_202", "checkout.a_bad_stored_method_is_409"})


@dataclass
class Served:
    url: str
    spoilt: Spoilt
    key: str
    other_key: str

    async def checked(self, *only: str, fault: str = "") -> dict[str, Result]:
        """The results of the named checks, by name, while a fault is planted."""
        self.spoilt.plant(fault)
        results = await run(
            Inputs(
                url=self.url,
                tenant=TENANT,
                key=self.key,
                customer=CUSTOMER,
                item="voucher",
                other_tenant=OTHER_TENANT,
                other_key=self.other_key,
                promotion_code="FRIENDS",
                storefront="sf-corner",
                good_card=VISA,
                declined_card=DECLINED,
                challenged_card=CHALLENGED,
                refused_card=REFUSED,
                strict=True,
                only=frozenset(only),
                look_every_s=PAUSE_S,
            )
        )
        return {each.check.id.removeprefix("c2a."): each for each in results}


@pytest.fixture
async def served(here: Town, lines: Lines) -> AsyncIterator[Served]:
    """The binding on a port of loopback, with a worker beside it."""
    key = (await here.backend()).key
    other_key = (await here.backend(OTHER_TENANT)).key
    spoilt = Spoilt(here.application(lines), key)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    here.site = url
    config = Config()
    # The server closes it with itself.
    config.bind = [f"fd://{listener.detach()}"]
    config.loglevel = "CRITICAL"
    over = asyncio.Event()
    serving = asyncio.create_task(
        hypercorn.asyncio.serve(spoilt, config, shutdown_trigger=over.wait)  # type: ignore[arg-type]  # it has types of its own
    )
    working = asyncio.create_task(work(here))
    try:
        yield Served(url, spoilt, key, other_key)
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
        over.set()
        await serving


async def work(here: Town) -> None:
    """As a worker does, all the time."""
    while True:
        await here.work()
        await asyncio.sleep(PAUSE_S)


async def test_our_binding_passes_every_check(served: Served) -> None:
    results = await served.checked()
    assert {name: each.reason for name, each in results.items() if each.verdict != "pass"} == {}
    assert len(results) == len(checks_of(DIALECT))


async def test_each_planted_fault_is_reported_by_the_checks_it_belongs_to(served: Served) -> None:
    silent = []
    for name, fault in FAULTS.items():
        results = await served.checked(*fault.checks, *(SAID - {*fault.checks}), fault=name)
        silent += [(name, check) for check in fault.checks if results[check].verdict != "fail"]
    assert silent == []


def test_every_check_has_a_fault_that_it_reports() -> None:
    shown = {check for fault in FAULTS.values() for check in fault.checks}
    assert {each.id.removeprefix("c2a.") for each in checks_of(DIALECT)} == shown

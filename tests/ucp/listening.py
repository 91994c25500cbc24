"""A shop whose platforms hear of their orders, and its merchant, who ships and pays back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import msgspec

from tests.simulators.running import Received, Receiver, receiver, until
from tests.ucp.conftest import Open, Town, patient, pinned
from ucp_server.app import build_jobs
from ucp_server.ucp.releases import SERVED

Wire = dict[str, Any]

# Of a store that does not answer the jobs rest for a while.
TOLD_WITHIN_S = 60


class Listening(NamedTuple):
    """``here`` sells, ``platform`` keeps what every release is told, ``merchant`` is the admin side."""

    here: Town
    platform: Receiver
    merchant: httpx2.AsyncClient

    async def change(self, order_id: str, what: str, **body: Any) -> None:
        """Ship, deliver, cancel, return or refund."""
        (merchant_id,) = self.here.settings.merchant
        path = f"/merchants/{merchant_id}/orders/{order_id}/{what}"
        reply = await self.merchant.post(path, json=body)
        assert reply.status_code == 200, reply.text

    async def events(self, release: str, count: int) -> list[Received]:
        """The first ``count`` events of a platform, each once; fails when they do not come."""

        async def told() -> list[Received] | None:
            # What is tried again is told in the same bytes.
            arrived = {entry.body: entry for entry in await self.platform.received(hook(release))}
            return list(arrived.values()) if len(arrived) >= count else None

        found: list[Received] = await until(told, wait_s=TOLD_WITHIN_S)
        return found[:count]

    async def last_event(self, release: str, count: int) -> Wire:
        """The order as the event number ``count`` tells it."""
        document: Wire = msgspec.json.decode((await self.events(release, count))[-1].body)
        return document


def hook(release: str) -> str:
    return f"/hooks/{release}"


@asynccontextmanager
async def listening(town: Open, folder: Path) -> AsyncIterator[Listening]:
    """The test shop with its background jobs and a platform of each release that listens."""
    async with receiver(folder / "platform") as platform:
        platforms = {
            release: pinned(folder, release, release=release, webhook_url=platform.url + hook(release))
            for release in SERVED
        }
        async with (
            town(platforms=platforms) as here,
            build_jobs(here.settings) as admin,
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(patient(admin)), base_url="http://admin.test"
            ) as merchant,
        ):
            yield Listening(here, platform, merchant)

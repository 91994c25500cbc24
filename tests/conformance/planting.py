"""A run of the checks against a tiny shop, with a fault planted in it or without."""

import aiohttp

from conformance.inputs import Inputs
from conformance.run import Result, run


def inputs(url: str, release: str, *only: str) -> Inputs:
    return Inputs(
        url=url,
        release=release,
        item="mug",
        second_item="bowl",
        out_of_stock_item="sold-out",
        escalation_item="sofa",
        discount_code="SPRING10",
        claim="com.example.friends",
        success_token="pays-well",
        fail_token="fails-badly",
        pending_token="pays-later",
        simulation_secret="open-sesame",
        headers={"X-API-Key": "hush"},
        strict=True,
        only=frozenset(only),
        event_wait_s=0.5,
        retry_wait_s=1.0,
    )


async def checked(url: str, release: str, *only: str, fault: str = "") -> dict[str, Result]:
    """The results of the named checks against the shop with the fault planted."""
    async with aiohttp.ClientSession() as session, session.post(f"{url}/faults", json=[fault]):
        pass
    return {each.check.id: each for each in await run(inputs(url, release, *only))}

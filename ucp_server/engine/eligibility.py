"""Claims that brought a benefit: before anything is held or paid, each is verified or the order waits.

D/checkout, "Eligibility Verification at Completion": a claim that cannot be verified changes nothing
of the checkout. Its platform takes it back, proves it in another way, or leaves it.
"""

import asyncio
from collections.abc import Iterable

from msgspec.structs import replace

from ucp_server.domain import problems
from ucp_server.domain.checkout import Checkout, Instrument
from ucp_server.domain.errors import NotReady
from ucp_server.domain.quote import Quote
from ucp_server.engine.asking import Asking
from ucp_server.engine.setup import Setup


async def unverified_claims(
    setup: Setup, checkout: Checkout, quote: Quote, instrument: Instrument
) -> tuple[str, ...]:
    """The open claims of ``quote`` that do not hold for its buyer. Raises `HandlerUnavailable`.

    Silence is no verdict: whoever keeps the members may be down while the claim is true.
    """
    verifier = setup.eligibility.get(checkout.merchant_id)
    if not quote.open_claims or verifier is None:
        return quote.open_claims
    with Asking("The verification of what the buyer claims"):
        async with asyncio.timeout(setup.timings.verify_within_s):
            holding = await verifier.verified(
                checkout.merchant_id, quote.open_claims, checkout.basket.buyer, instrument
            )
    return tuple(claim for claim in quote.open_claims if claim not in holding)


def refusal_of(checkout: Checkout, unverified: Iterable[str]) -> NotReady:
    """What is told of claims that do not hold; each is named where it was made."""
    made = checkout.basket.claims
    return NotReady(
        tuple(problems.eligibility_invalid(claim, f"claims[{made.index(claim)}]") for claim in unverified)
    )


def without_claims(checkout: Checkout, unverified: tuple[str, ...]) -> Checkout:
    """The checkout as if they had never been made; it has to be priced again."""
    kept = tuple(claim for claim in checkout.basket.claims if claim not in unverified)
    return replace(checkout, basket=replace(checkout.basket, claims=kept))


def verified(quote: Quote) -> Quote:
    """``quote`` once all of its claims hold: nothing in it is provisional any more."""
    if not quote.open_claims:
        return quote
    final = tuple(replace(discount, provisional=False) for discount in quote.discounts)
    return replace(quote, discounts=final, open_claims=())

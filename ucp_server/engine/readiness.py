"""Whether a checkout may be paid as it stands: priced again, with the payer's eyes."""

from datetime import datetime

from msgspec.structs import replace

from ucp_server.domain import problems
from ucp_server.domain.checkout import Checkout
from ucp_server.domain.errors import NotReady
from ucp_server.domain.problems import TERMS_AGREEMENT_REQUIRED, Kind, Problem, Severity
from ucp_server.domain.quote import Quote
from ucp_server.engine.checkout import refuse
from ucp_server.engine.commands import Call, CompleteCheckout
from ucp_server.engine.eligibility import without_claims
from ucp_server.engine.placing import pieces_of
from ucp_server.engine.setup import Setup
from ucp_server.store.stock import OwnStock


async def price_again(setup: Setup, call: Call, checkout: Checkout, *, is_short: bool) -> Quote:
    """Today's quote of the basket. ``is_short``: our stock has just refused it."""
    merchant = setup.merchants[checkout.merchant_id]
    _, quote = await setup.quoting.quote(
        call.scope, merchant, checkout.basket, wanted=None, at=setup.clock.now()
    )
    quote = replace(quote, new_addresses=())
    if is_short and not any(problem.code == "out_of_stock" for problem in quote.problems):
        short = await _shortages(setup, replace(checkout, quote=quote))
        quote = replace(quote, problems=(*quote.problems, *short))
    return quote


async def _shortages(setup: Setup, checkout: Checkout) -> list[Problem]:
    wanted = pieces_of(checkout)
    available = await OwnStock(setup.pool).available(checkout.merchant_id, list(wanted))
    return [
        problems.out_of_stock(line.title, available[line.item_id], f"lines[{index}]")
        for index, line in enumerate(checkout.quote.lines)
        if line.item_id in available and available[line.item_id] < wanted[line.item_id]
    ]


def look_at(
    call: Call, command: CompleteCheckout, checkout: Checkout, quote: Quote, *, at: datetime
) -> Checkout | None:
    """None when ``quote`` may be paid, else the checkout to answer with instead.

    What the payer could have known is refused: ProblemRefused, NotReady. What is new since the
    checkout was last shown is shown first; nobody ever pays another amount than the one seen.
    """
    found = quote.problems + checkout.lasting_problems
    blocking = tuple(problem for problem in found if _blocks(problem, command))
    refuse(blocking, call)
    if blocking:
        if all(problem in checkout.problems for problem in blocking):
            raise NotReady(blocking)
        return _shown(checkout, quote, (), at)
    seen = {checkout.quote.total_minor, command.expected_total_minor} - {None}
    if seen != {quote.total_minor}:
        changed = problems.price_changed()
        refuse([changed], call)
        return _shown(checkout, quote, (changed,), at)
    return None


async def price_without(
    setup: Setup, call: Call, checkout: Checkout, unverified: tuple[str, ...]
) -> Checkout:
    """The checkout to answer with where the buyer in person claimed what does not hold.

    Nobody else can take the claims back for a buyer who is on our own page: there the order goes on
    without them, and its new total is shown first.
    """
    fewer = without_claims(checkout, unverified)
    quote = await price_again(setup, call, fewer, is_short=False)
    told = (problems.price_changed(), *map(problems.benefit_taken_off, unverified))
    return _shown(fewer, quote, told, setup.clock.now())


def _blocks(problem: Problem, command: CompleteCheckout) -> bool:
    """A buyer in person confirms by ordering; agreeing to the terms takes a mark of its own."""
    is_review = problem.severity is Severity.BUYER_REVIEW and problem.code != TERMS_AGREEMENT_REQUIRED
    is_confirmed = command.by_buyer and is_review
    return problem.kind is Kind.ERROR and not is_confirmed


def _shown(checkout: Checkout, quote: Quote, found: tuple[Problem, ...], at: datetime) -> Checkout:
    return replace(
        checkout,
        revision=checkout.revision + 1,
        quote=quote,
        payment_problems=found,
        challenge_url=None,
        updated_at=at,
    )

"""A submission stands where its checkout does."""

from datetime import UTC, datetime

import pytest

from ucp_server.domain import problems
from ucp_server.domain.checkout import Basket, Checkout
from ucp_server.domain.display import displayable
from ucp_server.domain.lifecycle import State
from ucp_server.domain.problems import Problem
from ucp_server.domain.quote import Quote
from ucp_server.domain.submission import Progress, SubmissionState, progress_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CHALLENGE = problems.payment_needs_buyer("Ask your bank.")
DECLINED = problems.payment_failed("No.")
SOLD_OUT = problems.out_of_stock("Roses", 0, "lines[0]")


def checkout(state: State, *trouble: Problem, quoted: tuple[Problem, ...] = ()) -> Checkout:
    return Checkout(
        id="c",
        merchant_id="shop",
        platform_id="p",
        revision=1,
        state=state,
        currency="EUR",
        basket=Basket(lines=()),
        quote=Quote(currency="EUR", lines=(), totals=(), problems=quoted),
        link_token="t",
        created_at=NOW,
        updated_at=NOW,
        expires_at=NOW,
        payment_problems=trouble,
        challenge_url="https://bank.test" if CHALLENGE in trouble else None,
    )


@pytest.mark.parametrize("trouble", [(), (DECLINED,), (problems.price_changed(),)])
def test_an_open_or_completing_checkout_is_still_worked_on(trouble: tuple[Problem, ...]) -> None:
    for state in (State.OPEN, State.COMPLETING):
        assert progress_of(checkout(state, *trouble)) == Progress(state=SubmissionState.PROCESSING)


def test_a_challenge_waits_for_the_buyer() -> None:
    progress = progress_of(checkout(State.OPEN, CHALLENGE))
    assert (progress.state, progress.action_url) == ("action_needed", "https://bank.test")


def test_a_completed_one_is_done() -> None:
    assert progress_of(checkout(State.COMPLETED)) == Progress(state=SubmissionState.DONE)


@pytest.mark.parametrize(
    ("ended", "failure"),
    [
        (checkout(State.EXPIRED, CHALLENGE), "expired"),
        (checkout(State.CANCELED), "canceled"),
        (checkout(State.CANCELED, DECLINED), "payment_failed"),
        (checkout(State.CANCELED, CHALLENGE), "challenge_failed"),
        (checkout(State.CANCELED, quoted=(SOLD_OUT,)), "out_of_stock"),
        (checkout(State.CANCELED, DECLINED, quoted=(SOLD_OUT,)), "payment_failed"),
        (checkout(State.CANCELED, quoted=(problems.other_currency("USD", "EUR"),)), "canceled"),
    ],
)
def test_what_ended_without_an_order_says_why(ended: Checkout, failure: str) -> None:
    assert progress_of(ended) == Progress(state=SubmissionState.FAILED, failure=failure)


def test_only_listed_facts_without_a_card_number_are_shown() -> None:
    given = {
        "brand": "visa",
        "last_digits": "4242",
        "expiry_month": 7,
        "expiry_year": 2031,
        "description": "my card 4242-4242-4242",
        "card_art": None,
        "cvc": "123",
    }
    assert displayable(given) == {
        "brand": "visa",
        "last_digits": "4242",
        "expiry_month": 7,
        "expiry_year": 2031,
    }
    assert (
        displayable({"last_digits": "14242", "expiry_year": 4242424242424242, "expiry_month": True}) == {}
    )

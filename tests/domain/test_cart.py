"""What of a checkout's quote a cart tells, and when a cart is not worth having."""

import pytest

from ucp_server.domain import problems
from ucp_server.domain.cart import as_estimate, nothing_to_be_had
from ucp_server.domain.checkout import Line
from ucp_server.domain.fulfillment import Address, Method, NewAddress
from ucp_server.domain.problems import Problem
from ucp_server.domain.quote import Quote, Total

ROSES, TULIPS = Line(id="li_1", item_id="rose", quantity=3), Line(id="li_2", item_id="tulip", quantity=1)
UNKNOWN = problems.item_unavailable("rose", "lines[0]")
NONE_LEFT = problems.out_of_stock("Rose", 0, "lines[0]")
FEW_LEFT = problems.out_of_stock("Rose", 2, "lines[0]")


@pytest.mark.parametrize(
    ("problem", "is_told"),
    [
        (UNKNOWN, True),
        (FEW_LEFT, True),
        (problems.quantity_limit("Rose", 2, "lines[0]"), True),
        (problems.item_needs_review("Rose", "lines[0]"), False),
        (problems.nothing_ordered(), False),
        (problems.buyer_field_missing("email"), False),
        (problems.fulfillment_missing("methods"), False),
        (problems.address_undeliverable("methods[0].destinations[0]"), False),
        (problems.fulfillment_changed("methods[0]"), False),
        (problems.high_value_order("500 EUR"), False),
        (problems.payment_failed("no"), False),
        (problems.other_currency("USD", "EUR"), True),
        (problems.discount_rejected("X", "expired", "over", 0), True),
        (problems.free_shipping_granted("X", 0), True),
        (problems.eligibility_not_accepted("com.example.member", "claims[0]"), True),
    ],
    ids=lambda value: value.code if isinstance(value, Problem) else None,
)
def test_only_what_concerns_the_goods_is_told(problem: Problem, *, is_told: bool) -> None:
    method = Method(id="shipping_1", type="shipping", line_ids=("li_1",))
    address = NewAddress(owner="mail:1", id="dest_1", address=Address(country="DE"))
    totals = (Total(type="total", amount_minor=100),)
    quote = Quote(
        currency="EUR",
        lines=(),
        totals=totals,
        problems=(problem,),
        methods=(method,),
        new_addresses=(address,),
    )
    told = (problem,) if is_told else ()
    assert as_estimate(quote) == Quote(currency="EUR", lines=(), totals=totals, problems=told)


@pytest.mark.parametrize(
    ("lines", "found", "missing"),
    [
        ((), (), None),
        ((ROSES,), (), None),
        ((ROSES,), (NONE_LEFT,), NONE_LEFT),
        ((ROSES,), (UNKNOWN,), UNKNOWN),
        ((ROSES,), (FEW_LEFT,), None),
        ((ROSES,), (problems.quantity_limit("Rose", 2, "lines[0]"),), None),
        ((ROSES, TULIPS), (NONE_LEFT,), None),
        ((ROSES, TULIPS), (problems.item_unavailable("tulip", "lines[1]"), NONE_LEFT), NONE_LEFT),
    ],
)
def test_a_cart_is_refused_only_where_nothing_of_it_can_be_had(
    lines: tuple[Line, ...], found: tuple[Problem, ...], missing: Problem | None
) -> None:
    assert nothing_to_be_had(lines, found) == missing


def test_less_than_nothing_on_hand_is_nothing() -> None:
    assert problems.out_of_stock("Rose", -2, "lines[0]").left == 0

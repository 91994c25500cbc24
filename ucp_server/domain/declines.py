"""What becomes of a checkout whose payments are declined: whoever tests cards needs many tries at one.

The platform has so many, then the buyer in person has as many again, then it is over.
"""

from ucp_server.domain.lifecycle import State
from ucp_server.domain.problems import Problem, declined_too_often


def problems_after(declines: int, declines_max: int) -> tuple[Problem, ...]:
    """What stands in the way of a further payment, however the basket is changed."""
    return (declined_too_often(),) if declines >= declines_max else ()


def state_after(declines: int, declines_max: int) -> State:
    """Where a payment that failed leaves its checkout."""
    return State.CANCELED if declines >= 2 * declines_max else State.OPEN

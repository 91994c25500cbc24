"""Between the made-up 2027-02-01 and 2026-08-25."""

from typing import Any, Final

from ucp_server.ucp.steps import Step, objects_in

Wire = dict[str, Any]


def codes_become_promotions(document: Wire) -> None:
    """2027-02-01 renamed ``discounts.codes``."""
    if "codes" in document.get("discounts", {}):
        document["discounts"]["promotions"] = document["discounts"].pop("codes")


def promotions_become_codes(document: Wire) -> None:
    """Before 2027-02-01 they were ``discounts.codes``."""
    if "promotions" in document.get("discounts", {}):
        document["discounts"]["codes"] = document["discounts"].pop("promotions")


def the_end_moves_out_of_the_lifetime(document: Wire) -> None:
    """2027-02-01 moved ``expires_at`` into ``lifetime``."""
    document["expires_at"] = document.pop("lifetime")["ends_at"]


def applied_amounts_become_positive(document: Wire) -> None:
    """2027-02-01 made what a discount takes off negative here as well."""
    for applied in objects_in(document.get("discounts"), "applied"):
        applied["amount"] = -applied["amount"]


REQUESTS: Final[tuple[Step, ...]] = (codes_become_promotions,)
CHECKOUTS: Final[tuple[Step, ...]] = (
    promotions_become_codes,
    the_end_moves_out_of_the_lifetime,
    applied_amounts_become_positive,
)

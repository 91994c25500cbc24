"""Fresh cards: looked at before they leave, and printed nowhere."""

from datetime import UTC, datetime

import pytest

from tests.c2a.conftest import VISA, card
from ucp_server.c2a.cards import decode_card
from ucp_server.c2a.refusals import CardInvalid

NOW = datetime(2026, 7, 15, tzinfo=UTC)


def test_a_card_becomes_what_the_vault_takes() -> None:
    credential = decode_card(card(cardNumber="4242 4242-4242 4242"), NOW)
    assert credential.type == "card"
    assert credential.members == {
        "number": VISA,
        "expiry_month": 7,
        "expiry_year": 2041,
        "cvc": "737",
        "name": "Ana Ruiz",
    }


def test_a_card_is_printed_by_nobody() -> None:
    credential = decode_card(card(), NOW)
    assert VISA not in f"{credential!r}{credential}"
    assert "737" not in f"{credential!r}{credential}"


@pytest.mark.parametrize(
    ("at", "is_good"),
    [
        (datetime(2026, 7, 31, 23, 59, tzinfo=UTC), True),
        # It is still July in the west.
        (datetime(2026, 8, 1, 11, 59, tzinfo=UTC), True),
        (datetime(2026, 8, 1, 12, 0, tzinfo=UTC), False),
        (datetime(2027, 1, 15, tzinfo=UTC), False),
    ],
)
def test_a_card_is_good_to_the_end_of_its_month(at: datetime, is_good: bool) -> None:
    written = card(expireMonth="07", expireYear="2026")
    if is_good:
        decode_card(written, at)
    else:
        with pytest.raises(CardInvalid, match="expired"):
            decode_card(written, at)

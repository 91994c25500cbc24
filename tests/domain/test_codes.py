"""How codes are written: one way each, and nothing else is read."""

import base64
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.domain.attribution import Commission, CommissionType, Offer
from ucp_server.domain.codes import (
    CODE_CHARACTERS_MAX,
    MalformedCode,
    encode_payload,
    join,
    payload_of,
    read_payload,
    split,
)
from ucp_server.domain.money import Money

PREFIX = "code://network.test/v1/"
SIGNATURE = bytes(range(64))
OFFER = Offer(
    id="offer-1",
    merchant_id="shop",
    item_id="sim-60",
    vertical="sim",
    provider="Harbour",
    name="60 GB, monthly",
    price=Money(1800, "GBP"),
    commission=Commission(type=CommissionType.PERCENTAGE, rate_ppm=125_000, min_minor=50),
)
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_payload_tells_amounts_as_decimals_and_times_as_seconds():
    raw = encode_payload(payload_of(OFFER, "network.test", issued_at=AT, ttl_s=30 * 86400))
    assert msgspec.json.decode(raw) == {
        "v": "1",
        "iss": "network.test",
        "off": "offer-1",
        "mer": "shop",
        "pro": "Harbour",
        "prd": "60 GB, monthly",
        "prc": 18.0,
        "cur": "GBP",
        "com": {"type": "percentage", "value": 12.5, "min": 0.5},
        "iat": 1772366400,
        "exp": 1774958400,
    }
    assert read_payload(raw).price == Decimal("18.00")


def test_a_fixed_commission_is_an_amount():
    fixed = msgspec.structs.replace(
        OFFER, commission=Commission(type=CommissionType.CPA, amount_minor=2500), price=Money(500, "JPY")
    )
    payload = payload_of(fixed, "network.test", issued_at=AT, ttl_s=1)
    assert (payload.price, payload.commission.value) == (Decimal(500), Decimal(2500))


@given(st.binary(max_size=300), st.binary(min_size=64, max_size=64))
def test_what_was_joined_is_split_again(payload: bytes, signature: bytes):
    text = join(PREFIX, payload, signature)
    assert "=" not in text
    assert split(PREFIX, text) == (payload, signature)


@given(st.text(max_size=200))
def test_any_text_is_split_or_refused(text: str):
    for candidate in (text, PREFIX + text):
        try:
            payload, signature = split(PREFIX, candidate)
        except MalformedCode:
            continue
        assert join(PREFIX, payload, signature) == candidate


@given(st.binary(max_size=200))
def test_any_payload_is_read_or_refused(raw: bytes):
    with pytest.raises(MalformedCode):
        read_payload(raw)


@pytest.mark.parametrize(
    "text",
    [
        "",
        PREFIX,
        PREFIX + "e30",
        PREFIX + "e30.",
        PREFIX + "e30.e30",
        join("code://other.test/v1/", b"{}", SIGNATURE),
        join(PREFIX, b"{}", SIGNATURE) + "=",
        join(PREFIX, b"{}", SIGNATURE)[:-1] + "_",
        join(PREFIX, b"{}", SIGNATURE).replace(".", ".."),
        join(PREFIX, b"{}", SIGNATURE) + "\n",
        PREFIX + base64.b64encode(b"\xff\xff\xfe").decode() + "." + "A" * 86,
        join(PREFIX, b"x" * CODE_CHARACTERS_MAX, SIGNATURE),
        PREFIX + "é." + "A" * 86,
    ],
)
def test_there_is_no_second_way_to_write_a_code(text: str):
    with pytest.raises(MalformedCode):
        split(PREFIX, text)

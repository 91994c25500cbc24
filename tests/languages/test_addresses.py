"""Addresses as letters to there are addressed."""

import pytest

from ucp_server.domain.fulfillment import Address
from ucp_server.languages import LANGUAGES
from ucp_server.languages.addresses import address_lines

ADA = Address(
    full_name="Ada Agent", street_address="1 Elm Street", locality="Springfield", postal_code="62704"
)
GERMAN = LANGUAGES["de"]


def of(**changes: str | None) -> Address:
    given = {name: getattr(ADA, name) for name in ADA.__struct_fields__}
    return Address(**given | changes)


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        (of(country="US", region="IL"), ["Ada Agent", "1 Elm Street", "Springfield, IL 62704"]),
        (of(country="US"), ["Ada Agent", "1 Elm Street", "Springfield, 62704"]),
        (of(country="DE", region="BE"), ["Ada Agent", "1 Elm Street", "62704 Springfield"]),
        (of(country="GB"), ["Ada Agent", "1 Elm Street", "Springfield", "62704"]),
        (
            of(country="JP", region="東京都", locality="千代田区"),
            ["〒62704", "東京都", "千代田区", "1 Elm Street", "Ada Agent"],
        ),
        (
            of(country="DE", extended_address="Flat 2"),
            ["Ada Agent", "1 Elm Street", "Flat 2", "62704 Springfield"],
        ),
        (of(country="DE", full_name=None, first_name="Ada"), ["Ada", "1 Elm Street", "62704 Springfield"]),
        (of(country="AO"), ["Ada Agent", "1 Elm Street", "62704 Springfield"]),
    ],
)
def test_each_country_has_its_order(address: Address, lines: list[str]):
    assert list(address_lines(address, GERMAN)) == [*lines, GERMAN.country(address.country)]


@pytest.mark.parametrize("country", ["", None, "XX", "nowhere", "%N"])
def test_what_is_no_country_is_written_all_the_same(country: str | None):
    lines = address_lines(of(country=country), GERMAN)
    assert lines[:3] == ("Ada Agent", "1 Elm Street", "62704 Springfield")
    assert lines[3:] == ((country,) if country else ())


def test_no_address_has_no_lines():
    assert address_lines(None, GERMAN) == ()
    assert address_lines(Address(), GERMAN) == ()


def test_signs_of_the_forms_are_no_commands():
    assert "%n%Z" in address_lines(of(full_name="%n%Z", country="DE"), GERMAN)

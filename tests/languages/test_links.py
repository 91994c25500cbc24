"""Titles of a merchant's pages."""

import pytest

from ucp_server.languages import LANGUAGES
from ucp_server.languages.links import link_title


@pytest.mark.parametrize(
    ("type_", "title", "code", "shown"),
    [
        ("terms_of_service", "", "de", "Geschäftsbedingungen"),
        ("terms_of_service", "Unsere AGB", "de", "Unsere AGB"),
        ("terms_of_service", "", "en", "Terms"),
        ("gift_policy", "", "de", "Gift policy"),
    ],
)
def test_a_page_of_the_merchants_has_a_title(type_: str, title: str, code: str, shown: str):
    assert link_title(type_, title, LANGUAGES[code]) == shown

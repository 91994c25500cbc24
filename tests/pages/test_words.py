"""Addresses, problems and links in words."""

import pytest

from ucp_server.domain import discounts, problems
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.money import Money
from ucp_server.domain.problems import Problem
from ucp_server.engine import closing
from ucp_server.languages import ENGLISH, LANGUAGES
from ucp_server.pages.words import address_line, problem_text, web_url


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
    assert address_line(full, ENGLISH) == "Ada Agent, Ahornweg 7, 3rd floor, 10437 Berlin, Germany"
    assert address_line(Address(country="DE"), ENGLISH) == "Germany"
    assert address_line(Address(country="DE"), LANGUAGES["de"]) == "Deutschland"
    assert address_line(None, ENGLISH) == ""


REASONS = [
    value
    for value in vars(discounts).values()
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(part, str) for part in value)
]


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason[1])
def test_why_a_code_is_not_taken_is_told_in_the_buyers_language(reason: tuple[str, str]):
    told = problem_text(problems.discount_rejected("NOPE", *reason, 0), LANGUAGES["de"])
    assert told.startswith("NOPE: ")
    assert reason[1] not in told


def test_an_amount_is_written_as_people_of_the_language_write_it():
    told = problem_text(problems.refund_failed(Money(315000, "EUR"), "adjustments[0]"), LANGUAGES["de"])
    assert told.startswith("3.150,00\N{NO-BREAK SPACE}€ ")


@pytest.mark.parametrize(
    "problem",
    [
        problems.payment_not_collected(),
        problems.refund_failed(Money(3150, "USD"), "adjustments[0]"),
        problems.fulfillment_delayed("Roses", "lines[0]"),
        problems.payment_failed(closing._FAILED_TEXT),
        problems.declined_too_often(),
        problems.eligibility_invalid("club.example", "claims[0]"),
    ],
    ids=lambda problem: problem.code,
)
def test_what_is_told_of_payments_and_orders_is_told_in_the_buyers_language(problem: Problem):
    said = {problem_text(problem, language) for language in LANGUAGES.values()}
    assert len(said) == len(LANGUAGES)


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

"""The catalogs: complete, up to date, and true to the facts and the markup of what they translate."""

import re

import pytest
from babel.messages.catalog import Catalog, Message

from tests.languages.collecting import (
    CATALOGS,
    TRANSLATED,
    NotCollectable,
    catalog_of,
    collected,
    said_in_code,
    said_in_template,
    written,
)
from ucp_server.languages import ENGLISH, LANGUAGES

FACT = re.compile(r"%\((\w+)\)s")
TAG = re.compile(r"<[^>]*>")
# What a language is written with; what has none of it was copied instead of translated.
LETTERS = {"de": r"[a-zäöüß]{2}", "ar": r"[\u0600-\u06ff]", "ja": r"[\u3040-\u30ff\u4e00-\u9fff]"}

AMENDING = "python -m tests.languages.collecting brings the catalogs up to date"


@pytest.fixture(scope="module")
def said() -> list[str | tuple[str, str]]:
    return collected()


@pytest.fixture(params=TRANSLATED)
def catalog(request: pytest.FixtureRequest) -> Catalog:
    return catalog_of(request.param)


def entries(catalog: Catalog) -> list[Message]:
    return [entry for entry in catalog if entry.id]


def forms(entry: Message) -> list[str]:
    return [entry.string] if isinstance(entry.string, str) else list(entry.string)


def source(entry: Message) -> str:
    """The English form that has all facts."""
    return entry.id if isinstance(entry.id, str) else entry.id[1]


def test_a_catalog_has_what_is_said_and_nothing_else(catalog: Catalog, said: list[str | tuple[str, str]]):
    listed = {entry.id for entry in entries(catalog)}
    assert [each for each in said if each not in listed] == [], AMENDING
    assert [each for each in listed if each not in said] == [], AMENDING


def test_a_catalog_is_written_as_its_tool_writes_it(catalog: Catalog, said: list[str | tuple[str, str]]):
    code = str(catalog.locale_identifier)
    assert (CATALOGS / f"{code}.po").read_text() == written(code, said, catalog), AMENDING


def test_everything_is_translated(catalog: Catalog):
    letters = re.compile(LETTERS[str(catalog.locale_identifier)])
    for entry in entries(catalog):
        assert not entry.fuzzy, entry.id
        for form in forms(entry):
            assert form.strip() == form != "", entry.id
            if FACT.sub("", source(entry)).strip(" :,.()"):
                assert letters.search(TAG.sub("", FACT.sub("", form))), (entry.id, form)


def test_a_number_has_all_the_forms_that_the_language_wants(catalog: Catalog):
    for entry in entries(catalog):
        if not isinstance(entry.id, str):
            assert len(forms(entry)) == catalog.num_plurals, entry.id


def test_a_translation_has_the_same_facts_and_the_same_markup(catalog: Catalog):
    for entry in entries(catalog):
        facts, tags = sorted(FACT.findall(source(entry))), sorted(TAG.findall(source(entry)))
        for form in forms(entry):
            # One, two or none of something may be said in a word.
            left = {"number"} if len(forms(entry)) > 1 else set[str]()
            assert set(facts) - left <= set(FACT.findall(form)) <= set(facts), (entry.id, form)
            assert len(set(FACT.findall(form))) == len(FACT.findall(form)), (entry.id, form)
            assert sorted(TAG.findall(form)) == tags, (entry.id, form)


def test_nothing_in_a_translation_is_markup_or_a_place_by_accident(catalog: Catalog):
    for entry in entries(catalog):
        for form in forms(entry):
            assert not re.search(r'[<>&"%]', FACT.sub("", TAG.sub("", form))), form


# --- collecting ---


def test_messages_are_found_where_they_are_said_and_where_they_are_marked():
    source = """
TITLE = message("One")
language.text("Two %(x)s", x=1)
language.text("Three" if x else "Four")
language.text(TITLE)
language.count("One piece", "Many pieces", n)
text.count("x")
"""
    assert set(said_in_code(source, "x.py")) == {
        "One",
        "Two %(x)s",
        "Three",
        "Four",
        ("One piece", "Many pieces"),
    }


@pytest.mark.parametrize(
    "said", ['language.text(f"{n} pieces")', 'language.text("a" + b)', "message(NAME)"]
)
def test_a_message_is_one_constant(said: str):
    with pytest.raises(NotCollectable):
        list(said_in_code(said, "x.py"))


def test_messages_are_found_in_templates():
    template = """{{ _("One") }} {{ _("Two %(x)s", x=page.x) }}
{% trans x=page.x %}Three <b>{{ x }}</b>{% endtrans %}
{% trans number=page.number %}one piece{% pluralize %}{{ number }} pieces{% endtrans %}"""
    assert list(said_in_template(template)) == [
        "One",
        "Two %(x)s",
        "Three <b>%(x)s</b>",
        ("one piece", "%(number)s pieces"),
    ]


# --- speaking ---


@pytest.mark.parametrize("number", [0, 1, 2, 3, 10, 11, 99, 100, 101, 102, 103, 111])
def test_arabic_counts_in_six_forms(number: int):
    said = LANGUAGES["ar"].count("Only %(number)s is left.", "Only %(number)s are left.", number)
    form = {0: "نفدت", 1: "قطعة واحدة", 2: "قطعتان"}.get(number)
    if form is None:
        form = f"{number} قطع فقط" if 3 <= number % 100 <= 10 else f"{number} قطعة فقط"
    assert form in said


def test_facts_keep_their_own_direction_where_one_writes_to_the_left():
    said = "You buy from %(shop)s."
    assert ENGLISH.text(said, shop="Kiosk (24)") == "You buy from Kiosk (24)."
    assert "\u2068Kiosk (24)\u2069" in LANGUAGES["ar"].text(said, shop="Kiosk (24)")


def test_what_no_catalog_knows_is_said_as_it_is():
    for language in LANGUAGES.values():
        assert language.text("Ask the bank: 50 %.") == "Ask the bank: 50 %."

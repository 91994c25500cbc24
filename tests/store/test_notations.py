import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.domain.catalog import Barcode, Measure, Rating, UnitPrice
from ucp_server.domain.money import AMOUNT_MAX, Money, decimal_text
from ucp_server.store.csv_rows import CellError
from ucp_server.store.notations import amount_minor, barcode, handle, language, rating, unit_price, weight_g

MEASURES = ("unit_pricing_measure", "unit_pricing_base_measure")
RATINGS = ("rating", "rating_count")


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("14.90 EUR", "EUR", 1490),
        ("14.9EUR", "EUR", 1490),
        ("EUR 14", "EUR", 1400),
        ("1500 JPY", "JPY", 1500),
        ("1500.00 JPY", "JPY", 1500),
        ("0.125 KWD", "KWD", 125),
        ("14.9000 EUR", "EUR", 1490),
    ],
)
def test_an_amount_becomes_minor_units(text: str, currency: str, minor: int) -> None:
    assert amount_minor("price", text, currency) == minor


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("14.90", "price names no currency"),
        ("14.90 USD", "price is in USD, the shop sells in EUR"),
        ("USD 14.90 EUR", "the shop sells in EUR"),
        ("14,90 EUR", "price is not an amount such as 14.90 EUR"),
        ("1,490.00 EUR", "price is not an amount"),
        ("-1 EUR", "price is not an amount"),
        ("14.905 EUR", "price is finer than EUR can be paid"),
        ("9999999999999999 EUR", "price is not between 0 and"),
        ("free", "price is not an amount"),
    ],
)
def test_an_amount_that_could_mean_two_things_is_refused(text: str, reason: str) -> None:
    with pytest.raises(CellError, match=reason):
        amount_minor("price", text, "EUR")


@given(st.integers(0, AMOUNT_MAX), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_what_we_write_we_read(minor: int, currency: str) -> None:
    assert amount_minor("price", f"{decimal_text(Money(minor, currency))} {currency}", currency) == minor


@pytest.mark.parametrize(
    ("text", "grams"), [("310 g", 310), ("1.2 kg", 1200), ("1,2kg", 1200), ("1 lb", 454), ("0.5 g", 1)]
)
def test_a_weight_is_in_whole_grams_and_never_too_light(text: str, grams: int) -> None:
    assert weight_g("shipping_weight", text) == grams


def test_a_unit_price_compares_in_one_unit() -> None:
    assert unit_price(MEASURES, "750 ml", "1 l") == UnitPrice(
        measure=Measure(750, "LTR", 3, "l"), reference=Measure(1, "LTR", 0, "l")
    )
    assert unit_price(MEASURES, "1.50 kg", "100g") == UnitPrice(
        measure=Measure(1500, "GRM", 0, "g"), reference=Measure(100, "GRM", 0, "g")
    )
    assert unit_price(MEASURES, "12 ct", None) == UnitPrice(
        measure=Measure(12, "C62", 0, "ct"), reference=Measure(1, "C62", 0, "ct")
    )
    assert unit_price(MEASURES, None, None) is None


@pytest.mark.parametrize(
    ("measure", "reference", "reason"),
    [
        ("750 ml", "1 kg", "of another kind"),
        (None, "1 l", "is there without unit_pricing_measure"),
        ("0 g", None, "is nothing"),
        ("1.5 ct", None, "no whole piece"),
        ("many", None, "is not a measure"),
        ("3 stones", None, "is in none of"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    measure: str | None, reference: str | None, reason: str
) -> None:
    with pytest.raises(CellError, match=reason):
        unit_price(MEASURES, measure, reference)


def test_a_rating_is_a_mean_of_one_to_five() -> None:
    assert rating(RATINGS, "4.75", 12) == Rating(value_centi=475, count=12)
    assert rating(RATINGS, "4,666", None) == Rating(value_centi=467)
    assert rating(RATINGS, "5", 1) == Rating(value_centi=500, count=1)
    assert rating(RATINGS, None, 0) is None
    for mean, count in (("0", 1), ("5.1", 1), ("good", 1), (None, 3)):
        with pytest.raises(CellError):
            rating(RATINGS, mean, count)


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("gtin", "4006381333931", Barcode("EAN", "4006381333931")),
        ("gtin", "036000291452", Barcode("UPC", "036000291452")),
        ("gtin", "978-3-16-148410-0", Barcode("ISBN", "9783161484100")),
        ("gtin", "10012345678902", Barcode("GTIN", "10012345678902")),
        ("isbn", "0-306-40615-x", Barcode("ISBN", "030640615X")),
        ("jan", "4901234567894", Barcode("JAN", "4901234567894")),
    ],
)
def test_a_barcode_is_known_by_its_column_or_its_length(name: str, text: str, found: Barcode) -> None:
    assert barcode(name, text) == found


@pytest.mark.parametrize(("name", "text"), [("gtin", "12345"), ("ean", "X06381333931"), ("upc", "1" * 13)])
def test_what_no_scanner_reads_is_refused(name: str, text: str) -> None:
    with pytest.raises(CellError, match=f"{name} is not a number of such goods"):
        barcode(name, text)


def test_handles_and_languages() -> None:
    assert handle("handle", "green-path_2.0") == "green-path_2.0"
    assert [language("language", text) for text in ("de", "PT-br", "zh-Hant-tw")] == [
        "de", "pt-BR", "zh-Hant-TW",
    ]  # fmt: skip
    with pytest.raises(CellError, match="other characters"):
        handle("handle", "green path")
    with pytest.raises(CellError, match="no language"):
        language("language", "German!")

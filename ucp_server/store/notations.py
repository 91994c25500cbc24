"""How shops and feeds write prices, measures, weights, ratings and barcodes in one text each.

Every function takes the name of the member for what it says to the merchant, and raises `CellError`.
"""

import re
from typing import Final, NamedTuple

from ucp_server.domain.catalog import Barcode, Measure, Rating, UnitPrice
from ucp_server.domain.money import AMOUNT_MAX, exponent
from ucp_server.store.csv_rows import CellError

_AMOUNT: Final = re.compile(
    r"(?:(?P<before>[A-Z]{3})\s*)?(?P<whole>\d{1,16})(?:\.(?P<part>\d{1,6}))?(?:\s*(?P<after>[A-Z]{3}))?",
    re.ASCII,
)
_MEASURE: Final = re.compile(r"(\d{1,9})(?:[.,](\d{1,4}))?\s*([A-Za-z. ]{1,10}?)\.?", re.ASCII)
_RATING: Final = re.compile(r"(\d{1,2})(?:[.,](\d{1,4}))?", re.ASCII)
_HANDLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,254}", re.ASCII)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)


class _Unit(NamedTuple):
    """``code`` is of UN/CEFACT Rec 20; it is 10^-``places`` of the measure that all of its kind share."""

    label: str
    code: str
    kind: str
    places: int = 0


_UNITS: Final = {
    unit.label: unit
    for unit in (
        _Unit("mg", "MGM", "mass", 6), _Unit("g", "GRM", "mass", 3), _Unit("kg", "KGM", "mass"),
        _Unit("ml", "MLT", "volume", 3), _Unit("cl", "CLT", "volume", 2), _Unit("l", "LTR", "volume"),
        _Unit("mm", "MMT", "length", 3), _Unit("cm", "CMT", "length", 2), _Unit("m", "MTR", "length"),
        _Unit("cbm", "MTQ", "cbm"), _Unit("sqm", "MTK", "sqm"), _Unit("sqft", "FTK", "sqft"),
        _Unit("in", "INH", "in"), _Unit("ft", "FOT", "ft"), _Unit("yd", "YRD", "yd"),
        _Unit("oz", "ONZ", "oz"), _Unit("lb", "LBR", "lb"), _Unit("fl oz", "OZA", "fl oz"),
        _Unit("pt", "PTL", "pt"), _Unit("qt", "QTL", "qt"), _Unit("gal", "GLL", "gal"),
        _Unit("ct", "C62", "piece"),
    )
}  # fmt: skip
# Micrograms of one unit; what is not whole grams is a gram more, so that no parcel is too heavy.
_UG_PER_G: Final = 1_000_000
_UG: Final = {
    "mg": 1_000, "g": _UG_PER_G, "kg": 1_000 * _UG_PER_G, "oz": 28_349_523, "lb": 453_592_370,
}  # fmt: skip
_RATING_MAX: Final = 5


def amount_minor(name: str, text: str, currency: str) -> int:
    """``14.90 EUR`` or ``EUR 14.90`` in minor units of ``currency``, which has to be the named one."""
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        raise CellError(f"{name} is not an amount such as 14.90 {currency}: {text[:40]}")
    named = match["before"] or match["after"]
    if named is None:
        raise CellError(f"{name} names no currency: {text[:40]}")
    if {match["before"], match["after"]} - {None, currency}:
        raise CellError(f"{name} is in {named}, the shop sells in {currency}")
    places = exponent(currency)
    part = (match["part"] or "").rstrip("0")
    if len(part) > places:
        raise CellError(f"{name} is finer than {currency} can be paid: {text[:40]}")
    minor = int(match["whole"] + part.ljust(places, "0"))
    if minor > AMOUNT_MAX:
        raise CellError(f"{name} is not between 0 and {AMOUNT_MAX}: {text[:40]}")
    return minor


def weight_g(name: str, text: str) -> int:
    """``310 g`` or ``1.2 kg`` in grams, rounded up."""
    value, scale, unit = _measured(name, text)
    if unit not in _UG:
        raise CellError(f"{name} is in none of {', '.join(_UG)}: {text[:40]}")
    divisor: int = _UG_PER_G * 10**scale
    return -(-value * _UG[unit] // divisor)


def unit_price(names: tuple[str, str], measure: str | None, reference: str | None) -> UnitPrice | None:
    """What the whole contains (``750 ml``) and what is compared (``1 l``; one unit, if not told).

    Both come out in the unit that is compared; in metric kinds the point is shifted for that.
    """
    if measure is None:
        if reference is not None:
            raise CellError(f"{names[1]} is there without {names[0]}")
        return None
    value, scale, unit = _measure(names[0], measure)
    if reference is None:
        return UnitPrice(
            measure=Measure(value, unit.code, scale, unit.label),
            reference=Measure(1, unit.code, 0, unit.label),
        )
    compared, compared_scale, told = _measure(names[1], reference)
    if told.kind != unit.kind:
        raise CellError(f"{names[1]} is of another kind than {names[0]}: {reference[:40]}")
    shift = scale + unit.places - told.places
    grown: int = value * 10 ** max(-shift, 0)
    return UnitPrice(
        measure=Measure(grown, told.code, max(shift, 0), told.label),
        reference=Measure(compared, told.code, compared_scale, told.label),
    )


def _measure(name: str, text: str) -> tuple[int, int, _Unit]:
    value, scale, label = _measured(name, text)
    unit = _UNITS.get(label)
    if unit is None:
        raise CellError(f"{name} is in none of {', '.join(_UNITS)}: {text[:40]}")
    while scale and value % 10 == 0:
        value, scale = value // 10, scale - 1
    if not value or (scale and unit.kind == "piece"):
        raise CellError(f"{name} is nothing, or no whole piece: {text[:40]}")
    return value, scale, unit


def _measured(name: str, text: str) -> tuple[int, int, str]:
    match = _MEASURE.fullmatch(text.strip())
    if match is None:
        raise CellError(f"{name} is not a measure such as 250 g: {text[:40]}")
    part = match[2] or ""
    return int(match[1] + part), len(part), " ".join(match[3].lower().split())


def rating(names: tuple[str, str], mean: str | None, count: int | None) -> Rating | None:
    """A mean of 1 to 5 in at most two decimals; more are rounded."""
    if mean is None:
        if count:
            raise CellError(f"{names[1]} is there without {names[0]}")
        return None
    match = _RATING.fullmatch(mean.strip())
    if match is None:
        raise CellError(f"{names[0]} is not a number: {mean[:40]}")
    # In ten thousandths, so that it is rounded once and half up.
    centi = (int(match[1] + (match[2] or "").ljust(4, "0")) + 50) // 100
    if not 100 <= centi <= _RATING_MAX * 100:
        raise CellError(f"{names[0]} is not between 1 and {_RATING_MAX}: {mean[:40]}")
    return Rating(value_centi=centi, max=_RATING_MAX, count=count)


def barcode(name: str, text: str) -> Barcode:
    """A column ``ean``, ``upc``, ``isbn`` or ``jan`` says what it is, in ``gtin`` the length does."""
    value = text.replace("-", "").replace(" ", "").upper()
    body = value[:-1] if name == "isbn" and len(value) == 10 and value.endswith("X") else value
    if not (body.isascii() and body.isdigit()) or len(value) not in _LENGTHS.get(name, _GTIN):
        raise CellError(f"{name} is not a number of such goods: {text[:40]}")
    return Barcode(name.upper() if name != "gtin" else _kind(value), value)


_GTIN: Final = (8, 12, 13, 14)
_LENGTHS: Final = {"ean": (8, 13), "upc": (12,), "isbn": (10, 13), "jan": (8, 13)}


def _kind(gtin: str) -> str:
    if len(gtin) == 12:
        return "UPC"
    if len(gtin) == 14:
        return "GTIN"
    return "ISBN" if gtin.startswith(("978", "979")) else "EAN"


def handle(name: str, text: str) -> str:
    """A word that stands in an address as it is."""
    if not _HANDLE.fullmatch(text):
        raise CellError(f"{name} has other characters than letters, digits and - . _ ~ ({text[:40]})")
    return text


def language(name: str, text: str) -> str:
    """A tag of BCP 47, as far as shops use them: ``de``, ``pt-BR``."""
    if not _LANGUAGE.fullmatch(text):
        raise CellError(f"{name} is no language such as de or pt-BR: {text[:40]}")
    main, *others = text.split("-")
    return "-".join([main.lower(), *(one.upper() if len(one) == 2 else one for one in others)])

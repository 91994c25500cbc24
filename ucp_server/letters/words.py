"""What letters call things, and what strangers gave in a form that can stand in a letter."""

import unicodedata
from collections.abc import Iterable
from typing import Final

from ucp_server.domain.checkout import Buyer
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.order import Expectation
from ucp_server.languages import Language
from ucp_server.languages.addresses import address_lines
from ucp_server.languages.names import name_of

# Longer names than these are texts.
NAME_CHARACTERS_MAX: Final = 60
# A title, a line of an address, what a shop says of a way to deliver or of a refund.
LINE_CHARACTERS_MAX: Final = 200


def window(promise: Expectation, language: Language) -> str:
    """The days between which it comes; empty where nobody named any."""
    first = language.date(promise.earliest_at) if promise.earliest_at else ""
    last = language.date(promise.latest_at) if promise.latest_at else ""
    if first and last and first != last:
        return language.text("Between %(first)s and %(last)s", first=first, last=last)
    if last:
        return last if first else language.text("By %(last)s", last=last)
    return language.text("From %(first)s", first=first) if first else ""


def greeting(buyer: Buyer | None, language: Language) -> str:
    """A buyer without a name is greeted without one."""
    name = legible(name_of(buyer, language), NAME_CHARACTERS_MAX)
    return language.text("Dear %(name)s,", name=name) if name else language.text("Hello,")


def label(address: Address | None, language: Language) -> tuple[str, ...]:
    """The address as it is written on a parcel: whatever its members hold, no more lines than theirs."""
    if address is None:
        return ()
    told = {name: getattr(address, name) for name in address.__struct_fields__}
    kept = {name: legible(text, LINE_CHARACTERS_MAX) for name, text in told.items() if text}
    return address_lines(Address(**kept), language)


def lines_of(texts: Iterable[str | None]) -> tuple[str, ...]:
    """The texts that say something, a legible line each."""
    lines = (legible(text or "", LINE_CHARACTERS_MAX) for text in texts)
    return tuple(line for line in lines if line)


def legible(text: str, characters_max: int) -> str:
    """What a stranger gave, as one short line: it must not say more than that in our mail.

    Controls, line ends and invisible signs (which may turn the reading direction) go.
    """
    kept = "".join(sign if unicodedata.category(sign)[0] not in "CZ" else " " for sign in text)
    return " ".join(kept.split())[:characters_max].rstrip()

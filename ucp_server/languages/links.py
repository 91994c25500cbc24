"""What a merchant's own pages are called, wherever they are linked from."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ucp_server.languages.language import Language, message

# The well-known types (UCP checkout, "Link").
_LINKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "terms_of_service": message("Terms"),
        "privacy_policy": message("Privacy"),
        "refund_policy": message("Returns and refunds"),
        "shipping_policy": message("Shipping"),
        "faq": message("Questions and answers"),
        "contact": message("Contact"),
    }
)


def link_title(type_: str, title: str, language: Language) -> str:
    """The merchant's own ``title``; without one, what pages of that type are called."""
    known = title or _LINKS.get(type_)
    return language.text(known) if known else type_.replace("_", " ").capitalize()

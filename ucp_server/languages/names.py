"""What people are called."""

from ucp_server.domain.checkout import Buyer
from ucp_server.languages.language import Language


def name_of(buyer: Buyer | None, language: Language) -> str:
    """The names in the order in which people write them, or the one that was told; "" for nobody known."""
    if buyer is None:
        return ""
    names = (buyer.first_name, buyer.last_name)
    if language.family_first:
        names = names[::-1]
    return " ".join(name for name in names if name) or buyer.full_name or ""

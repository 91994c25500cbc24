"""What a shop sells, as far as a checkout needs to know."""

import msgspec

from ucp_server.domain.money import Money


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that can be put on a line: a product, or one variant of it.

    ``tax_category`` and ``category`` name rows of the shop's own tables; ``needs_review`` sends the
    buyer to our page before it can be ordered; ``ships`` is False for what needs no fulfillment.
    """

    id: str
    title: str
    price: Money
    product_id: str | None = None
    image_url: str | None = None
    category: str | None = None
    tax_category: str | None = None
    ships: bool = True
    needs_review: bool = False
    quantity_max: int | None = None
    weight_g: int = 0
    description: str | None = None
    options: dict[str, str] = {}


def is_absolute(image_url: str) -> bool:
    return image_url.startswith(("https://", "http://"))


def picture_url(image_url: str | None, public_url: str) -> str | None:
    """Where a picture is: a path that came with the shop's tables is served under ``public_url``."""
    if image_url is None or is_absolute(image_url):
        return image_url
    return f"{public_url.rstrip('/')}/{image_url}"

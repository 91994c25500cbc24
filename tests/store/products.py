"""Products written for one test."""

from ucp_server.domain.catalog import Category, ProductOption
from ucp_server.store.catalog import ItemDetail, ItemRow, ProductDetail, ProductRow, Translation
from ucp_server.store.database import Pool, transaction
from ucp_server.store.products import replace_products


def product(
    title: str,
    price_minor: int = 1_000,
    *,
    id_: str | None = None,
    description: str = "",
    category: str | None = None,
    language: str = "en",
    translations: dict[str, Translation] | None = None,
    **item: object,
) -> ProductRow:
    """A product that is one item; its id is its title in small letters with hyphens."""
    id_ = id_ or title.casefold().replace(" ", "-")
    detail = ProductDetail(
        description=description,
        language=language,
        categories=(Category(category),) if category else (),
        translations=translations or {},
    )
    own = ItemDetail(description=description or None, **item)  # type: ignore[arg-type]  # as the test says
    return ProductRow(
        id=id_,
        title=title,
        detail=detail,
        items=(ItemRow(id=id_, title=title, price_minor=price_minor, detail=own),),
    )


def with_variants(title: str, *variants: tuple[dict[str, str], int], id_: str | None = None) -> ProductRow:
    """A product whose variants are options and a price; ids are the labels behind the product's."""
    id_ = id_ or title.casefold().replace(" ", "-")
    items = tuple(
        ItemRow(
            id="-".join([id_, *(label.casefold() for label in options.values())]),
            title=", ".join([title, *options.values()]),
            price_minor=price_minor,
            detail=ItemDetail(product_id=id_, options=options),
        )
        for options, price_minor in variants
    )
    names = dict.fromkeys(name for options, _ in variants for name in options)
    options = tuple(
        ProductOption(name, tuple(dict.fromkeys(one[name] for one, _ in variants if name in one)))
        for name in names
    )
    return ProductRow(id=id_, title=title, detail=ProductDetail(options=options), items=items)


async def sold(pool: Pool, *rows: ProductRow, merchant_id: str = "shop") -> None:
    """Make ``rows`` the whole shop."""
    async with transaction(pool) as tx:
        await replace_products(tx, merchant_id, "EUR", rows)

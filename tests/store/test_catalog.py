from pathlib import Path

from tests.store.products import product, sold, with_variants
from tests.store.shops import execute, imported
from ucp_server.domain.catalog import (
    Availability,
    Barcode,
    Choice,
    Item,
    Market,
    Named,
    ProductOption,
    picture_url,
)
from ucp_server.domain.money import Money
from ucp_server.store.catalog import PostgresCatalog, Translation
from ucp_server.store.database import Pool, recorded_statements
from ucp_server.store.shelf import PostgresShop


async def test_items_that_exist_are_given_by_id(pool: Pool, tmp_path: Path) -> None:
    await imported(pool, tmp_path)
    items = await PostgresCatalog(pool).items("shop", ["tea", "gone", "tea"])
    assert items == {"tea": Item(id="tea", title="Tea", price=Money(500, "EUR"))}


async def test_everything_that_a_row_says_comes_back(pool: Pool, tmp_path: Path) -> None:
    await imported(
        pool,
        tmp_path,
        products=(
            "id,title,price,image_url,description,category,tax_category,ships,needs_review,quantity_max,weight_g\n"
            'tea,"Tea, green",500,https://example.com/tea.svg,Fine,drinks,food,no,yes,3,80\n'
        ),
    )
    assert (await PostgresCatalog(pool).items("shop", ["tea"]))["tea"] == Item(
        id="tea",
        title="Tea, green",
        price=Money(500, "EUR"),
        image_url="https://example.com/tea.svg",
        description="Fine",
        category="drinks",
        tax_category="food",
        ships=False,
        needs_review=True,
        quantity_max=3,
        weight_g=80,
    )


async def test_a_merchant_sees_its_own_shop_alone(pool: Pool, tmp_path: Path) -> None:
    await imported(pool, tmp_path / "a", "one", inventory="product_id,quantity\ntea,5\n")
    await imported(pool, tmp_path / "b", "two", products="id,title,price\ntea,Other tea,900\n")
    one, two = [await PostgresShop(pool).look(m, ["tea", "pen"], None) for m in ("one", "two")]
    assert (one.items["tea"].price.minor, one.available) == (500, {"tea": 5})
    assert (two.items["tea"].price.minor, two.available) == (900, {})
    assert set(two.items) == {"tea"}


async def test_one_look_shows_items_stock_and_customer(pool: Pool, tmp_path: Path) -> None:
    await imported(
        pool,
        tmp_path,
        inventory="product_id,quantity\ntea,5\npen,0\n",
        customers="id,name,email\nann,Ann,Ann@example.com\n",
        addresses="id,customer_id,street_address,country\na2,ann,Second St,DE\na1,ann,First St,DE\n",
    )
    shelf = await PostgresShop(pool).look("shop", ["tea", "pen", "gone"], " ann@EXAMPLE.com")
    assert shelf.available == {"tea": 5, "pen": 0}
    assert set(shelf.items) == {"tea", "pen"}
    assert shelf.customer is not None
    assert shelf.customer.known
    assert [each.id for each in shelf.customer.addresses] == ["a2", "a1"]


async def test_who_gave_no_e_mail_is_nobody(pool: Pool, tmp_path: Path) -> None:
    await imported(pool, tmp_path)
    assert (await PostgresShop(pool).look("shop", ["tea"], None)).customer is None
    somebody = (await PostgresShop(pool).look("shop", ["tea"], "x@example.com")).customer
    assert somebody is not None
    assert not somebody.known


def test_a_picture_of_the_shop_is_served_under_its_own_address() -> None:
    site = "https://shop.example/"
    assert picture_url("pictures/tea.svg", site) == "https://shop.example/pictures/tea.svg"
    assert picture_url("https://cdn.example/tea.jpg", site) == "https://cdn.example/tea.jpg"
    assert picture_url(None, site) is None


# --- what is shown ---


async def test_an_identifier_stands_for_a_product_or_for_one_of_its_variants(pool: Pool) -> None:
    await sold(
        pool,
        with_variants("Notebook", ({"Size": "A5"}, 1_400), ({"Size": "A6"}, 500)),
        product("Tea", sku="T-1", handle="green", barcodes=(Barcode("EAN", "4006381333931"),)),
        product("Pen", sku="t-1"),
    )
    assert await PostgresCatalog(pool).resolve(
        "shop", ["notebook", "notebook-a6", "tea", "T-1", "4006381333931", "GREEN", "gone"]
    ) == {
        "notebook": (Named("notebook"),),
        "notebook-a6": (Named("notebook", "notebook-a6"),),
        "tea": (Named("tea"),),
        "T-1": (Named("pen", "pen"), Named("tea", "tea")),
        "4006381333931": (Named("tea", "tea"),),
        "GREEN": (Named("tea", "tea"),),
    }
    assert await PostgresCatalog(pool).resolve("other", ["notebook"]) == {}


async def test_a_product_is_shown_whole_with_the_prices_of_this_moment(pool: Pool) -> None:
    await sold(pool, with_variants("Notebook", ({"Size": "A6"}, 500), ({"Size": "A5"}, 1_400)))
    await execute(pool, "update items set price_minor = 600 where id = 'notebook-a6'")
    [shown] = (await PostgresCatalog(pool).products("shop", ["notebook", "gone"], Market())).values()
    assert [(one.id, one.price, one.choices) for one in shown.variants] == [
        ("notebook-a6", Money(600, "EUR"), (Choice("Size", "A6"),)),
        ("notebook-a5", Money(1_400, "EUR"), (Choice("Size", "A5"),)),
    ]
    assert shown.options == (ProductOption("Size", ("A6", "A5")),)
    assert (
        shown.variants[0].item
        == (await PostgresCatalog(pool).items("shop", ["notebook-a6"]))["notebook-a6"]
    )


async def test_texts_are_in_the_language_that_was_asked_for(pool: Pool) -> None:
    await sold(
        pool,
        product("Teapot", description="Iron", translations={"de": Translation(title="Teekanne")}),
    )

    async def told(language: str | None) -> tuple[str, str]:
        products = await PostgresCatalog(pool).products("shop", ["teapot"], Market(language=language))
        return products["teapot"].title, products["teapot"].description

    assert await told("de") == await told("de-AT") == await told("DE") == ("Teekanne", "Iron")
    assert await told("fr") == await told(None) == ("Teapot", "Iron")


async def test_a_variant_is_told_in_the_language_of_its_product(pool: Pool, tmp_path: Path) -> None:
    await imported(
        pool,
        tmp_path,
        products=(
            "id,title,price,description,title:de,description:de\npot,Pot,500,Iron,Kanne,Eisen\ncup,Cup,300,Clay,Tasse,\n"
        ),
        variants=(
            "id,product_id,title,option:Size,description,title:de\n"
            "small,pot,,S,,\nlarge,pot,,L,Of copper,\nhuge,pot,,XL,,Kessel\nmug,cup,Mug,,,\n"
        ),
    )
    products = await PostgresCatalog(pool).products("shop", ["pot", "cup"], Market(language="de"))
    said = {one.id: (one.title, one.description) for each in products.values() for one in each.variants}
    assert said == {
        "small": ("Kanne, S", "Eisen"),
        "large": ("Kanne, L", "Of copper"),
        "huge": ("Kessel", "Eisen"),
        "mug": ("Mug", "Clay"),
    }


async def test_availability_is_stock_and_what_the_shop_says(pool: Pool) -> None:
    await sold(
        pool,
        *(product(title) for title in ("Unlimited", "Counted", "Gone")),
        product("Soon", status="preorder"),
        product("Sold out", status="backorder"),
        product("Never", status="discontinued"),
    )
    await execute(
        pool,
        "insert into inventory (merchant_id, item_id, on_hand, reserved) "
        "values ('shop', 'counted', 2, 1), ('shop', 'gone', 2, 2), "
        "('shop', 'sold-out', 0, 0), ('shop', 'never', 5, 0)",
    )
    ids = ["unlimited", "counted", "gone", "soon", "sold-out", "never"]
    shown = await PostgresCatalog(pool).products("shop", ids, Market())
    assert {id_: shown[id_].variants[0].availability for id_ in ids} == {
        "unlimited": Availability(available=True, status="in_stock"),
        "counted": Availability(available=True, status="in_stock"),
        "gone": Availability(available=False, status="out_of_stock"),
        "soon": Availability(available=True, status="preorder"),
        "sold-out": Availability(available=False, status="out_of_stock"),
        "never": Availability(available=False, status="discontinued"),
    }


async def test_a_page_of_products_is_one_statement(pool: Pool) -> None:
    await sold(pool, *(product(f"Sheet {n}") for n in range(10)))
    catalog = PostgresCatalog(pool)
    with recorded_statements() as sent:
        assert len(await catalog.products("shop", [f"sheet-{n}" for n in range(10)], Market())) == 10
        assert len(await catalog.resolve("shop", [f"sheet-{n}" for n in range(10)])) == 10
    assert len(sent) == 2

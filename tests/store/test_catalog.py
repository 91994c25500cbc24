from pathlib import Path

from tests.store.shops import imported
from ucp_server.domain.catalog import Item, picture_url
from ucp_server.domain.money import Money
from ucp_server.store.catalog import PostgresCatalog
from ucp_server.store.database import Pool
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

"""What others sell or recommend of a shop: offers, apps, tools, bundles, and who owns their ids."""

import asyncio
from pathlib import Path

import pytest

from tests.store.shops import imported, reading, written
from ucp_server.domain.attribution import Commission, CommissionType, OfferQuery
from ucp_server.store.apps import find_app, list_products, load_tool
from ucp_server.store.bundles import load_bundles
from ucp_server.store.channel_tables import CRITERIA_MAX
from ucp_server.store.database import Pool, read
from ucp_server.store.handles import HandleKind, merchant_of
from ucp_server.store.importing import BadShop
from ucp_server.store.offers import PostgresOffers

REPOSITORY = Path(__file__).parents[2]
APP = "dda5ce6d-85a7-47e8-93ee-e9436715ee5e"
PRODUCT, OTHER_PRODUCT = "d8f8f187-e469-4232-a609-f899c737a61c", "e637cb30-ce36-44d5-abe7-76c0ae71736c"
OFFERS = "id,item_id,vertical,provider,commission_type,commission_value\n"
APPS = f"id,name\n{APP},Gifts\n"
APP_PRODUCTS = "app_id,id,item_id,fulfillment,tools\n"
TOOLS = "id,url\nwrap,https://tools.example/wrap\n"
BUNDLES = "id,group,item_id,quantity,parent,interaction_types\n"


async def owner(pool: Pool, kind: HandleKind, handle: str) -> str | None:
    async with read(pool) as db:
        return await merchant_of(db, kind, handle)


# --- good shops ---


async def test_offers_are_found_by_their_words_and_criteria(pool: Pool, tmp_path: Path) -> None:
    await imported(
        pool,
        tmp_path,
        products="id,title,price,description\ntea,Tea,500,Smoked over pinewood\npen,Pen,250,\n",
        offers=(
            "id,item_id,vertical,provider,active,commission_type,commission_value,commission_min,"
            "data_gb,5g,network\n"
            "one,tea,SIM,Meadow,,percentage,12.5,150,60,yes,Spree net\n"
            "two,pen,sim,Meadow,yes,cpa,200,,unlimited,no,\n"
            "off,pen,sim,Meadow,no,hybrid,10,300,2.5,,\n"
        ),
    )
    offers = PostgresOffers(pool)
    one = await offers.find("one")
    assert one is not None
    assert (one.merchant_id, one.name, one.price.minor, one.vertical) == ("shop", "Tea", 500, "sim")
    assert one.commission == Commission(type=CommissionType.PERCENTAGE, rate_ppm=125_000, min_minor=150)
    assert one.criteria == {"data_gb": 60, "5g": True, "network": "Spree net"}
    two, off = await offers.find("two"), await offers.find("off")
    assert two is not None
    assert off is not None
    assert two.commission == Commission(type=CommissionType.CPA, amount_minor=200)
    assert off.commission == Commission(type=CommissionType.HYBRID, rate_ppm=100_000, min_minor=300)
    assert off.criteria == {"data_gb": 2.5}

    async def found(query: OfferQuery) -> list[str]:
        return [offer.id for offer in await offers.search(query)]

    assert await found(OfferQuery()) == ["two", "one"]
    assert await found(OfferQuery(text="pinewood")) == ["one"]
    assert await found(OfferQuery(text="spree meadow")) == ["one"]
    assert await found(OfferQuery(data_gb_min=61)) == ["two"]


async def test_an_app_and_what_it_sells(pool: Pool, tmp_path: Path) -> None:
    await imported(
        pool,
        tmp_path,
        apps=f"id,name,description,handler,webhook_url\n{APP},Gifts,By post,card,https://a.example/events\n",
        tools="id,url,timeout_s\nwrap,http://127.0.0.1:1/wrap,3\npost,https://t.example/post,\n",
        app_products=(
            "app_id,id,item_id,sku,fulfillment,tools,active\n"
            f"{APP},{PRODUCT},tea,T-1,automatic,wrap|post|wrap,\n"
            f"{APP},{OTHER_PRODUCT},pen,,manual,,no\n"
        ),
    )
    async with read(pool) as db:
        app = await find_app(db, APP)
        assert app is not None
        assert (app.merchant_id, app.name, app.handler_id) == ("shop", "Gifts", "card")
        (product,) = await list_products(db, app, 10)
        assert (product.id, product.item_id, product.sku) == (PRODUCT, "tea", "T-1")
        assert product.tools == ("wrap", "post")
        tools = [await load_tool(db, "shop", name) for name in product.tools]
        assert [tool and tool.timeout_s for tool in tools] == [3, 10]


async def test_bundles_keep_the_order_of_the_file(pool: Pool, tmp_path: Path) -> None:
    bundles = "z,Tea,tea,2,,Replace|NewAcquisition\na,Tea,pen,,z,\n"
    await imported(pool, tmp_path, bundles=BUNDLES + bundles)
    async with read(pool) as db:
        first, second = await load_bundles(db, "shop")
    assert (first.id, first.title, first.quantity) == ("z", "Tea", 2)
    assert first.interaction_types == ("Replace", "NewAcquisition")
    assert (second.id, second.parent, second.title) == ("a", "z", "Pen")


def test_the_demo_shop_has_something_for_every_protocol() -> None:
    channels = reading(REPOSITORY / "examples" / "demo_shop").tables.channels
    assert {row.fulfillment for row in channels.app_products} == {"automatic", "manual"}
    assert {row.commission.type for row in channels.offers} == set(CommissionType)
    assert any(bundle.parent for bundle in channels.bundles)


# --- ids that lead to a merchant ---


async def test_what_is_no_longer_offered_is_gone_and_free_for_others(pool: Pool, tmp_path: Path) -> None:
    files = {
        "offers": OFFERS + "one,tea,sim,A,cpa,1\n",
        "apps": APPS,
        "tools": TOOLS,
        "app_products": APP_PRODUCTS + f"{APP},{PRODUCT},tea,automatic,wrap\n",
        "bundles": BUNDLES + "b,Tea,tea,,,\n",
    }
    await imported(pool, tmp_path / "first", "one", **files)
    assert (await owner(pool, "offer", "one"), await owner(pool, "app", APP)) == ("one", "one")
    await imported(pool, tmp_path / "next", "one")
    assert (await owner(pool, "offer", "one"), await owner(pool, "app", APP)) == (None, None)
    assert await PostgresOffers(pool).find("one") is None
    async with read(pool) as db:
        assert await find_app(db, APP) is None
        assert await load_tool(db, "one", "wrap") is None
        assert await load_bundles(db, "one") == []
    await imported(pool, tmp_path / "other", "two", **files)
    assert (await owner(pool, "offer", "one"), await owner(pool, "app", APP)) == ("two", "two")


async def test_two_merchants_cannot_have_one_id(pool: Pool, tmp_path: Path) -> None:
    offers = OFFERS + "mine,tea,sim,A,cpa,1\nshared,pen,sim,A,cpa,1\n"
    await imported(pool, tmp_path / "one", "one", offers=offers, apps=APPS)
    with pytest.raises(BadShop) as refused:
        await imported(
            pool,
            tmp_path / "two",
            "two",
            offers=OFFERS + "new,tea,sim,A,cpa,1\nshared,pen,sim,A,cpa,1\n",
            apps=APPS,
        )
    assert [str(row) for row in refused.value.bad] == [
        "offers.csv, line 3: id shared is another merchant's",
        f"apps.csv, line 2: id {APP} is another merchant's",
    ]
    assert await owner(pool, "offer", "new") is None
    async with read(pool) as db:
        assert await db.fetchval("select count(*) from items where merchant_id = 'two'") == 0


async def test_of_two_who_take_an_id_at_once_one_gets_it(pool: Pool, tmp_path: Path) -> None:
    offers = OFFERS + "".join(f"{n},tea,sim,A,cpa,1\n" for n in range(50))
    outcomes = await asyncio.gather(
        *(imported(pool, tmp_path / name, name, offers=offers) for name in ("a", "b", "c")),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [type(outcome) for outcome in refused] == [BadShop, BadShop]
    assert len({await owner(pool, "offer", str(n)) for n in range(50)}) == 1


# --- bad shops ---

BAD = [
    ("offers", OFFERS + "a,cup,sim,A,cpa,1\n", 2, "item_id cup is not for sale"),
    ("offers", OFFERS + "a b,tea,sim,A,cpa,1\n", 2, "id has other characters than"),
    ("offers", OFFERS + "a,tea,sim,A,cpa,1\na,pen,sim,A,cpa,1\n", 3, "id a is there twice"),
    ("offers", OFFERS + "a,tea,,A,cpa,1\n", 2, "vertical is missing"),
    ("offers", OFFERS + "a,tea,sim,,cpa,1\n", 2, "provider is missing"),
    ("offers", OFFERS + "a,tea,sim,A,gift,1\n", 2, "commission_type is none of cpa, percentage, hybrid"),
    ("offers", OFFERS + "a,tea,sim,A,cpa,\n", 2, "commission_value is missing"),
    ("offers", OFFERS + "a,tea,sim,A,percentage,101\n", 2, "commission_value is more than the whole"),
    ("offers", OFFERS.strip() + ",Data GB\na,tea,sim,A,cpa,1,5\n", 2, "for a name: 'Data GB'"),
    (
        "offers",
        OFFERS.strip()
        + "".join(f",c{n}" for n in range(CRITERIA_MAX + 1))
        + "\na,tea,sim,A,cpa,1"
        + ",1" * (CRITERIA_MAX + 1)
        + "\n",
        2,
        f"more than {CRITERIA_MAX} criteria",
    ),
    ("apps", "id,name\ngifts,Gifts\n", 2, "id is not a UUID in lower case: gifts"),
    ("apps", f"id,name\n{APP.upper()},Gifts\n", 2, "id is not a UUID in lower case"),
    ("apps", f"id,name,webhook_url\n{APP},Gifts,ftp://x\n", 2, "webhook_url is not a URL: ftp://x"),
    ("apps", f"id,name,webhook_url\n{APP},Gifts,https://[x\n", 2, "webhook_url is not a URL"),
    ("apps", f"id,name\n{APP},Gifts\n{APP},More\n", 3, "is there twice"),
    ("app_products", APP_PRODUCTS + f"{PRODUCT},{PRODUCT},tea,manual,\n", 2, "is not in apps.csv"),
    ("app_products", APP_PRODUCTS + f"{APP},{PRODUCT},cup,manual,\n", 2, "item_id cup is not for sale"),
    ("app_products", APP_PRODUCTS + f"{APP},{PRODUCT},tea,later,\n", 2, "fulfillment is none of"),
    ("app_products", APP_PRODUCTS + f"{APP},{PRODUCT},tea,automatic,wrap|x\n", 2, "tools names x"),
    ("app_products", APP_PRODUCTS + f"{APP},{PRODUCT},tea,manual,wrap\n", 2, "tools are for automatic"),
    ("tools", "id,url\nwrap,\n", 2, "url is missing"),
    ("tools", "id,url\nwrap|post,https://x.example\n", 2, "id has other characters"),
    ("tools", "id,url,timeout_s\nwrap,https://x.example,16\n", 2, "timeout_s is not between 1 and 15"),
    ("bundles", BUNDLES + "a,Tea,cup,,,\n", 2, "item_id cup is not for sale"),
    ("bundles", BUNDLES + "a,,tea,,,\n", 2, "group is missing"),
    ("bundles", BUNDLES + "a,Tea,tea,0,,\n", 2, "quantity is not between 1 and"),
    ("bundles", BUNDLES + "a,Tea,tea,,b,\nb,Tea,tea,,,\n", 2, "parent b is no bundle above"),
    ("bundles", BUNDLES + "a,Tea,tea,,a,\n", 2, "parent a is no bundle above"),
    ("bundles", BUNDLES + "a,Tea,tea,,,\nb,T,pen,,a,\nc,T,pen,,b,\n", 4, "parent b is an add-on itself"),
    ("bundles", BUNDLES + "a,Tea,tea,,,Leaving\n", 2, "interaction_types is none of NewAcquisition"),
]


@pytest.mark.parametrize(("file", "content", "line", "reason"), BAD)
def test_a_bad_row_is_named(tmp_path: Path, file: str, content: str, line: int, reason: str) -> None:
    good = {"apps": APPS, "tools": TOOLS}
    read = reading(written(tmp_path, **{**good, file: content}))
    assert [(row.file, row.line) for row in read.bad] == [(f"{file}.csv", line)]
    assert reason in read.bad[0].reason

"""Offers and orders out of them: what is promised is what is charged, or nothing is."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.world import PRICES, SCOPE, SetClock, make_setup, prices_of
from tests.store.shops import imported
from ucp_server.domain import problems
from ucp_server.domain.errors import (
    HandlerUnavailable,
    InvalidRequest,
    ItemNotOffered,
    NothingOffered,
    OfferExpired,
    OfferNotFound,
    OfferNotPurchasable,
    PromotionUnknown,
    StorefrontNotFound,
)
from ucp_server.domain.offering import Bundle, MadeOffer
from ucp_server.engine.commands import Scope
from ucp_server.engine.offering import BUNDLES_MAX, OFFER_TTL, Chosen, Occasion, Offering
from ucp_server.engine.quoting import Quoting
from ucp_server.engine.setup import Setup
from ucp_server.store.bundles import load_bundles, replace_bundles
from ucp_server.store.database import Pool, read, transaction

ANY = Occasion(interaction_type="any", owner="ada")
BUNDLES = (
    Bundle(id="roses", group="Flowers", title="A dozen roses", item_id="rose", quantity=12),
    Bundle(id="vase", group="Flowers", title="A vase for them", item_id="vase", parent="roses"),
    Bundle(id="tulips", group="Flowers", title="Five tulips", item_id="tulip", quantity=5),
    Bundle(id="orchids", group="Flowers", title="Orchids", item_id="orchid"),
    Bundle(id="pot", group="Flowers", title="A pot for orchids", item_id="vase", parent="orchids"),
)


async def put(pool: Pool, *bundles: Bundle) -> None:
    async with transaction(pool) as tx:
        await replace_bundles(tx, "shop", bundles)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def setup(pool: Pool, tmp_path: Path, clock: SetClock) -> Setup:
    await put(pool, *BUNDLES)
    return make_setup(pool, tmp_path / "books.jsonl", clock=clock)


@pytest.fixture
def offering(setup: Setup) -> Offering:
    return Offering(setup)


def ids(offer: MadeOffer) -> list[str]:
    return [offered.bundle.id for offered in offer.bundles]


async def test_bundles_keep_the_order_of_the_shop(pool: Pool, setup: Setup) -> None:
    async with read(pool) as db:
        assert await load_bundles(db, "shop") == list(BUNDLES)
        assert await load_bundles(db, "other") == []
    await put(pool, *reversed(BUNDLES[:2]))
    async with read(pool) as db:
        assert await load_bundles(db, "shop") == [BUNDLES[1], BUNDLES[0]]


async def test_what_is_not_sold_is_not_offered_and_nothing_that_belongs_to_it(offering: Offering) -> None:
    assert ids(await offering.show(SCOPE, ANY)) == ["roses", "vase", "tulips"]


async def test_an_offer_tells_prices_of_a_piece_and_of_the_bundle(
    offering: Offering, clock: SetClock
) -> None:
    roses = (await offering.make(SCOPE, ANY)).find("roses")
    assert roses is not None
    assert (roses.unit_minor, roses.list_minor, roses.total_minor) == (1200, 14_400, 14_400)
    assert (await offering.make(SCOPE, ANY)).expires_at == clock.at + OFFER_TTL


async def test_what_is_sold_out_is_shown_as_such(offering: Offering, setup: Setup) -> None:
    prices_of(setup).extra = (problems.out_of_stock("Rose", 0, "lines[0]"),)
    offer = await offering.make(SCOPE, ANY)
    assert [offered.is_available for offered in offer.bundles] == [False] * 3
    with pytest.raises(OfferNotPurchasable, match="Insufficient stock"):
        await offering.order(SCOPE, offer.id, "ada", [Chosen(bundle_id="roses")])


async def test_what_the_buyer_still_has_to_tell_does_not_make_a_bundle_unavailable(
    offering: Offering, setup: Setup
) -> None:
    prices_of(setup).extra = (problems.buyer_field_missing("email"),)
    assert all(offered.is_available for offered in (await offering.show(SCOPE, ANY)).bundles)


async def test_no_more_is_offered_than_a_person_reads(pool: Pool, offering: Offering) -> None:
    many = (Bundle(id=f"b{n}", group="Many", title="Rose", item_id="rose") for n in range(BUNDLES_MAX + 5))
    await put(pool, *many)
    assert len((await offering.show(SCOPE, ANY)).bundles) == BUNDLES_MAX


async def test_a_shop_that_does_not_answer_is_one_refusal(offering: Offering, setup: Setup) -> None:
    prices_of(setup).prices = {}
    with pytest.raises(NothingOffered):
        await offering.show(SCOPE, ANY)

    async def unavailable(*_: object, **__: object) -> None:
        raise HandlerUnavailable("The price list")

    prices_of(setup).quote = unavailable  # type: ignore[assignment, method-assign]  # a plug-in may be down
    with pytest.raises(HandlerUnavailable):
        await offering.show(SCOPE, ANY)


async def test_occasions_decide(pool: Pool, offering: Offering) -> None:
    await put(
        pool,
        Bundle(id="stay", group="G", title="T", item_id="rose", interaction_types=("stay",)),
        Bundle(id="secret", group="G", title="T", item_id="rose", promotion_code="Friends"),
        Bundle(id="corner", group="G", title="T", item_id="rose", storefront="corner"),
    )

    async def offered(**occasion: str) -> list[str]:
        asked = Occasion(**{"interaction_type": "buy"} | occasion)
        return ids(await offering.show(SCOPE, asked))

    assert await offered(interaction_type="stay") == ["stay"]
    assert await offered(promotion_code="FRIENDS") == ["secret"]
    assert await offered(storefront="corner") == ["corner"]
    with pytest.raises(NothingOffered):
        await offered()
    with pytest.raises(PromotionUnknown):
        await offered(promotion_code="foes")
    with pytest.raises(StorefrontNotFound):
        await offered(storefront="moon")


async def test_an_offer_is_its_platforms_and_its_customers(offering: Offering) -> None:
    offer = await offering.make(SCOPE, ANY)
    chosen = [Chosen(bundle_id="tulips")]
    stranger = Scope(merchant_id="shop", platform_id="https://other.example/profile")
    for scope, offer_id, owner in (
        (stranger, offer.id, "ada"),
        (SCOPE, offer.id, "eve"),
        (SCOPE, "00000000-0000-7000-8000-000000000000", "ada"),
    ):
        with pytest.raises(OfferNotFound):
            await offering.order(scope, offer_id, owner, chosen)


async def test_an_offer_that_was_only_shown_cannot_be_ordered_from(offering: Offering) -> None:
    shown = await offering.show(SCOPE, ANY)
    with pytest.raises(OfferNotFound):
        await offering.order(SCOPE, shown.id, "ada", [Chosen(bundle_id="tulips")])


async def test_an_offer_ends(offering: Offering, clock: SetClock) -> None:
    offer = await offering.make(SCOPE, ANY)
    clock.at = offer.expires_at
    with pytest.raises(OfferExpired):
        await offering.order(SCOPE, offer.id, "ada", [Chosen(bundle_id="tulips")])


@pytest.mark.parametrize("price", [PRICES["tulip"] - 1, PRICES["tulip"] + 1])
async def test_a_price_that_moved_ends_it_too(offering: Offering, setup: Setup, price: int) -> None:
    offer = await offering.make(SCOPE, ANY)
    prices_of(setup).prices["tulip"] = price
    with pytest.raises(OfferExpired):
        await offering.order(SCOPE, offer.id, "ada", [Chosen(bundle_id="tulips")])
    await offering.order(SCOPE, offer.id, "ada", [Chosen(bundle_id="roses")])


@pytest.mark.parametrize(
    ("rule", "code"), [("SALE,percentage,10,sale", "SALE"), (",percentage,10,automatic", None)]
)
async def test_a_discount_that_shrank_or_went_ends_it_where_it_was_offered(
    pool: Pool, clock: SetClock, tmp_path: Path, rule: str, code: str | None
) -> None:
    """Tea was offered at a lower price, a pen was not."""

    async def shop_with(*rules: str) -> Offering:
        products = "id,title,price,ships\ntea,Tea,500,no\npen,Pen,250,no\n"
        head = "code,type,value,description,eligible_item_ids"
        discounts = "\n".join((head, *(f"{rule},tea" for rule in rules)))
        await imported(pool, tmp_path / "shop", products=products, discounts=discounts)
        await put(pool, *(Bundle(id=f"a-{i}", group="G", title=i, item_id=i) for i in ("tea", "pen")))
        quoting = Quoting.over(pool)
        return Offering(make_setup(pool, tmp_path / "books.jsonl", clock=clock, quoting=quoting))

    offering = await shop_with(rule)
    asked = Occasion(interaction_type="any", owner="ada", promotion_code=code)
    offer = await offering.make(SCOPE, asked)
    assert [offered.total_minor for offered in offer.bundles] == [450, 250]
    tea, pen = [Chosen(bundle_id="a-tea")], [Chosen(bundle_id="a-pen")]
    assert (await offering.order(SCOPE, offer.id, "ada", tea)).expected_total_minor == 450
    assert (await offering.order(SCOPE, offer.id, "ada", pen)).expected_total_minor == 250
    assert (await offering.order(SCOPE, offer.id, "ada", tea + pen)).expected_total_minor == 700
    for later in ([rule.replace(",10,", ",9,")], []):
        offering = await shop_with(*later)
        with pytest.raises(OfferExpired):
            await offering.order(SCOPE, offer.id, "ada", tea)
        assert (await offering.order(SCOPE, offer.id, "ada", pen)).expected_total_minor == 250


async def test_what_is_gone_is_named_as_it_was_asked_for(offering: Offering, setup: Setup) -> None:
    offer = await offering.make(SCOPE, ANY)
    del prices_of(setup).prices["tulip"]
    with pytest.raises(ItemNotOffered) as caught:
        await offering.order(
            SCOPE, offer.id, "ada", [Chosen(bundle_id="roses"), Chosen(bundle_id="tulips")]
        )
    assert caught.value.item_id == "tulips"


@pytest.mark.parametrize(
    "chosen",
    [
        [Chosen(bundle_id="vase")],
        [Chosen(bundle_id="vase", parent_id="roses")],
        [Chosen(bundle_id="roses"), Chosen(bundle_id="vase", parent_id="tulips")],
        [Chosen(bundle_id="roses", parent_id="tulips"), Chosen(bundle_id="tulips")],
    ],
)
async def test_an_add_on_belongs_to_its_bundle(offering: Offering, chosen: list[Chosen]) -> None:
    offer = await offering.make(SCOPE, ANY)
    with pytest.raises(InvalidRequest):
        await offering.order(SCOPE, offer.id, "ada", chosen)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    quantities=st.lists(
        st.tuples(st.sampled_from(["roses", "tulips"]), st.integers(1, 99)), min_size=1, max_size=6
    )
)
async def test_the_total_is_what_the_offer_comes_to(
    offering: Offering, quantities: list[tuple[str, int]]
) -> None:
    offer = await offering.make(SCOPE, ANY)
    chosen = [Chosen(bundle_id=bundle_id, quantity=quantity) for bundle_id, quantity in quantities]
    order = await offering.order(SCOPE, offer.id, "ada", chosen)
    prices = {offered.bundle.id: offered.total_minor for offered in offer.bundles}
    assert order.expected_total_minor == sum(prices[id_] * quantity for id_, quantity in quantities)
    assert [line.quantity for line in order.wanted.lines] == [
        quantity * {"roses": 12, "tulips": 5}[id_] for id_, quantity in quantities
    ]

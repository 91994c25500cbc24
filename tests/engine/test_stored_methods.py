"""Cards that customers keep: whose they are, and what is left when one goes."""

import asyncio

import pytest

from tests.engine.rows import one, rows
from tests.engine.world import GOOD_CARD, REFUSED_CARD, SECRET, card, make_setup, psp_of
from ucp_server.domain.errors import CardDeclined, MethodNotFound, StoreUnavailable, VaultUnavailable
from ucp_server.engine.faults import armed
from ucp_server.engine.setup import Setup
from ucp_server.engine.stored_methods import LISTED_MAX, StoredMethods
from ucp_server.store.database import Pool

NOBODYS = "00000000-0000-7000-8000-000000000000"


@pytest.fixture
def methods(setup: Setup) -> StoredMethods:
    return StoredMethods(setup, SECRET)


async def test_a_card_is_kept_by_the_provider_alone(
    methods: StoredMethods, setup: Setup, pool: Pool
) -> None:
    added = await methods.add("shop", "ada", card(), "my visa", "k")
    assert (added.owner, added.handler_id, added.state) == ("ada", "psp", "active")
    assert added.display == {"brand": "visa", "last_digits": "4242", "description": "my visa"}
    assert await methods.find("shop", "ada", added.id) == added
    assert await methods.listed("shop", "ada") == [added]
    (row,) = await rows(pool, "select * from stored_methods")
    (reference,) = psp_of(setup).kept
    assert not [value for value in row.values() if GOOD_CARD in str(value) or reference in str(value)]
    assert (await methods.payable("shop", "ada", added.id))[1] == reference


async def test_the_same_key_is_one_method(methods: StoredMethods, setup: Setup, pool: Pool) -> None:
    added = await asyncio.gather(*(methods.add("shop", "ada", card(), None, "k") for _ in range(8)))
    assert len({method.id for method in added}) == 1
    assert await methods.add("shop", "ada", card(), "again", "k") == added[0]
    assert await one(pool, "select count(*) from stored_methods") == 1
    assert len(psp_of(setup).kept) == 1


async def test_a_key_is_its_owners_own(methods: StoredMethods, setup: Setup) -> None:
    hers = await methods.add("shop", "ada", card(), None, "k")
    his = await methods.add("shop", "bob", card(), None, "k")
    await methods.delete("shop", "bob", his.id)
    assert await methods.listed("shop", "ada") == [hers]
    assert len(psp_of(setup).kept) == 1


@pytest.mark.parametrize(
    ("owner", "id_"), [("eve", None), ("ada", NOBODYS), ("ada", "pm.00.9.1"), ("", "")]
)
async def test_a_foreign_method_is_an_unknown_one(
    methods: StoredMethods, owner: str, id_: str | None
) -> None:
    added = await methods.add("shop", "ada", card(), None, "k")
    named = added.id if id_ is None else id_
    for merchant_id, who in (("shop", owner), ("other shop", "ada")):
        with pytest.raises(MethodNotFound):
            await methods.find(merchant_id, who, named)
        with pytest.raises(MethodNotFound):
            await methods.payable(merchant_id, who, named)
        with pytest.raises(MethodNotFound):
            await methods.set_active(merchant_id, who, named, is_active=False)
        with pytest.raises(MethodNotFound):
            await methods.delete(merchant_id, who, named)
    assert await methods.listed("shop", "ada") == [added]


async def test_an_inactive_method_is_listed_and_does_not_pay(methods: StoredMethods) -> None:
    added = await methods.add("shop", "ada", card(), None, "k")
    for _ in range(2):
        assert (await methods.set_active("shop", "ada", added.id, is_active=False)).state == "inactive"
    assert [method.state for method in await methods.listed("shop", "ada")] == ["inactive"]
    with pytest.raises(MethodNotFound):
        await methods.payable("shop", "ada", added.id)
    assert await methods.set_active("shop", "ada", added.id, is_active=True) == added
    assert await methods.payable("shop", "ada", added.id)


async def test_a_deleted_method_is_gone_everywhere(
    methods: StoredMethods, setup: Setup, pool: Pool
) -> None:
    added = await methods.add("shop", "ada", card(), None, "k")
    assert (await methods.delete("shop", "ada", added.id)).state == "deleted"
    assert psp_of(setup).kept == []
    assert await methods.listed("shop", "ada") == []
    assert await one(pool, "select reference_sealed from stored_methods") is None
    for action in (methods.find, methods.delete, methods.payable):
        with pytest.raises(MethodNotFound):
            await action("shop", "ada", added.id)
    # Its key stays used: a repeat of the first request brings no card back.
    assert (await methods.add("shop", "ada", card(), None, "k")).state == "deleted"
    assert psp_of(setup).kept == []


async def test_a_delete_that_the_vault_does_not_confirm_can_be_repeated(
    methods: StoredMethods, setup: Setup
) -> None:
    added = await methods.add("shop", "ada", card(), None, "k")
    psp_of(setup).is_deaf = True
    with pytest.raises(VaultUnavailable):
        await methods.delete("shop", "ada", added.id)
    psp_of(setup).is_deaf = False
    with armed("method.before_delete=raise"), pytest.raises(StoreUnavailable):
        await methods.delete("shop", "ada", added.id)
    assert (await methods.find("shop", "ada", added.id)).state == "active"
    await methods.delete("shop", "ada", added.id)
    assert await methods.listed("shop", "ada") == []


async def test_what_the_vault_refuses_is_not_a_method(methods: StoredMethods, setup: Setup) -> None:
    with pytest.raises(CardDeclined):
        await methods.add("shop", "ada", card(REFUSED_CARD), None, "k")
    assert await methods.listed("shop", "ada") == []
    # The key may be used again: nothing came of it.
    assert (await methods.add("shop", "ada", card(), None, "k")).state == "active"
    assert len(psp_of(setup).kept) == 1


async def test_a_handler_that_is_configured_no_more_keeps_its_cards(
    methods: StoredMethods, setup: Setup, pool: Pool
) -> None:
    added = await methods.add("shop", "ada", card(), None, "k")
    moved = make_setup(pool, psp_of(setup).path, vaults={"shop": ("other", psp_of(setup))})
    with pytest.raises(VaultUnavailable):
        await StoredMethods(moved, SECRET).delete("shop", "ada", added.id)
    assert await methods.listed("shop", "ada") == [added]


async def test_under_another_secret_a_card_pays_nothing_and_can_go(
    methods: StoredMethods, setup: Setup
) -> None:
    added = await methods.add("shop", "ada", card(), None, "k")
    later = StoredMethods(setup, b"another secret")
    with pytest.raises(MethodNotFound):
        await later.payable("shop", "ada", added.id)
    assert (await later.delete("shop", "ada", added.id)).state == "deleted"


async def test_a_list_has_an_end(methods: StoredMethods, pool: Pool) -> None:
    async with pool.connection() as connection:
        await connection.execute(
            "insert into stored_methods select 'shop', gen_random_uuid(), 'ada', n::text, 'psp', 'x', "
            "'{}', 'active', now() from generate_series(1, $1::int) n",
            LISTED_MAX + 1,
        )
    assert len(await methods.listed("shop", "ada")) == LISTED_MAX

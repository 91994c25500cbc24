from pathlib import Path

import msgspec

from tests.store.shops import execute, imported
from ucp_server.domain.addresses import id_of, owner_of
from ucp_server.domain.fulfillment import Address, NewAddress
from ucp_server.store import customers
from ucp_server.store.customers import PostgresCustomers, remember_addresses
from ucp_server.store.database import Pool, statement

HOME = Address(street_address="Ahornweg 7", locality="Berlin", country="DE")
OFFICE = Address(street_address="Am Kanal 3", locality="Potsdam", country="DE")
ANN = "id,name,email\nann,Ann,ann@example.com\n"
ANNS = "id,customer_id,street_address,city,country\nann-home,ann,Ahornweg 7,Berlin,DE\n"


async def remember(pool: Pool, email: str, *addresses: Address) -> None:
    new = [NewAddress(owner=owner_of(email), id=id_of(each), address=each) for each in addresses]
    async with statement(pool) as tx:
        await remember_addresses(tx, "shop", new)


async def ids(pool: Pool, email: str) -> list[str]:
    found = await PostgresCustomers(pool).find("shop", email)
    return [each.id for each in found.addresses]


async def test_what_is_remembered_is_shown_again_in_any_letter_case(pool: Pool) -> None:
    await remember(pool, "new@example.com", HOME)
    found = await PostgresCustomers(pool).find("shop", "NEW@example.com ")
    assert [each.address for each in found.addresses] == [HOME]
    assert not found.known
    assert await ids(pool, "other@example.com") == []


async def test_the_same_address_is_remembered_once(pool: Pool) -> None:
    await remember(pool, "new@example.com", HOME)
    await remember(pool, "new@example.com", HOME, msgspec.structs.replace(HOME, locality="BERLIN"))
    assert await ids(pool, "new@example.com") == [id_of(HOME)]


async def test_two_buyers_may_live_at_the_same_place(pool: Pool) -> None:
    await remember(pool, "one@example.com", HOME)
    await remember(pool, "two@example.com", HOME)
    assert await ids(pool, "one@example.com") == await ids(pool, "two@example.com")


async def test_the_merchants_own_come_first_then_the_newest(pool: Pool, tmp_path: Path) -> None:
    await imported(pool, tmp_path, customers=ANN, addresses=ANNS)
    await remember(pool, "ann@example.com", OFFICE)
    await execute(
        pool, "update addresses set created_at = created_at - interval '1 day' where position is null"
    )
    other = msgspec.structs.replace(OFFICE, extended_address="Floor 2")
    await remember(pool, "ann@example.com", other)
    assert await ids(pool, "ann@example.com") == ["ann-home", id_of(other), id_of(OFFICE)]


async def test_an_import_replaces_the_merchants_own_and_leaves_what_buyers_told(
    pool: Pool, tmp_path: Path
) -> None:
    await imported(pool, tmp_path, customers=ANN, addresses=ANNS)
    await remember(pool, "ann@example.com", OFFICE)
    await imported(pool, tmp_path, customers=ANN, addresses=ANNS.replace("ann-home", "ann-flat"))
    assert await ids(pool, "ann@example.com") == ["ann-flat", id_of(OFFICE)]


async def test_nobody_can_make_us_keep_or_show_addresses_without_end(pool: Pool) -> None:
    for number in range(customers.ADDRESSES_KEPT_MAX + 5):
        await remember(pool, "new@example.com", msgspec.structs.replace(HOME, extended_address=str(number)))
    assert len(await ids(pool, "new@example.com")) == customers.ADDRESSES_SHOWN_MAX
    async with pool.connection() as connection:
        assert await connection.fetchval("select count(*) from addresses") == customers.ADDRESSES_KEPT_MAX

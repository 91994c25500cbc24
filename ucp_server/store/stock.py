"""Our own stock: pieces on hand, how many of them attempts hold, how many were sold.

The parts below stand inside the statements that open and close an attempt, so that pieces and
payment can never disagree. Rows are locked in the order of their item, so that two baskets with
the same items cannot block each other for good.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ucp_server.store.database import Pool, read, statement
from ucp_server.store.violations import StockShort, violations

LOAD_AVAILABLE: Final = """
select item_id, on_hand - reserved from inventory where merchant_id = $1 and item_id = any($2::text[])
"""


def reserving(*, once: str, attempt: str, items: str, quantities: str) -> str:
    """Parts that hold pieces for ``attempt``, for each row (merchant_id) of the part named ``once``.

    An item without a row is not limited. Too few pieces break `inventory_reserved_on_hand`.
    """
    return f"""
wanted as (
    select i.merchant_id, i.item_id, w.quantity
    from inventory i
    join {once} o on o.merchant_id = i.merchant_id
    join unnest({items}::text[], {quantities}::bigint[]) as w (item_id, quantity) on w.item_id = i.item_id
    order by i.item_id for update of i
), taken as (
    update inventory i set reserved = i.reserved + w.quantity
    from wanted w where i.merchant_id = w.merchant_id and i.item_id = w.item_id
), held as (
    insert into reservations (merchant_id, attempt_id, item_id, quantity)
    select merchant_id, {attempt}, item_id, quantity from wanted
)
"""


def freeing(*, once: str, attempt: str, is_sold: str) -> str:
    """Parts that end what ``attempt`` holds: sold where ``is_sold``, else back on the shelf."""
    return f"""
freed as (
    delete from reservations r using {once} o
    where r.merchant_id = o.merchant_id and r.attempt_id = {attempt}
    returning r.merchant_id, r.item_id, r.quantity
), ending as (
    select i.merchant_id, i.item_id, f.quantity
    from inventory i join freed f on f.merchant_id = i.merchant_id and f.item_id = i.item_id
    order by i.item_id for update of i
), ended as (
    update inventory i set
        reserved = i.reserved - e.quantity,
        on_hand = i.on_hand - case when {is_sold} then e.quantity else 0 end,
        sold = i.sold + case when {is_sold} then e.quantity else 0 end
    from ending e where i.merchant_id = e.merchant_id and i.item_id = e.item_id
)
"""


_ITSELF = "itself as (select $1::text as merchant_id)"

RESERVE: Final = f"""
with itself as (
    select $1::text as merchant_id
    where not exists (select from reservations where merchant_id = $1 and attempt_id = $2::uuid)
), {reserving(once="itself", attempt="$2::uuid", items="$3", quantities="$4")}
select
"""
RELEASE: Final = f"with {_ITSELF}, {freeing(once='itself', attempt='$2::uuid', is_sold='false')} select"
CONFIRM: Final = f"with {_ITSELF}, {freeing(once='itself', attempt='$2::uuid', is_sold='true')} select"


class OwnStock:
    """Our tables behind the `Stock` port, for quotes and for whoever reserves outside a checkout."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def available(self, merchant_id: str, item_ids: Sequence[str]) -> Mapping[str, int]:
        async with read(self._pool) as db:
            return dict(await db.fetch(LOAD_AVAILABLE, merchant_id, list(item_ids)))

    async def reserve(self, merchant_id: str, hold_id: str, wanted: Mapping[str, int]) -> bool:
        try:
            async with statement(self._pool) as tx:
                with violations():
                    await tx.execute(RESERVE, merchant_id, hold_id, list(wanted), list(wanted.values()))
        except StockShort:
            return False
        return True

    async def release(self, merchant_id: str, hold_id: str) -> None:
        async with statement(self._pool) as tx:
            await tx.execute(RELEASE, merchant_id, hold_id)

    async def confirm(self, merchant_id: str, hold_id: str) -> None:
        async with statement(self._pool) as tx:
            await tx.execute(CONFIRM, merchant_id, hold_id)

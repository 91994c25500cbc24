"""Rows of orders. Every change names the version that was read and queues what follows from it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from ucp_server.domain.events import Job
from ucp_server.domain.order import Order
from ucp_server.store.database import Read, Tx
from ucp_server.store.documents import decode_order, encode
from ucp_server.store.outbox import encode_jobs, queueing
from ucp_server.store.violations import violations

LOAD_ORDER: Final = """
select document from orders where merchant_id = $1 and id = $2 and ($3::text is null or platform_id = $3)
"""


async def load_order(
    db: Read, merchant_id: str, order_id: str, *, platform_id: str | None = None
) -> Order | None:
    """With a ``platform_id`` only when the order is that platform's."""
    document = await db.fetchval(LOAD_ORDER, merchant_id, order_id, platform_id)
    return decode_order(document) if isinstance(document, bytes) else None


CHANGE_ORDER: Final = f"""
with changed as (
    update orders set version = $3, document = $4
    where merchant_id = $1 and id = $2 and version = $3 - 1
    returning merchant_id
), {queueing(once="changed", jobs="$5")}, restocked as (
    update inventory i set on_hand = i.on_hand + b.quantity, sold = i.sold - b.quantity
    from changed c cross join unnest($6::text[], $7::bigint[]) as b (item_id, quantity)
    where i.merchant_id = c.merchant_id and i.item_id = b.item_id
)
select count(*) from changed
"""


async def change_order(
    tx: Tx, order: Order, *, jobs: Sequence[Job] = (), restocked: Mapping[str, int] | None = None
) -> bool:
    """Write ``order`` over the version before it; False when that one is gone.

    ``restocked`` pieces were sold and never left: they go back on our shelf.
    """
    pieces = restocked or {}
    changed = await tx.fetchval(
        CHANGE_ORDER,
        order.merchant_id,
        order.id,
        order.version,
        encode(order),
        encode_jobs(jobs),
        list(pieces),
        list(pieces.values()),
    )
    return changed == 1


# --- money that moves after the sale ---


MARK_CAPTURED: Final = """
update attempts set state = 'captured', captured_minor = $3, updated_at = now()
where merchant_id = $1 and id = $2 and state = 'authorised'
"""


async def mark_captured(tx: Tx, merchant_id: str, attempt_id: str, amount_minor: int) -> None:
    """Safe to repeat. Raises AmountExceeded."""
    with violations():
        await tx.execute(MARK_CAPTURED, merchant_id, attempt_id, amount_minor)


# The job's end and the sum are one statement, so that a repeated job cannot count twice.
MARK_REFUNDED: Final = """
with done as (
    update outbox set state = 'done', done_at = now(), last_error = null
    where merchant_id = $1 and id = $2 and state = 'pending' returning merchant_id
)
update attempts a set refunded_minor = a.refunded_minor + $4, updated_at = now()
from done d where a.merchant_id = d.merchant_id and a.id = $3
"""


async def mark_refunded(tx: Tx, merchant_id: str, job_id: str, attempt_id: str, amount_minor: int) -> None:
    """End a refund's job and count it. Safe to repeat. Raises AmountExceeded."""
    with violations():
        await tx.execute(MARK_REFUNDED, merchant_id, job_id, attempt_id, amount_minor)


LIST_UNPAID: Final = """
select id, placed_at from orders
where merchant_id = $1 and document ->> 'payment' = 'payment_failed' order by placed_at limit $2
"""


async def list_unpaid(db: Read, merchant_id: str, limit: int) -> list[tuple[str, datetime]]:
    """Orders whose money could not be taken: (id, placed_at), oldest first."""
    rows = await db.fetch(LIST_UNPAID, merchant_id, limit)
    return [(str(row["id"]), row["placed_at"]) for row in rows]

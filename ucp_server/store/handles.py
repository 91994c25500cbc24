"""Handles that callers name before anybody knows the merchant: an app, an offer, a tenant, a source."""

from collections.abc import Sequence
from typing import Final, Literal

from ucp_server.store.database import Read, Tx

HandleKind = Literal["app", "offer", "tenant", "source"]

LOAD_MERCHANT: Final = "select merchant_id from handles where kind = $1 and handle = $2"


async def merchant_of(db: Read, kind: HandleKind, handle: str) -> str | None:
    """Whose handle it is; None for one that is nobody's."""
    found = await db.fetchval(LOAD_MERCHANT, kind, handle)
    return None if found is None else str(found)


DELETE_HANDLES: Final = "delete from handles where merchant_id = $1 and kind = $2"
# One that another merchant is just taking is waited for.
INSERT_HANDLES: Final = """
insert into handles (kind, handle, merchant_id)
select $2, new.handle, $1 from unnest($3::text[]) as new (handle) order by new.handle
on conflict (kind, handle) do nothing
returning handle
"""


async def replace_handles(
    tx: Tx, merchant_id: str, kind: HandleKind, handles: Sequence[str]
) -> tuple[str, ...]:
    """Make ``handles`` all that the merchant has of the kind; returns those that another one has."""
    await tx.execute(DELETE_HANDLES, merchant_id, kind)
    rows = await tx.fetch(INSERT_HANDLES, merchant_id, kind, list(handles))
    ours = {row["handle"] for row in rows}
    return tuple(handle for handle in handles if handle not in ours)

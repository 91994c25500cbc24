"""Handles that callers name before anybody knows the merchant: an app, an offer, a tenant, a source."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, Literal

from ucp_server.store.database import Pool, Read, Tx, retrying, transaction

HandleKind = Literal["app", "offer", "tenant", "source"]

LOAD_MERCHANT: Final = "select merchant_id from handles where kind = $1 and handle = $2"


async def merchant_of(db: Read, kind: HandleKind, handle: str) -> str | None:
    """Whose handle it is; None for one that is nobody's."""
    found = await db.fetchval(LOAD_MERCHANT, kind, handle)
    return None if found is None else str(found)


LOAD_HANDLES: Final = "select handle from handles where merchant_id = $1 and kind = $2 order by handle"


async def handles_of(db: Read, merchant_id: str, kind: HandleKind) -> tuple[str, ...]:
    """All that lead to the merchant."""
    return tuple(row["handle"] for row in await db.fetch(LOAD_HANDLES, merchant_id, kind))


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


async def take_tenants(pool: Pool, tenants: Mapping[str, str]) -> tuple[str, ...]:
    """Give each merchant its tenant, "" for none; returns the merchants whose tenant another has.

    Those that swapped theirs all have the new ones; where one is refused nothing is changed.
    """
    refused: list[str] = []

    async def take() -> None:
        refused.clear()
        async with transaction(pool) as tx:
            for merchant_id in tenants:
                await replace_handles(tx, merchant_id, "tenant", ())
            for merchant_id, tenant in tenants.items():
                if tenant and await replace_handles(tx, merchant_id, "tenant", (tenant,)):
                    refused.append(merchant_id)
            if refused:
                raise _Refused

    with suppress(_Refused):
        await retrying(take)
    return tuple(refused)


class _Refused(Exception):
    """Ends a transaction that shall leave nothing."""

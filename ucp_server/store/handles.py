"""Handles that callers name before anybody knows the merchant: an app, an offer, a tenant."""

from collections.abc import Sequence
from typing import Final, Literal

from ucp_server.store.database import Read, Tx

HandleKind = Literal["app", "offer", "tenant"]

LOAD_MERCHANT: Final = "select merchant_id from handles where kind = $1 and handle = $2"


async def merchant_of(db: Read, kind: HandleKind, handle: str) -> str | None:
    """Whose handle it is; None for one that is nobody's."""
    found = await db.fetchval(LOAD_MERCHANT, kind, handle)
    return None if found is None else str(found)


DELETE_HANDLES: Final = "delete from handles where merchant_id = $1 and kind = $2"
# A handle that another merchant has is an error of the shop's files, told by the key.
INSERT_HANDLES: Final = """
insert into handles (kind, handle, merchant_id)
select $2, new.handle, $1 from unnest($3::text[]) as new (handle)
"""


async def replace_handles(tx: Tx, merchant_id: str, kind: HandleKind, handles: Sequence[str]) -> None:
    """Make ``handles`` all that the merchant has of the kind. Raises where another has one of them."""
    await tx.execute(DELETE_HANDLES, merchant_id, kind)
    await tx.execute(INSERT_HANDLES, merchant_id, kind, list(handles))

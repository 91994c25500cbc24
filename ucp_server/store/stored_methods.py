"""Rows of stored methods: a provider's reference to a card, sealed, and what may be shown of it."""

from dataclasses import dataclass
from typing import Final

import msgspec
from asyncpg import Record

from ucp_server.domain.submission import StoredMethod
from ucp_server.store.database import Read, Tx
from ucp_server.store.documents import encode


@dataclass(frozen=True, slots=True)
class MethodRow:
    """``reference_sealed`` is None once the method is deleted."""

    method: StoredMethod
    reference_sealed: bytes | None


_decode_display: Final = msgspec.json.Decoder(dict[str, str | int]).decode

_COLUMNS = (
    "m.merchant_id, m.id, m.owner, m.handler_id, m.reference_sealed, m.display, m.state, m.created_at"
)


def _method(row: Record) -> MethodRow:
    return MethodRow(
        StoredMethod(
            id=str(row["id"]),
            merchant_id=row["merchant_id"],
            owner=row["owner"],
            handler_id=row["handler_id"],
            display=_decode_display(row["display"]),
            state=row["state"],
            created_at=row["created_at"],
        ),
        row["reference_sealed"],
    )


# The constraint decides between twins; the one that came second is given the row of the first.
INSERT_METHOD: Final = f"""
insert into stored_methods as m
    (merchant_id, id, owner, key, handler_id, reference_sealed, display, state, created_at)
values ($1, $2, $3, $4, $5, $6, $7, 'active', $8)
on conflict on constraint stored_methods_key do update set key = excluded.key
returning {_COLUMNS}
"""


async def insert_method(tx: Tx, row: MethodRow, key: str) -> MethodRow:
    """What stands under ``key`` afterwards: this one, or the one that was there."""
    method = row.method
    kept = await tx.fetchrow(
        INSERT_METHOD,
        method.merchant_id,
        method.id,
        method.owner,
        key,
        method.handler_id,
        row.reference_sealed,
        encode(method.display),
        method.created_at,
    )
    assert kept is not None, "an insert that returns"
    return _method(kept)


LOAD_METHOD: Final = f"""
select {_COLUMNS} from stored_methods m where m.merchant_id = $1 and m.owner = $2 and m.id = $3
"""


async def load_method(db: Read, merchant_id: str, owner: str, method_id: str) -> MethodRow | None:
    row = await db.fetchrow(LOAD_METHOD, merchant_id, owner, method_id)
    return None if row is None else _method(row)


LOAD_METHOD_OF_KEY: Final = f"""
select {_COLUMNS} from stored_methods m where m.merchant_id = $1 and m.owner = $2 and m.key = $3
"""


async def load_method_of_key(db: Read, merchant_id: str, owner: str, key: str) -> MethodRow | None:
    row = await db.fetchrow(LOAD_METHOD_OF_KEY, merchant_id, owner, key)
    return None if row is None else _method(row)


LIST_METHODS: Final = f"""
select {_COLUMNS} from stored_methods m
where m.merchant_id = $1 and m.owner = $2 and m.state <> 'deleted' order by m.id limit $3
"""


async def list_methods(db: Read, merchant_id: str, owner: str, limit: int) -> list[StoredMethod]:
    """Oldest first; deleted ones are not among them."""
    return [_method(row).method for row in await db.fetch(LIST_METHODS, merchant_id, owner, limit)]


SET_STATE: Final = f"""
update stored_methods m set state = $4
where m.merchant_id = $1 and m.owner = $2 and m.id = $3 and m.state <> 'deleted'
returning {_COLUMNS}
"""


async def set_state(tx: Tx, method: StoredMethod) -> StoredMethod | None:
    """Give the row the method's state, which is not ``deleted``; None when it was deleted."""
    row = await tx.fetchrow(SET_STATE, method.merchant_id, method.owner, method.id, method.state)
    return None if row is None else _method(row).method


DELETE_METHOD: Final = """
update stored_methods set state = 'deleted', reference_sealed = null
where merchant_id = $1 and owner = $2 and id = $3
"""


async def delete_method(tx: Tx, method: StoredMethod) -> None:
    """Keep the row, so that its key stays used; the reference is gone."""
    await tx.execute(DELETE_METHOD, method.merchant_id, method.owner, method.id)

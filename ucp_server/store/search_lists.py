"""What a search found, kept in its order for those who turn pages: a cursor is a list and a place.

The list holds ids alone, so that whoever turns a page sees the prices of that moment.
"""

from typing import Final

import msgspec
from asyncpg import Record

from ucp_server.domain.catalog import Search
from ucp_server.store.database import Read, Tx
from ucp_server.store.documents import encode

# An agent that turns pages does so at once; a buyer who comes back later wants to see new goods.
LIST_KEPT_S: Final = 600

_decode_search: Final = msgspec.json.Decoder(Search).decode


class KeptList(msgspec.Struct, frozen=True, kw_only=True):
    """``token`` holds 128 random bits; at most 1,000 ``product_ids``, best first."""

    token: str
    merchant_id: str
    platform_id: str
    product_ids: tuple[str, ...]
    search: Search


INSERT_LIST: Final = """
insert into search_lists (merchant_id, token, platform_id, product_ids, search, expires_at)
values ($1, $2, $3, $4, $5, now() + $6 * interval '1 second')
"""


async def insert_list(tx: Tx, kept: KeptList) -> None:
    await tx.execute(
        INSERT_LIST,
        kept.merchant_id,
        kept.token,
        kept.platform_id,
        list(kept.product_ids),
        encode(kept.search),
        LIST_KEPT_S,
    )


LOAD_LIST: Final = """
select token, merchant_id, platform_id, product_ids, search from search_lists
where merchant_id = $1 and token = $3 and platform_id = $2 and expires_at > now()
"""


async def load_list(db: Read, merchant_id: str, platform_id: str, token: str) -> KeptList | None:
    """None also for the list of another platform, and for one whose time is over."""
    if "\0" in token:
        return None
    row = await db.fetchrow(LOAD_LIST, merchant_id, platform_id, token)
    return None if row is None else _kept_list(row)


def _kept_list(row: Record) -> KeptList:
    return KeptList(
        token=row["token"],
        merchant_id=row["merchant_id"],
        platform_id=row["platform_id"],
        product_ids=tuple(row["product_ids"]),
        search=_decode_search(row["search"]),
    )


DELETE_EXPIRED_LISTS: Final = """
delete from search_lists where (merchant_id, token) in (
    select merchant_id, token from search_lists
    where expires_at < now() order by expires_at limit $1 for update skip locked
)
"""


async def delete_expired_lists(tx: Tx, limit: int) -> int:
    return await tx.execute(DELETE_EXPIRED_LISTS, limit)

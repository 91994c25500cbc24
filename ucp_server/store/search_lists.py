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
# Three new ones a second for all of their ten minutes; beyond that the oldest go before their time, and
# who turns their pages then searches again. At 40 kB each, if all are as long as can be, a platform
# takes 80 MB.
LISTS_MAX: Final = 2_000
# More than the one that comes, so that what callers at the same moment left behind is made up for.
DROPPED_AT_ONCE_MAX: Final = 20

_decode_search: Final = msgspec.json.Decoder(Search).decode


class KeptList(msgspec.Struct, frozen=True, kw_only=True):
    """``token`` holds 128 random bits; at most 1,000 ``product_ids``, best first."""

    token: str
    merchant_id: str
    platform_id: str
    product_ids: tuple[str, ...]
    search: Search


# The oldest are found without a lock and taken only by one of those who want them gone: a lock on what
# the offset passes over would have all searches of a platform wait for each other.
INSERT_LIST: Final = """
with dropped as (
    delete from search_lists where (merchant_id, token) in (
        select merchant_id, token from search_lists
        where merchant_id = $1 and token = any(array(
            select token from search_lists where merchant_id = $1 and platform_id = $3
            order by expires_at desc offset $7 limit $8
        ))
        for update skip locked
    )
)
insert into search_lists (merchant_id, token, platform_id, product_ids, search, expires_at)
values ($1, $2, $3, $4, $5, now() + $6 * interval '1 second')
"""


async def insert_list(tx: Tx, kept: KeptList, lists_max: int = LISTS_MAX) -> None:
    """Keep a list; what its platform has beyond ``lists_max`` falls with it, the oldest first.

    Of callers at the same moment none sees the other's, so that a few more may stand for a while.
    """
    await tx.execute(
        INSERT_LIST,
        kept.merchant_id,
        kept.token,
        kept.platform_id,
        list(kept.product_ids),
        encode(kept.search),
        LIST_KEPT_S,
        lists_max - 1,
        DROPPED_AT_ONCE_MAX,
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

"""What may be recommended, across all merchants, found by the built-in full text search."""

from collections.abc import Sequence
from typing import Final

import msgspec
from asyncpg import Record

from ucp_server.domain.attribution import Commission, Criterion, Offer, OfferQuery
from ucp_server.domain.money import Money
from ucp_server.store.database import Pool, read

# An agent shows a handful; whoever wants more asks more precisely.
OFFERS_MAX: Final = 50

_decode_criteria: Final = msgspec.json.Decoder(dict[str, Criterion]).decode
_decode_commission: Final = msgspec.json.Decoder(Commission).decode

_OFFER: Final = """
select o.id, o.merchant_id, o.item_id, o.vertical, o.provider, i.title as name, i.price_minor, i.currency,
       o.criteria, o.commission, o.active
from offers o join items i on i.merchant_id = o.merchant_id and i.id = o.item_id
"""

# What is unlimited is more than any number.
_FITTING: Final = """
where o.active
  and ($1::text is null or o.vertical = lower($1))
  and ($2::text is null or lower(o.provider) = lower($2))
  and ($3::bigint is null or i.price_minor >= $3)
  and ($4::bigint is null or i.price_minor <= $4)
  and ($5::float8 is null or o.criteria ->> 'data_gb' = 'unlimited' or jsonb_path_exists(
      o.criteria, '$.data_gb ? (@ >= $least)', jsonb_build_object('least', $5::float8)))
  and ($6::bigint is null or o.criteria -> 'contract_months' = to_jsonb($6::bigint))
"""
_CHEAPEST_FIRST: Final = "order by i.price_minor, o.merchant_id, o.id limit $7"

SEARCH_OFFERS: Final = f"{_OFFER} {_FITTING} {_CHEAPEST_FIRST}"
# A statement of its own: one plan serves all parameters, and one for searches without words, too,
# could not look into the index of words.
SEARCH_OFFERS_BY_WORDS: Final = f"""
{_OFFER} {_FITTING}
  and o.search @@ websearch_to_tsquery('simple', $8)
{_CHEAPEST_FIRST}
"""

FIND_OFFER: Final = f"""
{_OFFER}
join handles h on h.merchant_id = o.merchant_id and h.handle = o.id
where h.kind = 'offer' and h.handle = $1
"""


class PostgresOffers:
    """`ports.Offers` over the table ``offers``, whose ids are handles: unique among all merchants."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def search(self, query: OfferQuery) -> Sequence[Offer]:
        words = (query.vertical, query.provider, query.text)
        if any("\0" in word for word in words if word is not None):
            # No text in Postgres holds one, and it does not even look for it.
            return []
        asked: tuple[object, ...] = (
            query.vertical,
            query.provider,
            query.min_price_minor,
            query.max_price_minor,
            query.data_gb_min,
            query.contract_months,
            min(query.limit, OFFERS_MAX),
        )
        async with read(self._pool) as db:
            if query.text is None:
                rows = await db.fetch(SEARCH_OFFERS, *asked)
            else:
                rows = await db.fetch(SEARCH_OFFERS_BY_WORDS, *asked, query.text)
        return [_offer(row) for row in rows]

    async def find(self, offer_id: str) -> Offer | None:
        async with read(self._pool) as db:
            row = await db.fetchrow(FIND_OFFER, offer_id)
        return None if row is None else _offer(row)


def _offer(row: Record) -> Offer:
    return Offer(
        id=row["id"],
        merchant_id=row["merchant_id"],
        item_id=row["item_id"],
        vertical=row["vertical"],
        provider=row["provider"],
        name=row["name"],
        price=Money(row["price_minor"], row["currency"]),
        commission=_decode_commission(row["commission"]),
        criteria=_decode_criteria(row["criteria"]),
        active=row["active"],
    )

"""Rows of recommendations: under the merchant whose offer was recommended."""

from typing import Final

from asyncpg import Record
from msgspec.structs import replace

from ucp_server.domain.attribution import Recommendation
from ucp_server.store.database import Read, Tx
from ucp_server.store.documents import decode_recommendation, encode

# A search has one buyer; nobody recommends more to one.
OF_SESSION_MAX: Final = 100

# Twins may pass the limit by a few, which harms nobody.
INSERT_RECOMMENDATION: Final = """
insert into recommendations (merchant_id, id, session_id, agent_id, document)
select $1, $2, $3, $4, $5
where (select count(*) from recommendations where session_id = $3) < $6
"""


async def insert_recommendation(tx: Tx, recommendation: Recommendation) -> bool:
    """False where the search has as many as it may."""
    inserted = await tx.execute(
        INSERT_RECOMMENDATION,
        recommendation.offer.merchant_id,
        recommendation.id,
        recommendation.session_id,
        recommendation.agent_id,
        encode(recommendation),
        OF_SESSION_MAX,
    )
    return inserted == 1


# checkout_id and followed are the columns'; the document is as it was inserted.
LOAD_RECOMMENDATION: Final = """
select document, checkout_id, followed from recommendations where merchant_id = $1 and id = $2
"""


async def load_recommendation(db: Read, merchant_id: str, recommendation_id: str) -> Recommendation | None:
    row = await db.fetchrow(LOAD_RECOMMENDATION, merchant_id, recommendation_id)
    return None if row is None else _recommendation(row)


LOAD_ANY_RECOMMENDATION: Final = """
select document, checkout_id, followed from recommendations where id = $1 limit 1
"""


async def load_any_recommendation(db: Read, recommendation_id: str) -> Recommendation | None:
    """Whosever offer it is of: for links, which name no merchant."""
    row = await db.fetchrow(LOAD_ANY_RECOMMENDATION, recommendation_id)
    return None if row is None else _recommendation(row)


LOAD_RECOMMENDATIONS_OF_SESSION: Final = """
select document, checkout_id, followed from recommendations
where session_id = $1 and ($2::text is null or merchant_id = $2) order by id limit $3
"""


async def load_recommendations_of_session(
    db: Read, session_id: str, *, merchant_id: str | None = None
) -> list[Recommendation]:
    """Oldest first; with a ``merchant_id`` only those of that one's offers."""
    rows = await db.fetch(LOAD_RECOMMENDATIONS_OF_SESSION, session_id, merchant_id, OF_SESSION_MAX)
    return [_recommendation(row) for row in rows]


MARK_CHECKOUT: Final = """
update recommendations set checkout_id = $3
where merchant_id = $1 and id = $2 and (checkout_id is null or checkout_id = $3)
"""


async def mark_checkout(tx: Tx, merchant_id: str, recommendation_id: str, checkout_id: str) -> bool:
    """Say which checkout it became. Safe to repeat; False when it is another one already."""
    return await tx.execute(MARK_CHECKOUT, merchant_id, recommendation_id, checkout_id) == 1


COUNT_FOLLOWED: Final = """
update recommendations set followed = followed + 1 where id = $1
returning document, checkout_id, followed
"""


async def count_followed(tx: Tx, recommendation_id: str) -> Recommendation | None:
    """Count a visit of its link."""
    row = await tx.fetchrow(COUNT_FOLLOWED, recommendation_id)
    return None if row is None else _recommendation(row)


def _recommendation(row: Record) -> Recommendation:
    checkout_id = None if row["checkout_id"] is None else str(row["checkout_id"])
    stored = decode_recommendation(row["document"])
    return replace(stored, checkout_id=checkout_id, followed=row["followed"])

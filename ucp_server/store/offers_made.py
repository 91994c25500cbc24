"""Rows of offers that were made: written once, read until some time after they expired."""

from datetime import datetime
from typing import Final

import msgspec

from ucp_server.domain.offering import MadeOffer
from ucp_server.store.database import Read, Tx
from ucp_server.store.documents import encode

_decode_offer: Final = msgspec.json.Decoder(MadeOffer).decode

INSERT_OFFER: Final = """
insert into made_offers (merchant_id, id, platform_id, owner, document, expires_at)
values ($1, $2, $3, $4, $5, $6)
"""


async def insert_offer(tx: Tx, offer: MadeOffer) -> None:
    await tx.execute(
        INSERT_OFFER,
        offer.merchant_id,
        offer.id,
        offer.platform_id,
        offer.owner,
        encode(offer),
        offer.expires_at,
    )


LOAD_OFFER: Final = """
select document from made_offers where merchant_id = $1 and id = $2 and platform_id = $3
"""


async def load_offer(db: Read, merchant_id: str, platform_id: str, offer_id: str) -> MadeOffer | None:
    """The offer, whether it is over or not; None for one that was made to another platform."""
    row = await db.fetchrow(LOAD_OFFER, merchant_id, offer_id, platform_id)
    return None if row is None else _decode_offer(row["document"])


DELETE_EXPIRED: Final = """
delete from made_offers o using (
    select merchant_id, id from made_offers
    where expires_at < $1 order by expires_at limit $2
    for update skip locked
) old
where o.merchant_id = old.merchant_id and o.id = old.id
"""


async def delete_expired_offers(tx: Tx, before: datetime, limit: int) -> int:
    """Remove at most ``limit`` offers that were over ``before``."""
    return await tx.execute(DELETE_EXPIRED, before, limit)

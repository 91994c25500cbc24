"""What a merchant offers as one, in the order of its tables."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ucp_server.domain.offering import Bundle
from ucp_server.store.database import Read, Tx
from ucp_server.store.documents import encode

_decode_bundle: Final = msgspec.json.Decoder(Bundle).decode

LOAD_BUNDLES: Final = "select document from bundles where merchant_id = $1 order by position, id"


async def load_bundles(db: Read, merchant_id: str) -> list[Bundle]:
    return [_decode_bundle(row["document"]) for row in await db.fetch(LOAD_BUNDLES, merchant_id)]


DELETE_BUNDLES: Final = "delete from bundles where merchant_id = $1"
INSERT_BUNDLES: Final = """
insert into bundles (merchant_id, id, document, position)
select $1, new.id, new.document, new.position
from unnest($2::text[], $3::jsonb[]) with ordinality as new (id, document, position)
"""


async def replace_bundles(tx: Tx, merchant_id: str, bundles: Sequence[Bundle]) -> None:
    """Make ``bundles`` all that the merchant offers, in this order."""
    await tx.execute(DELETE_BUNDLES, merchant_id)
    ids = [bundle.id for bundle in bundles]
    await tx.execute(INSERT_BUNDLES, merchant_id, ids, [encode(bundle) for bundle in bundles])

"""The ledger's entries. There is a statement that adds one, and none that changes or removes any."""

from typing import Final

from ucp_server.domain.ledger import LedgerEntry
from ucp_server.store.database import Read, Tx
from ucp_server.store.documents import decode_ledger_entry, encode
from ucp_server.store.violations import violations

# A sale is told of by a few sources and ruled on a few times.
ENTRIES_MAX: Final = 1000

INSERT_ENTRY: Final = """
insert into ledger
    (merchant_id, id, conversion_id, sequence, session_id, source, event_id, document, recorded_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""


async def insert_entry(tx: Tx, entry: LedgerEntry) -> None:
    """Raises EventKnown for an event that is there, EntryTaken where others were faster."""
    with violations():
        await tx.execute(
            INSERT_ENTRY,
            entry.merchant_id,
            entry.id,
            entry.conversion_id,
            entry.sequence,
            entry.session_id,
            entry.source,
            entry.event_id,
            encode(entry),
            entry.recorded_at,
        )


LOAD_EVENT: Final = "select document from ledger where merchant_id = $1 and source = $2 and event_id = $3"


async def load_event(db: Read, merchant_id: str, source: str, event_id: str) -> LedgerEntry | None:
    """The entry that a source's event became."""
    document = await db.fetchval(LOAD_EVENT, merchant_id, source, event_id)
    return decode_ledger_entry(document) if isinstance(document, bytes) else None


LOAD_CONVERSION: Final = """
select document from ledger where merchant_id = $1 and conversion_id = $2 order by sequence limit $3
"""


async def load_conversion(db: Read, merchant_id: str, conversion_id: str) -> list[LedgerEntry]:
    """All entries of a conversion, in their order."""
    rows = await db.fetch(LOAD_CONVERSION, merchant_id, conversion_id, ENTRIES_MAX)
    return [decode_ledger_entry(row[0]) for row in rows]


LOAD_CONVERSIONS_OF_SESSION: Final = """
select document from ledger
where session_id = $1 order by merchant_id, conversion_id, sequence limit $2
"""


async def load_conversions_of_session(db: Read, session_id: str) -> list[LedgerEntry]:
    """The entries of a search's conversions: one conversion after the other, each in its order."""
    rows = await db.fetch(LOAD_CONVERSIONS_OF_SESSION, session_id, ENTRIES_MAX)
    return [decode_ledger_entry(row[0]) for row in rows]

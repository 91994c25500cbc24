"""Rows of searches. They belong to no merchant but to the network's own tenant."""

from datetime import datetime
from typing import Final

from ucp_server.domain.attribution import SearchSession
from ucp_server.store.credentials import NETWORK
from ucp_server.store.database import Read, Tx
from ucp_server.store.documents import decode_search_session, encode

INSERT_SESSION: Final = """
insert into search_sessions (merchant_id, id, agent_id, state, revision, document, expires_at)
values ($1, $2, $3, $4, $5, $6, $7)
"""


async def insert_session(tx: Tx, session: SearchSession) -> None:
    await tx.execute(
        INSERT_SESSION,
        NETWORK,
        session.id,
        session.agent_id,
        session.state,
        session.revision,
        encode(session),
        session.expires_at,
    )


LOAD_SESSION: Final = """
select document from search_sessions
where merchant_id = $1 and id = $2 and agent_id = $3
"""


async def load_session(db: Read, session_id: str, *, agent_id: str) -> SearchSession | None:
    """None also for the search of another agent."""
    document = await db.fetchval(LOAD_SESSION, NETWORK, session_id, agent_id)
    return decode_search_session(document) if isinstance(document, bytes) else None


UPDATE_SESSION: Final = """
update search_sessions set state = $3, revision = $4, document = $5
where merchant_id = $1 and id = $2 and revision = $4 - 1
"""


async def update_session(tx: Tx, session: SearchSession) -> bool:
    """Write ``session`` over the revision before it; False when that one is gone."""
    changed = await tx.execute(
        UPDATE_SESSION, NETWORK, session.id, session.state, session.revision, encode(session)
    )
    return changed == 1


DELETE_UNUSED_SESSIONS: Final = """
delete from search_sessions where (merchant_id, id) in (
    select merchant_id, id from search_sessions
    where state = 'created' and expires_at < $1 order by expires_at limit $2 for update skip locked
)
"""


async def delete_unused_sessions(tx: Tx, before: datetime, limit: int) -> int:
    """Forget searches that ended before ``before`` and led to no recommendation."""
    return await tx.execute(DELETE_UNUSED_SESSIONS, before, limit)

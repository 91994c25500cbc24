"""How often a caller asked within its minute, counted for all processes together."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ucp_server.store.database import Tx


@dataclass(frozen=True, slots=True)
class Window:
    """``used`` counts this one; ``left_s`` seconds from now the next window opens, at ``ends_at``."""

    used: int
    left_s: float
    ends_at: datetime


# One row per caller, so that there is nothing to clear away. The window opens with the first request;
# one that began a moment before it and counted after it has no longer to wait than the others.
COUNT_REQUEST: Final = """
insert into rate_windows as w (merchant_id, caller, opened_at, used) values ($1, $2, now(), $4)
on conflict (merchant_id, caller) do update set
    opened_at = case when w.opened_at + $3::float8 * interval '1 second' > now() then w.opened_at
        else now() end,
    used = case when w.opened_at + $3::float8 * interval '1 second' > now() then w.used + $4 else $4 end
returning used, opened_at + $3::float8 * interval '1 second' as ends_at,
    least(extract(epoch from opened_at - now())::float8, 0) + $3::float8 as left_s
"""


async def count_request(
    tx: Tx, *, merchant_id: str, caller: str, window_s: float, amount: int = 1
) -> Window:
    """Count one request, or ``amount`` of them, of ``caller``, who is known to ``merchant_id``."""
    row = await tx.fetchrow(COUNT_REQUEST, merchant_id, caller, window_s, amount)
    assert row is not None, "an upsert returns its row"
    return Window(used=row["used"], left_s=row["left_s"], ends_at=row["ends_at"])

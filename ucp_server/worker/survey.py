"""Survey: tells Postgres how large its new tables have become, so that plans fit from the start."""

from ucp_server.store.database import Pool
from ucp_server.store.sizes import analyze_new_tables


async def run_once(pool: Pool) -> int:
    """Returns how many tables were looked at."""
    return await analyze_new_tables(pool)

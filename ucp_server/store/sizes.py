"""What Postgres thinks of the sizes of tables, until it looks at them by itself.

It looks once a minute. Until then it takes every column of a new table for equally telling, and may
keep a plan that reads all rows of a merchant to find one: 60 orders a second make that minute long.
Partitions are new tables too, every few hours.
"""

from typing import Final

from ucp_server.store.database import Pool, read, statement

# As many as Postgres itself waits for (autovacuum_analyze_threshold); fewer are read in no time.
ROWS_MIN: Final = 50
# A table of which Postgres knows nothing has -1 rows. What others own is theirs to look at.
LIST_UNKNOWN: Final = """
select c.oid::regclass::text from pg_class c
where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and c.reltuples < 0
  and pg_stat_get_live_tuples(c.oid) >= $1 and pg_has_role(c.relowner, 'usage')
order by pg_stat_get_live_tuples(c.oid)
"""


async def analyze_new_tables(pool: Pool, rows_min: int = ROWS_MIN) -> int:
    """Let Postgres look at tables that it does not know yet; returns how many there were.

    Plans that were kept over them are made anew thereby, on every connection.
    """
    async with read(pool) as db:
        tables = [row[0] for row in await db.fetch(LIST_UNKNOWN, rows_min)]
    for table in tables:
        async with statement(pool) as tx:
            await tx.execute(f"analyze {table}")
    return len(tables)

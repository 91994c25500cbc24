"""How far up a search shows what was meant: a hundred queries over the demo shop.

The mean reciprocal rank is 1 when each query's product comes first, 0.5 when each comes second.
"""

import csv

from tests.style.sources import ROOT
from ucp_server.domain.catalog import Search
from ucp_server.store.catalog import PostgresCatalog
from ucp_server.store.database import Pool
from ucp_server.store.importing import import_shop

QUERIES = ROOT / "tests" / "data" / "relevance" / "queries.csv"
RANK_WANTED = 0.9


async def test_what_is_meant_comes_first(pool: Pool) -> None:
    await import_shop(pool, "shop", "EUR", ROOT / "examples" / "demo_shop")
    catalog = PostgresCatalog(pool)
    asked = list(csv.DictReader(QUERIES.read_text("utf-8").splitlines()))
    assert len(asked) == 100
    assert sum(one["typo"] == "yes" for one in asked) >= 20
    ranks: dict[str, float] = {}
    for one in asked:
        found = await catalog.search("shop", Search(query=one["query"]), 20)
        wanted = set(one["products"].split("|"))
        place = next((at for at, id_ in enumerate(found, 1) if id_ in wanted), None)
        ranks[one["query"]] = 1 / place if place else 0.0
    late = {query: round(rank, 2) for query, rank in ranks.items() if rank < 1}
    assert sum(ranks.values()) / len(ranks) >= RANK_WANTED, late
    misspelt = [ranks[one["query"]] for one in asked if one["typo"] == "yes"]
    assert sum(misspelt) / len(misspelt) >= RANK_WANTED, late

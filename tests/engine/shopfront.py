"""A network of recommendations over the small test shop: an offer for each of its items."""

from dataclasses import dataclass, field

import msgspec

from tests.engine.world import SetClock
from ucp_server.domain.attribution import Commission, CommissionType
from ucp_server.engine.attribution import Network
from ucp_server.engine.codes import Codes, Issuer
from ucp_server.engine.ledger import Ledger
from ucp_server.engine.runner import Engine
from ucp_server.engine.setup import Setup
from ucp_server.engine.sources import Sources
from ucp_server.store.database import Pool, statement
from ucp_server.store.offers import PostgresOffers

SECRET = b"a secret of thirty-two characters"
ISSUER = Issuer(name="network.test", prefix="code://network.test/v1/")
AGENT = "agent_1"
TEN_PER_CENT = Commission(type=CommissionType.PERCENTAGE, rate_ppm=100_000)

PUT_ITEM = """
insert into items (merchant_id, id, title, price_minor, currency)
values ($1, $2, $3, $4, 'EUR') on conflict do nothing
"""
PUT_OFFER = """
with named as (insert into handles (kind, handle, merchant_id) values ('offer', $2, $1))
insert into offers (merchant_id, id, item_id, vertical, provider, criteria, commission, search)
values ($1, $2, $3, $4, $5, $6, $7, to_tsvector('simple', $8 || ' ' || $5 || ' ' || $4))
"""


async def put_offer(
    pool: Pool,
    offer_id: str,
    *,
    item_id: str = "rose",
    title: str = "Rose",
    price_minor: int = 1200,
    merchant_id: str = "shop",
    vertical: str = "sim",
    provider: str = "Harbour",
    commission: Commission = TEN_PER_CENT,
    **criteria: object,
) -> None:
    async with statement(pool) as tx:
        await tx.execute(PUT_ITEM, merchant_id, item_id, title, price_minor)
        await tx.execute(
            PUT_OFFER,
            merchant_id,
            offer_id,
            item_id,
            vertical,
            provider,
            msgspec.json.encode(criteria),
            msgspec.json.encode(commission),
            title,
        )


@dataclass
class Shopfront:
    """The use cases over one setup, and the clock that they go by."""

    setup: Setup
    engine: Engine
    network: Network
    ledger: Ledger
    codes: Codes
    sources: Sources
    clock: SetClock = field(default_factory=SetClock)


def make_shopfront(setup: Setup, clock: SetClock) -> Shopfront:
    engine, codes = Engine(setup), Codes(setup.pool, SECRET, ISSUER)
    return Shopfront(
        setup=setup,
        engine=engine,
        network=Network(setup, engine, PostgresOffers(setup.pool), codes),
        ledger=Ledger(setup, codes),
        codes=codes,
        sources=Sources(setup.pool, SECRET),
        clock=clock,
    )

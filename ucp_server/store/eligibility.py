"""Who is entitled to what, by the shop's own list: ``eligibility.csv``."""

from collections.abc import Collection, Sequence
from typing import Final

from ucp_server.domain.checkout import Buyer, Instrument
from ucp_server.store.database import Pool, read

# The holder that stands for everybody whom the shop has registered.
ANY_CUSTOMER: Final = "customers"

# A domain counts for its own addresses, not for those below it.
LOAD_VERIFIED: Final = f"""
select distinct e.claim from eligibility e
where e.merchant_id = $1 and e.claim = any($2::text[]) and (
    e.holder in ($3, $4)
    or e.holder = '{ANY_CUSTOMER}' and exists (
        select from customers c where c.merchant_id = $1 and lower(c.email) = lower($5)
    )
)
"""


class PostgresEligibility:
    """`Eligibility` by the buyer's e-mail address."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def verified(
        self, merchant_id: str, claims: Sequence[str], buyer: Buyer | None, instrument: Instrument
    ) -> Collection[str]:
        del instrument
        email = (buyer.email or "").strip() if buyer else ""
        name, at, domain = email.lower().rpartition("@")
        if not (name and domain):
            return ()
        holders = (name + at + domain, at + domain)
        async with read(self._pool) as db:
            rows = await db.fetch(LOAD_VERIFIED, merchant_id, list(claims), *holders, email)
        return {row["claim"] for row in rows}

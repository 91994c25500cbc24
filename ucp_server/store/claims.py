"""Claims bind an idempotency key to one execution; replies keep its bytes for 48 hours.

The statements that make a claim stand beside what they claim (`checkouts`, `completion`), each
without ON CONFLICT: a taken key undoes everything and raises `KeyTaken`.
"""

from dataclasses import dataclass
from typing import Final

from ucp_server.store.database import Read, Tx
from ucp_server.store.violations import violations


@dataclass(frozen=True, slots=True)
class Claim:
    """A key in its scope, and what was asked under it."""

    merchant_id: str
    platform_id: str
    operation: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class FoundClaim:
    """``reply`` is None while the request runs, and when its bytes are no longer kept.

    ``is_held`` says that somebody alive is at its payment; a claim that has no reply and is not
    held may be gone on with by the identical request.
    """

    fingerprint: bytes
    checkout_id: str
    is_replied: bool
    reply: bytes | None
    is_held: bool


# Most keys are new: the usual question costs one look into one partition, the rest is asked for
# only where it is needed.
LOAD_CLAIM: Final = """
select fingerprint, checkout_id, replied_at from claims
where merchant_id = $1 and platform_id = $2 and operation = $3 and key = $4
"""

LOAD_REPLY: Final = """
select reply from replies
where merchant_id = $1 and platform_id = $2 and operation = $3 and key = $4 and replied_at = $5
"""

# Both in one statement: an attempt that closes in between would look like one that nobody runs.
LOAD_HOLDER: Final = """
select c.replied_at, exists (
    select from attempts a
    where a.merchant_id = c.merchant_id and a.checkout_id = c.checkout_id
      and a.operation = c.operation and a.key = c.key
      and a.state in ('created', 'sent', 'unknown') and a.lease_until > now()) as is_held
from claims c
where c.merchant_id = $1 and c.platform_id = $2 and c.operation = $3 and c.key = $4
"""


async def load_claim(db: Read, claim: Claim) -> FoundClaim | None:
    scope = (claim.merchant_id, claim.platform_id, claim.operation, claim.key)
    row = await db.fetchrow(LOAD_CLAIM, *scope)
    if row is None:
        return None
    fingerprint, checkout_id, replied_at = row
    is_held = False
    if replied_at is None:
        holder = await db.fetchrow(LOAD_HOLDER, *scope)
        if holder is None:
            return None
        replied_at, is_held = holder
    reply = None if replied_at is None else await db.fetchval(LOAD_REPLY, *scope, replied_at)
    return FoundClaim(
        fingerprint,
        str(checkout_id),
        is_replied=replied_at is not None,
        reply=reply if isinstance(reply, bytes) else None,
        is_held=is_held,
    )


# For a request that answers before its payment is decided. Whoever closes the attempt finds the
# claim replied and keeps its own reply to itself: the first one sent is the one replayed.
KEEP_REPLY: Final = """
with replied as (
    update claims set replied_at = now()
    where merchant_id = $1 and platform_id = $2 and operation = $3 and key = $4 and replied_at is null
    returning merchant_id, platform_id, operation, key, replied_at
)
insert into replies (merchant_id, platform_id, operation, key, replied_at, reply)
select merchant_id, platform_id, operation, key, replied_at, $5 from replied
"""


async def keep_reply(tx: Tx, claim: Claim, reply: bytes) -> bool:
    """Make ``reply`` the one that the key replays; False when it has one already."""
    kept = await tx.execute(
        KEEP_REPLY, claim.merchant_id, claim.platform_id, claim.operation, claim.key, reply
    )
    return kept == 1


# For a request that was answered without anything being written.
KEEP_OUTCOME: Final = """
with claimed as (
    insert into claims (merchant_id, platform_id, operation, key, fingerprint, checkout_id, replied_at)
    values ($1, $2, $3, $4, $5, $6, now())
    returning merchant_id, platform_id, operation, key, replied_at
)
insert into replies (merchant_id, platform_id, operation, key, replied_at, reply)
select merchant_id, platform_id, operation, key, replied_at, $7 from claimed
"""


async def keep_outcome(tx: Tx, claim: Claim, checkout_id: str, reply: bytes) -> None:
    """Claim a new key with its reply. Raises KeyTaken."""
    scope = (claim.merchant_id, claim.platform_id, claim.operation, claim.key)
    with violations():
        await tx.execute(KEEP_OUTCOME, *scope, claim.fingerprint, checkout_id, reply)


FORGET_REPLIES: Final = """
delete from replies r using claims c
where c.merchant_id = $1 and c.checkout_id = $2
  and r.merchant_id = c.merchant_id and r.platform_id = c.platform_id
  and r.operation = c.operation and r.key = c.key and r.replied_at = c.replied_at
"""


async def forget_replies(tx: Tx, merchant_id: str, checkout_id: str) -> int:
    """Drop the reply bytes of one checkout at once (a buyer's erasure); its keys never run again."""
    return await tx.execute(FORGET_REPLIES, merchant_id, checkout_id)

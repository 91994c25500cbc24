"""Attempts to pay: who holds one, and until when.

A holder renews its lease; when it dies the lease runs out and another one takes over with the next
epoch. Everything an attempt leads to is conditional on the epoch, so only its last holder decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from asyncpg import Record

from ucp_server.domain.events import Job
from ucp_server.store.claims import Claim
from ucp_server.store.database import Read, Tx
from ucp_server.store.outbox import encode_jobs, queueing

# Money may still move under such an attempt.
OPEN_STATES: Final = frozenset({"created", "sent", "unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """``operation`` and ``key`` name the claim of the complete that opened it, None without a key."""

    merchant_id: str
    id: str
    checkout_id: str
    platform_id: str
    handler_id: str
    psp_key: str
    hold_id: str
    amount_minor: int
    currency: str
    operation: str | None
    key: str | None
    binding: str
    terms: bytes
    refusing_problems: Sequence[str]
    state: str = "created"
    reference: str | None = None
    captured_minor: int = 0
    refunded_minor: int = 0
    epoch: int = 1


_COLUMNS = """
a.merchant_id, a.id, a.checkout_id, a.platform_id, a.handler_id, a.psp_key, a.hold_id, a.amount_minor,
a.currency, a.operation, a.key, a.binding, a.terms, a.refusing_problems, a.state, a.reference,
a.captured_minor, a.refunded_minor, a.epoch
"""


def _attempt(row: Record) -> AttemptRow:
    ids = {name: str(row[name]) for name in ("id", "checkout_id", "hold_id")}
    return AttemptRow(**{**row, **ids})


LOAD_ATTEMPT: Final = f"select {_COLUMNS} from attempts a where a.merchant_id = $1 and a.id = $2"


async def load_attempt(db: Read, merchant_id: str, attempt_id: str) -> AttemptRow | None:
    row = await db.fetchrow(LOAD_ATTEMPT, merchant_id, attempt_id)
    return None if row is None else _attempt(row)


LOAD_ATTEMPT_OF_CLAIM: Final = f"""
select {_COLUMNS} from attempts a
where a.merchant_id = $1 and a.checkout_id = $2 and a.platform_id = $3 and a.operation = $4 and a.key = $5
order by a.id desc limit 1
"""


async def load_attempt_of_claim(db: Read, claim: Claim, checkout_id: str) -> AttemptRow | None:
    """The latest attempt that was opened under ``claim``."""
    row = await db.fetchrow(
        LOAD_ATTEMPT_OF_CLAIM,
        claim.merchant_id,
        checkout_id,
        claim.platform_id,
        claim.operation,
        claim.key,
    )
    return None if row is None else _attempt(row)


LOAD_CHALLENGED: Final = f"""
select {_COLUMNS} from attempts a
where a.merchant_id = $1 and a.checkout_id = $2 and a.state = 'action_needed'
order by a.id desc limit 1
"""


async def load_challenged(db: Read, merchant_id: str, checkout_id: str) -> AttemptRow | None:
    """The attempt whose buyer was sent to a challenge, if that is where the checkout stands."""
    row = await db.fetchrow(LOAD_CHALLENGED, merchant_id, checkout_id)
    return None if row is None else _attempt(row)


MARK_SENT: Final = """
update attempts set state = 'sent', updated_at = now(), lease_until = now() + make_interval(secs => $4)
where merchant_id = $1 and id = $2 and epoch = $3 and state in ('created', 'sent', 'unknown')
"""


async def mark_sent(tx: Tx, attempt: AttemptRow, lease_s: float) -> bool:
    """From here on the provider may have it. False when somebody else took over: then do not send."""
    marked = await tx.execute(MARK_SENT, attempt.merchant_id, attempt.id, attempt.epoch, lease_s)
    return marked == 1


RENEW_LEASE: Final = """
update attempts set lease_until = now() + make_interval(secs => $4)
where merchant_id = $1 and id = $2 and epoch = $3 and state in ('created', 'sent', 'unknown')
"""


async def renew_lease(tx: Tx, attempt: AttemptRow, lease_s: float) -> bool:
    renewed = await tx.execute(RENEW_LEASE, attempt.merchant_id, attempt.id, attempt.epoch, lease_s)
    return renewed == 1


TAKE_OVER: Final = f"""
update attempts a set epoch = a.epoch + 1, lease_until = now() + make_interval(secs => $4)
where a.merchant_id = $1 and a.id = $2 and a.epoch = $3
  and a.state in ('created', 'sent') and a.lease_until <= now()
returning {_COLUMNS}
"""


async def take_over(tx: Tx, attempt: AttemptRow, lease_s: float) -> AttemptRow | None:
    """Become the holder of an attempt whose own died; None when it is alive, or others were first."""
    row = await tx.fetchrow(TAKE_OVER, attempt.merchant_id, attempt.id, attempt.epoch, lease_s)
    return None if row is None else _attempt(row)


CLAIM_DUE_ATTEMPTS: Final = f"""
update attempts a set epoch = a.epoch + 1, lease_until = now() + make_interval(secs => $2)
from (
    select merchant_id, id from attempts
    where state in ('created', 'sent', 'unknown', 'action_needed') and lease_until <= now()
    order by lease_until limit $1 for update skip locked
) due
where a.merchant_id = due.merchant_id and a.id = due.id
returning {_COLUMNS}
"""


async def claim_due_attempts(tx: Tx, limit: int, lease_s: float) -> list[AttemptRow]:
    """Become the holder of attempts that nobody holds any more."""
    return [_attempt(row) for row in await tx.fetch(CLAIM_DUE_ATTEMPTS, limit, lease_s)]


# The older it is, the rarer it is looked at, but never less than twice a minute: an outcome has to be
# known 60 s after its provider can be reached again.
MARK_UNKNOWN: Final = """
with marked as (
    update attempts set state = 'unknown', updated_at = now(),
        lease_until = now() + least(greatest((now() - created_at) / 4, interval '1 s'), interval '30 s')
    where merchant_id = $1 and id = $2 and epoch = $3 and state in ('sent', 'unknown')
    returning merchant_id
), replied as (
    update claims c set replied_at = now() from marked m
    where c.merchant_id = $1 and c.platform_id = $4 and c.operation = $5 and c.key = $6
      and c.replied_at is null and $7::bytea is not null
    returning c.merchant_id, c.platform_id, c.operation, c.key, c.replied_at
), kept as (
    insert into replies (merchant_id, platform_id, operation, key, replied_at, reply)
    select merchant_id, platform_id, operation, key, replied_at, $7 from replied
)
select count(*) from marked
"""


async def mark_unknown(tx: Tx, attempt: AttemptRow, reply: bytes | None) -> bool:
    """The provider did not say; ``reply`` ("in progress") answers the key, if nothing did yet.

    False when somebody else took over.
    """
    marked = await tx.fetchval(
        MARK_UNKNOWN,
        attempt.merchant_id,
        attempt.id,
        attempt.epoch,
        attempt.platform_id,
        attempt.operation,
        attempt.key,
        reply,
    )
    return marked == 1


RETIRE_CHALLENGED: Final = f"""
with retired as (
    update attempts set state = 'voided', lease_until = null, updated_at = now()
    where merchant_id = $1 and id = $2 and epoch = $3 and state = 'action_needed'
    returning merchant_id
), {queueing(once="retired", jobs="$4")}
select count(*) from retired
"""


async def retire_challenged(tx: Tx, attempt: AttemptRow, jobs: Sequence[Job]) -> bool:
    """Nobody waits for this challenge any more: ``jobs`` void it, passed or not."""
    retired = await tx.fetchval(
        RETIRE_CHALLENGED, attempt.merchant_id, attempt.id, attempt.epoch, encode_jobs(jobs)
    )
    return retired == 1

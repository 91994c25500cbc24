"""The two statements around a payment: one opens the attempt, one closes it and all that follows.

Locks are taken in the order attempt, checkout, stock, order, outbox, claim.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ucp_server.domain.checkout import Checkout
from ucp_server.domain.events import Job
from ucp_server.domain.order import Order
from ucp_server.store.attempts import AttemptRow
from ucp_server.store.claims import Claim
from ucp_server.store.database import Tx
from ucp_server.store.documents import encode
from ucp_server.store.outbox import encode_jobs, queueing
from ucp_server.store.stock import freeing, reserving
from ucp_server.store.violations import violations


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """``checkout`` is the completing one, one revision after the open one that was read.

    ``claim`` is None without a key. With ``goes_on`` it is there already, and is to have no reply.
    ``pieces`` are held in our own stock.
    """

    checkout: Checkout
    attempt: AttemptRow
    claim: Claim | None
    lease_s: float
    goes_on: bool = False
    pieces: Mapping[str, int] = field(default_factory=dict)


# An attempt that was never sent, or whose buyer passed a challenge, goes on under its id. It cannot
# have moved meanwhile: only an open checkout gets here, and whatever moves such an attempt moves
# its checkout too.
OPEN_ATTEMPT: Final = f"""
with opened as (
    update checkouts set state = 'completing', revision = $4, document = $5
    where merchant_id = $1 and id = $2 and platform_id = $3
      and revision = $4 - 1 and state = 'open' and expires_at > now()
      and (not $24::boolean or exists (
          select from claims where merchant_id = $1 and platform_id = $3 and operation = $6
            and key = $7 and replied_at is null))
    returning merchant_id, id, platform_id
), claimed as (
    insert into claims (merchant_id, platform_id, operation, key, fingerprint, checkout_id)
    select merchant_id, platform_id, $6, $7, $8, id from opened
    where $7::text is not null and not $24::boolean
), attempted as (
    insert into attempts (merchant_id, id, checkout_id, platform_id, handler_id, psp_key, amount_minor,
        currency, operation, key, binding, terms, refusing_problems, state, lease_until, hold_id)
    select merchant_id, $9::uuid, id, platform_id, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
        now() + make_interval(secs => $20), $23
    from opened
    on conflict (merchant_id, id) do update set
        state = excluded.state, epoch = attempts.epoch + 1, lease_until = excluded.lease_until,
        hold_id = excluded.hold_id,
        operation = excluded.operation, key = excluded.key, binding = excluded.binding,
        terms = excluded.terms, refusing_problems = excluded.refusing_problems, updated_at = now()
        where attempts.state in ('released', 'action_needed')
    returning epoch
), superseded as (
    update attempts a set lease_until = now() from opened o
    where a.merchant_id = o.merchant_id and a.checkout_id = o.id and a.state = 'action_needed'
      and a.id <> $9::uuid
), {reserving(once="opened", attempt="$9::uuid", items="$21", quantities="$22")}
select epoch from attempted
"""


async def open_attempt(tx: Tx, opening: Opening) -> int | None:
    """Write all of ``opening`` and return the attempt's epoch.

    None when the revision is gone, or the claim to go on with has been replied.

    Raises KeyTaken, StockShort, AttemptOpen, and RowExists when this very attempt is open already.
    """
    checkout, attempt, claim = opening.checkout, opening.attempt, opening.claim
    with violations():
        epoch = await tx.fetchval(
            OPEN_ATTEMPT,
            checkout.merchant_id,
            checkout.id,
            checkout.platform_id,
            checkout.revision,
            encode(checkout),
            *((claim.operation, claim.key, claim.fingerprint) if claim else (None, None, None)),
            attempt.id,
            attempt.handler_id,
            attempt.psp_key,
            attempt.amount_minor,
            attempt.currency,
            attempt.operation,
            attempt.key,
            attempt.binding,
            attempt.terms,
            list(attempt.refusing_problems),
            attempt.state,
            opening.lease_s,
            list(opening.pieces),
            list(opening.pieces.values()),
            attempt.hold_id,
            opening.goes_on,
        )
    return epoch if isinstance(epoch, int) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """``attempt`` as its holder has it; ``checkout`` is the one after the completing one.

    ``state`` is the attempt's last one. With an ``order`` the held pieces are sold, else given back.
    ``reply`` answers the key if nothing did yet; None leaves it to the identical request.
    """

    attempt: AttemptRow
    checkout: Checkout
    state: str
    reference: str | None = None
    captured_minor: int = 0
    order: Order | None = None
    jobs: Sequence[Job] = ()
    reply: bytes | None = None


# A challenged attempt is left to its buyer until the checkout's time is over.
CLOSE_ATTEMPT: Final = f"""
with held_by_us as (
    select merchant_id from attempts
    where merchant_id = $1 and id = $2 and epoch = $3 and state in ('created', 'sent', 'unknown')
    for update
), moved as (
    update checkouts c set state = $5, revision = $6, document = $7
    from held_by_us h
    where c.merchant_id = $1 and c.id = $4 and c.merchant_id = h.merchant_id
      and c.state = 'completing' and c.revision = $6 - 1
    returning c.merchant_id, c.id, c.platform_id, c.expires_at
), closed as (
    update attempts a set state = $8, reference = $9, captured_minor = $10, updated_at = now(),
        lease_until = case when $8 = 'action_needed' then m.expires_at end
    from moved m where a.merchant_id = $1 and a.id = $2
), {freeing(once="moved", attempt="$2", is_sold="$11::jsonb is not null")}, ordered as (
    insert into orders (merchant_id, id, platform_id, version, document, placed_at)
    select merchant_id, id, platform_id, 1, $11, $12 from moved where $11::jsonb is not null
), {queueing(once="moved", jobs="$13")}, replied as (
    update claims k set replied_at = now() from moved m
    where k.merchant_id = $1 and k.platform_id = $14 and k.operation = $15 and k.key = $16
      and k.replied_at is null and $17::bytea is not null
    returning k.merchant_id, k.platform_id, k.operation, k.key, k.replied_at
), kept as (
    insert into replies (merchant_id, platform_id, operation, key, replied_at, reply)
    select merchant_id, platform_id, operation, key, replied_at, $17 from replied
)
select count(*) from moved
"""


async def close_attempt(tx: Tx, closing: Closing) -> bool:
    """Write all of ``closing``; False when the attempt is no longer ours to close."""
    attempt, checkout, order = closing.attempt, closing.checkout, closing.order
    with violations():
        moved = await tx.fetchval(
            CLOSE_ATTEMPT,
            attempt.merchant_id,
            attempt.id,
            attempt.epoch,
            checkout.id,
            checkout.state,
            checkout.revision,
            encode(checkout),
            closing.state,
            closing.reference,
            closing.captured_minor,
            None if order is None else encode(order),
            None if order is None else order.placed_at,
            encode_jobs(closing.jobs),
            attempt.platform_id,
            attempt.operation,
            attempt.key,
            closing.reply,
        )
    return moved == 1

"""What must hold whatever died: database, the provider's books and the receiver's log agree.

Numbers are those of reliability.md, section 4. Each function returns what is broken, in words.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.engine.rows import rows
from tests.simulators.ledger import Ledger
from ucp_server.domain.money import AMOUNT_MAX
from ucp_server.domain.order import Order
from ucp_server.store.database import Pool
from ucp_server.store.documents import decode_checkout, decode_order

Row = Mapping[str, Any]
Got = Sequence[tuple[str, bytes, str, int]]  # job id, body, stream, version


async def broken(
    pool: Pool, books: Ledger, got: Got, *, start_stock: Mapping[str, int], is_quiet: bool = True
) -> list[str]:
    """All that does not hold. ``is_quiet``: every job and attempt had its time to be settled."""
    tables = {
        name: await rows(pool, f"select * from {name}")
        for name in (
            *("checkouts", "orders", "attempts", "claims", "replies", "outbox", "inventory"),
            *("submissions", "stored_methods"),
        )
    }
    reservations = await rows(
        pool, "select r.*, a.state from reservations r left join attempts a on a.id = r.attempt_id"
    )
    found = [
        *_orders(tables),
        *_money(tables, books, is_quiet=is_quiet),
        *_stock(tables["inventory"], reservations, start_stock),
        *_claims(tables),
        *_events(tables, got, is_quiet=is_quiet),
        *_submissions(tables, is_quiet=is_quiet),
    ]
    hanging = await rows(pool, "select pid from pg_stat_activity where state like 'idle in transaction%'")
    if hanging:
        found.append(f"25: {len(hanging)} transactions are open")
    return found


def _orders(tables: Mapping[str, list[dict[str, Any]]]) -> Iterator[str]:
    ordered = Counter(row["id"] for row in tables["orders"])
    if any(count > 1 for count in ordered.values()):
        yield "1: two orders of one checkout"
    for row in tables["checkouts"]:
        checkout = decode_checkout(row["document"])
        if (row["state"] == "completed") != (row["id"] in ordered):
            yield f"2: checkout {row['id']} is {row['state']}, orders {ordered[row['id']]}"
        if (checkout.state, checkout.revision) != (row["state"], row["revision"]):
            yield f"17: checkout {row['id']} says otherwise than its row"
    for row in tables["orders"]:
        order = decode_order(row["document"])
        if order.version != row["version"]:
            yield f"17: order {row['id']} says otherwise than its row"
        yield from _sums(order)


def _sums(order: Order) -> Iterator[str]:
    amounts = [row.amount_minor for row in order.totals]
    if sum(amounts) != 2 * order.total_minor:
        yield f"7: the rows of order {order.id} do not add up"
    if any(abs(amount) > AMOUNT_MAX for amount in amounts):
        yield f"7: an amount of order {order.id} is out of range"


def _money(tables: Mapping[str, list[dict[str, Any]]], books: Ledger, *, is_quiet: bool) -> Iterator[str]:
    orders = {row["id"]: decode_order(row["document"]) for row in tables["orders"]}
    by_key = {row["psp_key"]: row for row in tables["attempts"]}
    if len(by_key) != len(tables["attempts"]):
        yield "5: a provider's key stands for two attempts"
    open_ = Counter(
        row["checkout_id"] for row in tables["attempts"] if row["state"] in {"created", "sent", "unknown"}
    )
    if any(count > 1 for count in open_.values()):
        yield "5: two open attempts of one checkout"
    if is_quiet and open_:
        yield f"8: attempts of {sorted(map(str, open_))} are still open"
    for key, known in books.authorisations.items():
        attempt = by_key.get(key)
        if attempt is None:
            yield f"6: the provider knows {key}, we do not"
            continue
        if known.asked_minor not in {attempt["amount_minor"], 0}:
            yield f"5: {key} was asked for two amounts"
        if not known.refunded_minor <= known.captured_minor <= known.held_minor:
            yield f"4: {key} captured or refunded too much"
        order = orders.get(attempt["checkout_id"])
        is_of_order = order is not None and order.attempt_id == str(attempt["id"])
        if known.status == "approved" and not is_of_order and is_quiet:
            yield f"3: {key} is held without an order"
        if is_quiet:
            yield from _net(known.captured_minor - known.refunded_minor, attempt, order, is_of_order)
    for row in tables["attempts"]:
        if row["state"] in {"authorised", "captured"} and row["psp_key"] not in books.authorisations:
            yield f"6: we think {row['psp_key']} was authorised, the provider does not know it"


def _net(net_minor: int, attempt: Row, order: Order | None, is_of_order: bool) -> Iterator[str]:
    wanted = order.total_minor - order.refunded_minor if order and is_of_order else 0
    if net_minor != wanted:
        yield f"3: the provider holds {net_minor} for {attempt['checkout_id']}, due are {wanted}"
    if is_of_order and attempt["captured_minor"] - attempt["refunded_minor"] != net_minor:
        yield f"6: our sums of {attempt['psp_key']} are not the provider's"


def _stock(
    inventory: list[dict[str, Any]], reservations: list[dict[str, Any]], start: Mapping[str, int]
) -> Iterator[str]:
    held = Counter[str]()
    for row in reservations:
        held[row["item_id"]] += row["quantity"]
        if row["state"] not in {"created", "sent", "unknown"}:
            yield f"10: pieces are held for an attempt that is {row['state']}"
    for row in inventory:
        item = row["item_id"]
        if not 0 <= row["reserved"] <= row["on_hand"]:
            yield f"9: {item} is oversold"
        if row["on_hand"] + row["sold"] != start[item]:
            yield f"10: {item}: {row['on_hand']} + {row['sold']} are not {start[item]}"
        if row["reserved"] != held[item]:
            yield f"10: {item}: {row['reserved']} reserved, {held[item]} held"


def _claims(tables: Mapping[str, list[dict[str, Any]]]) -> Iterator[str]:
    def scope(row: Row) -> tuple[str, ...]:
        return (row["merchant_id"], row["platform_id"], row["operation"], row["key"])

    replies = Counter(scope(row) for row in tables["replies"])
    claims = {scope(row): row for row in tables["claims"]}
    checkouts = {row["id"] for row in tables["checkouts"]}
    for key, row in claims.items():
        if (row["replied_at"] is not None) != (replies[key] == 1):
            yield f"12: claim {key} and its reply disagree"
        if row["checkout_id"] not in checkouts:
            yield f"12: claim {key} is about nothing"
    if replies.keys() - claims.keys():
        yield "14: a reply without a claim"


def _events(tables: Mapping[str, list[dict[str, Any]]], got: Got, *, is_quiet: bool) -> Iterator[str]:
    jobs = [row for row in tables["outbox"] if row["kind"] == "webhook"]
    placed = Counter(row["stream"] for row in jobs if row["sequence"] == 1)
    for row in tables["orders"]:
        stream = f"webhook:{row['id']}"
        if placed[stream] != 1:
            yield f"20: order {row['id']} has {placed[stream]} first events"
    if len(placed) > len(tables["orders"]):
        yield "20: an event without an order"
    bodies = defaultdict(set)
    newest = Counter[str]()
    for job_id, body, stream, version in got:
        bodies[job_id].add(body)
        if version < newest[stream]:
            yield f"22: {stream} went back to version {version}"
        newest[stream] = max(newest[stream], version)
    for job_id, seen in bodies.items():
        if len(seen) > 1:
            yield f"21: event {job_id} came with {len(seen)} different bodies"
    for row in jobs:
        if row["state"] == "done" and str(row["id"]) not in bodies:
            yield f"21: event {row['id']} counts as delivered and never arrived"
        if is_quiet and row["state"] != "done":
            yield f"21: event {row['id']} was not delivered"


def _submissions(tables: Mapping[str, list[dict[str, Any]]], *, is_quiet: bool) -> Iterator[str]:
    """Beyond reliability.md: what callers were told of submissions, and whose card is still known."""
    checkouts = {row["id"]: row["state"] for row in tables["checkouts"]}
    jobs = {job["stream"]: job["state"] for job in tables["outbox"] if job["kind"] == "submit"}
    ended = {"done": {"completed"}, "failed": {"canceled", "expired"}}
    for row in tables["submissions"]:
        state = checkouts.get(row["checkout_id"])
        if state not in ended.get(row["state"], {state}) or state is None:
            yield f"26: submission {row['id']} is {row['state']}, its checkout {state}"
        if is_quiet and row["state"] not in ended:
            yield f"26: submission {row['id']} is still {row['state']}"
        if is_quiet and row["reference_sealed"] is not None:
            yield f"27: the card of submission {row['id']} was not let go"
        job = jobs.get(f"submit:{row['id']}")
        if job is None or (is_quiet and job != "done"):
            yield f"26: the job of submission {row['id']} is {job}"


def cards_left(kept: Sequence[str], methods: Sequence[Row]) -> list[str]:
    """When all is quiet, the vault holds the cards of the stored methods and no others."""
    known = sum(row["state"] != "deleted" for row in methods)
    return [] if len(kept) == known else [f"27: {len(kept)} cards are kept, {known} methods known"]

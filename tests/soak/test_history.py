"""The checker is worth what it finds: histories that cannot be, each planted by hand."""

import dataclasses
import math

import pytest

from tests.soak.history import History, Op, Phase, Probe, State, broken

END = 1000.0
A, B, C = "mark-a", "mark-b", "mark-c"


def op(
    kind: str, begun: float, ended: float, mark: str = "", *, phase: Phase = "open", **more: object
) -> Op:
    """An answered request; for a read ``mark`` is what was seen."""
    made = Op(kind, "c1", begun, key=f"k{begun}", mark=mark, ended=ended, outcome="ok")
    return dataclasses.replace(made, state=State(phase, mark), **more)


def lost(kind: str, begun: float, mark: str = "") -> Op:
    return Op(kind, "c1", begun, key=f"k{begun}", mark=mark)


def refused(kind: str, begun: float, ended: float, mark: str = "") -> Op:
    return dataclasses.replace(lost(kind, begun, mark), ended=ended, outcome="refused")


CREATED = op("create", 0, 1, A)
AS_CREATED = State("open", A)


def found(*ops: Op, final: State | None = AS_CREATED, **more: object) -> list[str]:
    history = History([CREATED, *ops], **more)
    return broken(history, {"c1": final} if final else {})


GOOD = {
    "nothing but the create": [],
    "a read of what was created": [op("get", 2, 3, A)],
    "a write and its read": [op("update", 2, 3, B), op("get", 4, 5, B)],
    "a read beside a write sees the old": [op("update", 2, 5, B), op("get", 3, 4, A), op("get", 6, 7, B)],
    "a read beside a write sees the new": [op("update", 2, 5, B), op("get", 3, 4, B)],
    "a lost write that was carried out": [lost("update", 2, B), op("get", 3, 4, B)],
    "a lost write carried out late": [lost("update", 2, B), op("get", 3, 4, A), op("get", 5, 6, B)],
    "a lost write that never was": [lost("update", 2, C), op("update", 3, 4, B)],
    "a refused write": [op("update", 2, 3, B), refused("update", 4, 5, C), op("get", 6, 7, B)],
    "paid at once": [op("complete", 2, 3, A, phase="completed")],
    "paid while somebody looks": [
        op("complete", 2, 9, A, phase="completed"),
        op("get", 3, 4, A),
        op("get", 5, 6, A, phase="completing"),
        op("get", 7, 8, A, phase="completed"),
    ],
    "in progress, then declined": [
        op("complete", 2, 3, A, phase="completing"),
        op("get", 4, 5, A, phase="completing"),
        op("get", 6, 7, A),
    ],
    "a lost payment that went through": [lost("complete", 2), op("get", 3, 4, A, phase="completed")],
    "canceled": [op("cancel", 2, 3, A, phase="canceled"), op("get", 4, 5, A, phase="canceled")],
}
ENDS = {
    "a write and its read": State("open", B),
    "a read beside a write sees the old": State("open", B),
    "a read beside a write sees the new": State("open", B),
    "a lost write that was carried out": State("open", B),
    "a lost write carried out late": State("open", B),
    "a lost write that never was": State("open", B),
    "a refused write": State("open", B),
    "paid at once": State("completed", A),
    "paid while somebody looks": State("completed", A),
    "a lost payment that went through": State("completed", A),
    "canceled": State("canceled", A),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_can_be_is_believed(name: str) -> None:
    assert found(*GOOD[name], final=ENDS.get(name, AS_CREATED)) == []


BAD = {
    "a write is lost": ([op("update", 2, 3, B)], State("open", A)),
    "a read goes back": ([op("update", 2, 3, B), op("get", 4, 5, A)], State("open", B)),
    "a read sees what was not written yet": ([op("get", 2, 3, B), op("update", 4, 5, B)], State("open", B)),
    "a read sees what nobody wrote": ([op("get", 2, 3, C)], State("open", A)),
    "two reads go back": (
        [op("update", 2, 9, B), op("get", 3, 4, B), op("get", 5, 6, A)],
        State("open", B),
    ),
    "a refused write shows": ([refused("update", 2, 3, B), op("get", 4, 5, B)], State("open", B)),
    "the earlier write wins": ([op("update", 2, 3, B), op("update", 4, 5, C)], State("open", B)),
    "a write after the payment": (
        [op("complete", 2, 3, A, phase="completed"), op("update", 4, 5, B)],
        State("completed", B),
    ),
    "a paid one is open again": (
        [op("complete", 2, 3, A, phase="completed"), op("get", 4, 5, A)],
        State("completed", A),
    ),
    "a payment is lost": ([op("complete", 2, 3, A, phase="completed")], State("open", A)),
    "a canceled one is paid": (
        [op("cancel", 2, 3, A, phase="canceled"), op("complete", 4, 5, A, phase="completed")],
        State("completed", A),
    ),
    "a canceled one is open again": (
        [op("cancel", 2, 3, A, phase="canceled"), op("get", 4, 5, A)],
        State("canceled", A),
    ),
    "a cancel is lost": ([op("cancel", 2, 3, A, phase="canceled")], State("open", A)),
    "paid by nobody": ([op("get", 2, 3, A, phase="completed")], State("completed", A)),
    "in progress by nobody": ([op("get", 2, 3, A, phase="completing")], State("open", A)),
    "paid before it was asked for": (
        [op("get", 2, 3, A, phase="completed"), op("complete", 4, 5, A, phase="completed")],
        State("completed", A),
    ),
    "a write while a payment is decided": (
        [op("complete", 2, 3, A, phase="completing"), op("update", 4, 5, B, phase="completing")],
        State("open", B),
    ),
    "a lost write shows before it was sent": ([op("get", 2, 3, B), lost("update", 4, B)], State("open", B)),
    "a declined payment changed the basket": (
        [refused("complete", 2, 3), op("get", 4, 5, B)],
        State("open", B),
    ),
    "canceled by nobody": ([], State("canceled", A)),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_is_found(name: str) -> None:
    ops, final = BAD[name]
    assert [text.partition(":")[0] for text in found(*ops, final=final)] == ["15-19"]


def test_an_acknowledged_checkout_that_is_gone_is_found() -> None:
    assert [text.partition(":")[0] for text in found(final=None)] == ["15"]


def test_two_answers_to_one_key_are_found() -> None:
    twice = op("update", 2, 3, B, answers=[(200, "x"), (200, "y")])
    assert [text.partition(":")[0] for text in found(twice, final=State("open", B))] == ["12"]


def test_two_keys_that_paid_are_found() -> None:
    payments = [op("complete", n, n + 1, A, phase="completed") for n in (2, 4)]
    assert "12" in [text.partition(":")[0] for text in found(*payments, final=State("completed", A))]


def test_a_key_that_served_two_bodies_is_found() -> None:
    assert found(probes=[Probe("k", 200, "")]) == ["13: key k with another body was answered 200 "]
    assert found(probes=[Probe("k", 409, "idempotency_key_reused")]) == []


def test_an_odd_answer_is_found() -> None:
    assert found(odd_answers=["500 text/plain"]) == ["24: 500 text/plain"]


def test_a_request_that_never_ends_blocks_nobody() -> None:
    assert math.isinf(lost("get", 2).ended)
    assert found(lost("get", 2), op("update", END, END + 1, B), final=State("open", B)) == []

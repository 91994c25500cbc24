import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.shapes import item
from ucp_server.domain.checkout import Line
from ucp_server.domain.lines import WantedLine, priced_lines, resolve_lines
from ucp_server.domain.money import AMOUNT_MAX, AmountOutOfRangeError

BEFORE = (Line(id="li_1", item_id="tea", quantity=1), Line(id="li_3", item_id="pen", quantity=2))


def want(item_id: str, id_: str | None = None, parent_id: str | None = None) -> WantedLine:
    return WantedLine(item_id=item_id, quantity=1, id=id_, parent_id=parent_id)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ([want("tea", "li_1"), want("pen", "li_3")], ["li_1", "li_3"]),
        ([want("pen", "li_3"), want("tea", "li_1")], ["li_3", "li_1"]),
        ([want("pen"), want("tea")], ["li_3", "li_1"]),
        ([want("tea"), want("tea")], ["li_1", "li_4"]),
        ([want("ink", "li_1")], ["li_1"]),
        ([want("tea", "mine"), want("cup", "yours")], ["li_1", "li_4"]),
        ([want("tea", "li_2")], ["li_1"]),
        ([want("pen", "li_1"), want("pen")], ["li_1", "li_3"]),
        ([want("tea", "li_1"), want("tea", "li_1")], ["li_1", "li_4"]),
        ([], []),
    ],
)
def test_a_line_keeps_the_id_that_it_names_or_that_its_item_had(
    wanted: list[WantedLine], ids: list[str]
) -> None:
    lines = resolve_lines(wanted, BEFORE, 3)
    assert [line.id for line in lines.lines] == ids
    assert [line.item_id for line in lines.lines] == [each.item_id for each in wanted]
    assert lines.made == 3 + len([id_ for id_ in ids if id_ == "li_4"])


def test_names_of_the_caller_lead_to_our_ids() -> None:
    lines = resolve_lines([want("tea", "a"), want("cup", "b", parent_id="a")], (), 0)
    assert lines.names == {"a": "li_1", "b": "li_2", "li_1": "li_1", "li_2": "li_2"}
    assert [line.parent_id for line in lines.lines] == [None, "li_1"]


def test_a_parent_that_is_not_there_is_none() -> None:
    assert resolve_lines([want("tea", parent_id="gone")], (), 0).lines[0].parent_id is None


ids = st.none() | st.sampled_from([f"li_{n}" for n in range(1, 8)] + ["a", "b"])
wanted_lines = st.lists(
    st.builds(WantedLine, item_id=st.sampled_from(["tea", "pen", "ink"]), quantity=st.just(1), id=ids,
              parent_id=ids),
    max_size=8,
)  # fmt: skip


@given(st.lists(wanted_lines, max_size=5))
def test_no_id_is_ever_given_twice(updates: list[list[WantedLine]]) -> None:
    before: tuple[Line, ...] = ()
    made, gone = 0, set[str]()
    for wanted in updates:
        lines = resolve_lines(wanted, before, made)
        now = [line.id for line in lines.lines]
        assert len(set(now)) == len(wanted)
        assert not gone & set(now)
        assert {line.parent_id for line in lines.lines} <= {None, *now}
        gone |= {line.id for line in before} - set(now)
        before, made = lines.lines, lines.made


def test_only_what_is_sold_has_a_price() -> None:
    (priced,) = priced_lines(BEFORE, {"pen": item(1, 250)})
    assert (priced.line_id, priced.base_minor) == ("li_3", 500)


def test_a_line_beyond_the_range_of_the_protocols_is_refused() -> None:
    with pytest.raises(AmountOutOfRangeError):
        priced_lines([Line(id="li_1", item_id="tea", quantity=AMOUNT_MAX)], {"tea": item(1, 2)})

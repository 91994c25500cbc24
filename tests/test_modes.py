import msgspec
import pytest

from ucp_server.modes import RELAXATIONS, Mode, Relaxations, sentences


def test_production_relaxes_nothing() -> None:
    assert RELAXATIONS[Mode.PRODUCTION] == Relaxations()
    assert sentences(Mode.PRODUCTION) == ()


@pytest.mark.parametrize("mode", [Mode.DEMO, Mode.SUITE])
def test_every_difference_from_production_is_told(mode: Mode) -> None:
    differing = [
        name
        for name, value in msgspec.structs.asdict(RELAXATIONS[mode]).items()
        if value != getattr(RELAXATIONS[Mode.PRODUCTION], name)
    ]
    assert len(sentences(mode)) == len(differing)
    assert all(sentences(mode))


def test_no_row_is_there_for_nothing() -> None:
    for field in Relaxations.__struct_fields__:
        assert any(getattr(RELAXATIONS[mode], field) != getattr(Relaxations(), field) for mode in Mode), (
            field
        )


def test_demo_is_strict_where_a_newcomer_should_see_the_protocol() -> None:
    demo = RELAXATIONS[Mode.DEMO]
    assert demo.missing_profile == "refused"
    assert demo.example_platform_pinned
    assert not demo.intersection_skipped
    assert not demo.orders_over_http
    assert not demo.put_keeps_absent

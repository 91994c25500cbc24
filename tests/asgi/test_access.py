from tests.asgi.calling import scope_of
from ucp_server.asgi.access import FIELDS, TEXT_MAX, access_line
from ucp_server.asgi.facts import facts_of

CANARY = "4111111111111111"


def test_only_named_fields_are_written() -> None:
    scope = scope_of(f"/{CANARY}", (b"authorization", CANARY.encode()))
    scope["query_string"] = CANARY.encode()
    facts_of(scope).update({"card": CANARY, "guard": CANARY, "route": CANARY})
    line = access_line(scope, 200, 0.0123456)
    assert set(line) == {"at", "request_id", "status", "duration_ms"}
    assert CANARY not in str(line)
    assert line["duration_ms"] == 12.35


def test_what_bindings_tell_is_written() -> None:
    scope = scope_of()
    told = dict.fromkeys(FIELDS, "x") | {"replayed": True, "sql_count": 3}
    facts_of(scope).update(told)
    line = access_line(scope, 201, 0.001)
    assert {name: line[name] for name in FIELDS} == told


def test_what_is_not_known_is_left_out_but_the_status_is_not() -> None:
    scope = scope_of()
    facts_of(scope)["checkout"] = None
    assert "checkout" not in access_line(scope, None, 0.0)
    assert access_line(scope, None, 0.0)["status"] is None


def test_a_long_value_is_cut() -> None:
    scope = scope_of()
    facts_of(scope)["platform"] = "https://agent.example/" + "a" * 10_000
    assert len(str(access_line(scope, 200, 0.0)["platform"])) == TEXT_MAX

"""The alerts speak of metrics that there are, and of the limits that callers have."""

import re
from typing import Any

import pytest

from tests.packaging.fronts import EXAMPLES
from ucp_server.asgi.metrics import BUCKETS_S, Metrics
from ucp_server.ucp.operation_table import OPERATIONS

Node = dict[str, Any]

# What callers wait for, in seconds, at the 95th percentile.
LIMITS_S = {"create_checkout": 4, "update_checkout": 5, "complete_checkout": 10}


def rules() -> dict[str, Node]:
    document = read_yaml((EXAMPLES / "alerts.yml").read_text())
    (group,) = document["groups"]
    assert group["name"] == "ucp-server"
    return {rule["alert"]: rule for rule in group["rules"]}


# --- as much of YAML as rules are written in: block mappings and lists, scalars on one line ---

LINE = re.compile(r'(?P<indent> *)(?P<dash>- )?(?P<key>[a-z_]+):(?: (?P<value>[^"\s].*|"[^"\\]*"))?')


def read_yaml(text: str) -> Node:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found, rest = block(lines, 0)
    assert rest == [], rest
    assert isinstance(found, dict)
    return found


def block(lines: list[str], indent: int) -> tuple[Any, list[str]]:
    """The mapping, or list of mappings, at an indentation, and the lines after it."""
    found: list[Node] = []
    is_list = False
    while lines:
        part = LINE.fullmatch(lines[0])
        assert part, f"not of the YAML that is read here: {lines[0]!r}"
        inner = len(part["indent"]) + len(part["dash"] or "")
        if len(part["indent"]) < indent:
            break
        is_list = is_list or bool(part["dash"])
        if part["dash"] or not found:
            found.append({})
        assert inner == indent + (2 if is_list else 0), f"wrong indentation: {lines[0]!r}"
        assert part["key"] not in found[-1], f"twice: {lines[0]!r}"
        lines = lines[1:]
        if part["value"] is not None:
            found[-1][part["key"]] = scalar(part["value"])
        else:
            found[-1][part["key"]], lines = block(lines, inner + 2)
    assert found, "nothing where a value belongs"
    return (found if is_list else found[0]), lines


def scalar(text: str) -> str:
    if text.startswith('"'):
        return text[1:-1]
    # A plain scalar may hold neither: to YAML they begin a value or a comment.
    assert ": " not in text, text
    assert " #" not in text, text
    assert text[0] not in "[]{}&*!|>'%@`,?-", text
    return text


# --- the alerts ---


def exposed() -> set[str]:
    """The names of all samples, with every instrument used once."""
    metrics = Metrics()
    metrics.observe(route="/", operation="create_checkout", method="POST", status="201", duration_s=0.1)
    metrics.guard_refusals.labels("overloaded").inc()
    metrics.waiting_jobs.labels("parked").set(1)
    text = metrics.expose().decode()
    return {line.partition("{")[0].partition(" ")[0] for line in text.splitlines() if line[0] != "#"}


@pytest.mark.parametrize("alert", rules())
def test_an_alert_is_about_metrics_that_there_are(alert: str):
    rule = rules()[alert]
    assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert set(rule["annotations"]) == {"summary", "action"}
    assert rule["labels"]["severity"] in ("page", "ticket")
    named = set(re.findall(r"ucp_server_\w+", rule["expr"]))
    assert named <= exposed()
    assert named or alert == "UcpServerDown"
    assert rule["expr"].count("(") == rule["expr"].count(")")


@pytest.mark.parametrize(("operation", "limit_s"), LIMITS_S.items())
def test_callers_limits_are_alerts(operation: str, limit_s: int):
    (rule,) = (rule for rule in rules().values() if f'operation="{operation}"' in rule["expr"])
    assert rule["expr"].startswith("histogram_quantile(0.95, ")
    assert rule["expr"].endswith(f" > {limit_s}")
    # Beside an edge a quantile would be a guess between two buckets.
    assert float(limit_s) in BUCKETS_S
    assert operation in OPERATIONS


@pytest.mark.parametrize(
    "text",
    ["a: 1\n  b: 2\n", "a:\n- b: 1\n", "a: x: y\n", "\ta: 1\n", "a: 1\na: 2\n", 'a: "x\n', "a: [1\n"],
)
def test_what_is_no_yaml_is_seen(text: str):
    with pytest.raises(AssertionError):
        read_yaml(text)

import os
import subprocess
import sys
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from tests.asgi.calling import call, scope_of
from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.metrics import BUCKETS_S, Measured, Metrics, route_names


async def _one(request: Request) -> Response:
    return PlainTextResponse("one")


async def _other(request: Request) -> Response:
    facts_of(request.scope)["operation"] = "other"
    return PlainTextResponse("other")


ROUTES = [
    Route("/things", _one),
    Route("/things/{thing_id}", _one),
    Mount("/in/{place}", routes=[Route("/deep/{thing_id:int}", _other, methods=["GET", "PUT"])]),
]


async def _counted(method: str, path: str) -> dict[str, float]:
    metrics = Metrics()
    app = Measured(Starlette(routes=ROUTES), metrics=metrics, route_name=route_names(ROUTES))
    await call(app, scope_of(path, method=method))
    return _samples(metrics.expose(), "ucp_server_requests_total")


def _samples(exposed: bytes, name: str) -> dict[str, float]:
    lines = [line for line in exposed.decode().splitlines() if line.startswith(name)]
    return {labels: float(value) for labels, _, value in (line.rpartition(" ") for line in lines)}


def _series(route: str, operation: str, method: str, status: int) -> dict[str, float]:
    labels = f'method="{method}",operation="{operation}",route="{route}",status="{status}"'
    return {"ucp_server_requests_total{" + labels + "}": 1.0}


async def test_a_request_is_counted_by_its_template() -> None:
    assert await _counted("GET", "/things") == _series("/things", "none", "GET", 200)
    assert await _counted("GET", "/things/4111") == _series("/things/{thing_id}", "none", "GET", 200)


async def test_a_template_inside_a_mount_has_its_prefix() -> None:
    expected = _series("/in/{place}/deep/{thing_id}", "other", "PUT", 200)
    assert await _counted("PUT", "/in/here/deep/7") == expected


async def test_what_no_route_matched_is_one_series() -> None:
    expected = _series("unmatched", "none", "GET", 404)
    assert await _counted("GET", "/a") == expected
    assert await _counted("GET", "/b") == expected


async def test_a_mount_without_a_match_keeps_the_path_out() -> None:
    assert await _counted("GET", "/in/x/none") == _series("/in/{place}/*", "none", "GET", 404)


async def test_unknown_methods_are_one_series() -> None:
    assert await _counted("BREW", "/a") == _series("unmatched", "none", "other", 404)


async def test_a_route_in_the_facts_goes_first() -> None:
    metrics = Metrics()

    async def tells(scope: object, receive: object, send: object) -> None:
        facts_of(scope)["route"] = "/told/{id}"  # type: ignore[arg-type]

    app = Measured(tells, metrics=metrics, route_name=route_names(ROUTES))
    await call(app, scope_of("/told/1"))
    (series,) = _samples(metrics.expose(), "ucp_server_requests_total")
    assert 'route="/told/{id}",status="none"' in series


def test_searches_are_counted_by_what_found_something() -> None:
    metrics = Metrics()
    for stage in ("all", "trigrams", "all"):
        metrics.note_search(stage)
    assert _samples(metrics.expose(), "ucp_server_catalog_searches_total") == {
        'ucp_server_catalog_searches_total{stage="all"}': 2.0,
        'ucp_server_catalog_searches_total{stage="trigrams"}': 1.0,
    }


def test_the_buckets_have_an_edge_at_each_limit_of_the_callers() -> None:
    assert {4.0, 5.0, 8.0, 10.0} <= set(BUCKETS_S)
    assert list(BUCKETS_S) == sorted(BUCKETS_S)


WORKER = """
from ucp_server.asgi.metrics import Metrics
metrics = Metrics()
metrics.observe(route="/a", operation="a", method="GET", status="200", duration_s=0.1)
metrics.in_flight.inc()
print(metrics.expose().decode())
"""


def test_the_processes_that_share_a_folder_are_shown_as_one(tmp_path: Path) -> None:
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    exposed = ""
    for _ in range(2):
        ran = subprocess.run(
            [sys.executable, "-c", WORKER], env=environment, capture_output=True, check=True, text=True
        )
        exposed = ran.stdout
    samples = _samples(exposed.encode(), "ucp_server_requests_total")
    assert list(samples.values()) == [2.0]
    durations = _samples(exposed.encode(), "ucp_server_request_duration_seconds_count")
    assert list(durations.values()) == [2.0]


BEGINNER = """
import pathlib, threading
from ucp_server.asgi.metrics import Metrics
metrics = Metrics()
metrics.observe(route="/a", operation="a", method="GET", status="200", duration_s=0.1)
begun = pathlib.Path(r"{folder}", "counter_1.db")
begun.touch()
threading.Timer(0.05, lambda: begun.write_bytes(bytes(1 << 20))).start()
print(metrics.expose().decode())
"""


def test_a_process_that_begins_in_between_is_waited_for(tmp_path: Path) -> None:
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", BEGINNER.format(folder=tmp_path)],
        env=environment,
        capture_output=True,
        check=True,
        text=True,
    )
    assert list(_samples(ran.stdout.encode(), "ucp_server_requests_total").values()) == [1.0]

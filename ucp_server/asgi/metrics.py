"""Counts and durations of requests, by route template and operation, never by path.

With ``PROMETHEUS_MULTIPROC_DIR`` in the environment before the first import, all processes that
share that folder are shown as one; the supervisor empties it at start and calls
``prometheus_client.multiprocess.mark_process_dead`` for a worker that ended.
"""

import os
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ucp_server.asgi.facts import facts_of
from ucp_server.asgi.limits import METHODS

# Edges at what callers wait for (create 4 s, update 5 s, complete 10 s at p95; a UCP complete
# answers by 8 s), so that the share beyond a limit is exact; finer where we expect to be.
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 8.0, 10.0, 15.0, 30.0)

UNMATCHED = "unmatched"
NO_OPERATION = "none"
# No response began: the caller went away first.
NO_STATUS = "none"

# A process that begins makes its file first and gives it a length microseconds later; the package
# fails on one that it meets in between.
READ_TRIES_MAX = 20
READ_PAUSE_S = 0.01

# The template of the route that answered, for a label.
RouteName = Callable[[Scope], str]


class Metrics:
    """The instruments of one process, on a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "ucp_server_requests",
            "Requests answered.",
            ["route", "operation", "method", "status"],
            registry=self.registry,
        )
        self.durations = Histogram(
            "ucp_server_request_duration_seconds",
            "From the request's head to the end of its response.",
            ["route", "operation"],
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "ucp_server_requests_in_flight",
            "Requests begun and not yet answered.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.guard_refusals = Counter(
            "ucp_server_guard_refusals",
            "Requests refused before any binding saw them.",
            ["code"],
            registry=self.registry,
        )
        self.searches = Counter(
            "ucp_server_catalog_searches",
            "Searches of our own catalog by what found something; besides, as trigrams, misspelt words.",
            ["stage"],
            registry=self.registry,
        )
        self.waiting_jobs = Gauge(
            "ucp_server_waiting_jobs",
            "Jobs that wait for the merchant: paused by their receiver, or parked after the last try.",
            ["state"],
            registry=self.registry,
            multiprocess_mode="mostrecent",
        )
        # Looking labels up costs as much as counting, so each child is looked up once. Routes,
        # operations, methods and statuses are few and ours, which bounds these.
        self._counters: dict[tuple[str, str, str, str], Counter] = {}
        self._timers: dict[tuple[str, str], Histogram] = {}

    def observe(self, *, route: str, operation: str, method: str, status: str, duration_s: float) -> None:
        counted = (route, operation, method, status)
        counter = self._counters.get(counted)
        if counter is None:
            counter = self._counters[counted] = self.requests.labels(*counted)
        counter.inc()
        timed = (route, operation)
        timer = self._timers.get(timed)
        if timer is None:
            timer = self._timers[timed] = self.durations.labels(*timed)
        timer.observe(duration_s)

    def note_search(self, stage: str) -> None:
        self.searches.labels(stage).inc()

    def expose(self) -> bytes:
        """The text format. Takes milliseconds with many series: call it off the event loop."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]  # the package has no hint there
        for _ in range(READ_TRIES_MAX - 1):
            with suppress(struct.error):
                return generate_latest(shared)
            time.sleep(READ_PAUSE_S)
        return generate_latest(shared)


class Measured:
    """Observes every request in ``metrics``."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, route_name: RouteName) -> None:
        self.app = app
        self.metrics = metrics
        self.route_name = route_name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = NO_STATUS

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        self.metrics.in_flight.inc()
        try:
            await self.app(scope, receive, send_noting_status)
        finally:
            self.metrics.in_flight.dec()
            self._observe(scope, status, time.perf_counter() - started)

    def _observe(self, scope: Scope, status: str, duration_s: float) -> None:
        facts = facts_of(scope)
        guard = facts.get("guard")
        if guard is not None:
            self.metrics.guard_refusals.labels(str(guard)).inc()
        method = scope["method"]
        self.metrics.observe(
            route=self.route_name(scope),
            operation=str(facts.get("operation") or NO_OPERATION),
            method=method if method in METHODS else "other",
            status=status,
            duration_s=duration_s,
        )


def route_names(routes: Iterable[BaseRoute]) -> RouteName:
    """Names requests by the templates of Starlette's ``routes``, mounts included.

    Starlette leaves the endpoint and its path parameters in the scope, not the template; together
    they name it. A ``route`` in the facts goes first; what nothing matched is ``unmatched``.
    """
    # By identity, since not every endpoint can be hashed; the routes keep their endpoints alive.
    kept = tuple(routes)
    templates = {
        (id(endpoint), _parameters(template)): template for endpoint, template in _templates(kept, "")
    }

    def route_name(scope: Scope) -> str:
        told = facts_of(scope).get("route")
        if told is not None:
            return str(told)
        key = (id(scope.get("endpoint")), frozenset(scope.get("path_params", ())))
        return templates.get(key, UNMATCHED)

    return route_name


def _templates(routes: Iterable[BaseRoute], prefix: str) -> Iterator[tuple[object, str]]:
    """Each endpoint with its template."""
    for route in routes:
        if isinstance(route, Route):
            yield route.endpoint, prefix + route.path_format
        elif isinstance(route, Mount):
            # The rest of the path is no parameter of a mount: "*" names what nothing in it took.
            yield route.app, prefix + route.path + "/*"
            yield from _templates(route.routes, prefix + route.path)


def _parameters(template: str) -> frozenset[str]:
    parts = template.split("/")
    return frozenset(part[1:-1].partition(":")[0] for part in parts if part.startswith("{"))

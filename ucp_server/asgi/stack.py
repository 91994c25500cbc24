"""The layers in the one right order, outermost first.

1. ``RequestId``: before everything, so that every line and every response carries the id.
2. ``AccessLine`` and ``Measured``: outside of all that can answer, so that refusals, sheds and
   crashes are logged and counted like any other outcome.
3. ``Boundary``: outside of all code that can fail, the guard's own included; inside of the two
   above, so that they see its 500.
4. ``Overload``: before a body is read, since reading is work.
5. ``Guard``: innermost, so that the application sees only whole and unambiguous requests.
"""

from starlette.types import ASGIApp

from ucp_server.asgi.access import AccessLine
from ucp_server.asgi.boundary import Boundary
from ucp_server.asgi.guard import Accepts, Guard, json_only
from ucp_server.asgi.limits import Limits
from ucp_server.asgi.lines import Lines
from ucp_server.asgi.metrics import Measured, Metrics, RouteName, route_names
from ucp_server.asgi.overload import Begins, Overload, Queue, nobody_waits, nothing_begins
from ucp_server.asgi.reply import Refuse, plain_refusal
from ucp_server.asgi.request_id import RequestId


def wrap(  # noqa: PLR0913 - one keyword per thing that the composition root decides
    app: ASGIApp,
    *,
    lines: Lines,
    metrics: Metrics,
    limits: Limits | None = None,
    refuse: Refuse = plain_refusal,
    accepts: Accepts = json_only,
    route_name: RouteName | None = None,
    begins: Begins = nothing_begins,
    queue: Queue = nobody_waits,
) -> ASGIApp:
    """``app`` behind every layer. ``lines`` and ``metrics`` may be shared by several listeners.

    ``refuse`` renders what the layers themselves answer; ``accepts`` names the media types of a
    path; ``route_name`` labels metrics, by default from the facts alone; ``begins`` and ``queue`` say
    what is shed first, and when.
    """
    bounds = limits or Limits()
    guarded = Guard(app, limits=bounds, refuse=refuse, accepts=accepts)
    shedding = Overload(guarded, limits=bounds, refuse=refuse, begins=begins, queue=queue)
    bounded = Boundary(shedding, refuse=refuse, lines=lines)
    measured = Measured(bounded, metrics=metrics, route_name=route_name or route_names(()))
    return RequestId(AccessLine(measured, lines=lines))

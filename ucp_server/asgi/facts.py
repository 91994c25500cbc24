"""What a request turned out to be, told by whoever knows it and read by the access line and metrics.

One dict per request at ``scope["state"]["facts"]``. Bindings add ``protocol``, ``release``,
``operation``, ``platform``, ``merchant``, ``checkout``, ``signature``, ``outcome``, ``replayed``,
``sql_count`` and, where the path alone does not tell, ``route``. Nothing that a caller may choose
freely belongs into ``operation`` or ``route``: both become labels of metrics.
"""

from starlette.types import Scope

Fact = str | int | float | bool | None
Facts = dict[str, Fact]


def facts_of(scope: Scope) -> Facts:
    """The facts of this request; an empty dict is put in place the first time."""
    facts: Facts = scope.setdefault("state", {}).setdefault("facts", {})
    return facts


def request_id_of(scope: Scope) -> str:
    """The id that the outermost layer gave this request, or "" outside of it."""
    request_id: str = scope.get("state", {}).get("request_id", "")
    return request_id

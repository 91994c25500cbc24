"""From a JSON-RPC call to the `Incoming` that REST would have made of the same wish.

2026-01-11 calls the operation as a method and lays the checkout beside its other parameters; later
releases call a tool, whose arguments hold it (D/checkout-mcp in each). Any endpoint takes either, as a
platform may come to a newer one by the profile at the root.
"""

from typing import Any, Final

import msgspec

from ucp_server.asgi.jsonrpc import RpcCall
from ucp_server.domain.errors import InvalidRequest
from ucp_server.ucp.incoming import Incoming
from ucp_server.ucp.operation_table import OPERATIONS, Family, Operation
from ucp_server.ucp.platforms import read_agent
from ucp_server.ucp.refusals import InvalidProfileUrl, KeyInvalid
from ucp_server.ucp.tools import NEED_KEYS, PAYLOADS

Wire = dict[str, Any]

TOOLS_CALL: Final = "tools/call"

# An id of ours has 36 characters; nothing longer names anything.
_ID_LENGTH_MAX: Final = 255
# What stands beside the checkout where nothing holds it.
_BESIDE: Final = frozenset({"_meta", "meta", "id", "idempotency_key"})

# The same wish has the same bytes, in whatever order its members were written.
_encoder = msgspec.json.Encoder(order="sorted")


def asked_name(call: RpcCall) -> object:
    """What the call says that it wants done."""
    return call.members().get("name") if call.method == TOOLS_CALL else call.method


def as_incoming(caller: Incoming, operation: Operation, call: RpcCall) -> Incoming:
    """The request that ``caller`` makes by ``call``; its body holds what the fingerprint is of.

    That is the payload with its members in order: what stands in ``meta``, and the id of the call, are
    new in an honest repetition. Raises `InvalidRequest`, `InvalidProfileUrl` and `KeyInvalid`.
    """
    params = call.members()
    arguments = _object(params.get("arguments", {}), "arguments") if call.method == TOOLS_CALL else params
    payload = _payload(operation, call, arguments)
    target = _target(operation, arguments)
    if operation.name == "update_checkout":
        # The January releases name it in the body too (digest 2.3).
        payload = {"id": target, **payload}
    headers = dict(caller.headers)
    _put_agent(headers, _profile(arguments) or _profile(params))
    _put_key(headers, arguments)
    return msgspec.structs.replace(
        caller,
        operation=operation.name,
        headers=headers,
        raw=_encoder.encode(payload) if payload is not None else b"",
        target=target,
        key_required=operation.name in NEED_KEYS,
    )


# --- what it is about ---


def _target(operation: Operation, arguments: Wire) -> str:
    if "{id}" not in operation.path:
        return ""
    target = arguments.get("id")
    if not isinstance(target, str) or len(target) > _ID_LENGTH_MAX:
        raise InvalidRequest("The id of what this is about has to be a string.", where="id")
    return target


def _payload(operation: Operation, call: RpcCall, arguments: Wire) -> Wire:
    name = PAYLOADS.get(operation.family)
    if name is None or not _has_payload(operation):
        return {}
    if name in arguments:
        return _object(arguments[name], name)
    if call.method == TOOLS_CALL or operation.family is not Family.CHECKOUT:
        raise InvalidRequest(f"The arguments have to hold the {name}.", where=name)
    return _paid({member: value for member, value in arguments.items() if member not in _BESIDE})


def _has_payload(operation: Operation) -> bool:
    return operation.method != "GET" and not operation.name.startswith("cancel_")


def _paid(payload: Wire) -> Wire:
    """A complete of 2026-01-11 has one instrument; over MCP it comes as the one that was selected."""
    payment = payload.get("payment")
    instruments = payment.get("instruments") if isinstance(payment, dict) else None
    if not isinstance(payment, dict) or not isinstance(instruments, list) or "payment_data" in payload:
        return payload
    selected = payment.get("selected_instrument_id")
    chosen = [each for each in instruments if isinstance(each, dict) and each.get("id") == selected]
    if not chosen and selected is None:
        chosen = instruments[:1]
    return payload | ({"payment_data": chosen[0]} if chosen else {})


def _object(value: object, name: str) -> Wire:
    if not isinstance(value, dict):
        raise InvalidRequest(f"The {name} have to be an object.", where=name)
    return value


# --- who asks, and under which key ---


def _profile(holder: Wire) -> str | None:
    """The platform's profile, as one of the two forms names it."""
    for outer, inner in (("meta", "ucp-agent"), ("_meta", "ucp")):
        meta = holder.get(outer)
        agent = meta.get(inner) if isinstance(meta, dict) else None
        profile = agent.get("profile") if isinstance(agent, dict) else None
        if profile is not None:
            if not isinstance(profile, str):
                raise InvalidProfileUrl("The profile in the metadata has to be a string.")
            return profile
    return None


def _put_agent(headers: dict[str, str], profile: str | None) -> None:
    """As the header that REST has; where that came too, both have to name one platform."""
    if profile is None:
        return
    told = headers.get("ucp-agent")
    if told is None:
        quoted = profile.replace("\\", "\\\\").replace('"', '\\"')
        headers["ucp-agent"] = f'profile="{quoted}"'
    elif read_agent(told).profile_url != profile:
        raise InvalidProfileUrl("UCP-Agent names another platform than the metadata of the call.")


def _put_key(headers: dict[str, str], arguments: Wire) -> None:
    meta = arguments.get("meta")
    key = meta.get("idempotency-key") if isinstance(meta, dict) else None
    key = arguments.get("idempotency_key") if key is None else key
    if key is None:
        return
    if not isinstance(key, str):
        raise KeyInvalid("The idempotency key has to be a string.")
    if headers.setdefault("idempotency-key", key).strip('" \t') != key:
        raise KeyInvalid("The Idempotency-Key of the header is not that of the call.")


def operation_of(name: object) -> Operation | None:
    """The operation of this name, if a platform can ask for it."""
    row = OPERATIONS.get(name) if isinstance(name, str) else None
    return row if row is not None and row.of_releases else None

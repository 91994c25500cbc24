"""Platform profiles as a caller of release 2026-01-11 would publish them, good and broken.

Each broken one is named after its one defect; what a reader owes it stands in the tests that use
it.
"""

from collections.abc import Callable
from typing import Any

RELEASE = "2026-01-11"
CHECKOUT = "dev.ucp.shopping.checkout"
EXTENSIONS = ("fulfillment", "discount", "buyer_consent")


def capability(name: str, **members: Any) -> dict[str, Any]:
    page = name.removeprefix("dev.ucp.shopping.")
    return {
        "name": name,
        "version": RELEASE,
        "spec": f"https://ucp.dev/specs/shopping/{page}",
        "schema": f"https://ucp.dev/schemas/shopping/{page}.json",
        **members,
    }


def good(webhook_url: str) -> dict[str, Any]:
    """Everything of the release that a platform can ask for."""
    order = capability("dev.ucp.shopping.order", config={"webhook_url": webhook_url})
    extensions = [capability(f"dev.ucp.shopping.{name}", extends=CHECKOUT) for name in EXTENSIONS]
    return {
        "ucp": {
            "version": RELEASE,
            "capabilities": [capability(CHECKOUT), order, *extensions],
        }
    }


def _with(**ucp: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda profile: {**profile, "ucp": {**profile["ucp"], **ucp}}


def _without(member: str) -> Callable[[dict[str, Any]], Any]:
    return lambda profile: {
        **profile,
        "ucp": {name: value for name, value in profile["ucp"].items() if name != member},
    }


def _only(*names: str) -> Callable[[dict[str, Any]], Any]:
    """Keep the capabilities named, in the good profile's order."""

    def change(profile: dict[str, Any]) -> Any:
        kept = [
            entry
            for entry in profile["ucp"]["capabilities"]
            if entry["name"].removeprefix("dev.ucp.shopping.") in names
        ]
        return _with(capabilities=kept)(profile)

    return change


def _webhook(url: Any) -> Callable[[dict[str, Any]], Any]:
    order = capability("dev.ucp.shopping.order", config={"webhook_url": url})
    return _with(capabilities=[capability(CHECKOUT), order])


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def _signing_keys(count: int) -> list[dict[str, str]]:
    return [{"kid": f"k{n}", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"} for n in range(count)]


VARIANTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    # shapes
    "array_root": lambda profile: [profile],
    "string_root": lambda _profile: "profile",
    "null_root": lambda _profile: None,
    "empty": lambda _profile: {},
    "no_ucp": lambda _profile: {"version": RELEASE},
    "ucp_is_a_list": lambda profile: {"ucp": [profile["ucp"]]},
    # the version
    "no_version": _without("version"),
    "version_is_a_number": _with(version=20260111),
    "version_is_no_date": _with(version="latest"),
    "older_version": _with(version="2025-12-01"),
    "newer_version": _with(version="2099-01-01"),
    # the capabilities
    "no_capabilities": _without("capabilities"),
    "empty_capabilities": _with(capabilities=[]),
    "capabilities_are_a_map": _with(capabilities={CHECKOUT: [{"version": RELEASE}]}),
    "capability_without_name": _with(capabilities=[{"version": RELEASE}]),
    "capability_without_version": _with(capabilities=[{"name": CHECKOUT}]),
    "capability_is_a_string": _with(capabilities=[CHECKOUT]),
    "checkout_only": _only("checkout"),
    "order_only": _only("order"),
    "no_fulfillment": _only("checkout", "order", "discount", "buyer_consent"),
    "no_discount": _only("checkout", "order", "fulfillment", "buyer_consent"),
    "orphans": _only("order", *EXTENSIONS),
    "foreign_capability": _with(capabilities=[capability("com.example.loyalty")]),
    # the webhook
    "no_webhook": _webhook(None),
    "webhook_is_private": _webhook("https://10.0.0.1/hooks"),
    "webhook_is_metadata": _webhook("http://169.254.169.254/latest/meta-data"),
    "webhook_is_a_file": _webhook("file:///etc/passwd"),
    # sizes
    "keys_64": lambda profile: {**profile, "signing_keys": _signing_keys(64)},
    "keys_65": lambda profile: {**profile, "signing_keys": _signing_keys(65)},
    "members_10000": lambda profile: {**profile, **{f"m{n}": n for n in range(10_000)}},
    "deep": lambda profile: {**profile, "deep": _nested(500)},
    "big_but_allowed": lambda profile: {**profile, "padding": "x" * 120_000},
    "too_big": lambda profile: {**profile, "padding": "x" * 140_000},
}

# Answered as they stand, JSON or not.
RAW: dict[str, bytes] = {
    "not_json": b"<html>hello</html>",
    "cut_json": b'{"ucp": {"version": "2026-01-11", "capabi',
    "nothing": b"",
    "nan": b'{"ucp": {"version": NaN}}',
    "bad_utf8": b'{"ucp": {"version": "\xff\xfe"}}',
    "very_deep": b"[" * 60_000,
}

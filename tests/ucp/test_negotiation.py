"""Who asks, in which release, with which capabilities: the table of digest 4.2 for 2026-01-11."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.simulators.profiles import good
from ucp_server.domain.errors import Refusal
from ucp_server.modes import RELAXATIONS, Mode
from ucp_server.ports import FetchCode, Fetched, FetchRefused
from ucp_server.resources import folder
from ucp_server.ucp import refusals
from ucp_server.ucp.incoming import Incoming, Shop
from ucp_server.ucp.negotiation import Negotiated, Negotiation, intersection, release_for
from ucp_server.ucp.platforms import Listed
from ucp_server.ucp.profiles_cache import ProfileCache
from ucp_server.ucp.releases import (
    BUYER_CONSENT,
    CHECKOUT,
    DISCOUNT,
    FULFILLMENT,
    ORDER,
    R_2026_01_11,
    R_2026_04_08,
    R_2026_08_25,
    WITH_SCHEMAS,
    Capability,
    Release,
    Requires,
    Versions,
)
from ucp_server.ucp.schema import Schemas

URL = "https://platform.example/profile"
HOOK = "https://platform.example/hooks"
SHOP = Shop(merchant_id="demo", site="https://shop.example", root_release="2026-01-11")
SCHEMAS = Schemas(folder("schemas") / "ucp", WITH_SCHEMAS)


class Still:
    """A clock that does not move."""

    def now(self) -> datetime:
        return datetime(2026, 1, 11, tzinfo=UTC)


class Origin:
    """The port `Fetch` with one answer for all."""

    def __init__(self, answer: Fetched | FetchRefused) -> None:
        self.answer = answer
        self.asked = 0

    async def get(self, url: str, *, accept: str, max_bytes: int, timeout_s: float) -> Fetched:
        self.asked += 1
        if isinstance(self.answer, FetchRefused):
            raise self.answer
        return self.answer

    async def post(self, url: str, **_: Any) -> Fetched:
        raise AssertionError("profiles are not posted")


def answering(document: Any, status: int = 200) -> Origin:
    return Origin(Fetched(status, (), json.dumps(document).encode()))


def failing(code: FetchCode) -> Origin:
    return Origin(FetchRefused(code, "no"))


def negotiation(origin: Origin, mode: Mode = Mode.DEMO, **changes: Any) -> Negotiation:
    listed: dict[str, Listed] = changes.pop("listed", {})
    return Negotiation(
        profiles=ProfileCache(origin, Still()),
        schemas=SCHEMAS,
        relaxed=RELAXATIONS[mode],
        listed=listed,
        unlisted_are_served=changes.pop("unlisted_are_served", False),
    )


def incoming(agent: str | None, operation: str = "create_checkout", **changes: Any) -> Incoming:
    asked = Incoming(
        operation=operation,
        shop=SHOP,
        endpoint=R_2026_01_11,
        headers={} if agent is None else {"ucp-agent": agent},
        raw=b"",
        arrived_s=0.0,
        facts={},
    )
    return msgspec.structs.replace(asked, **changes)


async def negotiated(agreed: Negotiation, asked: Incoming) -> Negotiated:
    return await agreed.negotiate(asked, agreed.identify(asked))


def platform(version: str = "2026-01-11", **ucp: Any) -> dict[str, Any]:
    profile = good(HOOK)
    profile["ucp"] |= {"version": version, **ucp}
    return profile


async def test_a_platform_with_everything_gets_everything():
    agreed = await negotiated(negotiation(answering(platform())), incoming(f'profile="{URL}"'))
    assert agreed.release is R_2026_01_11
    assert agreed.active == {CHECKOUT, ORDER, FULFILLMENT, DISCOUNT, BUYER_CONSENT}
    assert (agreed.platform.id, agreed.platform.webhook_url) == (URL, HOOK)


@pytest.mark.parametrize(
    "agent",
    [
        None,
        "",
        "profile",
        f"profile={URL}",
        'profile=""',
        'profile="unclosed',
        "profile=1",
        'profile=("a" "b")',
        f'Profile="{URL}"',
        'name; version="2026-01-11"',
        "=",
        '"text"',
        'profile="' + "h" * 1025 + '"',
        "profile=:aGk=:",
        "ä",
    ],
)
async def test_an_agent_that_names_no_profile_is_refused(agent: str | None):
    with pytest.raises(refusals.InvalidProfileUrl):
        await negotiated(negotiation(answering(platform())), incoming(agent))


@pytest.mark.parametrize(
    "agent",
    [f'profile="{URL}"', f'a=1, profile="{URL}";x=y, b', f'profile="{URL}";version="2099-01-01"'],
)
async def test_other_members_and_parameters_are_passed_over(agent: str):
    assert (await negotiated(negotiation(answering(platform())), incoming(agent))).platform.id == URL


@pytest.mark.parametrize(
    ("origin", "kind"),
    [
        (failing("forbidden_url"), refusals.InvalidProfileUrl),
        (failing("unreachable"), refusals.ProfileUnreachable),
        (failing("timeout"), refusals.ProfileUnreachable),
        (failing("redirected"), refusals.ProfileUnreachable),
        (failing("tls"), refusals.ProfileUnreachable),
        (failing("too_large"), refusals.ProfileMalformed),
        (answering(platform(), 404), refusals.ProfileUnreachable),
        (answering(platform(), 301), refusals.ProfileUnreachable),
        (answering([]), refusals.ProfileMalformed),
        (answering({}), refusals.ProfileMalformed),
        (answering({"ucp": []}), refusals.ProfileMalformed),
        (answering({"ucp": {"version": 1}}), refusals.ProfileMalformed),
        (answering(platform(capabilities="all")), refusals.ProfileMalformed),
        (answering(platform(capabilities=[{"name": "no version"}])), refusals.ProfileMalformed),
        (answering(platform("2099-01-01")), refusals.VersionUnsupported),
        (answering(platform("2026-01-12")), refusals.VersionUnsupported),
        # A profile of a later release that lists its capabilities as the first one did.
        (answering(platform("2026-01-23")), refusals.ProfileMalformed),
        (answering(platform("2026-08-26")), refusals.VersionUnsupported),
        (answering(platform("latest")), refusals.VersionUnsupported),
        (answering(platform(capabilities=[])), refusals.CapabilitiesIncompatible),
    ],
)
async def test_what_is_wrong_with_a_profile_has_its_own_refusal(origin: Origin, kind: type[Refusal]):
    with pytest.raises(kind):
        await negotiated(negotiation(origin), incoming(f'profile="{URL}"'))


async def test_a_platform_older_than_the_first_release_is_answered_in_the_first():
    agreed = await negotiated(negotiation(answering(platform("2025-10-01"))), incoming(f'profile="{URL}"'))
    assert agreed.release is R_2026_01_11


def test_an_older_platform_is_served_where_the_release_says_so_only():
    with pytest.raises(refusals.VersionUnsupported):
        release_for("2025-10-01", R_2026_04_08)
    assert release_for("2026-01-11", R_2026_04_08) is R_2026_01_11


@pytest.mark.parametrize(
    "version", ["", "20251001", "2025-W40-3", "2025-13-01", "2025-1-1", "x", "2025-10-01T00:00:00Z"]
)
def test_what_is_no_date_is_not_older(version: str):
    with pytest.raises(refusals.VersionUnsupported):
        release_for(version, R_2026_01_11)


async def test_an_extension_without_its_parent_falls():
    fulfillment = next(c for c in good(HOOK)["ucp"]["capabilities"] if c["name"] == FULFILLMENT)
    profile = platform(capabilities=[fulfillment])
    with pytest.raises(refusals.CapabilitiesIncompatible):
        await negotiated(negotiation(answering(profile)), incoming(f'profile="{URL}"'))


def capability(name: str, *extends: str, **more: Any) -> Capability:
    return Capability(
        name=name, spec="https://x.example", schema="https://x.example", extends=extends, **more
    )


def offering(release: Release, *ours: Capability) -> Release:
    return msgspec.structs.replace(release, capabilities=ours)


def listed_as(*names: str, version: str = "2026-01-11") -> dict[str, frozenset[str]]:
    return {name: frozenset({version}) for name in names}


def test_pruning_goes_on_until_nothing_more_falls():
    chain = (capability("a"), capability("b", "a"), capability("c", "b"), capability("d", "c", "e"))
    ours = offering(R_2026_01_11, *chain)
    assert intersection(ours, listed_as(*"abcd")) == set("abcd")
    assert intersection(ours, listed_as(*"bcd")) == set()
    assert intersection(ours, listed_as(*"acd")) == {"a"}
    more = offering(R_2026_01_11, *chain, capability("e"))
    assert intersection(more, listed_as(*"ade")) == set("ade")
    assert intersection(ours, {}) == set()


def test_names_are_enough_in_january_and_versions_have_to_match_later():
    theirs = {"a": frozenset({"2026-04-08"}), "b": frozenset({"2026-01-11", "2026-08-25"})}
    chain = (capability("a"), capability("b", "a"))
    assert intersection(offering(R_2026_01_11, *chain), theirs) == {"a", "b"}
    assert intersection(offering(R_2026_04_08, *chain), theirs) == {"a"}
    # With the parent falls what extends it, although its own version is in both.
    assert intersection(offering(R_2026_08_25, *chain), theirs) == set()
    vendor = offering(R_2026_08_25, capability("a", version="2026-04-08"))
    assert intersection(vendor, theirs) == {"a"}


@pytest.mark.parametrize(
    ("protocol", "parent", "is_active"),
    [
        (None, None, True),
        (Versions("2026-04-08"), None, True),
        (Versions("2026-04-08", "2026-08-25"), Versions("2026-08-25"), True),
        (Versions("2026-08-26"), None, False),
        (Versions("2026-01-11", "2026-04-08"), None, False),
        (None, Versions("2026-01-11", "2026-08-24"), False),
    ],
)
def test_an_extension_may_require_versions(
    protocol: Versions | None, parent: Versions | None, is_active: bool
):
    needs = Requires(protocol=protocol, capabilities={"a": parent} if parent else {})
    ours = offering(
        R_2026_08_25,
        capability("a"),
        capability("com.example.x", "a", version="1", requires=needs),
        capability("com.example.y", "com.example.x", version="1"),
    )
    theirs = {
        **listed_as("a", version="2026-08-25"),
        **listed_as("com.example.x", "com.example.y", version="1"),
    }
    # What extends it falls with it.
    extensions = {"com.example.x", "com.example.y"} if is_active else set()
    assert intersection(ours, theirs) == {"a"} | extensions


async def test_a_map_of_capabilities_is_read_as_well():
    capabilities = {entry["name"]: [entry] for entry in good(HOOK)["ucp"]["capabilities"]}
    document = {"ucp": {"version": "2025-10-01", "capabilities": capabilities}}
    agreed = await negotiated(negotiation(answering(document)), incoming(f'profile="{URL}"'))
    assert agreed.platform.webhook_url == HOOK


async def test_the_suite_is_served_without_a_profile():
    suite = negotiation(failing("unreachable"), Mode.SUITE)
    for agent in (None, "", 'profile="..."', "junk=("):
        agreed = await negotiated(suite, incoming(agent))
        assert agreed.active == {CHECKOUT, ORDER, FULFILLMENT, DISCOUNT, BUYER_CONSENT}
    assert (await negotiated(suite, incoming('profile="..."'))).platform.id == "..."
    assert (await negotiated(suite, incoming(None))).platform.id == "default"


async def test_the_suite_skips_the_intersection():
    order_only = [c for c in good(HOOK)["ucp"]["capabilities"] if c["name"] == ORDER]
    suite = negotiation(answering(platform(capabilities=order_only)), Mode.SUITE)
    agreed = await negotiated(suite, incoming(f'profile="{URL}"'))
    assert CHECKOUT in agreed.active
    assert agreed.platform.webhook_url == HOOK


async def test_the_suite_checks_the_version_parameter():
    suite = negotiation(failing("unreachable"), Mode.SUITE)
    assert await negotiated(suite, incoming('profile="..."; version="2026-01-11"'))
    with pytest.raises(refusals.VersionUnsupported):
        suite.identify(incoming('profile="..."; version="2099-01-01"'))


def test_in_production_nobody_is_known_who_is_not_configured():
    production = negotiation(answering(platform()), Mode.PRODUCTION)
    with pytest.raises(refusals.ProfileNotTrusted):
        production.identify(incoming(f'profile="{URL}"'))
    opened = negotiation(answering(platform()), Mode.PRODUCTION, unlisted_are_served=True)
    assert opened.identify(incoming(f'profile="{URL}"')).listed is None


def test_a_platform_may_be_known_to_some_merchants_only():
    listed = {URL: Listed(profile_url=URL, merchants=("other",))}
    with pytest.raises(refusals.ProfileNotTrusted):
        negotiation(answering(platform()), Mode.DEMO, listed=listed).identify(incoming(f'profile="{URL}"'))


async def test_a_pinned_profile_is_never_fetched():
    origin = failing("unreachable")
    listed = {URL: Listed(profile_url=URL, document=platform())}
    agreed = await negotiated(
        negotiation(origin, Mode.PRODUCTION, listed=listed), incoming(f'profile="{URL}"')
    )
    assert agreed.platform.id == URL
    assert origin.asked == 0


async def test_too_many_new_platforms_at_once_are_asked_to_come_back():
    agreed = negotiation(answering(platform()))
    for number in range(20):
        await negotiated(agreed, incoming(f'profile="{URL}/{number}"'))
    with pytest.raises(refusals.ProfilesBusy) as busy:
        await negotiated(agreed, incoming(f'profile="{URL}/one-more"'))
    assert busy.value.retry_after_s == 1

"""What each mode relaxes: all of it, here and nowhere else.

Production is the rule. Every field of Relaxations is one row of the table in README.md; its
sentence is printed at start for each row in which the running mode differs from production.
"""

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Mode(StrEnum):
    PRODUCTION = "production"
    DEMO = "demo"
    SUITE = "suite"


class Relaxations(msgspec.Struct, frozen=True, kw_only=True):
    """The defaults are production's."""

    plain_and_loopback_urls: Annotated[
        bool, Meta(description="profiles and webhooks may be http and on loopback")
    ] = False
    missing_profile: Annotated[
        Literal["refused", "default_record"],
        Meta(description="a caller without a readable profile is served as a default platform"),
    ] = "refused"
    version_parameter_checked: Annotated[
        bool, Meta(description="the version parameter of UCP-Agent is checked by itself")
    ] = False
    example_platform_pinned: Annotated[
        bool, Meta(description="https://platform.example/profile is known without being fetched")
    ] = False
    unlisted_platforms_open: Annotated[
        bool,
        Meta(description="platforms that are not configured may buy and see their orders without a key"),
    ] = False
    intersection_skipped: Annotated[
        bool, Meta(description="capabilities are not cut down to what the platform lists")
    ] = False
    put_keeps_absent: Annotated[
        bool, Meta(description="a PUT keeps buyer, fulfilment and discounts that it leaves out")
    ] = False
    root_release: Annotated[
        Literal["merchant", "newest", "2026-01-11"],
        Meta(description="the release at /.well-known/ucp is the mode's, not the merchant's"),
    ] = "merchant"
    mock_handler: Annotated[bool, Meta(description="the mock payment handler is offered")] = False
    mock_names: Annotated[
        tuple[str, ...],
        Meta(description="the mock handler also answers to other handlers' names"),
    ] = ()
    mock_takes_any_token: Annotated[
        bool, Meta(description="the mock handler takes an unknown token for success_token")
    ] = False
    older_error_details: Annotated[
        bool, Meta(description="01-11 errors carry detail and code, events carry more than asked")
    ] = False
    events_wait_out_the_suite: Annotated[
        bool, Meta(description="an event that failed is tried again after two minutes, not sooner")
    ] = False
    orders_over_http: Annotated[
        bool, Meta(description="an owner may GET and PUT its orders outside the protocol")
    ] = False
    shipping_simulated: Annotated[
        bool, Meta(description="/testing/simulate-shipping ships an order for Simulation-Secret")
    ] = False
    plain_http_without_proxy: Annotated[
        bool, Meta(description="plain http is served on loopback without a trusted proxy")
    ] = False
    embedded_postgres: Annotated[
        bool, Meta(description="Postgres runs inside, in the data folder, without being asked for")
    ] = False
    public_url_follows_request: Annotated[
        bool, Meta(description="links use the scheme and authority that a request came under")
    ] = False
    makes_secret: Annotated[
        bool, Meta(description="the server secret is made and kept in the data folder")
    ] = False
    makes_certificate: Annotated[
        bool, Meta(description="the TLS certificate is self-signed, for localhost")
    ] = False
    makes_credentials: Annotated[
        bool,
        Meta(description="keys for every protocol are made and stand in demo-credentials.json"),
    ] = False
    fresh_cards: Annotated[
        bool,
        Meta(description="card numbers may be handed in unless accepts_fresh_cards says no"),
    ] = False
    mail_to_folder: Annotated[
        bool, Meta(description="mail without a transport is written into the data folder")
    ] = False
    test_hooks_allowed: Annotated[
        bool, Meta(description="fault points and other hooks for tests may be switched on")
    ] = False


_FOR_LOCAL_USE = Relaxations(
    plain_and_loopback_urls=True,
    unlisted_platforms_open=True,
    mock_handler=True,
    shipping_simulated=True,
    plain_http_without_proxy=True,
    embedded_postgres=True,
    public_url_follows_request=True,
    makes_secret=True,
    makes_certificate=True,
    fresh_cards=True,
    mail_to_folder=True,
    test_hooks_allowed=True,
)

RELAXATIONS = {
    Mode.PRODUCTION: Relaxations(),
    Mode.DEMO: msgspec.structs.replace(
        _FOR_LOCAL_USE,
        example_platform_pinned=True,
        makes_credentials=True,
        root_release="newest",
        mock_names=("com.google.pay",),
        mock_takes_any_token=True,
    ),
    Mode.SUITE: msgspec.structs.replace(
        _FOR_LOCAL_USE,
        missing_profile="default_record",
        version_parameter_checked=True,
        intersection_skipped=True,
        put_keeps_absent=True,
        root_release="2026-01-11",
        mock_names=("google_pay", "shop_pay"),
        older_error_details=True,
        events_wait_out_the_suite=True,
        orders_over_http=True,
    ),
}


def sentences(mode: Mode) -> tuple[str, ...]:
    """What ``mode`` relaxes, one sentence for each row that differs from production."""
    chosen, rule = RELAXATIONS[mode], RELAXATIONS[Mode.PRODUCTION]
    return tuple(
        _description(field)
        for field in msgspec.structs.fields(Relaxations)
        if getattr(chosen, field.name) != getattr(rule, field.name)
    )


def _description(field: msgspec.structs.FieldInfo) -> str:
    (meta,) = (part for part in field.type.__metadata__ if isinstance(part, Meta))
    if meta.description is None:
        raise TypeError(f"{field.name} lacks its sentence")
    return meta.description

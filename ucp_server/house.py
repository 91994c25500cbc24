"""What every process of the server stands on: the engine with its plug-ins, and who writes its answers."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from ucp_server import plugins, resources
from ucp_server.aap import purchase
from ucp_server.asgi.checker import Violation
from ucp_server.chipp import replies as chipp_replies
from ucp_server.chipp.schema import Schemas as ChippSchemas
from ucp_server.config import Settings
from ucp_server.engine import submissions
from ucp_server.engine.codes import Codes, Issuer
from ucp_server.engine.commands import Renderer
from ucp_server.engine.hints import Hints
from ucp_server.engine.quoting import Quoting
from ucp_server.engine.setup import Setup
from ucp_server.handlers.fetch_guarded import GuardedFetch
from ucp_server.pages import links
from ucp_server.pages import routes as pages
from ucp_server.store.database import Pool, open_pool
from ucp_server.store.eligibility import PostgresEligibility
from ucp_server.store.rules import RuleTables
from ucp_server.ucp.incoming import Paths
from ucp_server.ucp.policies import Policy
from ucp_server.ucp.releases import SERVED, WITH_SCHEMAS
from ucp_server.ucp.replies import Replies
from ucp_server.ucp.schema import Schemas
from ucp_server.ucp.signing_keys import SigningKeys
from ucp_server.ucp.terms import BINDING as UCP

Wire = dict[str, Any]

_log = logging.getLogger("ucp_server.app")

_PATHS: Final = Paths(
    checkout=links.checkout_path, back=links.back_path, cart=links.cart_path, order=links.order_path
)


@dataclass(frozen=True, kw_only=True)
class House:
    """Each process builds one and lets go of it at its end."""

    settings: Settings
    pool: Pool
    fetch: GuardedFetch
    schemas: Schemas
    keys: SigningKeys
    codes: Codes
    payments: plugins.Payments
    replies: Replies
    chipp: chipp_replies.Replies
    rules: RuleTables
    setup: Setup

    @property
    def secret(self) -> bytes:
        return secret_of(self.settings)


@asynccontextmanager
async def open_house(settings: Settings, name: str, lines_out: int) -> AsyncIterator[House]:
    """``lines_out``: how many connections may be open to the outside at once."""
    clock = plugins.SystemClock()
    fetch = GuardedFetch(allow_loopback=settings.relaxed.plain_and_loopback_urls, connections_max=lines_out)
    schemas = Schemas(resources.folder("schemas") / "ucp", WITH_SCHEMAS)
    schemas.compile_all(SERVED)
    payments = plugins.payments(settings, clock)
    # From here on they know where their own pages are.
    plugins.hosted(settings, payments)
    replies = Replies(
        schemas=schemas,
        payments=payments,
        links={merchant: links_of(settings, merchant) for merchant in settings.merchant},
        paths=_PATHS,
        on_fault=tell_fault,
        policies={merchant: policies_of(settings, merchant) for merchant in settings.merchant},
        storefronts={name: table.storefront_url for name, table in settings.merchant.items()},
        embeddable=frozenset(name for name, table in settings.merchant.items() if table.embedded),
        detailed=settings.relaxed.older_error_details,
    )
    chipp = chipp_replies.Replies(
        schemas=ChippSchemas(resources.folder("schemas") / "chipp"),
        on_fault=lambda operation, violations: tell_fault("chipp", operation, violations),
    )
    try:
        async with open_pool(settings.postgres_url, size=settings.database_connections, name=name) as pool:
            rules = RuleTables(pool)
            setup = Setup(
                pool=pool,
                merchants={m: table.facts(m) for m, table in settings.merchant.items()},
                quoting=Quoting.over(pool, rules),
                payments=payments,
                stocks=plugins.stocks(settings),
                vaults=plugins.vaults(payments),
                eligibility={
                    **dict.fromkeys(settings.merchant, PostgresEligibility(pool)),
                    **plugins.eligibilities(settings),
                },
                clock=clock,
                renderers=_renderers(replies, chipp),
                hint=Hints(pool),
            )
            yield House(
                settings=settings,
                pool=pool,
                fetch=fetch,
                schemas=schemas,
                keys=SigningKeys(pool, secret_of(settings)),
                codes=Codes(pool, secret_of(settings), issuer_of(settings)),
                payments=payments,
                replies=replies,
                chipp=chipp,
                rules=rules,
                setup=setup,
            )
    finally:
        await plugins.close(payments)
        await fetch.close()


def _renderers(replies: Replies, chipp: chipp_replies.Replies) -> dict[str, Renderer]:
    """Who writes what a request that died would have been answered, by binding."""
    return {
        UCP: replies,
        pages.BINDING: pages.PageRenderer(),
        chipp_replies.BINDING: chipp,
        purchase.BINDING: purchase.SilentRenderer(),
        submissions.BINDING: submissions.SubmissionRenderer(),
    }


def secret_of(settings: Settings) -> bytes:
    assert settings.secret is not None, "no mode starts without a secret"
    return settings.secret.reveal().encode()


def links_of(settings: Settings, merchant: str) -> tuple[Wire, ...]:
    return tuple(
        {"type": link.type, "url": link.url} | ({"title": link.title} if link.title else {})
        for link in settings.merchant[merchant].links
    )


def policies_of(settings: Settings, merchant: str) -> tuple[Policy, ...]:
    return tuple(
        Policy(type=table.type, text=table.text, url=table.url, must_show=table.must_show)
        for table in settings.merchant[merchant].policies
    )


def issuer_of(settings: Settings) -> Issuer:
    """In whose name codes are issued here."""
    return Issuer(name=settings.issuer, prefix=f"aap://{settings.issuer}/v1/")


def tell_fault(protocol: str, operation: str, violations: tuple[Violation, ...]) -> None:
    """A reply of ours that its own schema refuses: our defect, said loudly, and sent all the same."""
    first = violations[0]
    _log.error("a reply of %s in %s is not of its form: %s %s", operation, protocol, first.path, first.text)

"""Who does which kind of job in the background."""

from collections.abc import Callable, Mapping
from typing import Final

from ucp_server import plugins
from ucp_server.chipp.replies import BINDING as CHIPP
from ucp_server.chipp.webhooks import OrderEvents as AppEvents
from ucp_server.config import Merchant, Settings
from ucp_server.domain.checkout import Checkout
from ucp_server.domain.events import JobKind
from ucp_server.engine.driving import SubmissionDeliverer
from ucp_server.engine.ledger import EvidenceDeliverer, Ledger
from ucp_server.engine.runner import Engine
from ucp_server.engine.settling import MoneyDeliverer, StockDeliverer
from ucp_server.engine.tooling import ToolDeliverer
from ucp_server.handlers.tools_http import HttpTools
from ucp_server.house import House
from ucp_server.letters.sending import MailDeliverer
from ucp_server.letters.writing import Sender, ShopLink, Writing
from ucp_server.pages import links
from ucp_server.store.apps import WebhookSecrets
from ucp_server.ucp.terms import BINDING as UCP
from ucp_server.ucp.webhooks import OrderEvents
from ucp_server.worker.deliver import RULES, Delivery, RetryRule
from ucp_server.worker.subscribers import BySubscriber

# A whole run of the official suite takes half a minute.
SUITE_PAUSE_S: Final = 120.0


def delivery(house: House, engine: Engine) -> Delivery:
    """Who does which kind of job."""
    events = OrderEvents(
        replies=house.replies,
        keys=house.keys,
        fetch=house.fetch,
        clock=house.setup.clock,
        detailed=house.settings.relaxed.older_error_details,
    )
    writing = Writing(senders=_senders(house.settings), order_path=links.order_path)
    app_events = AppEvents(
        schemas=house.chipp.schemas,
        secrets=WebhookSecrets(house.pool, house.secret),
        fetch=house.fetch,
        clock=house.setup.clock,
        on_fault=house.chipp.on_fault,
    )
    money, stock = MoneyDeliverer(house.setup), StockDeliverer(house.setup)
    tools = ToolDeliverer(house.setup, HttpTools(house.fetch))
    return Delivery(
        pool=house.pool,
        renderers={UCP: events.render, CHIPP: app_events.render, "mail": writing.render},
        deliverers={
            JobKind.WEBHOOK: BySubscriber({UCP: events, CHIPP: app_events}),
            JobKind.MAIL: MailDeliverer(plugins.mails(house.settings)),
            JobKind.CAPTURE: money,
            JobKind.VOID: money,
            JobKind.REFUND: money,
            JobKind.RELEASE: stock,
            JobKind.CONFIRM: stock,
            JobKind.TOOL: tools,
            JobKind.SUBMIT: SubmissionDeliverer(
                house.setup, engine, house.secret, page_url=_page_url(writing)
            ),
            JobKind.EVIDENCE: EvidenceDeliverer(Ledger(house.setup, house.codes)),
        },
        on_parked={
            JobKind.CAPTURE: money.give_up,
            JobKind.REFUND: money.give_up,
            JobKind.TOOL: tools.give_up,
        },
        rules=_rules(house.settings),
    )


def _rules(settings: Settings) -> Mapping[JobKind, RetryRule]:
    """The worker's own, but that no event is tried again while the official suite runs.

    Its receiver lives for one test only; an event of an earlier one would be taken for its own.
    """
    if not settings.relaxed.events_wait_out_the_suite:
        return RULES
    return {**RULES, JobKind.WEBHOOK: RetryRule((SUITE_PAUSE_S,), RULES[JobKind.WEBHOOK].give_up_s)}


def _senders(settings: Settings) -> dict[str, Sender]:
    return {name: _sender(name, merchant, settings) for name, merchant in settings.merchant.items()}


def _sender(name: str, merchant: Merchant, settings: Settings) -> Sender:
    public_url = merchant.public_url.rstrip("/")
    return Sender(
        shop=merchant.title or name,
        address=(merchant.mail.sender if merchant.mail else "") or f"orders@{name}.invalid",
        site=public_url or _own_site(settings),
        language=merchant.language,
        picture_site=public_url if public_url.startswith("https://") else "",
        links=tuple(ShopLink(type=link.type, title=link.title, url=link.url) for link in merchant.links),
    )


def _page_url(writing: Writing) -> Callable[[Checkout], str]:
    """Where buyers come back to whom no request of theirs has sent: the site that their mail names."""

    def page_url(checkout: Checkout) -> str:
        site = writing.senders[checkout.merchant_id].site
        return site + links.back_path(checkout.id, checkout.link_token)

    return page_url


def _own_site(settings: Settings) -> str:
    """Where a shop without a public URL is found: on this machine."""
    if settings.http_port:
        return f"http://localhost:{settings.http_port}"
    return f"https://localhost:{settings.port}"

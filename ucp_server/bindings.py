"""The bindings of the house, each built over one engine."""

import ipaddress
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final

import msgspec
from starlette.requests import Request

from ucp_server import languages, resources
from ucp_server.aap import binding as aap_binding
from ucp_server.aap.schema import Schemas as AapSchemas
from ucp_server.asgi.addresses import source_of
from ucp_server.c2a import binding as c2a_binding
from ucp_server.c2a.incoming import Shop as Tenant
from ucp_server.c2a.schema import Schemas as C2aSchemas
from ucp_server.chipp import binding as chipp_binding
from ucp_server.config import Settings
from ucp_server.domain.money import Money
from ucp_server.engine.asking import ask_for_page
from ucp_server.engine.attribution import Network
from ucp_server.engine.catalog import Browsing
from ucp_server.engine.grants import Grants
from ucp_server.engine.ledger import Ledger
from ucp_server.engine.orders import Orders
from ucp_server.engine.runner import Engine
from ucp_server.engine.sources import Sources
from ucp_server.engine.stored_methods import StoredMethods
from ucp_server.engine.submissions import Submissions
from ucp_server.hosts import Hosts, root_release
from ucp_server.house import House, tell_fault
from ucp_server.languages.links import link_title
from ucp_server.oauth import binding as oauth_binding
from ucp_server.oauth.incoming import Shop as Issuer
from ucp_server.pages import contexts, links
from ucp_server.pages import routes as pages
from ucp_server.pages.budgets import Budgets as PageBudgets
from ucp_server.pages.budgets import Rates as PageRates
from ucp_server.pages.pictures import Pictures
from ucp_server.pages.window import Window
from ucp_server.ports import OnPage
from ucp_server.speaking import Speaking
from ucp_server.store.catalog import PostgresCatalog
from ucp_server.store.offers import PostgresOffers
from ucp_server.store.rates import PostgresRates
from ucp_server.ucp.authentication import Authentication
from ucp_server.ucp.binding import Binding
from ucp_server.ucp.budgets import Budgets, Rates
from ucp_server.ucp.embedded import EmbeddedCheckouts
from ucp_server.ucp.incoming import Shop as UcpShop
from ucp_server.ucp.negotiation import Negotiation
from ucp_server.ucp.platforms import Listed
from ucp_server.ucp.profiles_cache import TTL_MIN_S, ProfileCache
from ucp_server.ucp.scopes import scopes_supported
from ucp_server.ucp.signed_callers import SignedCallers
from ucp_server.ucp.signed_replies import SignedReplies

Wire = dict[str, Any]

_PINNED_PROFILE: Final = "https://platform.example/profile"


def ucp(house: House, engine: Engine, hosts: Hosts, note_search: Callable[[str], None]) -> Binding:
    settings = house.settings
    simulation = settings.simulation_secret

    def shop_of(request: Request) -> UcpShop | None:
        host = hosts.find(request)
        if host is None:
            return None
        return UcpShop(
            merchant_id=host.merchant_id,
            site=host.site,
            root_release=root_release(settings, host.merchant),
            links=house.replies.links[host.merchant_id],
            key_required=host.merchant.idempotency_key_required,
            asked_signals=host.merchant.asked_signals,
            signs_all_replies=host.merchant.signed_replies,
            is_embeddable=host.merchant.embedded,
        )

    clock = house.setup.clock
    profiles = ProfileCache(house.fetch, clock, failures_kept_s=_failures_kept_s(settings))
    return Binding(
        engine=engine,
        browsing=_browsing(house, PostgresCatalog(house.pool, note_search)),
        orders=Orders(house.setup),
        negotiation=Negotiation(
            profiles=profiles,
            schemas=house.schemas,
            relaxed=settings.relaxed,
            listed=_listed(settings),
            unlisted_are_served=settings.unlisted_platforms == "open",
        ),
        authentication=Authentication(
            house.pool,
            SignedCallers(profiles, clock),
            orders_are_open=settings.relaxed.unlisted_platforms_open,
        ),
        budgets=Budgets(
            house.pool,
            Rates(
                platform=settings.platform_rate,
                address=settings.address_rate,
                checkout=settings.checkout_rate,
            ),
        ),
        replies=house.replies,
        keys=house.keys,
        signing=SignedReplies(house.keys, clock),
        currencies={name: merchant.currency for name, merchant in settings.merchant.items()},
        shop_of=shop_of,
        relaxed=settings.relaxed,
        secret=house.secret,
        simulation_secret=simulation.reveal().encode() if simulation else None,
        trusted=tuple(ipaddress.ip_network(network) for network in settings.trusted_proxies),
    )


def _browsing(house: House, catalog: PostgresCatalog) -> Browsing:
    return Browsing(
        pool=house.pool,
        catalog=catalog,
        rates=PostgresRates(house.rules),
        merchants=house.setup.merchants,
    )


def _failures_kept_s(settings: Settings) -> float:
    """Next door, a platform that was down is started again by the person who waits for it."""
    return 1.0 if settings.relaxed.plain_and_loopback_urls else TTL_MIN_S


def _listed(settings: Settings) -> dict[str, Listed]:
    """The platforms of the configuration by profile URL, and the one that the mode pins."""
    listed = {
        table.profile: Listed(
            profile_url=table.profile,
            auth=table.auth,
            signatures=table.signatures,
            writes=table.writes,
            merchants=table.merchants,
            document=_document(table.profile_file.read_bytes()) if table.profile_file else None,
            certificate_subject=table.client_certificate_subject,
            certificate_sha256=table.client_certificate_sha256,
            shows_problems=table.problems == "in_checkout",
            rate=table.rate,
        )
        for table in settings.platform.values()
    }
    if settings.relaxed.example_platform_pinned:
        pinned = Listed(profile_url=_PINNED_PROFILE, auth="open", follows_the_path=True)
        listed.setdefault(_PINNED_PROFILE, pinned)
    return listed


def _document(raw: bytes) -> Wire:
    return msgspec.json.decode(raw, type=Wire)


def people(house: House, engine: Engine, hosts: Hosts) -> pages.Pages:
    def shop_of(request: Request) -> contexts.Shop | None:
        host = hosts.find(request)
        if host is None:
            return None
        asked = request.query_params.get("lang", "")
        language = languages.choose(
            asked, request.headers.get("accept-language", ""), host.merchant.language
        )
        return contexts.Shop(
            merchant_id=host.merchant_id,
            title=host.merchant.title or host.merchant_id,
            origin=host.site,
            links=tuple(
                contexts.Link(
                    type=link.type, title=link_title(link.type, link.title, language), url=link.url
                )
                for link in host.merchant.links
            ),
            seller=host.merchant.seller,
            required=host.merchant.required_buyer_fields,
            country=host.merchant.home_country,
            language=language,
            chosen_language=language.code if languages.named(asked) else "",
            own_language=host.merchant.language,
        )

    framed = EmbeddedCheckouts(
        replies=house.replies,
        origins={table.profile: table.embed_origins for table in house.settings.platform.values()},
    )

    async def payment(merchant_id: str, total: Money, session: str) -> OnPage | None:
        for handler in house.payments[merchant_id].values():
            within_s = house.setup.timings.verify_within_s
            found = await ask_for_page(handler, merchant_id, total, session, within_s=within_s)
            if found is not None:
                return found
        return None

    settings = house.settings
    trusted = tuple(ipaddress.ip_network(network) for network in settings.trusted_proxies)
    return pages.Pages(
        engine=engine,
        shop_of=shop_of,
        payments=payment,
        secret=house.secret,
        address_of=lambda request: source_of(request.scope, dict(request.headers.items()), trusted),
        budgets=PageBudgets(PageRates(forms=settings.address_rate, presses=settings.pay_rate)),
        sessions=framed.session,
        window=Window(browsing=_browsing(house, PostgresCatalog(house.pool)), speaking=_speaking(house).of),
    )


def _speaking(house: House) -> Speaking:
    pinned = house.settings.relaxed.example_platform_pinned
    return Speaking(house=house, profile=_PINNED_PROFILE if pinned else "")


def pictures(house: House, hosts: Hosts) -> Pictures:
    def merchant_of(request: Request) -> str | None:
        host = hosts.find(request)
        return host.merchant_id if host else None

    return Pictures(pool=house.pool, merchant_of=merchant_of)


def aap(house: House, engine: Engine, hosts: Hosts) -> aap_binding.Binding:
    return aap_binding.Binding(
        engine=engine,
        network=Network(house.setup, engine, PostgresOffers(house.pool), house.codes),
        ledger=Ledger(house.setup, house.codes),
        codes=house.codes,
        sources=Sources(house.pool, house.secret),
        methods=StoredMethods(house.setup, house.secret),
        schemas=AapSchemas(resources.folder("schemas") / "aap"),
        site_of=lambda request, merchant_id: hosts.site_of(request, merchant_id) or "",
        is_served=lambda request: hosts.find(request) is not None,
        page_path=links.checkout_path,
        back_path=links.back_path,
        on_fault=tell_fault,
        version=version("ucp-server"),
        per_minute=house.settings.agent_rate,
        limits=house.settings.agent_rates,
        teaches=house.settings.relaxed.makes_credentials,
    )


def chipp(house: House, engine: Engine, hosts: Hosts) -> chipp_binding.Binding:
    return chipp_binding.Binding(
        engine=engine,
        catalog=PostgresCatalog(house.pool),
        replies=house.chipp,
        site_of=lambda request, merchant_id: hosts.site_of(request, merchant_id) or "",
        is_served=lambda request: hosts.find(request) is not None,
    )


def c2a(house: House, engine: Engine, hosts: Hosts) -> c2a_binding.Binding:
    by_tenant = {table.tenant: name for name, table in house.settings.merchant.items() if table.tenant}

    def shop_of(request: Request, tenant: str) -> Tenant | None:
        merchant_id = by_tenant.get(tenant)
        site = hosts.site_of(request, merchant_id) if merchant_id else None
        if merchant_id is None or site is None:
            return None
        fresh = house.settings.takes_fresh_cards(merchant_id)
        return Tenant(merchant_id=merchant_id, site=site, takes_fresh_cards=fresh)

    return c2a_binding.Binding(
        engine=engine,
        submissions=Submissions(house.setup, engine, house.secret),
        stored_methods=StoredMethods(house.setup, house.secret),
        schemas=C2aSchemas(resources.folder("schemas") / "c2a"),
        is_served=lambda request: hosts.find(request) is not None,
        shop_of=shop_of,
        page_path=links.checkout_path,
        on_fault=tell_fault,
        secret=house.secret,
    )


def oauth(house: House, hosts: Hosts) -> oauth_binding.Binding:
    def shop_of(request: Request) -> Issuer | None:
        host = hosts.find(request)
        return Issuer(merchant_id=host.merchant_id, site=host.site) if host else None

    return oauth_binding.Binding(
        grants=Grants(house.pool),
        clock=house.setup.clock,
        scopes=scopes_supported(),
        shop_of=shop_of,
        trusted=tuple(ipaddress.ip_network(network) for network in house.settings.trusted_proxies),
    )

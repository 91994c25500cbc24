"""What a shop speaks, told to people: its protocols and where they answer, its profile, lines to try."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from ucp_server.aap.binding import PATHS as AAP_PATHS
from ucp_server.aap.mcp import PATH as AAP_MCP
from ucp_server.c2a.rest import PREFIXES as C2A_PREFIXES
from ucp_server.chipp.rest import BASE as CHIPP_BASE
from ucp_server.config import Merchant, Settings
from ucp_server.domain.money import Money
from ucp_server.hosts import root_release
from ucp_server.house import House
from ucp_server.languages import message
from ucp_server.pages.contexts import Dialect, Endpoint, Speaks, Trial
from ucp_server.store.database import read
from ucp_server.store.handles import handles_of
from ucp_server.ucp.profile import endpoint, transports_of
from ucp_server.ucp.releases import SERVED, SHOPPING, Capability, Release, newest_served, served

# Who tries it out with a platform of their own puts its address there.
_YOUR_PROFILE: Final = "https://your-platform.example/profile"
_TRANSPORTS: Final = {"rest": "REST", "mcp": "MCP", "embedded": message("Embedded pages")}


@dataclass(frozen=True, kw_only=True)
class Speaking:
    """``profile`` is that of the platform whose requests are shown; "" for the reader's own."""

    house: House
    profile: str = ""

    async def of(self, merchant_id: str, site: str, item_id: str) -> Speaks:
        """What ``merchant_id`` speaks at ``site``; ``item_id`` is what the lines buy, if anything."""
        merchant = self.house.settings.merchant[merchant_id]
        release = _shown(self.house.settings, merchant)
        newest, *older = _releases(site, merchant)
        keys = await self.house.keys.published(merchant_id)
        nothing = Money(0, merchant.currency)
        listings = self.house.replies.listings(merchant_id, nothing, ())
        return Speaks(
            profile_url=f"{site}/.well-known/ucp",
            dialects=(newest, *await self._others(merchant_id, site)),
            older=tuple(older),
            capabilities=tuple(map(_capability, release.capabilities)),
            handlers=tuple(dict.fromkeys(listing.name for listing in listings)),
            keys=len(keys),
            trials=tuple(self._trials(site, release, item_id)),
        )

    async def _others(self, merchant_id: str, site: str) -> tuple[Dialect, ...]:
        """Those that have something of this merchant's to offer."""
        async with read(self.house.pool) as db:
            offers = await handles_of(db, merchant_id, "offer")
            apps = await handles_of(db, merchant_id, "app")
            tenants = await handles_of(db, merchant_id, "tenant")
        return tuple(_dialects(site, has_offers=bool(offers), apps=apps, has_tenant=bool(tenants)))

    def _trials(self, site: str, release: Release, item_id: str) -> Iterator[Trial]:
        base = endpoint(site, release)
        yield Trial(
            id="try-profile",
            about=message("Read the profile"),
            command=f"{_curl(site)} {site}/.well-known/ucp",
        )
        yield Trial(
            id="try-search",
            about=message("Look for something"),
            command=self._post(site, f"{base}/catalog/search", {"query": "gift"}),
        )
        if item_id:
            line = {"item": {"id": item_id}, "quantity": 1}
            yield Trial(
                id="try-checkout",
                about=message("Fill a checkout; the answer has a link for the buyer"),
                command=self._post(site, f"{base}/checkout-sessions", {"line_items": [line]}),
            )

    def _post(self, site: str, url: str, body: object) -> str:
        """As a shell takes it: an id of the shop's may hold whatever its tables hold."""
        agent = f"'UCP-Agent: profile=\"{self.profile or _YOUR_PROFILE}\"'"
        quoted = json.dumps(body, separators=(",", ":")).replace("'", r"\u0027")
        return (
            f"{_curl(site)} {url} \\\n  -H {agent} \\\n"
            f"  -H 'Content-Type: application/json' \\\n  -d '{quoted}'"
        )


def _curl(site: str) -> str:
    """On this machine the certificate is one that nobody signed."""
    return "curl -sk" if site.startswith(("https://localhost", "https://127.0.0.1")) else "curl -s"


def _shown(settings: Settings, merchant: Merchant) -> Release:
    """The release of the root profile."""
    return served(root_release(settings, merchant)) or newest_served()


def _releases(site: str, merchant: Merchant) -> Iterable[Dialect]:
    """The newest first."""
    for version in reversed(SERVED):
        release = served(version)
        if release is not None:
            transports = transports_of(release, site, is_embeddable=merchant.embedded)
            addresses = tuple(
                Endpoint(label=_TRANSPORTS.get(name, name), url=str(at.get("endpoint", "")))
                for name, at in transports.items()
            )
            yield Dialect(name=f"UCP {version}", about="", addresses=addresses)


def _dialects(site: str, *, has_offers: bool, apps: tuple[str, ...], has_tenant: bool) -> Iterator[Dialect]:
    if has_offers:
        yield Dialect(
            name="AAP",
            about=message("Offers to recommend, and a record of who recommended them"),
            addresses=(
                Endpoint(label="REST", url=f"{site}{AAP_PATHS[0]}offers"),
                Endpoint(label="MCP", url=f"{site}{AAP_MCP}"),
            ),
        )
    if apps:
        # One is enough to begin with; whoever has a key knows its own.
        base = site + CHIPP_BASE.format(app_id=apps[0])
        yield Dialect(
            name="Chipp ACP",
            about=message("Checkouts within an app of the shop"),
            addresses=(
                Endpoint(label=message("Agent card"), url=f"{base}/.well-known/agent.json"),
                Endpoint(label="REST", url=f"{base}/checkout_sessions"),
            ),
        )
    if has_tenant:
        yield Dialect(
            name="Azotte C2A",
            about=message("Offers that are bought in the background"),
            addresses=(Endpoint(label="REST", url=f"{site}{C2A_PREFIXES[0]}/offer/bundles"),),
        )


def _capability(capability: Capability) -> Endpoint:
    """Its name for people, and where it is written down."""
    own = capability.name.removeprefix(f"{SHOPPING}.")
    return Endpoint(label=own.replace("_", " ").replace(".", " ").capitalize(), url=capability.spec)

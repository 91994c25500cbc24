"""Keys for trying every protocol: made at the start of the demo, written where scripts find them.

They follow from the server secret. The same data folder has the same keys at every start, in
whatever database; one that was revoked stays so.
"""

from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec

from ucp_server import issuing, plugins
from ucp_server.c2a.ids import render_method_urn
from ucp_server.config import Settings
from ucp_server.engine.quoting import Quoting
from ucp_server.engine.setup import Setup
from ucp_server.engine.sources import Sources
from ucp_server.engine.stored_methods import StoredMethods
from ucp_server.ports import Credential
from ucp_server.private_files import write_private
from ucp_server.store.credentials import CredentialKind
from ucp_server.store.customers import first_customer
from ucp_server.store.database import Pool, read, statement
from ucp_server.store.handles import handles_of

Wire = dict[str, Any]

FILE_NAME: Final = "demo-credentials.json"
# The platform that the demo knows without fetching its profile.
_PLATFORM: Final = "https://platform.example/profile"
_AGENT: Final = "agent_demo"
_MILESTONES: Final = ("sim.activated",)
# The card that every provider of payments knows for a test one.
_CARD: Final = Credential(
    type="card",
    members={
        "number": "4242424242424242",
        "expiry_month": 12,
        "expiry_year": 2040,
        "cvc": "123",
        "name": "Demo Buyer",
    },
)


async def write_demo_credentials(pool: Pool, settings: Settings, folder: Path) -> Path:
    """Make what is missing for the first merchant and write all of it into ``folder``."""
    document = await _Demo(pool, settings).document()
    file = folder / FILE_NAME
    write_private(file, msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    return file


class _Demo:
    def __init__(self, pool: Pool, settings: Settings) -> None:
        assert settings.secret is not None, "the demo makes one"
        self._pool = pool
        self._settings = settings
        self._secret = settings.secret.reveal().encode()
        self._merchant_id = next(iter(settings.merchant))

    async def document(self) -> Wire:
        """A member is null where the shop has nothing to open: no app, no tenant, no customer."""
        simulation = self._settings.simulation_secret
        return {
            "ucp": {"api_key": await self._key(CredentialKind.PLATFORM, _PLATFORM)},
            "aap": {
                "agent_key": await self._key(CredentialKind.AGENT, _AGENT),
                "merchant_key": await self._key(CredentialKind.MERCHANT, self._merchant_id),
                **await self._source(),
            },
            "acp": await self._app(),
            "c2a": await self._tenant(),
            "simulation_secret": simulation.reveal() if simulation else None,
        }

    async def _key(self, kind: CredentialKind, platform_id: str) -> str:
        key = issuing.derived_secret(kind, self._secret)
        async with statement(self._pool) as tx:
            await issuing.issue(
                tx, kind, merchant_id=self._merchant_id, platform_id=platform_id, secret=key, label="demo"
            )
        return key

    async def _source(self) -> Wire:
        """Its id follows from the server secret, too: what is sealed under another does not open."""
        told = issuing.derived_text(self._secret, "evidence")
        source = f"demo-{issuing.derived_text(self._secret, 'source')[:8].lower()}"
        sources = Sources(self._pool, self._secret)
        if source not in {listed.id for listed in await sources.listed(self._merchant_id)}:
            await sources.register(self._merchant_id, source, milestones=_MILESTONES, secret=told)
        return {"evidence_source": source, "evidence_secret": told}

    async def _app(self) -> Wire:
        async with read(self._pool) as db:
            app_id = next(iter(await handles_of(db, self._merchant_id, "app")), None)
        key = app_id and await self._key(CredentialKind.APP, app_id)
        return {"app_id": app_id, "api_key": key}

    async def _tenant(self) -> Wire:
        tenant = self._settings.merchant[self._merchant_id].tenant or None
        async with read(self._pool) as db:
            customer = await first_customer(db, self._merchant_id)
        return {
            "tenant": tenant,
            "api_key": tenant and await self._key(CredentialKind.BACKEND, "backend_demo"),
            "customer_urn": customer,
            "stored_method_urn": customer and await self._stored_method(customer),
        }

    async def _stored_method(self, customer: str) -> str | None:
        """The test card, kept for the customer. No real provider is asked."""
        payments = plugins.payments(self._settings, clock := plugins.SystemClock())
        try:
            vaults = plugins.vaults(payments)
            if vaults.get(self._merchant_id, ("",))[0] != plugins.MOCK:
                return None
            setup = Setup(
                pool=self._pool,
                merchants={},
                quoting=Quoting.over(self._pool),
                payments=payments,
                clock=clock,
                renderers={},
                vaults=vaults,
            )
            return render_method_urn(await self._kept(StoredMethods(setup, self._secret), customer))
        finally:
            await plugins.close(payments)

    async def _kept(self, methods: StoredMethods, customer: str) -> str:
        """The same at every start; one that was deleted is followed by another one."""
        key = issuing.derived_text(self._secret, "stored method")
        for which in count():
            method = await methods.add(self._merchant_id, customer, _CARD, "Demo card", f"{key}-{which}")
            if method.state != "deleted":
                return method.id
        raise AssertionError("a card that is kept now is not deleted")

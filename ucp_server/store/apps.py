"""Apps that sell a merchant's items under an address of their own: what they offer, who fulfils it."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from asyncpg import Record

from ucp_server.store.database import Pool, Read, read, statement
from ucp_server.store.ids import new_token
from ucp_server.store.seal import Seal


class App(msgspec.Struct, frozen=True, kw_only=True):
    """``handler_id`` names the merchant's payment handler, "" any; "" as a URL: nobody listens."""

    merchant_id: str
    id: str
    name: str
    description: str = ""
    handler_id: str = ""
    webhook_url: str = ""


class AppProduct(msgspec.Struct, frozen=True, kw_only=True):
    """An item as an app offers it; ``tools`` fulfil it where ``fulfillment`` is automatic."""

    id: str
    item_id: str
    sku: str
    fulfillment: Literal["automatic", "manual"]
    tools: tuple[str, ...]


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """Where a tool is asked, and for how long at most."""

    id: str
    url: str
    timeout_s: int


FIND_APP: Final = """
select a.merchant_id, a.id::text, a.name, a.description, a.handler_id, a.webhook_url
from handles h join apps a on a.merchant_id = h.merchant_id and a.id = $1::uuid
where h.kind = 'app' and h.handle = $2
"""


async def find_app(db: Read, app_id: str) -> App | None:
    """The app with this id (a UUID), whoever's it is."""
    row = await db.fetchrow(FIND_APP, app_id, app_id)
    return None if row is None else App(**dict(row))


# A merchant that gave an app up keeps its keys; what another one has under that id they must not open.
LOAD_APP_OF_KEY: Final = """
select c.platform_id from credentials c
where c.merchant_id = any($1::text[]) and c.kind = 'app' and c.secret_hash = $2 and c.revoked_at is null
  and not exists (
      select from handles h
      where h.kind = 'app' and h.handle = c.platform_id and h.merchant_id <> c.merchant_id)
"""


async def app_of_key(db: Read, merchants: Sequence[str], secret_hash: bytes) -> str | None:
    """The id of the app that a secret opens, of any of ``merchants``; None for one unknown or revoked."""
    found = await db.fetchval(LOAD_APP_OF_KEY, list(merchants), secret_hash)
    return None if found is None else str(found)


LIST_PRODUCTS: Final = """
select id::text, item_id, sku, fulfillment, tools from app_products
where merchant_id = $1 and app_id = $2::uuid and active order by id limit $3
"""
LOAD_PRODUCTS: Final = """
select id::text, item_id, sku, fulfillment, tools from app_products
where merchant_id = $1 and app_id = $2::uuid and id = any($3::uuid[]) and active
"""


async def list_products(db: Read, app: App, limit: int) -> list[AppProduct]:
    """What the app offers now, in a fixed order."""
    return [_product(row) for row in await db.fetch(LIST_PRODUCTS, app.merchant_id, app.id, limit)]


async def load_products(db: Read, app: App, product_ids: Sequence[str]) -> dict[str, AppProduct]:
    """Those of ``product_ids`` (UUIDs) that the app offers now, by id."""
    rows = await db.fetch(LOAD_PRODUCTS, app.merchant_id, app.id, list(product_ids))
    return {row["id"]: _product(row) for row in rows}


def _product(row: Record) -> AppProduct:
    return AppProduct(
        id=row["id"],
        item_id=row["item_id"],
        sku=row["sku"],
        fulfillment=row["fulfillment"],
        tools=tuple(row["tools"]),
    )


LOAD_TOOL: Final = "select id, url, timeout_s from tools where merchant_id = $1 and id = $2"


async def load_tool(db: Read, merchant_id: str, tool_id: str) -> Tool | None:
    row = await db.fetchrow(LOAD_TOOL, merchant_id, tool_id)
    return None if row is None else Tool(**dict(row))


# --- what events are signed with ---

_PREFIX: Final = "whsec_"

LOAD_SEALED: Final = "select sealed from app_webhook_secrets where merchant_id = $1 and app_id = $2::uuid"
# Of two that make the first at once, one is kept and both read it.
INSERT_SEALED: Final = """
insert into app_webhook_secrets (merchant_id, app_id, sealed) values ($1, $2::uuid, $3)
on conflict (merchant_id, app_id) do nothing
"""


class WebhookSecrets:
    """What the events of apps are signed with; each app has one, made when it is first asked for."""

    def __init__(self, pool: Pool, server_secret: bytes) -> None:
        self._pool = pool
        self._seal = Seal(server_secret, "webhook secrets of apps")

    async def of(self, merchant_id: str, app_id: str) -> str:
        """Raises `SealBrokenError` where the server secret is another one than when it was made."""
        about = f"{merchant_id}/{app_id}"
        sealed = await self._load(merchant_id, app_id)
        if sealed is None:
            fresh = self._seal.close((_PREFIX + new_token() + new_token()).encode(), about)
            async with statement(self._pool) as tx:
                await tx.execute(INSERT_SEALED, merchant_id, app_id, fresh)
            sealed = await self._load(merchant_id, app_id)
        assert sealed is not None, "what was inserted is there"
        return self._seal.open(sealed, about).decode()

    async def _load(self, merchant_id: str, app_id: str) -> bytes | None:
        async with read(self._pool) as db:
            found = await db.fetchval(LOAD_SEALED, merchant_id, app_id)
        return found if isinstance(found, bytes) else None

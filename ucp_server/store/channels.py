"""A shop's offers, apps, tools and bundles into our tables, and the handles that lead to them."""

from collections.abc import Mapping
from typing import Final

import msgspec

from ucp_server.store.bulk import insert_rows
from ucp_server.store.bundles import replace_bundles
from ucp_server.store.channel_tables import AppProductRow, AppRow, ChannelTables, OfferRow, ToolRow
from ucp_server.store.csv_rows import BadRow
from ucp_server.store.database import Tx
from ucp_server.store.handles import HandleKind, replace_handles

DELETE_OFFERS: Final = "delete from offers where merchant_id = $1"
# Built-in configuration: words as they are written, in any language.
INSERT_OFFERS: Final = """
insert into offers (merchant_id, id, item_id, vertical, provider, criteria, commission, active, search)
select $1, new.id, new.item_id, new.vertical, new.provider, new.criteria, new.commission, new.active,
       to_tsvector('simple', new.text)
from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[], $8::boolean[],
            $9::text[])
    as new (id, item_id, vertical, provider, criteria, commission, active, text)
"""

DELETE_APPS: Final = "delete from apps where merchant_id = $1"
INSERT_APPS: Final = """
insert into apps (merchant_id, id, name, description, handler_id, webhook_url)
select $1, new.id, new.name, new.description, new.handler_id, new.webhook_url
from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
    as new (id, name, description, handler_id, webhook_url)
"""

DELETE_APP_PRODUCTS: Final = "delete from app_products where merchant_id = $1"
# A product's tools travel as one text: arrays of arrays have to be of one length.
INSERT_APP_PRODUCTS: Final = """
insert into app_products (merchant_id, app_id, id, item_id, sku, fulfillment, tools, active)
select $1, new.app_id, new.id, new.item_id, new.sku, new.fulfillment,
       string_to_array(new.tools, ' '), new.active
from unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[])
    as new (app_id, id, item_id, sku, fulfillment, tools, active)
"""

DELETE_TOOLS: Final = "delete from tools where merchant_id = $1"
INSERT_TOOLS: Final = """
insert into tools (merchant_id, id, url, timeout_s)
select $1, new.id, new.url, new.timeout_s
from unnest($2::text[], $3::text[], $4::integer[]) as new (id, url, timeout_s)
"""


async def replace_channels(tx: Tx, merchant_id: str, tables: ChannelTables) -> list[BadRow]:
    """Make ``tables`` all that the merchant has of them.

    Returns the rows whose ids are another merchant's; the transaction must not be committed then.
    """
    taken = [
        *await _take(tx, merchant_id, "offer", "offers.csv", {row.id: row.line for row in tables.offers}),
        *await _take(tx, merchant_id, "app", "apps.csv", {row.id: row.line for row in tables.apps}),
    ]
    if taken:
        return taken
    for sql in (DELETE_OFFERS, DELETE_APPS, DELETE_APP_PRODUCTS, DELETE_TOOLS):
        await tx.execute(sql, merchant_id)
    await insert_rows(tx, INSERT_OFFERS, merchant_id, rows=map(_offer, tables.offers))
    await insert_rows(tx, INSERT_APPS, merchant_id, rows=map(_app, tables.apps))
    await insert_rows(tx, INSERT_APP_PRODUCTS, merchant_id, rows=map(_app_product, tables.app_products))
    await insert_rows(tx, INSERT_TOOLS, merchant_id, rows=map(_tool, tables.tools))
    await replace_bundles(tx, merchant_id, tables.bundles)
    return []


async def _take(
    tx: Tx, merchant_id: str, kind: HandleKind, file: str, lines: Mapping[str, int]
) -> list[BadRow]:
    refused = await replace_handles(tx, merchant_id, kind, tuple(lines))
    return [BadRow(file, lines[handle], f"id {handle} is another merchant's") for handle in refused]


def _offer(row: OfferRow) -> tuple[object, ...]:
    criteria, commission = msgspec.json.encode(row.criteria), msgspec.json.encode(row.commission)
    return row.id, row.item_id, row.vertical, row.provider, criteria, commission, row.active, row.text


def _app(row: AppRow) -> tuple[object, ...]:
    return row.id, row.name, row.description, row.handler_id, row.webhook_url


def _app_product(row: AppProductRow) -> tuple[object, ...]:
    tools = " ".join(row.tools)
    return row.app_id, row.id, row.item_id, row.sku, row.fulfillment, tools, row.active


def _tool(row: ToolRow) -> tuple[object, ...]:
    return row.id, row.url, row.timeout_s

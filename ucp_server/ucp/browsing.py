"""Catalog operations: a question into values, what is found into the form of the newest release."""

from typing import Any

from ucp_server.engine.catalog import Browsing
from ucp_server.ucp.admitted import Admitted
from ucp_server.ucp.catalog import (
    Around,
    decode_lookup,
    decode_product,
    decode_search,
    render_looked,
    render_page,
    render_shown,
)
from ucp_server.ucp.decoding import as_invalid
from ucp_server.ucp.releases import FULFILLMENT

Wire = dict[str, Any]


async def browse(browsing: Browsing, asked: Admitted, document: Wire) -> Wire:
    """What the accepted ``document`` asks for, without ``ucp``. Raises as `Browsing` does."""
    scope, active = asked.scope, asked.active
    around = Around(site=asked.incoming.shop.site, active=active)
    with_ways = FULFILLMENT in active
    languages = asked.incoming.headers.get("accept-language", "")
    match asked.operation.name:
        case "search_catalog":
            with as_invalid():
                search, part = decode_search(document, active, languages)
            return render_page(await browsing.search(scope, search, part, with_ways=with_ways), around)
        case "lookup_catalog":
            with as_invalid():
                ids, filters, market = decode_lookup(document, active, languages)
            looked = await browsing.lookup(scope, ids, filters, market, with_ways=with_ways)
            return render_looked(looked, around)
        case _:
            with as_invalid():
                id_, wish, filters, market = decode_product(document, active, languages)
            shown = await browsing.product(scope, id_, wish, filters, market, with_ways=with_ways)
            return render_shown(shown, around)

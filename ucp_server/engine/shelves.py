"""Catalog, stock and customers of a merchant as one `Shop`, whoever keeps them."""

import asyncio
from collections.abc import Mapping, Sequence

from ucp_server.domain.catalog import Item
from ucp_server.ports import Catalog, Customer, Customers, Shelf, Stock


class PluggedShop:
    """Three plug-ins, asked at the same time. Without ``customers`` nobody is known."""

    def __init__(self, catalog: Catalog, stock: Stock, customers: Customers | None = None) -> None:
        self._catalog = catalog
        self._stock = stock
        self._customers = customers

    async def look(self, merchant_id: str, item_ids: Sequence[str], email: str | None) -> Shelf:
        try:
            async with asyncio.TaskGroup() as group:
                items = group.create_task(self._items(merchant_id, item_ids))
                available = group.create_task(self._available(merchant_id, item_ids))
                customer = group.create_task(self._customer(merchant_id, email))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        return Shelf(items=items.result(), available=available.result(), customer=customer.result())

    async def _items(self, merchant_id: str, item_ids: Sequence[str]) -> Mapping[str, Item]:
        return await self._catalog.items(merchant_id, item_ids)

    async def _available(self, merchant_id: str, item_ids: Sequence[str]) -> Mapping[str, int]:
        return await self._stock.available(merchant_id, item_ids)

    async def _customer(self, merchant_id: str, email: str | None) -> Customer | None:
        if self._customers is None or email is None:
            return None
        return await self._customers.find(merchant_id, email)

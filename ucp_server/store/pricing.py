"""The shop's own discounts and taxes."""

from collections.abc import Sequence

from ucp_server.domain.discounts import DiscountRule
from ucp_server.domain.fulfillment import Address
from ucp_server.domain.quote import PricedLine
from ucp_server.domain.taxes import TaxRule
from ucp_server.store.rules import RuleTables


class PostgresPricing:
    """`Pricing` over the merchant's rule tables."""

    def __init__(self, tables: RuleTables) -> None:
        self._tables = tables

    async def discounts(
        self, merchant_id: str, lines: Sequence[PricedLine], codes: Sequence[str]
    ) -> Sequence[DiscountRule]:
        del lines  # rules say themselves which lines they cover
        rules = await self._tables.of(merchant_id)
        named = [rules.codes[code] for raw in codes if (code := raw.strip().casefold()) in rules.codes]
        return [*rules.automatic, *named]

    async def taxes(self, merchant_id: str, at: Address) -> Sequence[TaxRule]:
        rules = await self._tables.of(merchant_id)
        region = (at.region or "").strip().casefold()
        return [
            rule
            for rule in rules.taxes.get((at.country or "").upper(), ())
            if rule.region is None or rule.region.casefold() == region
        ]

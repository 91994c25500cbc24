"""The shop's own delivery rates and the places where goods can be collected."""

from collections.abc import Iterable, Sequence

from ucp_server.domain.fulfillment import Address, Destination, Option
from ucp_server.domain.quote import PricedLine
from ucp_server.store.rules import PickupLocation, RuleTables, ShippingRate


class PostgresRates:
    """`Rates` over the merchant's rule tables."""

    def __init__(self, tables: RuleTables) -> None:
        self._tables = tables

    async def options(self, merchant_id: str, to: Address, lines: Sequence[PricedLine]) -> Sequence[Option]:
        rules = await self._tables.of(merchant_id)
        weight_g = sum(line.item.weight_g * line.quantity for line in lines)
        return options_to(rules.rates, to, weight_g)

    async def locations(
        self, merchant_id: str, lines: Sequence[PricedLine]
    ) -> Sequence[tuple[Destination, Option]]:
        del lines  # everything that is sold can be collected at every place
        rules = await self._tables.of(merchant_id)
        return [_pickup(location) for location in rules.locations]


def options_to(rates: Iterable[ShippingRate], to: Address, weight_g: int) -> list[Option]:
    """One option per service level: of the narrowest place the cheapest that carries the weight."""
    best: dict[str, tuple[tuple[int, int], ShippingRate]] = {}
    country, region = (to.country or "").upper(), (to.region or "").strip().casefold()
    for rate in rates:
        breadth = _breadth(rate, country, region)
        if breadth is None or (rate.weight_max_g is not None and weight_g > rate.weight_max_g):
            continue
        rank = (breadth, rate.price_minor or 0)
        if rate.service_level not in best or rank < best[rate.service_level][0]:
            best[rate.service_level] = (rank, rate)
    options = [option for _, rate in best.values() if (option := rate.option) is not None]
    return sorted(options, key=lambda option: (option.price_minor, option.id))


def _breadth(rate: ShippingRate, country: str, region: str) -> int | None:
    """0 for a region's own rate, 1 for its country's, 2 for all others; None where it does not hold."""
    if rate.country is None:
        return 2
    if rate.country != country:
        return None
    if rate.region is None:
        return 1
    return 0 if rate.region.casefold() == region else None


def _pickup(location: PickupLocation) -> tuple[Destination, Option]:
    place = Destination(
        id=location.id, kind="business_location", name=location.name, address=location.address
    )
    option = Option(
        id=f"collect-{location.id}",
        title=f"Collect at {location.name}",
        price_minor=location.price_minor,
        description=location.opening_hours,
    )
    return place, option

"""``ucp-server orders``: ship, deliver, cancel, take back and refund, as the merchant API does."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import click

from ucp_server import app
from ucp_server.commands.database import connected
from ucp_server.commands.merchants import chosen, of_merchant
from ucp_server.commands.options import configured
from ucp_server.config import Settings
from ucp_server.domain.errors import Refusal
from ucp_server.domain.money import Money, decimal_text
from ucp_server.domain.order import Order, Quantity, line_counts
from ucp_server.engine.orders import Orders, Parcel

Change = Callable[[Orders, str, str], Awaitable[Order]]

_LINE = click.option(
    "--line",
    "lines",
    multiple=True,
    metavar="ID=N",
    help="N pieces of a line; all that can be if left out.",
)
_TEXT = click.option("--text", help="A sentence for the buyer.")


@click.group()
def orders() -> None:
    """Ship, deliver, cancel, take back and refund orders."""


def _on_order(command: Callable[..., None]) -> Callable[..., None]:
    """The argument and option that name an order."""
    return click.argument("order_id", metavar="ORDER")(of_merchant(command))


def _parcel_options(command: Callable[..., None]) -> Callable[..., None]:
    for name in ("description", "carrier", "tracking-url", "tracking-number"):
        command = click.option(f"--{name}")(command)
    return _LINE(command)


@orders.command()
@_on_order
@_parcel_options
@configured
def ship(settings: Settings, order_id: str, merchant_id: str | None, **parcel: object) -> None:
    """Hand pieces to a carrier; platform and buyer hear of it."""
    _change(settings, merchant_id, order_id, lambda o, m, i: o.ship(m, i, _parcel(parcel)))


@orders.command()
@_on_order
@_parcel_options
@configured
def deliver(settings: Settings, order_id: str, merchant_id: str | None, **parcel: object) -> None:
    """Pieces reached the buyer."""
    _change(settings, merchant_id, order_id, lambda o, m, i: o.deliver(m, i, _parcel(parcel)))


@orders.command()
@_on_order
@_LINE
@_TEXT
@configured
def cancel(
    settings: Settings, order_id: str, merchant_id: str | None, lines: Sequence[str], text: str | None
) -> None:
    """Cancel pieces that have not left, and pay them back."""
    _change(settings, merchant_id, order_id, lambda o, m, i: o.cancel(m, i, _quantities(lines), text))


@orders.command("return")
@_on_order
@_LINE
@_TEXT
@configured
def return_(
    settings: Settings, order_id: str, merchant_id: str | None, lines: Sequence[str], text: str | None
) -> None:
    """Pieces came back; paying them back is `refund`."""
    _change(settings, merchant_id, order_id, lambda o, m, i: o.return_(m, i, _quantities(lines), text))


@orders.command()
@_on_order
@click.argument("amount_minor", type=click.IntRange(min=1))
@_TEXT
@configured
def refund(
    settings: Settings, order_id: str, merchant_id: str | None, amount_minor: int, text: str | None
) -> None:
    """Pay AMOUNT_MINOR back, in cents, say.

    Never more in all than was paid.
    """
    _change(settings, merchant_id, order_id, lambda o, m, i: o.refund(m, i, amount_minor, text))


def _change(settings: Settings, merchant_id: str | None, order_id: str, change: Change) -> None:
    merchant = chosen(settings, merchant_id)
    try:
        row_id = str(UUID(order_id.rpartition("_")[2]))
    except ValueError:
        raise click.UsageError(f"{order_id} is no order id") from None
    try:
        _tell(asyncio.run(_changed(settings, merchant, row_id, change)))
    except Refusal as refusal:
        raise click.ClickException(refusal.text) from refusal


async def _changed(settings: Settings, merchant: str, order_id: str, change: Change) -> Order:
    async with connected(settings) as ready, app.open_orders(ready) as found:
        return await change(found, merchant, order_id)


def _tell(order: Order) -> None:
    click.echo(f"order {order.id}, version {order.version}, payment {order.payment}")
    counts = line_counts(order)
    for line in order.lines:
        count = counts[line.line_id]
        click.echo(f"  {line.line_id}  {count.fulfilled} of {count.total}  {count.state:<10}  {line.title}")
    if order.refunded_minor:
        back = decimal_text(Money(order.refunded_minor, order.currency))
        click.echo(f"  paid back: {back} {order.currency}")


def _parcel(given: dict[str, object]) -> Parcel:
    lines = given.pop("lines")
    assert isinstance(lines, tuple)
    texts = {name: text for name, text in given.items() if isinstance(text, str)}
    return Parcel(lines=_quantities(lines), **texts)


def _quantities(lines: Sequence[str]) -> tuple[Quantity, ...]:
    return tuple(_quantity(line) for line in lines)


def _quantity(text: str) -> Quantity:
    line_id, _, number = text.partition("=")
    if not line_id or not number.isdecimal():
        raise click.UsageError(f"--line {text}: write ID=N, as in li_1=2")
    return Quantity(line_id=line_id, quantity=int(number))

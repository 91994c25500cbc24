"""Which merchant a command is about."""

from collections.abc import Callable

import click

from ucp_server.config import Settings

of_merchant: Callable[[Callable[..., None]], Callable[..., None]] = click.option(
    "--merchant", "merchant_id", help="Whose; needed where there are several."
)


def chosen(settings: Settings, merchant_id: str | None) -> str:
    """The merchant that was named, or the only one. Raises `click.UsageError`."""
    names = list(settings.merchant)
    if not names:
        raise click.UsageError("there is no merchant: name the file with its table by --config")
    if merchant_id is None and len(names) == 1:
        return names[0]
    if merchant_id not in names:
        raise click.UsageError(f"--merchant is one of {', '.join(names)}")
    return merchant_id

"""``ucp-server buy``: a small agent that a person can read along."""

import asyncio

import click

from ucp_server.agent.hosting import Hosting
from ucp_server.agent.listening import Listening
from ucp_server.agent.purchase import Plan, purchase
from ucp_server.agent.shop import Shop, ShopError, ToolShop, Wire
from ucp_server.agent.speech import RELEASES, TRANSPORTS

# What the shop that `make serve` starts always has, and sends without an address.
DEMO_ITEM = "gift-card-25"

SHOPS = {kind.transport: kind for kind in (Shop, ToolShop)}


@click.command()
@click.argument("url")
@click.option("--item", "item_id", help=f"What to buy: an item id of the shop.  [default: {DEMO_ITEM}]")
@click.option("--query", help="What to look for instead; the first that can be had is bought.")
@click.option("--quantity", default=1, show_default=True, type=click.IntRange(1, 99))
@click.option("--code", help="A discount code to try.")
@click.option("--token", default="success_token", show_default=True, help="What a test shop is paid with.")
@click.option("--release", type=click.Choice(RELEASES), help="The release to speak; else that of the root.")
@click.option("--transport", type=click.Choice(TRANSPORTS), default="rest", show_default=True)
@click.option("--profile", "profile_url", help="The agent's profile; its own on loopback if left out.")
@click.option("--api-key", envvar="UCP_API_KEY", help="Sent as X-API-Key.")
@click.option("--wait", "wait_s", default=0.0, help="Seconds to wait when the buyer has to act.")
@click.option(
    "--embedded", is_flag=True, help="Let the buyer finish on the shop's page, framed by the agent's."
)
def buy(
    url: str,
    item_id: str | None,
    query: str | None,
    quantity: int,
    code: str | None,
    token: str,
    release: str | None,
    transport: str,
    profile_url: str | None,
    api_key: str | None,
    wait_s: float,
    embedded: bool,
) -> None:
    """Buy something from the shop at URL, and tell every step.

    Exits with 3 where the buyer has to go on, with 1 where the shop says no.
    """
    if item_id is not None and query is not None:
        raise click.UsageError("Name an --item or a --query, not both.")
    if embedded and profile_url is not None:
        raise click.UsageError("Only the agent's own profile says where --embedded is shown.")
    plan = Plan(
        item_id=item_id or DEMO_ITEM,
        query=query,
        quantity=quantity,
        code=code,
        token=token,
        wait_s=wait_s,
        release=release,
    )
    try:
        done = asyncio.run(_buy(SHOPS[transport], url, plan, profile_url, api_key, embedded))
    except ShopError as error:
        raise click.ClickException(error.text) from error
    if done["status"] != "completed":
        raise SystemExit(3)


async def _buy(
    kind: type[Shop], url: str, plan: Plan, profile_url: str | None, api_key: str | None, embedded: bool
) -> Wire:
    if profile_url is not None:
        return await _with(kind(url, profile_url=profile_url, api_key=api_key), plan, None)
    hosting = Hosting(_say) if embedded else None
    async with Listening(hosting.routes() if hosting else ()) as listening:
        shop = kind(url, profile_url=listening.profile_url, api_key=api_key)
        return await _with(shop, plan, listening, hosting)


async def _with(
    shop: Shop, plan: Plan, listening: Listening | None, hosting: Hosting | None = None
) -> Wire:
    try:
        return await purchase(shop, plan, _say, listening, hosting)
    finally:
        await shop.close()


def _say(step: str, text: str) -> None:
    click.echo(f"{click.style(f'{step:>9}', bold=True, fg='green')}  {text}")

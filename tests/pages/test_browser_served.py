"""The demo as it is served: TLS, its own certificate, both ports, and the mail that it keeps."""

import re
from pathlib import Path

from tests.outside.calling import Caller
from tests.outside.shops import DEMO_SHOP
from tests.pages.axe import AXE, findings
from tests.pages.chromium import BROWSER, WIDTHS, Visits, go, heading, looks_right
from tests.pages.test_browser_payment import PAY, THANKS, enter_card, fields
from tests.serving import reserved_ports, server, until

pytestmark = BROWSER
GOOD = "4242 4242 4242 4242"


@AXE
async def test_a_person_buys_where_an_agent_cannot_and_reads_the_mail(
    database: str, tmp_path: Path, visit: Visits
):
    with reserved_ports(1) as (port,):
        options = ("--hosted-port", str(port), "--import", str(DEMO_SHOP))
        async with server(database, tmp_path, *options, mode="demo") as shop:
            async with Caller(shop.https, verify=False) as agent:
                checkout = await agent.ready("tea-peppermint")
            visit.sites |= {f"http://localhost:{port}"}
            page = await visit(checkout["continue_url"])
            await fields(page).locator("#number").wait_for()
            await enter_card(page, GOOD, scripts=True)
            await looks_right(page, "demo-checkout")
            await go(page, PAY)
            assert await heading(page) == THANKS
            await looks_right(page, "demo-order")
            mail = re.search(rf"http://localhost:{port}/\S+", shop.output)
            assert mail is not None, shop.output
            # A worker writes it.
            await until(lambda: any(tmp_path.rglob("*.eml")))
            await page.goto(mail[0])
            await looks_right(page, "mails", pictured=WIDTHS[:1])
            assert await findings(page) == []
            await go(page, "main a")
            assert "Ada" in await page.frame_locator("iframe").locator("body").inner_text()
            await looks_right(page, "mail", pictured=WIDTHS[:1])
            await visit.close()

"""What the caller of the checks tells about the shop."""

import msgspec


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that cannot be learned by asking; a check that lacks its input is skipped.

    `url` is the site whose `/.well-known/ucp` is read. Tokens are credentials that the named
    handler accepts or declines in the shop's test mode. Waits are seconds.
    """

    url: str
    release: str
    item: str = ""
    second_item: str = ""
    out_of_stock_item: str = ""
    escalation_item: str = ""
    discount_code: str = ""
    claim: str = ""
    handler: str = ""
    success_token: str = ""
    fail_token: str = ""
    pending_token: str = ""
    simulation_secret: str = ""
    profile: str = ""
    currency: str = "USD"
    country: str = "US"
    region: str = "CA"
    postal_code: str = "94043"
    insecure: bool = False
    production: bool = False
    strict: bool = False
    headers: dict[str, str] = {}
    only: frozenset[str] = frozenset()
    event_wait_s: float = 10.0
    retry_wait_s: float = 0.0

"""What the caller of the checks tells about the tenant."""

import msgspec


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that cannot be learned by asking; a check that lacks its input is skipped.

    `url` is what `/api/v1/c2a` is appended to. The cards are test numbers of the tenant's provider:
    one that pays, one that is declined when it is charged, one that asks for a challenge, one that the
    vault does not take. `other_tenant` and `other_key` belong together, and not to `tenant`. Waits
    are seconds; `look_every_s` of 0 looks as often as the server says.
    """

    url: str
    tenant: str
    key: str
    customer: str = "conformance-customer"
    item: str = ""
    other_tenant: str = ""
    other_key: str = ""
    promotion_code: str = ""
    storefront: str = ""
    good_card: str = ""
    declined_card: str = ""
    challenged_card: str = ""
    refused_card: str = ""
    insecure: bool = False
    strict: bool = False
    headers: dict[str, str] = {}
    only: frozenset[str] = frozenset()
    end_wait_s: float = 20.0
    look_every_s: float = 0.0

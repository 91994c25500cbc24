"""What the caller of the checks tells about the network."""

import msgspec


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that cannot be learned by asking; a check that lacks its input is skipped.

    `url` is what `/v1` is appended to. `merchant_key` is of the merchant whose offers `provider` has;
    `source` and `source_secret` are a registered source of that merchant. `rate_wait_s` is how long
    the checks wait where the server says that they ask too often.
    """

    url: str
    agent_key: str
    other_agent_key: str = ""
    merchant_key: str = ""
    source: str = ""
    source_secret: str = ""
    vertical: str = "sim"
    provider: str = ""
    insecure: bool = False
    strict: bool = False
    headers: dict[str, str] = {}
    only: frozenset[str] = frozenset()
    rate_wait_s: float = 70.0

"""What the caller of the checks tells about the application."""

import msgspec


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that cannot be learned by asking; a check that lacks its input is skipped.

    Products are ids: one that a person fulfils and nobody ships, one whose tools do their work, one
    whose tools all fail, one that is sold out. Events are expected at ``hook_port`` of this machine.
    """

    url: str
    key: str
    other_key: str = ""
    product: str = ""
    automatic_product: str = ""
    failing_product: str = ""
    sold_out_product: str = ""
    expired_session: str = ""
    hook_port: int = 0
    hook_secret: str = ""
    insecure: bool = False
    strict: bool = False
    headers: dict[str, str] = {}
    only: frozenset[str] = frozenset()
    event_wait_s: float = 10.0

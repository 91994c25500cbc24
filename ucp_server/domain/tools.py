"""Lines that a tool of the merchant's fulfils: what they were sold as, and what the tools made of it."""

from typing import Literal

import msgspec

# waiting: not tried yet; failing: tried in vain, to be tried again; done and failed: for good, but
# that a merchant may send a failed one again
RunState = Literal["waiting", "failing", "done", "failed"]


class SoldAs(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The name under which somebody else offers an item of the merchant's, and who fulfils it then.

    ``tools`` are tried at once when the order is placed; without any a person fulfils the line.
    """

    product_id: str
    sku: str = ""
    tools: tuple[str, ...] = ()


class ToolRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tool's work for one line of an order; ``output`` is what it told, in its own words."""

    id: str
    line_id: str
    tool_id: str
    state: RunState = "waiting"
    output: str = ""

    @property
    def is_over(self) -> bool:
        return self.state in {"done", "failed"}

"""Who asks the tiny shop, and what is done for them."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from tests.conformance.tiny_shop.state import Refusal, Shop, Wire


class Caller:
    """Who asks: the profile's URL, what it shares with us, where its events go."""

    def __init__(
        self, url: str, capabilities: list[str], webhook_url: str, roots: frozenset[str] = frozenset()
    ) -> None:
        self.url, self.capabilities, self.webhook_url = url, capabilities, webhook_url
        self.roots = roots


def need(root: str, caller: Caller, shop: Shop) -> None:
    if root not in caller.roots and not shop.faulty("answers any platform"):
        raise Refusal(400, "capabilities_incompatible", f"We have no {root} in common.")


Operation = Callable[[Shop, Caller, Request, Wire], Awaitable[tuple[int, Wire]]]

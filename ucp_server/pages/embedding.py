"""The checkout's page within a page of the buyer's platform, which may take over a part of it."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from ucp_server.asgi.reply import Reply
from ucp_server.domain.checkout import Checkout, Instrument
from ucp_server.domain.errors import InvalidRequest
from ucp_server.domain.fulfillment import WantedGroup, WantedMethod
from ucp_server.engine.commands import Wanted
from ucp_server.languages import message
from ucp_server.pages import forms, links, security
from ucp_server.pages.contexts import CheckoutPage, Embedded, Shop
from ucp_server.ports import Credential

# What the buttons post whose press the platform answers; the answer is a field of the form.
ADDRESS: Final = "address"
INSTRUMENTS: Final = "instruments"

# Told where the platform pays and did not say with what.
_BY_ASSISTANT: Final = message("Through your assistant")


class Session(Protocol):
    """A framed page: who may frame it, in which protocol's words, and what the platform took over.

    ``query`` is the part of its address that makes it one, ``speech`` what its script has to know.
    """

    @property
    def ancestors(self) -> tuple[str, ...]: ...
    @property
    def scheme(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def speech(self) -> dict[str, Any]: ...
    @property
    def takes_payment(self) -> bool: ...
    @property
    def takes_choice_of_payment(self) -> bool: ...
    @property
    def takes_address(self) -> bool: ...

    def state(self, site: str) -> Reply:
        """The checkout as the platform reads it; ``site`` leads its links."""

    def instruments(self, answer: str) -> tuple[Instrument, ...]: ...
    def payment(self, answer: str) -> tuple[Instrument, Credential]: ...
    def methods(self, answer: str) -> tuple[WantedMethod, ...]:
        """Each of the three reads what the platform answered, and raises `InvalidRequest`."""


# The session that the query of a checkout's page asks for, or None where the page stands alone.
Sessions = Callable[[Checkout, Mapping[str, str]], Session | None]


def stands_alone(checkout: Checkout, query: Mapping[str, str]) -> Session | None:
    """Where no protocol frames pages."""
    del checkout, query
    return None


def within(shop: Shop, checkout: Checkout, session: Session | None, script: str) -> Shop:
    """The shop as the framed page of a checkout shows it; ``script`` is the path of what speaks."""
    if session is None:
        return shop
    path = links.checkout_path(checkout.id, checkout.link_token)
    speech = session.speech | {"state": f"{path}/state?{session.query}", "alone": shop.origin + path}
    embedded = Embedded(
        ancestors=" ".join(session.ancestors),
        speech=msgspec.json.encode(speech).decode(),
        script=script,
        scheme=session.scheme,
    )
    return msgspec.structs.replace(shop, embedded=embedded)


def handed_over(page: CheckoutPage, session: Session | None) -> CheckoutPage:
    """The page without what its platform lets the buyer choose."""
    if session is None:
        return page
    return msgspec.structs.replace(
        page,
        has_their_address=session.takes_address,
        has_their_payment=session.takes_choice_of_payment,
    )


def staying(reply: Reply, checkout: Checkout, session: Session | None) -> Reply:
    """A redirect that stays within the frame: to this checkout's page, framed as it was.

    No other page of ours may be framed; the order's is told to the platform.
    """
    location = reply.header(b"location")
    if session is None or location is None:
        return reply
    path = links.checkout_path(checkout.id, checkout.link_token)
    target = location.decode()
    if not target.startswith(path):
        target = path
    return security.see_other(f"{target}{'&' if '?' in target else '?'}{session.query}")


def shown_payment(checkout: Checkout) -> Instrument:
    """What the platform will pay with, as far as it said so."""
    kept = checkout.basket.instruments
    chosen = next((instrument for instrument in kept if instrument.selected), kept[0] if kept else None)
    if chosen is None:
        return Instrument(id="", handler_id="", type="", display={"description": _BY_ASSISTANT})
    return msgspec.structs.replace(chosen, display={"description": _described(chosen)})


def _described(instrument: Instrument) -> str:
    display = instrument.display
    if "description" in display:
        return str(display["description"])
    brand = str(display.get("brand", ""))
    known = [brand[:1].upper() + brand[1:]] if brand else []
    if "last_digits" in display:
        known.append(f"•••• {display['last_digits']}")
    return " ".join(known) or _BY_ASSISTANT


def answered(session: Session, checkout: Checkout, fields: forms.Fields, wanted: Wanted) -> Wanted:
    """``wanted`` with what the platform answered to the press of one of its buttons.

    Raises `InvalidRequest` for an answer to what the platform did not take over.
    """
    answer, action = fields.get(forms.ANSWER, ""), fields.get("action")
    if not answer or action not in (ADDRESS, INSTRUMENTS):
        return wanted
    if action == ADDRESS and session.takes_address:
        methods = tuple(_completed(checkout, method) for method in session.methods(answer))
        return msgspec.structs.replace(wanted, methods=methods)
    if action == INSTRUMENTS and session.takes_choice_of_payment:
        return msgspec.structs.replace(wanted, instruments=session.instruments(answer))
    raise InvalidRequest("This was not the platform's to answer.")


def _completed(checkout: Checkout, method: WantedMethod) -> WantedMethod:
    """The platform chose where it goes; what goes, and how, stays where it is not mentioned."""
    known = next((each for each in checkout.quote.methods or () if each.id == method.id), None)
    if known is None:
        return method
    groups = tuple(WantedGroup(id=g.id, selected_option_id=g.selected_option_id) for g in known.groups)
    return msgspec.structs.replace(
        method,
        type=method.type or known.type,
        line_ids=method.line_ids or known.line_ids,
        groups=method.groups or groups,
    )

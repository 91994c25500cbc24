"""Cards that buyers entered in the mock's own fields, each for one checkout's page of one shop.

Of a card it keeps the token that it stands for and what may be shown of it; no number, no CVC.
"""

from pathlib import Path
from typing import Final

import msgspec

from ucp_server.handlers.payment_mock.files import place_of, read_if_there, write_new, write_whole

# Whoever has not paid by then enters the card again: as long as a bank's own page would wait for one.
CARD_KEPT_S: Final = 3600.0


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """``entered_at`` in seconds since 1970; 0 while no card was entered."""

    token: str = ""
    display: dict[str, str | int] = {}
    entered_at: float = 0.0


class Sessions:
    """Blocking: call it from a thread.

    Only the shop opens one, so that a stranger to whom no page was shown can leave nothing here.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, session: str, now_s: float) -> Entered | None:
        """The card of ``session`` as in `card`; from now on one may be entered."""
        if not self.is_open(session):
            write_new(place_of(self._folder, session), msgspec.json.encode(Entered()))
        return self.card(session, now_s)

    def is_open(self, session: str) -> bool:
        return place_of(self._folder, session).exists()

    def enter(self, session: str, card: Entered) -> None:
        """In the place of the card that was entered before."""
        write_whole(place_of(self._folder, session), msgspec.json.encode(card))

    def forget(self, session: str) -> None:
        """Another card may be entered; what nobody opened stays unknown."""
        if self.is_open(session):
            write_whole(place_of(self._folder, session), msgspec.json.encode(Entered()))

    def card(self, session: str, now_s: float) -> Entered | None:
        """The card that was entered, unless that is too long ago."""
        content = read_if_there(place_of(self._folder, session))
        if content is None:
            return None
        card = msgspec.json.decode(content, type=Entered)
        return card if now_s < card.entered_at + CARD_KEPT_S else None

"""Cards on their way to the provider that keeps them, and what is kept of them here: a sealed reference."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from ucp_server.domain.display import displayable
from ucp_server.domain.errors import CardDeclined, VaultUnavailable
from ucp_server.engine.faults import fault_point
from ucp_server.engine.setup import Setup
from ucp_server.ports import Credential, Declined, Vaulted
from ucp_server.store.seal import Seal, SealBrokenError

log = logging.getLogger(__name__)

# The credential that a payment handler is given for a card in its vault.
REFERENCE_TYPE: Final = "vault_reference"
# What an owner calls a card is shown in lists.
ALIAS_CHARACTERS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class KeptCard:
    """A card in the vault of the handler ``handler_id``. Its reference pays, so it is not printed."""

    handler_id: str
    reference: str
    display: dict[str, str | int]

    def __repr__(self) -> str:
        return f"KeptCard({self.handler_id}, ••••)"

    @property
    def credential(self) -> Credential:
        return Credential(type=REFERENCE_TYPE, members={"reference": self.reference})


class References:
    """Seals references for the one row that each stands in."""

    def __init__(self, secret: bytes) -> None:
        self._seal = Seal(secret, "vault references")

    def close(self, merchant_id: str, row_id: str, reference: str) -> bytes:
        return self._seal.close(reference.encode(), f"{merchant_id}/{row_id}")

    def open(self, merchant_id: str, row_id: str, sealed: bytes) -> str:
        """Raises `SealBrokenError`."""
        return self._seal.open(sealed, f"{merchant_id}/{row_id}").decode()

    def open_if_whole(self, merchant_id: str, row_id: str, sealed: bytes) -> str | None:
        """None where the server secret is another one by now: nobody can use it, nor have it forgotten."""
        try:
            return self.open(merchant_id, row_id, sealed)
        except SealBrokenError:
            log.exception("the reference of %s is lost", row_id)
            return None


async def keep_card(
    setup: Setup, merchant_id: str, card: Credential, key: str, *, alias: str | None = None
) -> KeptCard:
    """Have the merchant's vault keep ``card``; the same ``key`` is the same reference.

    Raises CardDeclined, and VaultUnavailable for whatever is no explicit answer: then the card may
    be kept all the same, and the same key finds it.
    """
    if merchant_id not in setup.vaults:
        raise VaultUnavailable(is_offered=False)
    handler_id, vault = setup.vaults[merchant_id]
    await fault_point("vault.before_send")
    try:
        async with asyncio.timeout(setup.timings.ask_within_s):
            answer: object = await vault.vault(merchant_id, card, key)
    except Exception as error:  # noqa: BLE001  a plug-in may raise anything; its chain may quote the card
        log.warning("the vault of %s raised %s", merchant_id, type(error).__name__)
        raise VaultUnavailable from None
    await fault_point("vault.sent")
    if isinstance(answer, Declined):
        raise CardDeclined(answer.text, is_invalid=answer.code == "invalid_card")
    if not isinstance(answer, Vaulted):
        raise VaultUnavailable
    named = {"description": alias[:ALIAS_CHARACTERS_MAX]} if alias else {}
    return KeptCard(handler_id, answer.reference, displayable({**answer.display, **named}))


async def forget_card(setup: Setup, merchant_id: str, handler_id: str, reference: str) -> bool:
    """Have the vault drop a card; False where it did not confirm. Safe to repeat."""
    offered = setup.vaults.get(merchant_id)
    if offered is None or offered[0] != handler_id:
        log.warning("the vault of %s at %s is not configured", merchant_id, handler_id)
        return False
    await fault_point("forget.before_send")
    try:
        async with asyncio.timeout(setup.timings.ask_within_s):
            await offered[1].forget(merchant_id, reference)
    except Exception as error:  # noqa: BLE001  a plug-in may raise anything, and quote what it was given
        log.warning("the vault of %s raised %s", merchant_id, type(error).__name__)
        return False
    await fault_point("forget.sent")
    return True

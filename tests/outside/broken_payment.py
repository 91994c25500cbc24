"""A merchant's payment handler that raises whatever it is asked, and quotes in it what it was given."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.serving import REPOSITORY
from ucp_server.domain.checkout import Instrument
from ucp_server.domain.money import Money
from ucp_server.ports import Attempt, Credential, HandlerListing, OnPage, Outcome, Settlement

NAME = "example.broken"


class BrokenPayment:
    """``config`` says in which way it cannot even say how it is offered."""

    def __init__(self, handler_id: str, config: Mapping[str, Any]) -> None:
        self._id = handler_id
        self._config = config

    def describe(self, merchant_id: str, total: Money, item_ids: Sequence[str]) -> HandlerListing | None:
        if "silent" in self._config:
            raise RuntimeError("no description")
        if "describes_by" in self._config:
            nonsense: Any = self._config["describes_by"]
            return nonsense
        id_, url = self._config.get("calls_itself", self._id), "https://broken.example/"
        return HandlerListing(id=id_, name=NAME, version="2026-01-11", spec=url, config_schema=url)

    async def authorise(self, attempt: Attempt, instrument: Instrument, credential: Credential) -> Outcome:
        raise RuntimeError(f"declined {credential.members} of {instrument}")

    async def look_up(self, attempt: Attempt) -> Outcome:
        raise KeyError(attempt)

    async def settle(self, attempt: Attempt, action: Settlement, amount: Money, action_key: str) -> Outcome:
        raise ValueError(attempt, action)

    async def on_page(self, merchant_id: str, total: Money, session: str) -> OnPage | None:
        raise RuntimeError("no page")


def configured(handler_id: str, config: Mapping[str, object], private: Mapping[str, str]) -> BrokenPayment:
    """The factory; what it cannot be made with it says, or quotes."""
    if "quoted" in config:
        raise RuntimeError(f"cannot connect with {private}")
    if "said" in config:
        raise ValueError(str(config["said"]))
    return BrokenPayment(handler_id, config)


def installed(folder: Path) -> dict[str, str]:
    """Install it as a package would be; the environment in which a server finds it."""
    package = folder / "broken_payment-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-payment\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(f"[ucp_server.payment]\n{NAME} = {__name__}:configured\n")
    return {"PYTHONPATH": f"{folder}:{REPOSITORY}"}

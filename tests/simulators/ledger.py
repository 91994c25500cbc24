"""The books of the simulated PSP: append-only lines, and what they add up to.

They stand apart from every database of the shop, so that a test can ask them what really happened
to the money. Credentials are never written.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

EVENTS = ("authorised", "declined", "challenged", "pending", "voided", "captured", "refunded")


class RefusedError(Exception):
    """What a PSP answers with 409 or 422: the books do not allow it."""


@dataclass(frozen=True)
class Entry:
    seq: int
    event: str
    key: str
    reference: str
    amount_minor: int
    currency: str
    merchant: str
    asked_minor: int
    action_key: str | None = None


@dataclass
class Authorisation:
    """The state that the entries of one key add up to."""

    key: str
    reference: str
    currency: str
    merchant: str
    asked_minor: int = 0
    held_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    status: str = "none"
    actions: dict[str, tuple[str, int]] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        match entry.event:
            case "authorised":
                self.status, self.held_minor = "approved", entry.amount_minor
            case "challenged":
                self.status = "action_needed"
            case "declined" | "pending" | "voided":
                self.status = entry.event
            case "captured":
                self.captured_minor += entry.amount_minor
            case "refunded":
                self.refunded_minor += entry.amount_minor
        if entry.action_key is not None:
            self.actions[entry.action_key] = (entry.event, entry.amount_minor)

    def facts(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "reference": self.reference,
            "amount_minor": self.held_minor if self.status == "approved" else self.asked_minor,
            "currency": self.currency,
            "captured_minor": self.captured_minor,
            "refunded_minor": self.refunded_minor,
        }


class Ledger:
    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: list[Entry] = []
        self.authorisations: dict[str, Authorisation] = {}
        self.forgotten: set[str] = set()
        if path.exists():
            for line in path.read_text().splitlines():
                self._take(Entry(**json.loads(line)))

    def find(self, key: str) -> Authorisation | None:
        """None for a key never seen, and for one the PSP was told to forget."""
        return None if key in self.forgotten else self.authorisations.get(key)

    def open(self, key: str, amount_minor: int, currency: str, merchant: str) -> Authorisation:
        """A fresh authorisation under `key`; nothing is written before its first entry."""
        digest = hashlib.sha256(f"{key}/{len(self.entries)}".encode()).hexdigest()
        return Authorisation(key, f"psp_{digest[:20]}", currency, merchant, asked_minor=amount_minor)

    def write(
        self, of: Authorisation, event: str, amount_minor: int, action_key: str | None = None
    ) -> None:
        entry = Entry(
            seq=len(self.entries) + 1,
            event=event,
            key=of.key,
            reference=of.reference,
            amount_minor=amount_minor,
            currency=of.currency,
            merchant=of.merchant,
            asked_minor=of.asked_minor,
            action_key=action_key,
        )
        with self._path.open("a") as file:
            file.write(json.dumps(asdict(entry)) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._take(entry, of)

    def settle(self, of: Authorisation, action: str, amount_minor: int, action_key: str) -> None:
        """Void, capture or refund once per `action_key`; raises `RefusedError`."""
        event = {"void": "voided", "capture": "captured", "refund": "refunded"}[action]
        if action_key in of.actions:
            if of.actions[action_key] != (event, amount_minor):
                raise RefusedError("action_key_reused")
            return
        if action == "void":
            if of.captured_minor:
                raise RefusedError("already_captured")
            if of.status == "voided":
                return
        elif of.status != "approved":
            raise RefusedError("not_approved")
        elif amount_minor <= 0:
            raise RefusedError("amount")
        elif action == "capture" and of.captured_minor + amount_minor > of.held_minor:
            raise RefusedError("over_capture")
        elif action == "refund" and of.refunded_minor + amount_minor > of.captured_minor:
            raise RefusedError("over_refund")
        self.write(of, event, amount_minor, action_key)

    def _take(self, entry: Entry, of: Authorisation | None = None) -> None:
        self.entries.append(entry)
        known = self.authorisations.get(entry.key)
        if known is None or known.reference != entry.reference:
            known = of or Authorisation(
                entry.key, entry.reference, entry.currency, entry.merchant, entry.asked_minor
            )
            self.authorisations[entry.key] = known
            self.forgotten.discard(entry.key)
        known.add(entry)

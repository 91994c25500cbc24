"""Hands a written mail to the merchant's mail port, and says how it ended."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from ucp_server.domain.events import Delivered, DeliveryOutcome, Job, Parked, Retry
from ucp_server.ports import Mail, MailMessage, MailUndelivered

# A delivery holds a lane of the worker for 15 s at the most.
SEND_WITHIN_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class MailDeliverer:
    """``mails`` are by merchant; the letters of one that sends none wait for it to begin."""

    mails: Mapping[str, Mail]

    async def deliver(self, job: Job, rendered: bytes) -> DeliveryOutcome:
        mail = self.mails.get(job.merchant_id)
        if mail is None:
            return Retry("The merchant sends no mail.")
        message = msgspec.json.decode(rendered, type=MailMessage)
        try:
            async with asyncio.timeout(SEND_WITHIN_S):
                await mail.send(message)
        except TimeoutError:
            return Retry("The mail server did not answer in time.")
        except MailUndelivered as undelivered:
            return Parked(undelivered.text) if undelivered.permanent else Retry(undelivered.text)
        return Delivered()

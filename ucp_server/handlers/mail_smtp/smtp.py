"""`ports.Mail` over SMTP: one connection per mail, everything under one deadline."""

import asyncio
import contextlib
import ssl
from typing import Literal

import aiosmtplib

from ucp_server.handlers.mail_smtp.envelope import Envelope, sealed
from ucp_server.ports import MailMessage, MailUndelivered

Security = Literal["starttls", "tls", "none"]

# For everything together: a server that greets late against spammers takes up to half of it.
DELIVERY_S = 60.0
# A server that does not say goodbye is not waited for; it has the mail by then.
GOODBYE_S = 2.0

_OWN_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class SmtpMail:
    """security: ``starttls`` insists on it, ``tls`` speaks TLS from the start.

    With ``none`` no password is sent but to this machine. tls: instead of the system's trust.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        security: Security = "starttls",
        user: str = "",
        password: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if user and security == "none" and host not in _OWN_MACHINE:
            raise ValueError("an SMTP password needs starttls or tls")
        self._host, self._port = host, port
        self._security = security
        self._user, self._password = user, password
        self._tls = tls if tls is not None else ssl.create_default_context()

    async def send(self, message: MailMessage) -> None:
        """Hand it over; raises `MailUndelivered`.

        Permanent is only what recipient or content are refused for; whatever the merchant can
        repair (a password, a certificate) is worth another try.
        """
        envelope = sealed(message)
        try:
            async with asyncio.timeout(DELIVERY_S):
                await self._deliver(envelope)
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPDataError) as exc:
            code = _code_of(exc)
            raise MailUndelivered(f"The mail was refused ({code}).", permanent=code >= 500) from exc
        except aiosmtplib.SMTPResponseException as exc:
            text = f"The mail server refused to serve us ({exc.code})."
            raise MailUndelivered(text, permanent=False) from exc
        except (aiosmtplib.SMTPException, OSError) as exc:
            text = f"The mail server cannot be used ({type(exc).__name__})."
            raise MailUndelivered(text, permanent=False) from exc

    async def _deliver(self, envelope: Envelope) -> None:
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=DELIVERY_S,
            use_tls=self._security == "tls",
            start_tls=self._security == "starttls",
            tls_context=None if self._security == "none" else self._tls,
            username=self._user or None,
            password=self._password or None,
        )
        try:
            await client.connect()
            await client.sendmail(envelope.sender, [envelope.recipient], envelope.content)
            # Accepted: whatever goes wrong from here on must not send it twice.
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await client.quit(timeout=GOODBYE_S)
        finally:
            client.close()


def _code_of(refused: aiosmtplib.SMTPRecipientsRefused | aiosmtplib.SMTPDataError) -> int:
    if isinstance(refused, aiosmtplib.SMTPDataError):
        return refused.code
    return min(each.code for each in refused.recipients)

"""A `MailMessage` as bytes for the line (RFC 5322) and the two addresses of its envelope.

Recipient, subject and texts come from buyers and catalogues. Nothing in them can start a header,
an SMTP command or a second recipient: addresses are matched whole, the subject is one line, and
bodies are quoted-printable, which leaves no bare CR or LF and no line longer than 76.

It is composed by the classes of `email.mime`: those of `email.message.EmailMessage` parse every header
that they are given, which takes a millisecond for each mail.
"""

import re
from email.charset import QP, SHORTEST, Charset
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import formataddr, formatdate, parseaddr
from typing import NamedTuple

from ucp_server.ports import MailMessage, MailUndelivered

# RFC 5321, 4.5.3.1: what every server takes.
LOCAL_PART_MAX = 64
ADDRESS_MAX = 254
SUBJECT_MAX = 200

_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9._+=-]{1,120}@[A-Za-z0-9.-]{1,120}>")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,6}")
_CHARSET = Charset("utf-8")
_CHARSET.body_encoding, _CHARSET.header_encoding = QP, SHORTEST
_ON_THE_LINE = compat32.clone(linesep="\r\n")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Envelope(NamedTuple):
    sender: str
    recipient: str
    content: bytes


def sealed(message: MailMessage) -> Envelope:
    """Make ``message`` ready to be sent; raises `MailUndelivered` if it cannot be.

    ``sender`` may carry a name ("Shop <shop@example.com>"), ``recipient`` is one bare address.
    """
    name, sender = parseaddr(message.sender)
    # A wrong sender is the merchant's to repair; a wrong recipient stays wrong.
    sender = _address(sender, permanent=False)
    recipient = _address(message.recipient, permanent=True)
    if _MESSAGE_ID.fullmatch(message.message_id) is None:
        raise MailUndelivered("The message id is not of the form <id@host>.", permanent=True)
    mail = _body(message)
    mail["From"] = formataddr((_one_line(name), sender), _CHARSET)
    mail["To"] = recipient
    subject = Header(_one_line(message.subject)[:SUBJECT_MAX], _CHARSET, header_name="Subject")
    mail["Subject"] = subject  # type: ignore[assignment]  # the hints know text only
    mail["Date"] = formatdate(usegmt=True)
    mail["Message-ID"] = message.message_id
    # RFC 3834: keeps holiday notices from answering.
    mail["Auto-Submitted"] = "auto-generated"
    if _LANGUAGE.fullmatch(message.language):
        mail["Content-Language"] = message.language
    return Envelope(sender, recipient, mail.as_bytes(policy=_ON_THE_LINE))


def _body(message: MailMessage) -> MIMEText | MIMEMultipart:
    text = MIMEText(message.text, "plain", _CHARSET)  # type: ignore[arg-type]  # takes a Charset too
    if message.html is None:
        return text
    html = MIMEText(message.html, "html", _CHARSET)  # type: ignore[arg-type]  # takes a Charset too
    return MIMEMultipart("alternative", _subparts=(text, html))


def _one_line(text: str) -> str:
    return " ".join(_UNPRINTABLE.sub(" ", text).split())


def _address(text: str, *, permanent: bool) -> str:
    """One address in ASCII, its domain as punycode where it is not."""
    local_part, at, domain = text.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        domain = ""
    plain = f"{local_part}@{domain}"
    well_formed = (
        at
        and len(local_part) <= LOCAL_PART_MAX
        and len(plain) <= ADDRESS_MAX
        and _LOCAL_PART.fullmatch(local_part)
        and _DOMAIN.fullmatch(domain)
    )
    if not well_formed:
        raise MailUndelivered("This is not an e-mail address.", permanent=permanent)
    return plain

"""Mail by SMTP, as a merchant's own server or a mail service takes it."""

from ucp_server.handlers.mail_smtp.smtp import SmtpMail

__all__ = ["SmtpMail"]

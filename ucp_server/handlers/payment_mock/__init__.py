"""A payment provider that plays along: for demo shops, the official suite and tests, never money."""

from ucp_server.handlers.payment_mock.mock import MockPayment

__all__ = ["MockPayment"]

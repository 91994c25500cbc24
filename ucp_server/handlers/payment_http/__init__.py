"""A payment provider over HTTP: what a plug-in for a real one looks like."""

from ucp_server.handlers.payment_http.client import HttpPayment, configured

__all__ = ["HttpPayment", "configured"]

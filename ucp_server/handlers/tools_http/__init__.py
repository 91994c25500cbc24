"""Tools that are asked over HTTP: one POST to the address that the merchant gave."""

from ucp_server.handlers.tools_http.client import HttpTools

__all__ = ["HttpTools"]

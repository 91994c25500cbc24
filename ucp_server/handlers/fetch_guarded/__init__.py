"""The way out: profiles, webhooks and whatever else is fetched from addresses that others chose."""

from ucp_server.handlers.fetch_guarded.client import GuardedFetch

__all__ = ["GuardedFetch"]

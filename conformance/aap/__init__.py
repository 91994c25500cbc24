"""Checks of an AAP server from outside: `python -m conformance.aap URL --agent-key K`."""

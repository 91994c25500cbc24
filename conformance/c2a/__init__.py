"""Checks of a C2A server from outside: `python -m conformance.c2a URL --tenant T --key K`."""

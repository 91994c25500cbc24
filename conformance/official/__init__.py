"""Runs the official suite, unchanged, against a server.

`python -m conformance.official --suite DIR --sdk DIR --data DIR (--server URL | --serve)`

`--suite` is a checkout of Universal-Commerce-Protocol/conformance at fdced3a, `--sdk` one of
Universal-Commerce-Protocol/python-sdk at its first commit 8896ad6; that pair tests release
2026-01-11. Every file of the suite runs by itself, as the suite's own instructions have it.
"""

"""Checks of Chipp's ACP over HTTP, against anybody's application: ``python -m conformance.chipp URL``.

URL is the application's address, ``https://host/acp/{appId}``. The sections that checks name are
those of the published checkout page and of the pages on authentication, discovery and webhooks.
"""

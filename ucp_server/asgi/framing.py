"""What only the listener can see: the bytes between the messages.

By the time ASGI sees a request, Hypercorn's parsers have repaired or skipped what some other hop
may read differently, and a few inputs end its connection task with a traceback. The two modules
beside this one refuse or absorb both. They rest on Hypercorn 0.18 and on the public interfaces of
h11 and h2; the raw-socket tests fail when one of them changes.
"""

import hypercorn.protocol

from ucp_server.asgi.framing_http1 import StrictH11
from ucp_server.asgi.framing_http2 import StrictH2


def harden() -> None:
    """Make every listener of this process use the strict protocols. Call it before serving."""
    # The wrapper that picks a protocol finds both by these names.
    vars(hypercorn.protocol).update(H11Protocol=StrictH11, H2Protocol=StrictH2)

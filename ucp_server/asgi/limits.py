"""How much of anything one request may be, each number with its reason."""

import msgspec

KIB = 1024

# The methods of all bindings and pages together. The router narrows them per path; TRACE echoes
# secrets and CONNECT asks for a tunnel, so neither is ever passed on.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# Headers that name one thing. Two of them let a proxy and us each believe another one. Headers
# that HTTP defines as lists or dictionaries (Accept, Cookie, Signature, Signature-Input) may be
# split over lines and are therefore not here.
SINGLETONS = frozenset(
    {
        b"authorization",
        b"client-cert",
        b"content-encoding",
        b"content-length",
        b"content-type",
        b"expect",
        b"host",
        b"idempotency-key",
        b"origin",
        b"request-id",
        b"request-signature",
        b"simulation-secret",
        b"transfer-encoding",
        b"ucp-agent",
        b"x-api-key",
        b"x-tn",
    }
)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one request and of one process. Sizes in bytes, times in seconds."""

    # A checkout of 100 lines with every member filled is about 80 kB; three times that is room.
    body_max: int = 256 * KIB
    # What common proxies let through (8 to 16 kB); a signed request with a certificate fits.
    head_max: int = 16 * KIB
    # Browsers and agents send 10 to 30 lines.
    header_lines_max: int = 100
    # Our longest target is a permalink of under 300 bytes; search texts may follow the "?".
    target_max: int = 4 * KIB
    # 256 kB are 190 packets or 16 frames; a chunk per byte costs 13 us each and is an attack.
    body_pieces_max: int = 2_048
    # 256 kB in 10 s is a quarter of a 1 Mbit/s line: nobody who means it is slower.
    body_total_s: float = 10.0
    # Below this a body is a drip that holds a connection, not an upload.
    body_rate_min: int = 1_000
    # One lost packet may cost a retransmission timeout before anything arrives.
    body_grace_s: float = 2.0
    # After a refusal the rest is read so that closing does not destroy the reply on its way
    # (unread data makes TCP answer with a reset); no more than this, and no longer.
    linger_max: int = 1024 * KIB
    linger_s: float = 1.0
    # Work at once per process: 1,000 bodies of the largest size are 256 MB.
    in_flight_max: int = 1_000
    # Beyond this the loop is behind; more work would make everybody late. None switches it off.
    lag_max_s: float | None = 0.5
    # From here on nothing new is begun. What arrives between two looks at the loop is worth as much.
    lag_new_max_s: float = 0.1
    # As many as wait for the store for less than 10 ms, at 2,000 short statements a second.
    queue_new_max: int = 16
    methods: frozenset[str] = METHODS
    singletons: frozenset[bytes] = SINGLETONS

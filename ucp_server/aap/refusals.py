"""Why a request never reached the engine: refusals that only this binding can find.

Refusal (domain/errors.py)
 ├─ Unauthenticated    no key, an unknown one, or one of another kind
 ├─ TooManyRequests    more of them in a minute than this caller may make
 ├─ BadRequest         it cannot be read, or lacks something
 ├─ NotRecommended     the search has become a checkout, or has enough recommendations
 ├─ NotSigned          evidence of a source that is unknown, or that did not sign it
 └─ NoEvidence         signed, but nothing that could ever be evidence
"""

from ucp_server.domain.errors import Refusal


class Unauthenticated(Refusal):
    code = "unauthorized"

    def __init__(self) -> None:
        super().__init__("Invalid API key")


class TooManyRequests(Refusal):
    """``retry_after_s`` seconds from now there is a new minute."""

    code = "rate_limited"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too many requests")
        self.retry_after_s = retry_after_s


class BadRequest(Refusal):
    code = "invalid_request"


class NotRecommended(Refusal):
    code = "not_recommended"


class NotSigned(Refusal):
    """Nobody learns whether the source exists."""

    code = "not_signed"

    def __init__(self) -> None:
        super().__init__("Invalid signature")


class NoEvidence(Refusal):
    code = "no_evidence"

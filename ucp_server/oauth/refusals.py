"""Why no token was given out or revoked.

Refusal (domain/errors.py)
 ├─ RequestInvalid           a parameter is missing, there twice, or contradicts another one
 ├─ ClientRefused            the client is unknown, or did not prove who it is
 ├─ GrantTypeUnsupported     tokens are not had in this way
 ├─ ResponseTypeUnsupported  nobody is asked to grant anything
 ├─ ScopeRefused             more is asked for than the client was granted
 └─ TooManyTries             it failed, or asked, too often: try again later
"""

from ucp_server.domain.errors import Refusal


class RequestInvalid(Refusal):
    code = "invalid_request"


class ClientRefused(Refusal):
    """Nothing tells why: an unknown client is answered like one with a wrong secret."""

    code = "invalid_client"

    def __init__(self) -> None:
        super().__init__("The client is unknown, or did not prove that it is this one.")


class GrantTypeUnsupported(Refusal):
    code = "unsupported_grant_type"

    def __init__(self) -> None:
        super().__init__("Tokens are given out for grant_type client_credentials.")


class ResponseTypeUnsupported(Refusal):
    """RFC 6749 4.1.2.1. It is not told by a redirect: no client has registered where to."""

    code = "unsupported_response_type"

    def __init__(self) -> None:
        super().__init__("Buyers cannot grant anything here: use grant_type client_credentials.")


class ScopeRefused(Refusal):
    code = "invalid_scope"

    def __init__(self) -> None:
        super().__init__("This client was not granted all of these scopes.")


class TooManyTries(Refusal):
    """RFC 6749 has no error for it; this is the one of its codes that means it."""

    code = "temporarily_unavailable"

    def __init__(self, wait_s: int) -> None:
        super().__init__("That was too often within a minute.")
        self.retry_after_s = wait_s

"""Why a request never became a command: refusals that only this binding can find.

Refusal (domain/errors.py)
 ├─ InvalidProfileUrl        no platform is named, or not by a URL that may be asked
 ├─ ProfileUnreachable       its profile does not answer
 ├─ ProfileMalformed         its profile is no profile
 ├─ ProfileNotTrusted        the merchant does not deal with it
 ├─ ProfilesBusy             too many profiles are being fetched: try again shortly
 ├─ VersionUnsupported       it speaks a release that we do not
 ├─ CapabilitiesIncompatible what it asks for is not among the capabilities of both
 ├─ NothingForSale           a checkout or a cart of things of which none is sold here
 │   └─ NothingInStock       a cart of things that are sold, and of which none is left
 ├─ Unauthenticated          it has to prove who it is
 ├─ Forbidden                it proved to be somebody who may not do this
 ├─ KeyInvalid               an Idempotency-Key that cannot be one, or none where one is needed
 ├─ BodyUnreadable           no JSON object that everybody reads alike
 └─ BodyInvalid              JSON, but not of the release's form
"""

from ucp_server.asgi.checker import Violation
from ucp_server.domain.errors import Refusal


class InvalidProfileUrl(Refusal):
    code = "invalid_profile_url"


class ProfileUnreachable(Refusal):
    code = "profile_unreachable"


class ProfileMalformed(Refusal):
    code = "profile_malformed"


class ProfileNotTrusted(Refusal):
    code = "profile_not_trusted"

    def __init__(self) -> None:
        super().__init__("This shop does not deal with this platform.")


class ProfilesBusy(Refusal):
    code = "busy"
    retry_after_s = 1


class VersionUnsupported(Refusal):
    code = "version_unsupported"

    def __init__(self, served: tuple[str, ...]) -> None:
        super().__init__(f"This version of UCP is not served here; these are: {', '.join(served)}.")


class CapabilitiesIncompatible(Refusal):
    code = "capabilities_incompatible"

    def __init__(self, capability: str) -> None:
        super().__init__(f"The platform's profile does not list {capability}, which this needs.")


class NothingForSale(Refusal):
    """No checkout is made where it would have no line (M:D/checkout-rest, "Business Outcomes")."""

    code = "item_unavailable"

    def __init__(self, text: str = "None of these items is sold in this shop.") -> None:
        super().__init__(text)


class NothingInStock(NothingForSale):
    """No cart is made of which not a single piece can be had (T3:D/cart#Create Cart)."""

    code = "out_of_stock"

    def __init__(self) -> None:
        super().__init__("None of these items is in stock.")


class Unauthenticated(Refusal):
    code = "unauthorized"


class Forbidden(Refusal):
    code = "forbidden"


class KeyInvalid(Refusal):
    code = "invalid_idempotency_key"


class BodyUnreadable(Refusal):
    """``fault`` says what is wrong with it as JSON (asgi/documents.py)."""

    code = "invalid_request"

    def __init__(self, fault: str, text: str) -> None:
        super().__init__(text)
        self.fault = fault


class BodyInvalid(Refusal):
    """``violations`` say where it differs from the form, and repeat nothing of it."""

    code = "invalid_request"

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        first = violations[0]
        super().__init__(f"The body does not have the form that is needed: {first.path} {first.text}")
        self.violations = violations

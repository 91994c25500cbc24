"""Why a request never became a command: refusals that only this binding can find.

Refusal (domain/errors.py)
 ├─ InvalidProfileUrl        no platform is named, or not by a URL that may be asked
 ├─ ProfileUnreachable       its profile does not answer
 ├─ ProfileMalformed         its profile is no profile
 ├─ ProfileNotTrusted        the merchant does not deal with it
 ├─ ProfilesBusy             too many profiles are being fetched: try again shortly
 ├─ RateLimited              it asks too often: try again when told
 ├─ VersionUnsupported       it speaks a release that we do not
 ├─ CapabilitiesIncompatible what it asks for is not among the capabilities of both
 ├─ NothingForSale           a checkout or a cart of things of which none is sold here
 │   └─ NothingInStock       a cart of things that are sold, and of which none is left
 ├─ Unauthenticated          it has to prove who it is
 │   ├─ TokenRefused         by an access token, which is missing or not valid
 │   ├─ SignatureMissing     it signs, but this is not signed
 │   ├─ SignatureInvalid     somebody else signed it, or it was changed on the way
 │   └─ KeyNotFound          by a key that its profile does not publish
 ├─ DigestMismatch           the body is not the one that was signed
 ├─ AlgorithmUnsupported     signed by a key of a kind that we cannot use
 ├─ Forbidden                it proved to be somebody who may not do this
 │   └─ ScopeInsufficient    its access token is for other things
 ├─ KeyInvalid               an Idempotency-Key that cannot be one, or none where one is needed
 ├─ BodyUnreadable           no JSON object that everybody reads alike
 └─ BodyInvalid              JSON, but not of the release's form
"""

from typing import Final

from ucp_server.asgi.checker import Violation
from ucp_server.domain.errors import Refusal

# No scheme is registered for RFC 9421; this is what its predecessors are known by.
_BY_SIGNATURE: Final = 'Signature realm="ucp"'


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


class RateLimited(Refusal):
    code = "rate_limited"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("Too many requests; Retry-After says when there is room for more.")
        self.retry_after_s = retry_after_s


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
    """``challenge`` names a way to authenticate (RFC 9110 11.6.1)."""

    code = "unauthorized"
    challenge = 'ApiKey realm="ucp"'


class TokenRefused(Unauthenticated):
    """``fault`` is the error of RFC 6750 3.1, empty where no token came. ``issuer`` gives tokens out."""

    def __init__(self, text: str, issuer: str, fault: str = "") -> None:
        super().__init__(text)
        self.challenge = _challenge(issuer, error=fault) if fault else _challenge(issuer)


class SignatureMissing(Unauthenticated):
    code = "signature_missing"
    challenge = _BY_SIGNATURE

    def __init__(self) -> None:
        super().__init__("This request has to be signed (RFC 9421) by its platform.")


class SignatureInvalid(Unauthenticated):
    code = "signature_invalid"
    challenge = _BY_SIGNATURE

    def __init__(self) -> None:
        super().__init__("No signature of this request holds and covers all that it has to.")


class KeyNotFound(Unauthenticated):
    code = "key_not_found"
    challenge = _BY_SIGNATURE

    def __init__(self) -> None:
        super().__init__("The platform's profile publishes no key of the name that this is signed by.")


class DigestMismatch(Refusal):
    code = "digest_mismatch"

    def __init__(self) -> None:
        super().__init__("Content-Digest is not the SHA-256 of the body.")


class AlgorithmUnsupported(Refusal):
    code = "algorithm_unsupported"

    def __init__(self) -> None:
        super().__init__("The key that this is signed by is none for ES256, ES384 or EdDSA.")


class Forbidden(Refusal):
    code = "forbidden"


class ScopeInsufficient(Forbidden):
    """``scope`` is all that the operation needs (M:D/common/identity-linking#Error Handling)."""

    code = "insufficient_scope"

    def __init__(self, scope: str, issuer: str) -> None:
        super().__init__(f"This operation requires scopes: {scope}")
        self.challenge = _challenge(issuer, error=self.code, scope=scope)


def _challenge(issuer: str, **members: str) -> str:
    """RFC 6750 3; ``resource_metadata`` is that of RFC 9728 5.1. No value has to be escaped."""
    metadata = f"{issuer}/.well-known/oauth-protected-resource"
    told = {"realm": issuer, **members, "resource_metadata": metadata}
    return "Bearer " + ", ".join(f'{name}="{text}"' for name, text in told.items())


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

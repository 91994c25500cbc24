"""Why a request never became a command: refusals that only this binding can find.

Refusal (domain/errors.py)
 ├─ Unauthenticated  no key, or none that we know
 ├─ Forbidden        the key of another app
 ├─ AppNotFound      nothing is sold under this address
 ├─ ProductNotFound  the app does not offer this
 ├─ BodyUnreadable   no JSON object that everybody reads alike
 └─ BodyInvalid      JSON, but not of the form that is needed
"""

from ucp_server.asgi.checker import Violation
from ucp_server.domain.errors import Refusal


class Unauthenticated(Refusal):
    code = "unauthorized"


class Forbidden(Refusal):
    code = "forbidden"

    def __init__(self) -> None:
        super().__init__("This API key belongs to another application")


class AppNotFound(Refusal):
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("Application not found")


class ProductNotFound(Refusal):
    code = "product_not_found"

    def __init__(self, product_id: str) -> None:
        super().__init__(f"Product not found: {product_id}")


class BodyUnreadable(Refusal):
    code = "invalid_request"


class BodyInvalid(Refusal):
    """``violations`` say where it differs from the form, and repeat nothing of it."""

    code = "invalid_request"

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        super().__init__("; ".join(f"{fault.path} {fault.text}" for fault in violations))
        self.violations = violations

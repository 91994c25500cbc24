"""What this binding itself finds wrong with a request."""

from ucp_server.asgi.checker import Violation
from ucp_server.domain.errors import Refusal


class TenantNotFound(Refusal):
    code = "tenant_not_found"

    def __init__(self) -> None:
        super().__init__("No tenant of this number (x-tn) is served here.")


class Unauthenticated(Refusal):
    code = "unauthorized"

    def __init__(self) -> None:
        super().__init__("A valid x-api-key of this tenant is needed.")


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
        super().__init__(" ".join(f"{fault.path} {fault.text}." for fault in violations))
        self.violations = violations


class NamedTwice(Refusal):
    """``member`` came under its long and its short name, and they differ."""

    code = "invalid_request"

    def __init__(self, member: str) -> None:
        super().__init__(f"{member} is named twice, by its long and its short name, and they differ.")
        self.member = member


class ChannelNotOffered(Refusal):
    code = "channel_not_offered"

    def __init__(self) -> None:
        super().__init__("This shop takes cards only (paymentChannel CreditCard).")


class ProviderNotFound(Refusal):
    code = "provider_not_found"

    def __init__(self) -> None:
        super().__init__("This shop has no payment provider of this identifier.")


class FreshCardRefused(Refusal):
    code = "fresh_card_refused"

    def __init__(self) -> None:
        super().__init__("This shop takes no card numbers; pay with a stored method.")


class TooManyCards(Refusal):
    code = "too_many_cards"

    def __init__(self, wait_s: int) -> None:
        super().__init__("Too many cards of this customer were declined; try again later.")
        self.retry_after_s = wait_s


class CardInvalid(Refusal):
    code = "invalid_card"


class CustomerNotFound(Refusal):
    code = "customer_not_found"

    def __init__(self) -> None:
        super().__init__("This customer is not known here.")

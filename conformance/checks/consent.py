"""What the buyer agreed to."""

from conformance.buying import buyer, changed, created
from conformance.registry import JANUARY, Wire, check, expect
from conformance.shop import Shop

GIVEN = {"analytics": True, "preferences": True, "marketing": False, "sale_of_data": False}


def _consent(checkout: Wire) -> Wire:
    return (checkout.get("buyer") or {}).get("consent") or {}


@check("buyer-consent#Usage", releases=JANUARY)
async def consent_comes_back(shop: Shop) -> None:
    """Consent is kept as given, each purpose with its yes or no, and read back the same."""
    shop.need_capability("buyer_consent")
    checkout = await created(shop, buyer={**buyer(), "consent": GIVEN})
    expect(_consent(checkout) == GIVEN, f"consent is {_consent(checkout)}")
    later = (await shop.get(checkout["id"])).document()
    expect(_consent(later) == GIVEN, f"read back it is {_consent(later)}")


@check("buyer-consent#Usage", releases=JANUARY)
async def consent_can_be_withdrawn(shop: Shop) -> None:
    """An update replaces the consent; a purpose left out is not consented to any more."""
    shop.need_capability("buyer_consent")
    somebody = buyer()
    checkout = await created(shop, buyer={**somebody, "consent": GIVEN})
    less = {"analytics": False}
    document = await changed(shop, checkout, buyer={**somebody, "consent": less})
    agreed = [purpose for purpose, yes in _consent(document).items() if yes]
    expect(not agreed, f"still consented: {agreed}")


@check("overview#Intersection Algorithm", releases=JANUARY)
async def consent_is_never_made_up(shop: Shop) -> None:
    """A buyer who said nothing consented to nothing."""
    shop.need_capability("buyer_consent")
    checkout = await created(shop, buyer=buyer())
    agreed = [purpose for purpose, yes in _consent(checkout).items() if yes]
    expect(not agreed, f"consented: {agreed}")

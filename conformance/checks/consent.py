"""What the buyer agreed to."""

from conformance import forms
from conformance.buying import buyer, changed, created
from conformance.registry import EVERY, SINCE_AUGUST, Wire, check, expect
from conformance.shop import Shop

GIVEN = {"analytics": True, "preferences": True, "marketing": False, "sale_of_data": False}
UNKNOWN_PURPOSE = "com.example.unheard_of"


def _differing(shop: Shop, checkout: Wire) -> dict[str, bool | None]:
    """What was said otherwise than it was given."""
    told = forms.consented(shop.release, checkout)
    return {name: told.get(name) for name, yes in GIVEN.items() if told.get(name) is not yes}


def _agreed(shop: Shop, checkout: Wire) -> list[str]:
    return [purpose for purpose, yes in forms.consented(shop.release, checkout).items() if yes]


async def _consenting(shop: Shop, somebody: Wire, **given: bool) -> Wire:
    shop.need_capability("buyer_consent")
    return await created(shop, buyer={**somebody, "consent": forms.consent(shop.release, **given)})


@check("buyer-consent#Usage", releases=EVERY)
async def consent_comes_back(shop: Shop) -> None:
    """Consent is kept as given, each purpose with its yes or no, and read back the same."""
    checkout = await _consenting(shop, buyer(), **GIVEN)
    expect(not _differing(shop, checkout), f"consent is {_differing(shop, checkout)}")
    later = (await shop.get(checkout["id"])).document()
    expect(not _differing(shop, later), f"read back it is {_differing(shop, later)}")


@check("buyer-consent#Usage", releases=EVERY)
async def consent_can_be_withdrawn(shop: Shop) -> None:
    """An update replaces the consent; a purpose left out is not consented to any more."""
    somebody = buyer()
    checkout = await _consenting(shop, somebody, **GIVEN)
    less = forms.consent(shop.release, analytics=False)
    document = await changed(shop, checkout, buyer={**somebody, "consent": less})
    agreed = _agreed(shop, document)
    expect(not agreed, f"still consented: {agreed}")


@check("overview#Intersection Algorithm", releases=EVERY)
async def consent_is_never_made_up(shop: Shop) -> None:
    """A buyer who said nothing consented to nothing."""
    shop.need_capability("buyer_consent")
    agreed = _agreed(shop, await created(shop, buyer=buyer()))
    expect(not agreed, f"consented: {agreed}")


@check("buyer-consent#Consent Purpose", releases=SINCE_AUGUST)
async def purposes_are_explained(shop: Shop) -> None:
    """Each purpose comes back with who told the answer and a sentence on what it means."""
    checkout = await _consenting(shop, buyer(), **GIVEN)
    for purpose, told in checkout["buyer"]["consent"].items():
        expect(told.get("description"), f"{purpose} is not explained")
        expect(told.get("source") in {"business", "platform"}, f"source is {told.get('source')!r}")


@check("buyer-consent#Consent Purpose", releases=SINCE_AUGUST)
async def unknown_purposes_are_ignored(shop: Shop) -> None:
    """A purpose that the shop does not ask for does no harm and does not come back."""
    shop.need_capability("buyer_consent")
    said = {UNKNOWN_PURPOSE: {"granted": True, "source": "platform"}}
    checkout = await created(shop, buyer={**buyer(), "consent": said})
    expect(UNKNOWN_PURPOSE not in forms.consented(shop.release, checkout), "it came back")

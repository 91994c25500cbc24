"""What the buyer agreed to."""

from conformance import forms
from conformance.buying import buyer, changed, created, payment, ready, resend, success_token
from conformance.registry import EVERY, SINCE_AUGUST, UNTIL_AUGUST, Wire, check, expect
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
    """An update that says no to what had a yes takes the consent back."""
    somebody = buyer()
    checkout = await _consenting(shop, somebody, **GIVEN)
    nothing = forms.consent(shop.release, **dict.fromkeys(GIVEN, False))
    document = await changed(shop, checkout, buyer={**somebody, "consent": nothing})
    agreed = _agreed(shop, document)
    expect(not agreed, f"still consented: {agreed}")


@check("buyer-consent#Usage", releases=UNTIL_AUGUST)
async def what_is_left_out_is_withdrawn(shop: Shop) -> None:
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


@check("buyer-consent#Normative requirements", releases=SINCE_AUGUST)
async def purposes_are_advertised(shop: Shop) -> None:
    """A buyer who was asked nothing yet is shown what there is to be asked."""
    shop.need_capability("buyer_consent")
    checkout = await created(shop)
    expect((checkout.get("buyer") or {}).get("consent"), f"buyer is {checkout.get('buyer')}")


@check("buyer-consent#Normative requirements", releases=SINCE_AUGUST)
async def silence_takes_nothing_back(shop: Shop) -> None:
    """What was answered outlives an update that does not speak of it, whatever else that replaces."""
    checkout = await _consenting(shop, buyer(), **GIVEN)
    for silent in (buyer(), None):
        body = resend(checkout) | {"buyer": silent}
        if silent is None:
            del body["buyer"]
        reply = await shop.update(checkout["id"], body)
        lost = _differing(shop, reply.document())
        expect(not lost, f"now it is {lost}", reply)


@check("buyer-consent#Schema Composition", releases=SINCE_AUGUST)
async def complete_may_bring_answers(shop: Shop) -> None:
    """What the buyer answered while paying is kept with what was bought."""
    shop.need_capability("buyer_consent")
    token = success_token(shop)
    checkout = await ready(shop)
    answers = {"consent": forms.consent(shop.release, **GIVEN)}
    body = payment(shop, checkout, token) | {"buyer": answers}
    reply = await shop.complete(checkout["id"], body)
    expect(reply.document().get("status") == "completed", f"answered {reply.status}", reply)
    lost = _differing(shop, reply.document())
    expect(not lost, f"it is {lost}", reply)


@check("buyer-consent#Consent Purpose", releases=SINCE_AUGUST)
async def unknown_purposes_are_ignored(shop: Shop) -> None:
    """A purpose that the shop does not ask for does no harm and does not come back."""
    shop.need_capability("buyer_consent")
    said = {UNKNOWN_PURPOSE: {"granted": True, "source": "platform"}}
    checkout = await created(shop, buyer={**buyer(), "consent": said})
    expect(UNKNOWN_PURPOSE not in forms.consented(shop.release, checkout), "it came back")

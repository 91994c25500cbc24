"""Codes: signed statements of an offer that anybody can verify."""

import base64

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from conformance.aap.network import AAP, Network, told
from conformance.registry import Wire, check, expect

SECTION = "aap-spec v1, AAP codes"
LIFE_S = 30 * 86400


async def _issued(network: Network) -> Wire:
    offer = (await network.found())["offers"][0]
    reply = await network.ask("POST", "/v1/codes/issue", {"offerId": offer["id"]})
    return told(reply, "code_reply") | {"offer": offer}


async def _verified(network: Network, code: str) -> Wire:
    return told(await network.ask("POST", "/v1/codes/verify", {"code": code}, key=""))


def parts(code: str) -> tuple[bytes, bytes]:
    """Payload and signature of a code, split at its last dot."""
    payload, _, signature = code.rpartition("/")[2].rpartition(".")
    return _raw(payload), _raw(signature)


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@check(SECTION, releases=AAP)
async def a_code_has_its_form(network: Network) -> None:
    """A code begins with aap://, holds its payload, and ends after 30 days."""
    issued = await network.scene(_issued)
    payload = msgspec.json.decode(parts(issued["aapCode"])[0])
    expect(payload == issued["payload"], "it holds another payload")
    expect(payload["off"] == issued["offer"]["id"], "it is of another offer")
    expect(payload["exp"] - payload["iat"] == LIFE_S, f"it lives {payload['exp'] - payload['iat']} s")


@check(SECTION, releases=AAP)
async def a_code_verifies(network: Network) -> None:
    """A code of the server is valid, and anybody may ask."""
    issued = await network.scene(_issued)
    verdict = await _verified(network, issued["aapCode"])
    expect(verdict["valid"] is True, f"it is {verdict}")
    expect(verdict["offer"]["id"] == issued["offer"]["id"], "of another offer")


@check(SECTION, releases=AAP)
async def the_public_key_verifies_a_code(network: Network) -> None:
    """The published key is Ed25519 and fits the signature over the payload's bytes."""
    issued = await network.scene(_issued)
    document = told(await network.ask("GET", "/v1/codes/public-key", key=""))
    expect(document["algorithm"] == "Ed25519", f"it is {document['algorithm']}")
    key = load_pem_public_key(document["publicKey"].encode())
    expect(isinstance(key, Ed25519PublicKey), "it is another kind of key")
    payload, signature = parts(issued["aapCode"])
    try:
        assert isinstance(key, Ed25519PublicKey)
        key.verify(signature, payload)
    except InvalidSignature:
        expect(False, "the signature does not fit")


@check(SECTION, releases=AAP)
async def a_changed_code_is_invalid(network: Network) -> None:
    """A code of which anything was changed is invalid, and says why."""
    code: str = (await network.scene(_issued))["aapCode"]
    place = len(code) // 2
    changed = code[:place] + ("A" if code[place] != "A" else "B") + code[place + 1 :]
    for text in (changed, code + "A", code.rpartition(".")[0], "aap://nobody/v1/x.y"):
        verdict = await _verified(network, text)
        expect(verdict["valid"] is False, f"{text[:40]} is valid")
        expect(verdict.get("error"), "it does not say why")


@check(SECTION, releases=AAP)
async def offers_carry_codes_that_verify(network: Network) -> None:
    """The code of each offer that a search finds is valid, and of that offer."""
    for offer in (await network.found())["offers"][:3]:
        verdict = await _verified(network, offer["aapCode"])
        expect(verdict.get("offer", {}).get("id") == offer["id"], f"{offer['id']}: {verdict}")

"""What holds for every answer, whatever was asked: it looks back at all that was said."""

from conformance.aap.network import AAP, Network
from conformance.registry import check, expect


@check("checkout page, errors", releases=AAP)
async def errors_are_one_sentence(network: Network) -> None:
    """Every error has the body {"error": "<text>"}."""
    for said in network.client.journal:
        if said.status >= 400 and "/mcp" not in said.url:
            document = said.document()
            expect(isinstance(document.get("error"), str), f"it is {document}", said)


@check("RFC 9110 15.6", releases=AAP)
async def nothing_crashed(network: Network) -> None:
    """No request was answered 500."""
    for said in network.client.journal:
        expect(said.status != 500, "answered 500", said)


@check("RFC 6750 5.2", releases=AAP)
async def no_answer_repeats_a_key(network: Network) -> None:
    """No answer repeats the key that it was asked with."""
    keys = [network.inputs.agent_key, network.inputs.merchant_key, network.inputs.source_secret]
    for said in network.client.journal:
        for key in filter(None, keys):
            expect(key.encode() not in said.body, "a key is repeated", said)
            expect(key not in str(said.headers), "a key is repeated in a header", said)

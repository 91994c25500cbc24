"""Creates under a key."""

from uuid import uuid4

from conformance.chipp.application import BUYER, CHIPP, Application
from conformance.chipp.shapes import data_of
from conformance.registry import check, expect

SECTION = "checkout#Idempotency"


@check(SECTION, releases=CHIPP)
async def same_key_is_the_same_session(app: Application) -> None:
    """A create that repeats a key gets the session that the key has made."""
    key = f"cart {uuid4()}"
    first, again = data_of(await app.create(key=key)), data_of(await app.create(key=key))
    expect(again["id"] == first["id"], "a second session was made")


@check(SECTION, releases=CHIPP)
async def same_key_with_another_body_is_the_same_session(app: Application) -> None:
    """So does one with another body."""
    key = str(uuid4())
    first, again = data_of(await app.create(key=key)), data_of(await app.create(key=key, buyer=BUYER))
    expect(again["id"] == first["id"], "a second session was made")
    expect(again["buyer"] == first["buyer"], "the repeated create changed the session")


@check(SECTION, releases=CHIPP)
async def without_a_key_each_create_is_a_session(app: Application) -> None:
    """Creates without a key, or with different ones, are sessions of their own."""
    keys = (None, None, str(uuid4()), str(uuid4()))
    made = {data_of(await app.create(key=key))["id"] for key in keys}
    expect(len(made) == len(keys), f"{len(keys)} creates made {len(made)} sessions")

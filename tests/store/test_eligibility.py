from pathlib import Path

import pytest

from tests.store.shops import written
from ucp_server.domain.checkout import Buyer, Instrument
from ucp_server.store.database import Pool
from ucp_server.store.eligibility import PostgresEligibility
from ucp_server.store.importing import import_shop

CARD = Instrument(id="i", handler_id="psp", type="card")
CLUB, STUDENT, REGULAR = "com.example.club", "org.school.student", "com.example.regular"
SHOP = {
    "products": "id,title,price\ntea,Tea,500\n",
    "customers": "id,name,email\nann,Ann,Ann@Example.com\n",
    "eligibility": (
        "claim,holder\n"
        f"{CLUB},Bob@example.com\n{STUDENT},@school.example\n{STUDENT},eve@example.com\n{REGULAR},customers\n"
    ),
}


@pytest.mark.parametrize(
    ("email", "claims"),
    [
        ("bob@example.com", {CLUB}),
        (" BOB@EXAMPLE.COM ", {CLUB}),
        ("ann@example.com", {REGULAR}),
        ("eve@example.com", {STUDENT}),
        ("Anybody@School.Example", {STUDENT}),
        ("x@dept.school.example", set()),
        ("x@notschool.example", set()),
        ("@school.example", set()),
        ("customers", set()),
        ("", set()),
        (None, set()),
    ],
)
async def test_a_claim_holds_for_whom_the_shop_lists(
    pool: Pool, tmp_path: Path, email: str | None, claims: set[str]
) -> None:
    await import_shop(pool, "shop", "EUR", written(tmp_path, **SHOP))
    asked = [CLUB, STUDENT, REGULAR, "com.example.unheard_of"]
    eligibility = PostgresEligibility(pool)
    buyer = Buyer(email=email) if email is not None else None
    assert set(await eligibility.verified("shop", asked, buyer, CARD)) == claims
    assert set(await eligibility.verified("other", asked, buyer, CARD)) == set()
    for claim in asked:
        assert set(await eligibility.verified("shop", [claim], buyer, CARD)) == claims & {claim}

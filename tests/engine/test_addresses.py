import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.domain.fulfillment import Address
from ucp_server.engine.addresses import missing_parts


@pytest.mark.parametrize(
    ("address", "missing"),
    [
        (Address(), ("country",)),
        (Address(country="XX", street_address="1 Main St"), ("country",)),
        (Address(country="US"), ("street_address", "locality", "region", "postal_code")),
        (Address(country="DE"), ("street_address", "locality", "postal_code")),
        (Address(country="de", street_address="Ahornweg 7", locality="Berlin", postal_code="10437"), ()),
        (Address(country="SG", street_address="1 Orchard Road"), ("postal_code",)),
        (Address(country="HK", street_address="1 Queen's Road"), ("region",)),
        (Address(country="IE", street_address="1 Main St", locality="Cork"), ()),
    ],
)
def test_a_country_demands_what_its_post_does(address: Address, missing: tuple[str, ...]) -> None:
    assert missing_parts(address) == missing


@given(st.text(max_size=5))
def test_any_text_may_stand_for_a_country(country: str) -> None:
    address = Address(country=country, street_address="1", locality="x", region="x", postal_code="x")
    assert missing_parts(address) in ((), ("country",))

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucp_server.domain.addresses import (
    content_hash,
    find_same,
    id_of,
    is_same,
    names_a_place,
    owner_of,
)
from ucp_server.domain.fulfillment import Address, Destination

HOME = Address(
    street_address="123 Main St", locality="Springfield", region="IL", postal_code="62704", country="US"
)
replace = msgspec.structs.replace

texts = st.none() | st.text(max_size=8)
addresses = st.builds(Address, **dict.fromkeys(Address.__struct_fields__, texts))


@given(addresses)
def test_an_address_is_itself_in_any_letter_case_and_spacing(address: Address) -> None:
    spaced = Address(
        **{
            name: f"  {text}\t" if (text := getattr(address, name)) else text
            for name in Address.__struct_fields__
        }
    )
    assert is_same(address, spaced)
    assert content_hash(address) == content_hash(spaced)
    assert id_of(address) == id_of(spaced)


@given(addresses, addresses)
def test_the_same_content_has_the_same_hash_and_no_other_has(one: Address, other: Address) -> None:
    assert (content_hash(one) == content_hash(other)) is (is_same(one, other) and is_same(other, one))


@pytest.mark.parametrize(
    ("sent", "same"),
    [
        (replace(HOME, street_address=" 123  MAIN st"), True),
        (replace(HOME, full_name="John Doe"), True),
        (replace(HOME, postal_code="62705"), False),
        (replace(HOME, extended_address="Floor 2"), False),
        (Address(country="US"), False),
    ],
)
def test_a_stored_address_is_found_again(sent: Address, same: bool) -> None:
    stored = (Destination(id="addr_1", kind="shipping_address", address=HOME),)
    assert (find_same(stored, sent) is not None) is same


def test_an_address_of_another_person_is_another_one() -> None:
    johns = replace(HOME, full_name="John Doe")
    assert not is_same(johns, replace(HOME, full_name="Jane Doe"))
    assert not is_same(johns, HOME)


def test_only_an_address_with_a_street_is_worth_keeping() -> None:
    assert names_a_place(HOME)
    assert not names_a_place(Address(country="US", postal_code="62704"))
    assert not names_a_place(replace(HOME, country=None))


def test_an_owner_is_the_e_mail_address_without_showing_it() -> None:
    assert owner_of(" John.Doe@Example.com") == owner_of("john.doe@example.com")
    assert owner_of("john.doe@example.com") != owner_of("jane.doe@example.com")
    assert "example" not in owner_of("john.doe@example.com")

"""Every operation needs a scope, and each scope that can be granted opens one."""

from ucp_server.ucp.operation_table import OPERATIONS
from ucp_server.ucp.scopes import scope_for, scopes_supported


def test_names_are_those_of_the_specification() -> None:
    told = {
        "create_checkout": "dev.ucp.shopping.checkout:manage",
        "get_checkout": "dev.ucp.shopping.checkout:manage",
        "get_order": "dev.ucp.shopping.order:read",
        "update_cart": "dev.ucp.shopping.cart:manage",
        "search_catalog": "dev.ucp.shopping.catalog.search:read",
        "get_product": "dev.ucp.shopping.catalog.lookup:read",
    }
    for operation, scope in told.items():
        assert scope_for(operation, writes=OPERATIONS[operation].writes) == scope


def test_what_can_be_granted_is_what_is_needed() -> None:
    needed = {scope_for(name, writes=False) for name in OPERATIONS}
    assert needed == set(scopes_supported())


def test_nobody_is_granted_to_write_orders() -> None:
    assert scope_for("update_order", writes=True) not in scopes_supported()

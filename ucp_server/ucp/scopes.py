"""What a token has to allow for each operation: ``{capability}:{read|manage}``.

The names are those of M:D/common/identity-linking. Whoever may change what a capability is about may
also look at it, so that each capability here has one name.
"""

from typing import Final

from ucp_server.ucp.operation_table import OPERATIONS
from ucp_server.ucp.releases import ORDER

# Of these a platform changes nothing; the catalog's are told by what they begin with.
_CATALOG: Final = "dev.ucp.shopping.catalog."


def scope_for(operation: str, *, writes: bool) -> str:
    """The one scope that ``operation`` needs.

    A write to what is only read belongs to no release, and its scope is granted to nobody.
    """
    capability = OPERATIONS[operation].root
    return f"{capability}:manage" if writes else _granted(capability)


def scopes_supported() -> tuple[str, ...]:
    """All that can be granted, in alphabetical order."""
    return tuple(sorted({_granted(operation.root) for operation in OPERATIONS.values()}))


def _granted(capability: str) -> str:
    is_read_only = capability == ORDER or capability.startswith(_CATALOG)
    return f"{capability}:{'read' if is_read_only else 'manage'}"

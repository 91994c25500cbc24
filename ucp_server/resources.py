"""Where the data that ships with the program lies: in the wheel, or beside the code in a checkout."""

from pathlib import Path
from typing import Literal

Resource = Literal["schemas", "profiles", "demo_shop"]

_PACKAGED = Path(__file__).parent / "data"
_CHECKOUT = Path(__file__).parent.parent
_IN_CHECKOUT: dict[Resource, str] = {
    "schemas": "schemas",
    "profiles": "profiles",
    "demo_shop": "examples/demo_shop",
}


def folder(resource: Resource) -> Path:
    """The folder of a shipped resource. Raises FileNotFoundError where the installation lacks it."""
    for candidate in (_PACKAGED / resource, _CHECKOUT / _IN_CHECKOUT[resource]):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"this installation carries no {resource}; install ucp-server again")

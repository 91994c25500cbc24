"""What the tiny shop says about itself."""

from typing import Any
from uuid import uuid4

from tests.conformance.tiny_shop import events, later, render
from tests.conformance.tiny_shop.state import EXTENSIONS, SERVICE, Shop, Wire


def profile(shop: Shop, origin: str) -> Wire:
    later_roots = ["cart", "catalog.search", "catalog.lookup"] if shop.since_april else []
    names = ["checkout", "order", *later_roots, *EXTENSIONS]
    if shop.faulty("does not offer checkout"):
        names.remove("order")
        names.remove("checkout")
    host = "https://tiny.example" if shop.faulty("binds no namespace") else "https://ucp.dev"
    listed: list[Wire] = []
    for name in names:
        capability = {
            "name": f"{SERVICE}.{name}",
            "version": shop.release,
            "spec": f"{host}/specification/{name}",
            "schema": f"{host}/schemas/{name}.json",
        }
        if name in EXTENSIONS:
            capability["extends"] = parents(name, shop)
        listed.append(capability)
    if shop.faulty("lists a capability twice"):
        listed.append(listed[0])
    capabilities: Any = listed
    if shop.faulty("maps its capabilities"):
        capabilities = {each["name"]: [each] for each in listed}
    endpoint = "/ucp" if shop.faulty("has a relative endpoint") else f"{origin}/ucp"
    if shop.faulty("ends its endpoint in a slash"):
        endpoint += "/"
    if shop.faulty("serves over plain http"):
        endpoint = "http://tiny.example/ucp"
    handlers = [render.handler()] * (2 if shop.faulty("lists a handler twice") else 1)
    document = {
        "ucp": {
            "version": shop.release,
            "services": {
                SERVICE: {
                    "version": shop.release,
                    "spec": "https://ucp.dev/specification/overview",
                    "rest": {"schema": "https://ucp.dev/rest.json", "endpoint": endpoint},
                }
            },
            "capabilities": capabilities,
            "supported_versions": leaves(shop, origin),
        },
        "payment": {"handlers": handlers},
        "signing_keys": [] if shop.faulty("publishes no key") else [events.public_key(shop)],
        **({"generated_at": str(uuid4())} if shop.faulty("changes its profile") else {}),
    }
    return later.profile(document, shop) if shop.is_mapped else document


def parents(extension: str, shop: Shop) -> Any:
    also = {"discount"} if shop.since_april else set()
    also |= {"buyer_consent"} if shop.since_august else set()
    checkout = f"{SERVICE}.checkout"
    return [checkout, f"{SERVICE}.cart"] if extension in also else checkout


def leaves(shop: Shop, origin: str) -> Wire:
    release = "2025-12-24" if shop.faulty("has leaves of another release") else shop.release
    return {release: f"{origin}/.well-known/ucp/{shop.release}"}

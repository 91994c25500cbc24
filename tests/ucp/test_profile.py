import msgspec
import pytest

from ucp_server.ports import HandlerListing
from ucp_server.resources import folder
from ucp_server.ucp.incoming import Shop
from ucp_server.ucp.profile import profile_reply, render_profile
from ucp_server.ucp.releases import RELEASES, ROWS, SERVED, WITH_SCHEMAS, Release
from ucp_server.ucp.schema import Schemas

SITE = "https://shop.example"
MOCK = HandlerListing(
    id="mock_payment_handler",
    name="com.example.mock",
    version="2026-01-11",
    spec="https://shop.example/spec",
    config_schema="https://shop.example/config.json",
    instrument_schemas=("https://shop.example/instrument.json",),
    config={"shop_id": "1"},
)
KEY = {"kid": "k", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "use": "sig", "alg": "ES256"}


def rendered(release: Release, *, is_root: bool = True) -> dict[str, object]:
    return render_profile(release, site=SITE, listings=[MOCK], keys=[KEY], is_root=is_root)


@pytest.mark.parametrize("version", WITH_SCHEMAS)
@pytest.mark.parametrize("is_root", [True, False])
def test_a_profile_follows_the_schema_of_its_release(version: str, is_root: bool):
    schemas = Schemas(folder("schemas") / "ucp", WITH_SCHEMAS)
    release = next(row for row in RELEASES if row.version == version)
    document = rendered(release, is_root=is_root)
    assert schemas.checker(version, "response", "profile").check(document) == ()


def test_the_shape_of_2026_01_11():
    document = rendered(RELEASES[0])
    service = document["ucp"]["services"]["dev.ucp.shopping"]
    assert service["rest"]["endpoint"] == "https://shop.example/ucp/2026-01-11"
    assert service["mcp"]["endpoint"] == "https://shop.example/ucp/2026-01-11/mcp"
    names = [entry["name"] for entry in document["ucp"]["capabilities"]]
    assert names[0] == "dev.ucp.shopping.checkout"
    assert document["payment"]["handlers"][0]["instrument_schemas"] == list(MOCK.instrument_schemas)
    assert document["signing_keys"] == [KEY]
    assert "keys" not in document
    extends = {entry["name"]: entry.get("extends") for entry in document["ucp"]["capabilities"]}
    assert extends["dev.ucp.shopping.discount"] == "dev.ucp.shopping.checkout"


def test_the_shape_of_the_newest():
    document = rendered(RELEASES[-1])
    service, tools, framed = document["ucp"]["services"]["dev.ucp.shopping"]
    assert (service["transport"], tools["transport"]) == ("rest", "mcp")
    assert tools["endpoint"] == f"{service['endpoint']}/mcp"
    assert (framed["transport"], "endpoint" in framed) == ("embedded", False)
    assert framed["config"]["color_scheme"] == ["light", "dark"]
    assert document["ucp"]["payment_handlers"]["com.example.mock"][0]["id"] == "mock_payment_handler"
    others = [version for version in SERVED if version != RELEASES[-1].version]
    leaves = {version: f"{SITE}/.well-known/ucp/{version}" for version in others}
    assert document["ucp"]["supported_versions"] == leaves
    assert document["keys"] == [KEY]
    assert "supported_versions" not in rendered(RELEASES[-1], is_root=False)["ucp"]


@pytest.mark.parametrize("root", SERVED)
def test_who_reads_the_profile_that_an_event_names_finds_the_keys(root: str):
    shop = Shop(merchant_id="demo", site=SITE, root_release=root)
    for release in map(ROWS.__getitem__, SERVED):
        at_root = shop.profile_url(release) == f"{SITE}/.well-known/ucp"
        document = rendered(ROWS[root] if at_root else release, is_root=at_root)
        assert document[release.keys_member] == [KEY]
        leaf = rendered(release, is_root=False)
        assert [name for name in leaf if name.endswith("keys")] == [release.keys_member]


def test_caches_are_told_what_they_need():
    reply = profile_reply(rendered(RELEASES[0]), None)
    assert reply.status == 200
    assert reply.header(b"cache-control") == b"public, max-age=300"
    etag = (reply.header(b"etag") or b"").decode()
    assert msgspec.json.decode(reply.body) == rendered(RELEASES[0])
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = profile_reply(rendered(RELEASES[0]), known)
        assert (again.status, again.body) == (304, b"")
        assert again.header(b"etag") == etag.encode()
    for unknown in ('"other"', "", etag.strip('"')):
        assert profile_reply(rendered(RELEASES[0]), unknown).status == 200
    assert profile_reply(rendered(RELEASES[0], is_root=True), None).header(b"etag") == etag.encode()


@pytest.mark.parametrize("release", RELEASES)
def test_any_release_can_be_at_the_root(release: Release):
    """The others are named where the release knows how to (digest 2.1)."""
    others = [row.version for row in RELEASES if row is not release]
    listed = rendered(release)["ucp"].get("supported_versions", {})
    assert list(listed) == (others if release.lists_supported_versions else [])

"""Targets, hosts and headers that mean one thing to us and another to somebody else."""

from tests.asgi.corpus import Case, cut, refused, served
from tests.asgi.wire import get, raw_head

GET = "GET /echo HTTP/1.1"
HOST = "Host: shop.example"


def _nowhere(name: str, target: str) -> Case:
    return refused(f"path: {name}", get(target), 404, "not_found")


PATHS = [
    served("path: root", get("/")),
    served("path: trailing slash", get("/a/")),
    served("path: all characters of a segment", get("/a-b._~!$&'()*+,;=:@")),
    served("path: a name in UTF-8", get("/caf%C3%A9")),
    served("path: a space", get("/a%20b")),
    served("path: dots that are no segment", get("/...")),
    served("path: a file", get("/.well-known/ucp")),
    served("path: query with everything", get("/a?b=%2F%00&c=//../%zz")),
    served("path: an empty query", get("/a?")),
    _nowhere("two dots", "/a/../b"),
    _nowhere("two dots at the end", "/a/.."),
    _nowhere("two dots first", "/../etc/passwd"),
    _nowhere("one dot", "/a/./b"),
    _nowhere("encoded dots", "/a/%2e%2e/b"),
    _nowhere("encoded dots in capitals", "/a/%2E%2E/b"),
    _nowhere("half encoded dots", "/a/.%2e/b"),
    _nowhere("encoded slash", "/a%2Fb"),
    _nowhere("encoded slash and dots", "/a%2F..%2Fb"),
    _nowhere("encoded slash in lower case", "/a%2fb"),
    _nowhere("two slashes", "/a//b"),
    _nowhere("two slashes first", "//shop.example/a"),
    _nowhere("two slashes last", "/a//"),
    _nowhere("slashes only", "///"),
    _nowhere("backslash", "/a\\b"),
    _nowhere("encoded backslash", "/a%5Cb"),
    _nowhere("encoded NUL", "/a%00"),
    _nowhere("NUL and a suffix", "/a%00.json"),
    _nowhere("encoded line end", "/a%0d%0aX-Injected:%201"),
    _nowhere("encoded line end in capitals", "/a%0D%0ASet-Cookie:a=b"),
    _nowhere("encoded delete", "/a%7F"),
    _nowhere("needless escape", "/%65cho"),
    _nowhere("needless escape of a tilde", "/%7Ea"),
    _nowhere("escape in lower case", "/caf%c3%a9"),
    _nowhere("encoded twice", "/a%252e%252e/b"),
    _nowhere("encoded percent", "/100%25"),
    _nowhere("overlong dots", "/%C0%AE%C0%AE/b"),
    _nowhere("overlong slash", "/a%C0%AFb"),
    _nowhere("UTF-8 cut short", "/caf%C3"),
    _nowhere("a surrogate", "/%ED%A0%80"),
    _nowhere("escape cut short", "/a%2"),
    _nowhere("percent alone", "/a%"),
    _nowhere("escape of no number", "/a%zz"),
    _nowhere("a unicode escape", "/a%u002e"),
    _nowhere("a fragment", "/a#b"),
    _nowhere("quotes", '/a"b'),
    _nowhere("markup", "/<script>"),
    _nowhere("braces", "/{a}"),
    _nowhere("a caret", "/a^b"),
    _nowhere("a bar", "/a|b"),
]

TARGETS = [
    served("target: absolute, same host", get("http://shop.example/echo")),
    served("target: absolute, same host in capitals", get("HTTP://SHOP.example/echo?a=b")),
    served("target: absolute without a path", get("http://shop.example")),
    cut("target: absolute, another host", get("http://other.example/echo"), 400, "bad_target"),
    cut("target: absolute, another port", get("http://shop.example:81/echo"), 400, "bad_target"),
    cut("target: absolute with a user", get("http://shop.example@x/echo"), 400, "bad_target"),
    refused("target: absolute with dots", get("http://shop.example/a/../b"), 404, "not_found"),
    refused("target: another scheme", get("ftp://shop.example/echo"), 400, "bad_target"),
    refused("target: no slash first", get("echo"), 400, "bad_target"),
    refused("target: only a query", get("?a=b"), 400, "bad_target"),
    refused("target: a backslash first", get("\\echo"), 400, "bad_target"),
    refused("target: asterisk", get("*", method="OPTIONS"), 400, "bad_target"),
    served("target: at the limit", get("/" + "a" * 4095)),
    cut("target: beyond the limit", get("/" + "a" * 4096), 414, "target_too_long"),
    cut("target: a query beyond the limit", get("/a?" + "b" * 4096), 414, "target_too_long"),
    cut("target: 20 kB", get("/" + "a" * 20_000), 414, "target_too_long"),
]

HOSTS = [
    served("host: with a port", raw_head(GET, "Host: shop.example:8443")),
    served("host: an IPv4 address", raw_head(GET, "Host: 127.0.0.1")),
    served("host: an IPv6 address", raw_head(GET, "Host: [::1]:8080")),
    cut("host: missing", raw_head(GET), 400),
    cut("host: twice", raw_head(GET, HOST, HOST), 400),
    cut("host: two different", raw_head(GET, HOST, "Host: other.example"), 400),
    cut("host: empty", raw_head(GET, "Host:"), 400, "bad_host"),
    cut("host: a list", raw_head(GET, "Host: a.example, b.example"), 400, "bad_host"),
    cut("host: with a path", raw_head(GET, "Host: shop.example/admin"), 400, "bad_host"),
    cut("host: with a user", raw_head(GET, "Host: admin@shop.example"), 400, "bad_host"),
    cut("host: with a space", raw_head(GET, "Host: shop.example x"), 400, "bad_host"),
    cut("host: port no number", raw_head(GET, "Host: shop.example:80a"), 400, "bad_host"),
    cut("host: port too long", raw_head(GET, "Host: shop.example:123456"), 400, "bad_host"),
    cut("host: an open bracket", raw_head(GET, "Host: [::1"), 400, "bad_host"),
    cut("host: letters beyond ASCII", raw_head(GET, "Host: caf\xe9.example"), 400, "bad_host"),
    cut("host: markup", raw_head(GET, 'Host: "><script>'), 400, "bad_host"),
    served("host: a name that only looks like it", raw_head(GET, HOST, "X-Host: other.example")),
]


def _twice(name: str, value: str = "a") -> Case:
    twins = (f"{name}: {value}", f"{name.lower()}: {value}")
    return cut(f"header: {name} twice", get("/echo", *twins), 400, "duplicate_header")


def _look_alike(name: str) -> Case:
    return cut(f"header: {name}", get("/echo", f"{name}: a"), 400, "bad_header")


def _filling(size: int) -> bytes:
    """A GET whose head counts ``size`` bytes by the guard's rule (four beyond name and value)."""
    fixed = len("/echo") + len("host") + len("shop.example") + 4
    pieces = []
    left = size - fixed
    while left > 4000:
        pieces.append("X-F: " + "a" * (2000 - 7))
        left -= 2000
    pieces.append("X-F: " + "a" * (left - 7))
    return get("/echo", *pieces)


HEADERS = [
    _twice("Idempotency-Key"),
    _twice("UCP-Agent", 'profile="https://agent.example/p"'),
    _twice("Authorization", "Bearer a"),
    _twice("X-API-Key"),
    _twice("Content-Type", "application/json"),
    _twice("Content-Encoding", "gzip"),
    _twice("Request-Id"),
    _twice("Request-Signature"),
    _twice("Client-Cert", ":YQ==:"),
    _twice("Simulation-Secret"),
    _twice("Origin", "https://shop.example"),
    _twice("Expect", "100-continue"),
    _look_alike("Idempotency_Key"),
    _look_alike("idempotency_key"),
    _look_alike("UCP_Agent"),
    _look_alike("X_API_Key"),
    _look_alike("X-API_Key"),
    _look_alike("Client_Cert"),
    served("header: Accept twice", get("/echo", "Accept: text/html", "Accept: */*")),
    served("header: Cookie twice", get("/echo", "Cookie: a=1", "Cookie: b=2")),
    served("header: Signature in two lines", get("/echo", "Signature: a=:YQ==:", "Signature: b=:YQ==:")),
    served("header: an empty value", get("/echo", "X-Empty:")),
    served("header: a tab inside", get("/echo", "X-A: a\tb")),
    served("header: bytes of other encodings", get("/echo", "X-Name: Zo\xeb")),
    cut("header: a control byte", get("/echo", "X-A: a\x01b"), 400, "bad_header"),
    cut("header: an escape", get("/echo", "X-A: a\x1b[31mb"), 400, "bad_header"),
    cut("header: a delete", get("/echo", "X-A: a\x7fb"), 400, "bad_header"),
    cut("header: a backspace in a key", get("/echo", "Idempotency-Key: a\x08b"), 400, "bad_header"),
    cut("header: NUL", get("/echo", "X-A: a\x00b"), 400),
    cut("header: a vertical tab", get("/echo", "X-A: a\x0bb"), 400),
    cut("header: a form feed", get("/echo", "X-A: a\x0cb"), 400),
    cut("header: NUL in the name", get("/echo", "X\x00A: a"), 400),
    cut("header: a name beyond ASCII", get("/echo", "X-\xe9: a"), 400),
    cut("header: a name with a slash", get("/echo", "X/A: a"), 400),
    served("header: 100 lines", get("/echo", *[f"X-{n}: 1" for n in range(99)])),
    cut("header: 101 lines", get("/echo", *[f"X-{n}: 1" for n in range(100)]), 431, "too_many_headers"),
    cut("header: 900 lines", get("/echo", *[f"X-{n}: 1" for n in range(900)]), 431, "too_many_headers"),
    served("header: 16 kB", _filling(16 * 1024)),
    cut("header: 16 kB and one byte", _filling(16 * 1024 + 1), 431, "headers_too_large"),
    cut("header: 20 kB in one line", get("/echo", "X-A: " + "a" * 20_000), 431, "headers_too_large"),
    cut("header: 200 kB", get("/echo", "X-A: " + "a" * 200_000), 431),
    cut("header: an endless line", b"GET /echo HTTP/1.1\r\nX-A: " + b"a" * 200_000, 431),
    cut("header: an endless name", b"GET /echo HTTP/1.1\r\n" + b"a" * 200_000, 431),
]

HEADS = [*PATHS, *TARGETS, *HOSTS, *HEADERS]

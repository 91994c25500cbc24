"""Where does one request end and the next begin? Everything that two hops answer differently."""

from tests.asgi.corpus import SMUGGLED, Case, cut, refused, served
from tests.asgi.wire import chunked, get, post, raw_head

HOST = "Host: shop.example"
CHUNKED = "Transfer-Encoding: chunked"
POST = "POST /echo HTTP/1.1"
GET = "GET /echo HTTP/1.1"

LENGTH_AND_CODING = [
    cut(
        "length and chunked, chunked hides a request",
        get("/echo", "Content-Length: 5", CHUNKED, method="POST") + b"0\r\n\r\n" + SMUGGLED,
        400,
        "ambiguous_framing",
    ),
    cut(
        "chunked and length, length hides a request",
        get("/echo", CHUNKED, f"Content-Length: {len(SMUGGLED) + 5}", method="POST")
        + b"0\r\n\r\n"
        + SMUGGLED,
        400,
        "ambiguous_framing",
    ),
    cut(
        "length zero and chunked",
        get("/echo", "Content-Length: 0", CHUNKED, method="POST") + b"0\r\n\r\n" + SMUGGLED,
        400,
        "ambiguous_framing",
    ),
    cut(
        "length and chunked on GET",
        get("/echo", "Content-Length: 5", CHUNKED) + b"0\r\n\r\n" + SMUGGLED,
        400,
        "ambiguous_framing",
    ),
    cut(
        "chunked under HTTP/1.0",
        get("/echo", CHUNKED, version="1.0", method="POST") + b"0\r\n\r\n" + SMUGGLED,
        400,
        "ambiguous_framing",
    ),
    cut("coding with a space before", get("/echo", "Transfer-Encoding : chunked") + SMUGGLED, 400),
    cut("coding identity", get("/echo", "Transfer-Encoding: identity") + SMUGGLED, 501),
    cut("coding gzip, chunked", get("/echo", "Transfer-Encoding: gzip, chunked") + SMUGGLED, 501),
    cut("coding chunked twice", get("/echo", CHUNKED, CHUNKED) + b"0\r\n\r\n" + SMUGGLED, 501),
    cut("coding chunked, chunked", get("/echo", CHUNKED + ", chunked") + SMUGGLED, 501),
    cut("coding xchunked", get("/echo", "Transfer-Encoding: xchunked") + SMUGGLED, 501),
    cut("coding with a vertical tab", get("/echo", "Transfer-Encoding: \x0bchunked") + SMUGGLED, 400),
    cut("coding empty", get("/echo", "Transfer-Encoding:") + SMUGGLED, 501),
    served(
        "coding in capitals",
        get("/echo", "Transfer-Encoding: CHUNKED", method="POST") + b"0\r\n\r\n",
    ),
    served("tab before the coding", get("/echo", "Transfer-Encoding:\tchunked") + b"0\r\n\r\n"),
    cut("underscored coding", get("/echo", "Transfer_Encoding: chunked") + SMUGGLED, 400, "bad_header"),
]

LENGTHS = [
    cut("two lengths", raw_head(POST, HOST, "Content-Length: 0", "Content-Length: 44") + SMUGGLED, 400),
    cut("two equal lengths", raw_head(POST, HOST, "Content-Length: 2", "Content-Length: 2") + b"{}", 400),
    cut("two equal lengths in a list", raw_head(POST, HOST, "Content-Length: 2, 2") + b"{}", 400),
    cut("two lengths in a list", raw_head(POST, HOST, "Content-Length: 2, 3") + b"{}", 400),
    cut(
        "two lengths in different case",
        raw_head(POST, HOST, "CONTENT-LENGTH: 2", "content-length: 2") + b"{}",
        400,
    ),
    cut("underscored length", raw_head(POST, HOST, "Content_Length: 2") + b"{}", 400, "bad_header"),
    cut("length with plus", raw_head(POST, HOST, "Content-Length: +2") + b"{}", 400),
    cut("length negative", raw_head(POST, HOST, "Content-Length: -1"), 400),
    cut("length hexadecimal", raw_head(POST, HOST, "Content-Length: 0x2") + b"{}", 400),
    cut("length with a fraction", raw_head(POST, HOST, "Content-Length: 2.0") + b"{}", 400),
    cut("length empty", raw_head(POST, HOST, "Content-Length:"), 400),
    cut("length with a space inside", raw_head(POST, HOST, "Content-Length: 1 2") + b"{}", 400),
    cut("length with underscore digits", raw_head(POST, HOST, "Content-Length: 1_0") + b"{}", 400),
    cut("length in other digits", raw_head(POST, HOST, "Content-Length: \xb2") + b"{}", 400),
    cut("length of 30 digits", raw_head(POST, HOST, "Content-Length: " + "9" * 30), 400),
    cut("length of 20 digits", raw_head(POST, HOST, "Content-Length: " + "9" * 20), 400, "bad_header"),
    cut("length of 19 digits", raw_head(POST, HOST, "Content-Length: " + "9" * 19), 413, "body_too_large"),
    served("length with leading zeros", raw_head(POST, HOST, "Content-Length: 0002", body=b"{}")),
    cut("length with a space before", raw_head(POST, HOST, "Content-Length : 44") + SMUGGLED, 400),
    Case("data after the length", post("/echo", b"{}") + SMUGGLED[4:], (200, 400), closes=True),
    Case(
        "a body longer than its length",
        raw_head(POST, HOST, "Content-Length: 1", body=b'{"a":1}\r\n\r\n'),
        (200, 400),
        closes=True,
    ),
]

CHUNKS = [
    served("one chunk", chunked("/echo", b"2\r\n{}\r\n0\r\n\r\n")),
    served("many chunks", chunked("/echo", b"1\r\n{\r\n" + b"1\r\n \r\n" * 500 + b"1\r\n}\r\n0\r\n\r\n")),
    served("an extension", chunked("/echo", b"2;name=value\r\n{}\r\n0\r\n\r\n")),
    served("a quoted extension", chunked("/echo", b'2;name="a b"\r\n{}\r\n0;last\r\n\r\n')),
    served("a trailer", chunked("/echo", b"2\r\n{}\r\n0\r\nX-Sum: 1\r\n\r\n")),
    served("size with zeros", chunked("/echo", b"0002\r\n{}\r\n0000\r\n\r\n")),
    cut("control byte in an extension", chunked("/echo", b"2;a\x01b\r\n{}\r\n0\r\n\r\n"), 400),
    cut("NUL in an extension", chunked("/echo", b"2;\x00\r\n{}\r\n0\r\n\r\n"), 400),
    cut("CR in an extension", chunked("/echo", b"2;a\rb\r\n{}\r\n0\r\n\r\n"), 400),
    cut("LF in an extension", chunked("/echo", b"2;a\nxx\r\n{}\r\n0\r\n\r\n" + SMUGGLED), 400),
    cut("control byte in a later extension", chunked("/echo", b"2\r\n{}\r\n1;\x7f\r\n \r\n0\r\n\r\n"), 400),
    cut("control byte after the last size", chunked("/echo", b"2\r\n{}\r\n0;\x02\r\n\r\n"), 400),
    cut("an endless extension", chunked("/echo", b"2;" + b"a" * 300 + b"\r\n{}\r\n0\r\n\r\n"), 400),
    cut("space after the size", chunked("/echo", b"2 \r\n{}\r\n0\r\n\r\n"), 400),
    cut("space before the size", chunked("/echo", b" 2\r\n{}\r\n0\r\n\r\n"), 400),
    cut("size with plus", chunked("/echo", b"+2\r\n{}\r\n0\r\n\r\n"), 400),
    cut("size negative", chunked("/echo", b"-2\r\n{}\r\n0\r\n\r\n"), 400),
    cut("size with prefix", chunked("/echo", b"0x2\r\n{}\r\n0\r\n\r\n"), 400),
    cut("size no number", chunked("/echo", b"zz\r\n{}\r\n0\r\n\r\n"), 400),
    cut("size empty", chunked("/echo", b"\r\n{}\r\n0\r\n\r\n"), 400),
    cut("size of 9 digits", chunked("/echo", b"000000002\r\n{}\r\n0\r\n\r\n"), 400),
    cut("size of 2^64", chunked("/echo", b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n" + SMUGGLED), 400),
    cut("no line end after the data", chunked("/echo", b"2\r\n{}0\r\n\r\n" + SMUGGLED), 400),
    cut("other bytes after the data", chunked("/echo", b"2\r\n{}XX0\r\n\r\n" + SMUGGLED), 400),
    cut("LF alone after the size", chunked("/echo", b"2\n{}\r\n0\r\n\r\n" + SMUGGLED), 400),
    cut("LF alone after the data", chunked("/echo", b"2\r\n{}\n0\r\n\r\n" + SMUGGLED), 400),
    cut("a trailer that is no header", chunked("/echo", b"0\r\nno colon\r\n\r\n"), 400),
    Case(
        "a request after the last chunk",
        chunked("/echo", b"0\r\n\r\n") + get("/echo"),
        (200, 200),
    ),
]

LINES = [
    cut("LF alone ends the lines", raw_head(GET, HOST).replace(b"\r\n", b"\n"), 400),
    cut("LF alone ends one line", f"{GET}\r\nX-A: 1\n{HOST}\r\n\r\n".encode(), 400),
    cut("LF alone before the blank line", f"{GET}\r\n{HOST}\n\r\n".encode(), 400),
    cut("CR alone in a value", raw_head(GET, HOST, "X-A: 1\rX-B: 2"), 400),
    cut("CR alone in the request line", raw_head("GET /echo\r HTTP/1.1", HOST), 400),
    cut("folded header", raw_head(GET, HOST, "X-A: 1", " folded"), 400),
    cut("header folded by a tab", raw_head(GET, HOST, "X-A: 1", "\tfolded"), 400),
    cut("first header line folded", raw_head(GET, " X-A: 1", HOST), 400),
    cut("folded coding", raw_head(POST, HOST, "Transfer-Encoding:", " chunked") + SMUGGLED, 400),
    cut("blank line first", b"\r\n" + get("/echo"), 400),
    cut("line with no colon", raw_head(GET, HOST, "nonsense"), 400),
    cut("empty header name", raw_head(GET, HOST, ": value"), 400),
    cut("space in a header name", raw_head(GET, HOST, "X A: 1"), 400),
    cut("space before the colon", raw_head(GET, HOST, "X-A : 1"), 400),
    cut("no version", raw_head("GET /echo", HOST), 400),
    cut("two spaces in the request line", raw_head("GET  /echo HTTP/1.1", HOST), 400),
    cut("space in the target", raw_head("GET /echo x HTTP/1.1", HOST), 400),
    cut("tab in the request line", raw_head("GET\t/echo HTTP/1.1", HOST), 400),
    cut("control byte in the target", raw_head("GET /ec\x01ho HTTP/1.1", HOST), 400),
    cut("bytes of other encodings in the target", raw_head("GET /\xe9 HTTP/1.1", HOST), 400),
    cut("TLS to the plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40), 400),
    cut("another protocol", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 400),
    cut("version with another word", raw_head("GET /echo HTTQ/1.1", HOST), 400),
    cut("version 9.9", raw_head("GET /echo HTTP/9.9", HOST), 505, "http_version"),
    cut("version 2.0 in text", raw_head("GET /echo HTTP/2.0", HOST), 505, "http_version"),
    cut("version 0.9", raw_head("GET /echo HTTP/0.9", HOST), 505, "http_version"),
    cut("version 1.2", raw_head("GET /echo HTTP/1.2", HOST), 505, "http_version"),
    cut("version of three numbers", raw_head("GET /echo HTTP/1.1.1", HOST), 400),
    cut("version in lower case", raw_head("GET /echo http/1.1", HOST), 400),
]

CONNECTIONS = [
    served("two requests at once", get("/echo") + get("/echo"), times=2),
    served("five requests at once", post("/echo", b"{}") * 5, times=5),
    Case(
        "a bad request after a good one",
        get("/echo") + get("/echo", "Content-Length: 5", CHUNKED) + b"0\r\n\r\n" + SMUGGLED,
        (200, 400),
        closes=True,
        code="ambiguous_framing",
    ),
    Case(
        "nothing is served after close", get("/echo", "Connection: close") + SMUGGLED, (200,), closes=True
    ),
    Case("HTTP/1.0 closes", get("/echo", version="1.0") + SMUGGLED, (200,), closes=True),
    Case("HTTP/1.0 without Host", raw_head("GET /echo HTTP/1.0"), (200,), closes=True),
    Case(
        "HTTP/1.0 with a body",
        raw_head("POST /echo HTTP/1.0", HOST, "Content-Length: 2", body=b"{}"),
        (200,),
        closes=True,
    ),
    served("100-continue", post("/echo", b"{}", "Expect: 100-continue")),
    cut("another expectation", post("/echo", b"{}", "Expect: the-unexpected"), 417, "expectation_failed"),
    cut(
        "100-continue for too much",
        get("/echo", "Content-Length: 999999999", "Expect: 100-continue", method="POST"),
        413,
        "body_too_large",
    ),
    served(
        "an upgrade to h2c is ignored",
        get(
            "/echo",
            "Connection: Upgrade, HTTP2-Settings",
            "Upgrade: h2c",
            "HTTP2-Settings: AAMAAABkAAQAAP__",
        ),
    ),
    served(
        "an upgrade to websocket is ignored",
        get(
            "/echo",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
    ),
    served(
        "an upgrade to something else is ignored", get("/echo", "Connection: upgrade", "Upgrade: TLS/1.3")
    ),
    served("a body on GET", get("/echo", "Content-Length: 2") + b"{}"),
    served("a body on DELETE", post("/echo", b"{}", method="DELETE")),
    served("HEAD has no body", get("/echo", method="HEAD"), head_only=True),
    refused("an unknown method without a body", get("/echo", method="BREW"), 405, "method_not_allowed"),
    cut("an unknown method with a body", post("/echo", SMUGGLED, method="BREW"), 405, "method_not_allowed"),
    refused("TRACE", get("/echo", method="TRACE"), 405, "method_not_allowed"),
    cut("method in lower case", get("/echo", method="get"), 400),
    cut("method with a control byte", get("/echo", method="GE\x01T"), 400),
    refused("CONNECT with a path", get("/echo", method="CONNECT"), 405, "method_not_allowed"),
    refused("CONNECT to a host", get("elsewhere.example:443", method="CONNECT"), 405, "method_not_allowed"),
]

FRAMING = [*LENGTH_AND_CODING, *LENGTHS, *CHUNKS, *LINES, *CONNECTIONS]

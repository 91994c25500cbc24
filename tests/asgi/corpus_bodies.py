"""Bodies: their type, their size, and what stands in them."""

from tests.asgi.corpus import SMUGGLED, Case, cut, refused, served
from tests.asgi.wire import chunked, get, post

BODY_MAX = 256 * 1024


def _typed(content_type: str, body: bytes = b"{}", target: str = "/echo") -> bytes:
    head = [f"Content-Length: {len(body)}", f"Content-Type: {content_type}"]
    return get(target, *head, method="POST") + body


def _untaken(content_type: str) -> Case:
    return refused(f"type: {content_type}", _typed(content_type), 415, "content_type")


def _encoded(encoding: str) -> Case:
    sent = post("/echo", b"\x1f\x8b\x08\x00", f"Content-Encoding: {encoding}")
    return refused(f"encoding: {encoding}", sent, 415, "content_encoding")


TYPES = [
    served("type: with a charset", _typed("application/json; charset=utf-8")),
    served("type: in capitals", _typed("Application/JSON")),
    served("type: with parameters", _typed('application/json;profile="x;y" ; a=b')),
    served("type: a suffix", _typed("application/merge-patch+json")),
    served("type: none", get("/echo", "Content-Length: 2", method="POST") + b"{}"),
    served("type: any, without a body", get("/echo", "Content-Type: text/plain", method="POST")),
    served("type: a form, with an empty body", _typed("application/x-www-form-urlencoded", b"")),
    served(
        "type: a form where forms are taken",
        _typed("application/x-www-form-urlencoded", b"a=b", "/pages/pay"),
    ),
    refused(
        "type: JSON where forms are taken",
        _typed("application/json", b"{}", "/pages/pay"),
        415,
        "content_type",
    ),
    _untaken("text/plain"),
    _untaken("text/plain; application/json"),
    _untaken("application/x-www-form-urlencoded"),
    _untaken("multipart/form-data; boundary=x"),
    _untaken("application/jsonp"),
    _untaken("application/json, text/plain"),
    _untaken("text/json+plain"),
    _untaken("application/xml"),
    _untaken("nonsense"),
    _encoded("gzip"),
    _encoded("identity"),
    _encoded("br"),
    _encoded("gzip, gzip"),
    _encoded("unheard-of"),
]

SIZES = [
    served("size: at the limit", post("/echo", b"a" * BODY_MAX)),
    cut("size: one byte beyond", post("/echo", b"a" * (BODY_MAX + 1)), 413, "body_too_large"),
    cut("size: 50 MB", post("/echo", b"a" * 50_000_000), 413, "body_too_large"),
    cut(
        "size: 50 MB in chunks",
        chunked("/echo", (b"10000\r\n" + b"a" * 65536 + b"\r\n") * 763 + b"0\r\n\r\n" + SMUGGLED),
        413,
        "body_too_large",
    ),
    served(
        "size: at the limit in chunks", chunked("/echo", b"40000\r\n" + b"a" * BODY_MAX + b"\r\n0\r\n\r\n")
    ),
    cut(
        "size: one byte beyond in chunks",
        chunked("/echo", b"40001\r\n" + b"a" * (BODY_MAX + 1) + b"\r\n0\r\n\r\n"),
        413,
        "body_too_large",
    ),
    cut(
        "size: one huge chunk announced",
        chunked("/echo", b"7fffffff\r\n" + b"a" * 600_000),
        413,
        "body_too_large",
    ),
    cut(
        "size: a terabyte announced",
        get("/echo", "Content-Length: 1099511627776", method="POST"),
        413,
        "body_too_large",
    ),
    cut(
        "size: more chunks than the listener queues, unread",
        get("/echo", "Transfer-Encoding: chunked", method="BREW") + b"1\r\na\r\n" * 500 + b"0\r\n\r\n",
        405,
        "method_not_allowed",
    ),
    cut(
        "size: a million chunks of one byte",
        chunked("/echo", b"1\r\na\r\n" * 1_000_000),
        413,
        "body_in_pieces",
    ),
    cut(
        "size: a million chunks of one byte, unread",
        get("/echo", "Transfer-Encoding: chunked", method="BREW") + b"1\r\na\r\n" * 1_000_000,
        405,
        "method_not_allowed",
    ),
    served("size: as many chunks as are taken", chunked("/echo", b"1\r\n \r\n" * 2047 + b"0\r\n\r\n")),
    served("size: nothing", post("/echo", b"")),
]


def _good(name: str, body: bytes) -> Case:
    return served(f"document: {name}", post("/documents", body))


def _bad(name: str, body: bytes, code: str) -> Case:
    return refused(f"document: {name}", post("/documents", body), 400, code)


DOCUMENTS = [
    _good("empty object", b"{}"),
    _good("white space around", b' \t\r\n{"a" : 1}\r\n\t '),
    _good("largest integer", b'{"a":9007199254740991}'),
    _good("smallest integer", b'{"a":-9007199254740991}'),
    _good("a float", b'{"a":1.5}'),
    _good("an exponent", b'{"a":1E2}'),
    _good("minus zero", b'{"a":-0}'),
    _good("a number below every double", b'{"a":1e-400}'),
    _good("depth 32", b'{"a":' + b"[" * 31 + b"]" * 31 + b"}"),
    _good("256 members", b"{" + b",".join(b'"%d":1' % n for n in range(256)) + b"}"),
    _good("2,000 values", b'{"a":[' + b",".join([b"1"] * 1998) + b"]}"),
    _good("a surrogate pair", b'{"a":"\\ud83d\\ude00"}'),
    _good("the replacement character", b'{"a":"\xef\xbf\xbd"}'),
    _good("an escaped backslash before u0000", b'{"a":"\\\\u0000"}'),
    _good("an escaped colon", b'{"a\\u003a":":"}'),
    _good("the same name in two objects", b'{"a":{"b":1},"c":{"b":1}}'),
    _good("__proto__", b'{"__proto__":{"admin":true}}'),
    _bad("nothing", b"", "empty_body"),
    _bad("white space only", b"  ", "not_json"),
    _bad("an array", b"[]", "not_an_object"),
    _bad("a string", b'"{}"', "not_an_object"),
    _bad("a number", b"1", "not_an_object"),
    _bad("null", b"null", "not_an_object"),
    _bad("true", b"true", "not_an_object"),
    _bad("cut short", b'{"a":1', "not_json"),
    _bad("one brace", b"{", "not_json"),
    _bad("trailing comma", b'{"a":1,}', "not_json"),
    _bad("a comment", b'{"a":1}//x', "not_json"),
    _bad("two documents", b"{}{}", "not_json"),
    _bad("a request after it", b"{}" + SMUGGLED, "not_json"),
    _bad("NUL after it", b"{}\x00", "not_json"),
    _bad("single quotes", b"{'a':1}", "not_json"),
    _bad("name without quotes", b"{a:1}", "not_json"),
    _bad("number as name", b"{1:1}", "not_json"),
    _bad("NaN", b'{"a":NaN}', "not_json"),
    _bad("Infinity", b'{"a":Infinity}', "not_json"),
    _bad("minus Infinity", b'{"a":-Infinity}', "not_json"),
    _bad("undefined", b'{"a":undefined}', "not_json"),
    _bad("True", b'{"a":True}', "not_json"),
    _bad("leading zero", b'{"a":01}', "not_json"),
    _bad("plus", b'{"a":+1}', "not_json"),
    _bad("point first", b'{"a":.5}', "not_json"),
    _bad("point last", b'{"a":5.}', "not_json"),
    _bad("hexadecimal", b'{"a":0x10}', "not_json"),
    _bad("1e400", b'{"a":1e400}', "number_out_of_range"),
    _bad("minus 1e400", b'{"a":-1e400}', "number_out_of_range"),
    _bad("1e300", b'{"a":1e300}', "number_out_of_range"),
    _bad("2^53", b'{"a":9007199254740992}', "number_out_of_range"),
    _bad("2^53 as a float", b'{"a":9007199254740992.0}', "number_out_of_range"),
    _bad("2^63", b'{"a":9223372036854775808}', "number_out_of_range"),
    _bad("2^64", b'{"a":18446744073709551616}', "number_out_of_range"),
    _bad("minus 2^53", b'{"a":[{"b":-9007199254740992}]}', "number_out_of_range"),
    _bad("23 digits", b'{"a":12345678901234567890123}', "number_out_of_range"),
    _bad("5,000 digits", b'{"a":' + b"9" * 5000 + b"}", "number_out_of_range"),
    _bad("250,000 digits", b'{"a":' + b"9" * 250_000 + b"}", "number_out_of_range"),
    _bad("an exponent of 250,000 digits", b'{"a":1e' + b"9" * 250_000 + b"}", "number_out_of_range"),
    _bad("depth 33", b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", "too_deep"),
    _bad("depth 33 of objects", b'{"a":' * 33 + b"1" + b"}" * 33, "too_deep"),
    _bad("depth 1,000", b'{"a":' * 1000 + b"1" + b"}" * 1000, "too_deep"),
    _bad("depth 100,000", b"[" * 100_000 + b"]" * 100_000, "too_deep"),
    _bad("depth 40,000 and no end", b'{"a":' * 40_000, "too_deep"),
    _bad("257 members", b"{" + b",".join(b'"%d":1' % n for n in range(257)) + b"}", "too_many_members"),
    _bad("2,001 values", b'{"a":[' + b",".join([b"1"] * 1999) + b"]}", "too_many_values"),
    _bad("100,000 empty objects", b'{"a":[' + b",".join([b"{}"] * 80_000) + b"]}", "too_many_values"),
    _bad("a name twice", b'{"a":1,"a":2}', "duplicate_member"),
    _bad("a name twice, same value", b'{"a":1,"a":1}', "duplicate_member"),
    _bad("a name twice, deep", b'{"x":[{"y":{"a":1,"b":2,"a":3}}]}', "duplicate_member"),
    _bad("a name twice, once escaped", b'{"a":1,"\\u0061":2}', "duplicate_member"),
    _bad("an empty name twice", b'{"":1,"":2}', "duplicate_member"),
    _bad("a name twice beside an escaped colon", b'{"a":"\\u003a","a":"\\u003a"}', "duplicate_member"),
    _bad("a name twice, its loss hidden by an escape", b'{"a":1,"a":2,"b":"\\u003A"}', "duplicate_member"),
    _bad(
        "a name twice, the lost one deep",
        b'{"a":' + b"[" * 500 + b"]" * 500 + b',"a":"\\u003a"}',
        "duplicate_member",
    ),
    _bad("NUL escaped", b'{"a":"\\u0000"}', "nul_character"),
    _bad("NUL in a name", b'{"a\\u0000":1}', "nul_character"),
    _bad("NUL deep", b'{"a":[[{"b":["\\u0000"]}]]}', "nul_character"),
    _bad("NUL byte", b'{"a":"\x00"}', "not_json"),
    _bad("line end in a string", b'{"a":"\n"}', "not_json"),
    _bad("control byte in a string", b'{"a":"\x1f"}', "not_json"),
    _bad("high surrogate alone", b'{"a":"\\ud800"}', "not_json"),
    _bad("low surrogate alone", b'{"a":"\\udc00"}', "not_json"),
    _bad("surrogates in the wrong order", b'{"a":"\\udc00\\ud800"}', "not_json"),
    _bad("surrogate in a name", b'{"\\ud800":1}', "not_json"),
    _bad("surrogate in UTF-8", b'{"a":"\xed\xa0\x80"}', "not_utf8"),
    _bad("bad byte", b'{"a":"\xff"}', "not_utf8"),
    _bad("bad byte in a name", b'{"\xff":1}', "not_utf8"),
    _bad("overlong slash", b'{"a":"\xc0\xaf"}', "not_utf8"),
    _bad("UTF-8 cut short", b'{"a":"\xe2\x82"}', "not_utf8"),
    _bad("beyond Unicode", b'{"a":"\xf4\x90\x80\x80"}', "not_utf8"),
    _bad("byte order mark", b"\xef\xbb\xbf{}", "not_json"),
    _bad("UTF-16", '{"a":1}'.encode("utf-16"), "not_json"),
    _bad("UTF-32", '{"a":1}'.encode("utf-32"), "not_json"),
    _bad("no-break space around", b"\xc2\xa0{}", "not_json"),
    _bad("bad escape", b'{"a":"\\x41"}', "not_json"),
    _bad("escape cut short", b'{"a":"\\u00"}', "not_json"),
    _bad("binary", bytes(range(256)), "not_json"),
    _bad("a form", b"a=1&b=2", "not_json"),
    _bad("a page", b"<html></html>", "not_json"),
]

BODIES = [*TYPES, *SIZES, *DOCUMENTS]

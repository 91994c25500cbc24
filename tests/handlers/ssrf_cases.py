"""What the outbound client must refuse, and how: the table of the SSRF lab."""

from typing import NamedTuple

# Inside the lab's network namespace these reach nobody but the lab itself.
GOOD_V4 = "11.22.33.44"
GOOD_V6 = "2600:1f00::1"
CLOSED_V4 = "11.22.33.45"  # nobody listens
PLAIN_V4 = "11.22.33.46"  # speaks no TLS
MUTE_V4 = "11.22.33.47"  # accepts and says nothing
LOST_V4 = "11.22.99.99"  # packets vanish
LOCAL = (GOOD_V4, CLOSED_V4, PLAIN_V4, MUTE_V4)

# --- spellings: none of them may cause a packet, a look-up included ---

FORBIDDEN_URLS = (
    # schemes
    "http://good.example/",
    "http://good.example:443/",
    "ftp://good.example/",
    "file:///etc/passwd",
    "gopher://good.example/",
    "data:application/json,{}",
    "javascript:alert(1)",
    "unix:///var/run/docker.sock",
    "//good.example/",
    "good.example/profile",
    "https:good.example/",
    "https:/good.example/",
    "https:///good.example/",
    "https:\\\\good.example\\",
    "",
    " ",
    # user-info, which moves the host
    "https://user@good.example/",
    "https://user:pass@good.example/",
    "https://good.example@10.0.0.1/",
    "https://good.example%40@10.0.0.1/",
    "https://good.example:443@10.0.0.1/",
    "https://@good.example/",
    # ports
    "https://good.example:80/",
    "https://good.example:8443/",
    "https://good.example:22/",
    "https://good.example:0/",
    "https://good.example:/",
    "https://good.example:0443/",
    "https://good.example:65979/",
    "https://good.example:-1/",
    "https://good.example:443:443/",
    # fragments and what looks like one
    "https://good.example/#x",
    "https://good.example#@10.0.0.1/",
    "https://10.0.0.1#good.example/",
    # white space, control and odd characters
    "https://good.example /",
    " https://good.example/",
    "https://good.example/\n",
    "https://good.example/\r\nHost: 10.0.0.1",
    "https://good.example/a b",
    "https://good.example/\x00",
    "https://good.example\t/",
    "https://good.example/\\..\\",
    "https://good.example\\@10.0.0.1/",
    "https://good.example/%zz",
    "https://good.example/[x]",
    "https://good.example/{x}",
    "https://good.example/\u00e9",
    "https://g\u00f6od.example/",
    "https://\uff11\uff12\uff17.0.0.1/",
    "https://good\u3002example/",
    "https://%67ood.example/",
    "https://127%2e0%2e0%2e1/",
    # IPv4 literals in every base and length
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.1/",
    "https://127.0.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0x0.0x0.0x1/",
    "https://0X7F.1/",
    "https://017700000001/",
    "https://0177.0.0.01/",
    "https://0/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://2852039166/",
    "https://8.8.8.8/",
    f"https://{GOOD_V4}/",
    # IPv6 literals
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[fe80::1%25lo]/",
    "https://[fd00:ec2::254]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    f"https://[{GOOD_V6}]/",
    "https://::1/",
    "https://[good.example]/",
    # names that are not public
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://good/",
    "https://good.example./",
    "https://good..example/",
    "https://.good.example/",
    "https://-good.example/",
    "https://good-.example/",
    "https://go_od.example/",
    "https://x.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://x.onion/",
    "https://1.0.0.127.in-addr.arpa/",
    "https://good.1example/",
    f"https://{'a' * 64}.example/",
    f"https://{'.'.join(['a' * 60] * 5)}.example/",
    f"https://good.example/{'a' * 2048}",
)

# --- addresses that a name may not have, whatever else it has ---

FORBIDDEN_ADDRESSES = (
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.5",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.9",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:10.0.0.5",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
)
PUBLIC_ADDRESSES = (
    GOOD_V4,
    GOOD_V6,
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001::200e",
    "::ffff:8.8.8.8",
)


class Case(NamedTuple):
    """One exchange in the lab.

    `answers` are the records of the name, in the form the lab's DNS understands; `code` is the
    refusal expected, None for an answer, whose status is `status`. `contacts` are the only hosts
    that may have been sent a packet.
    """

    name: str
    answers: tuple[str, ...] = (GOOD_V4,)
    code: str | None = None
    status: int = 200
    contacts: tuple[str, ...] = (GOOD_V4,)
    method: str = "GET"

    @property
    def host(self) -> str:
        return host_of(self.name)


def host_of(name: str) -> str:
    return f"{name}.lab.example"


def _refused(name: str, code: str, *answers: str, contacts: tuple[str, ...] = (GOOD_V4,)) -> Case:
    return Case(name, answers or (GOOD_V4,), code, contacts=contacts)


def _slug(address: str) -> str:
    return "at-" + address.replace(".", "-").replace(":", "x").strip("-")


DNS_CASES = (
    *(_refused(_slug(address), "forbidden_url", address, contacts=()) for address in FORBIDDEN_ADDRESSES),
    Case("good-v4"),
    Case("good-v6", (GOOD_V6,), contacts=(GOOD_V6,)),
    Case("good-both", (GOOD_V6, GOOD_V4), contacts=(GOOD_V4, GOOD_V6)),
    Case("first-is-closed", (CLOSED_V4, GOOD_V4), contacts=(CLOSED_V4, GOOD_V4)),
    Case("by-alias", ("CNAME good-v4",)),
    # What a rebinding name answers from the second question on stands after the bar.
    Case("rebinds-to-loopback", (GOOD_V4, "|", "127.0.0.1")),
    Case("rebinds-to-metadata", (GOOD_V4, "|", "169.254.169.254")),
    _refused("good-then-bad", "forbidden_url", GOOD_V4, "10.0.0.5", contacts=()),
    _refused("bad-then-good", "forbidden_url", "10.0.0.5", GOOD_V4, contacts=()),
    _refused("good-v4-bad-v6", "forbidden_url", GOOD_V4, "fd00::1", contacts=()),
    _refused("bad-v4-good-v6", "forbidden_url", "127.0.0.1", GOOD_V6, contacts=()),
    _refused("alias-of-private", "forbidden_url", "CNAME at-10-0-0-5", contacts=()),
    _refused("alias-of-localhost", "forbidden_url", "CNAME localhost", contacts=()),
    _refused("localhost", "forbidden_url", "127.0.0.1", "::1", contacts=()),
    _refused("alias-of-itself", "unreachable", "CNAME alias-of-itself", contacts=()),
    _refused("no-such-name", "unreachable", "NXDOMAIN", contacts=()),
    _refused("no-address", "unreachable", "NODATA", contacts=()),
    _refused("dns-fails", "unreachable", "SERVFAIL", contacts=()),
    _refused("dns-is-slow", "timeout", "SLOW", contacts=()),
    _refused("dns-is-mute", "timeout", "DROP", contacts=()),
)

# What the host does is found under its name in the lab.
HOST_CASES = (
    *(_refused(f"redirects-{status}", "redirected") for status in (301, 302, 303, 307, 308)),
    _refused("redirects-without-a-place", "redirected"),
    Case("refreshes-by-meta"),
    Case("says-404", status=404),
    Case("says-500", status=500),
    Case("says-503", status=503),
    Case("just-fits"),
    _refused("one-byte-too-many", "too_large"),
    _refused("announces-too-much", "too_large"),
    _refused("endless-body", "too_large"),
    _refused("endless-chunks", "too_large"),
    Case("gzip-bomb"),
    _refused("drips-its-body", "timeout"),
    _refused("drips-its-headers", "timeout"),
    _refused("never-answers", "timeout"),
    _refused("says-100-for-ever", "timeout"),
    _refused("endless-headers", "unreachable"),
    _refused("one-endless-header", "unreachable"),
    _refused("hangs-up", "unreachable"),
    _refused("hangs-up-in-the-body", "unreachable"),
    _refused("speaks-no-http", "unreachable"),
    _refused("breaks-its-chunks", "unreachable"),
    _refused("two-lengths", "unreachable"),
    Case("sets-a-cookie"),
    _refused("certificate-of-another", "tls"),
    _refused("certificate-self-made", "tls"),
    _refused("certificate-expired", "tls"),
    _refused("certificate-of-unknown-issuer", "tls"),
    _refused("no-tls", "tls", PLAIN_V4, contacts=(PLAIN_V4,)),
    _refused("mute-at-tls", "timeout", MUTE_V4, contacts=(MUTE_V4,)),
    _refused("nobody-listens", "unreachable", CLOSED_V4, contacts=(CLOSED_V4,)),
    _refused("packets-vanish", "timeout", LOST_V4, contacts=(LOST_V4,)),
    Case("takes-a-post", method="POST"),
    Case("redirects-a-post", code="redirected", method="POST"),
)

LAB_CASES = DNS_CASES + HOST_CASES

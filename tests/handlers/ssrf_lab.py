"""The SSRF lab: a world of its own in a network namespace, where every packet is seen.

Run as `unshare -Urnm python -m tests.handlers.ssrf_lab FOLDER`. It lays a wire that leads nowhere,
answers DNS for the system's resolver, serves the hosts of `ssrf_cases.py` on real port 443, runs
each case through `GuardedFetch` under the loop used in production, and prints one JSON line per
case: what came back, and every host that was sent a packet.
"""

import asyncio
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import dnslib
import uvloop

from tests.handlers.ssrf_cases import FORBIDDEN_URLS, GOOD_V6, LAB_CASES, LOCAL, LOST_V4, Case, host_of
from tests.handlers.ssrf_hosts import MAX_BYTES, Hosts
from ucp_server.handlers.fetch_guarded import GuardedFetch
from ucp_server.ports import FetchRefused

# Where the expected end is the deadline, it comes soon; everywhere else it never comes.
TIMEOUT_S = 0.5
PATIENCE_S = 20.0
# The unguarded client of the control waits this long for hosts that do not exist.
CONTROL_S = 0.3
CONTROL_ADDRESSES = ("10.0.0.5", "127.0.0.1", "169.254.169.254", "100.64.0.1", "fd00::1", "::1")

ETH_P_ALL = 3
ETH_P_IP, ETH_P_IPV6 = 0x0800, 0x86DD
TCP, UDP, DNS_PORT = 6, 17, 53
SYN, ACK = 0x02, 0x10
HEADS = 128  # enough of a packet for its addresses, ports and flags


def lay_the_wire() -> None:
    """Loopback, and a wire that takes every other packet and brings none back."""
    commands = [
        "ip link set lo up",
        "ip link add wire type veth peer name far",
        "ip link set wire arp off up",
        "ip link set far up",
        *(f"ip addr add {address}/32 dev lo" for address in LOCAL),
        f"ip -6 addr add {GOOD_V6}/128 dev lo nodad",
        "ip route add default dev wire",
        "ip -6 route add default dev wire",
    ]
    for command in commands:
        subprocess.run(command.split(), check=True)


def name_the_resolver(folder: Path) -> None:
    """Point the system's own resolver at the lab, in this mount namespace alone."""
    files = {
        "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:1 attempts:1 ndots:5\nsearch inside\n",
        "/etc/nsswitch.conf": "hosts: files dns\n",
        "/etc/hosts": "127.0.0.1 localhost\n",
    }
    for path, text in files.items():
        own = folder / Path(path).name
        own.write_text(text)
        subprocess.run(["mount", "--bind", str(own), path], check=True)


class Sniffer:
    """Every host that a first packet was sent to, on every interface."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024 * 1024)
        self._socket.setblocking(False)
        self._seen: set[str] = set()
        asyncio.get_running_loop().add_reader(self._socket, self._drain)

    def taken(self) -> list[str]:
        self._drain()
        seen, self._seen = self._seen, set()
        return sorted(seen)

    def _drain(self) -> None:
        while True:
            try:
                packet, (_, protocol, *_) = self._socket.recvfrom(HEADS)
            except BlockingIOError:
                return
            contact = _contact(protocol, packet)
            if contact is not None:
                self._seen.add(contact)


def _contact(protocol: int, packet: bytes) -> str | None:
    """The destination of a first packet; None for answers, DNS and the network's own talk."""
    if protocol == ETH_P_IP:
        transport, body = packet[9], packet[(packet[0] & 15) * 4 :]
        host = socket.inet_ntop(socket.AF_INET, packet[16:20])
    elif protocol == ETH_P_IPV6:
        transport, body = packet[6], packet[40:]
        host = socket.inet_ntop(socket.AF_INET6, packet[24:40])
    else:
        return None
    if transport == TCP:
        return host if body[13] & (SYN | ACK) == SYN else None
    if transport == UDP:
        return None if DNS_PORT in struct.unpack("!HH", body[:4]) else host
    return None


class Dns(asyncio.DatagramProtocol):
    """The lab's name server: answers per name from the cases, and counts the questions."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self._answers = {case.host: case.answers for case in LAB_CASES}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = dnslib.DNSRecord.parse(data)
        name = str(question.q.qname).rstrip(".").lower()
        kind = dnslib.QTYPE[question.q.qtype]
        self.asked[f"{name} {kind}"] += 1
        answers = self._turn(name, kind)
        if "DROP" in answers:
            return
        reply = question.reply()
        self._fill(reply, name, kind, answers)
        delay_s = TIMEOUT_S * 2 if "SLOW" in answers else 0
        asyncio.get_running_loop().call_later(delay_s, self._transport.sendto, reply.pack(), addr)

    def _turn(self, name: str, kind: str) -> tuple[str, ...]:
        answers = self._answers.get(name, ("NXDOMAIN",))
        if "|" not in answers:
            return answers
        bar = answers.index("|")
        return answers[:bar] if self.asked[f"{name} {kind}"] == 1 else answers[bar + 1 :]

    def _fill(self, reply: Any, name: str, kind: str, answers: tuple[str, ...]) -> None:
        for answer in answers:
            if answer in {"NXDOMAIN", "SERVFAIL"}:
                reply.header.rcode = getattr(dnslib.RCODE, answer)
            elif answer.startswith("CNAME "):
                target = host_of(answer.removeprefix("CNAME "))
                reply.add_answer(_record(name, "CNAME", dnslib.CNAME(target)))
                if target != name:
                    self._fill(reply, target, kind, self._answers[target])
            elif ":" in answer and kind == "AAAA":
                octets = tuple(socket.inet_pton(socket.AF_INET6, answer))
                reply.add_answer(_record(name, kind, dnslib.AAAA(octets)))
            elif "." in answer and ":" not in answer and kind == "A":
                reply.add_answer(_record(name, kind, dnslib.A(answer)))


def _record(name: str, kind: str, data: Any) -> Any:
    return dnslib.RR(name, getattr(dnslib.QTYPE, kind), rdata=data, ttl=0)


async def run_case(fetch: GuardedFetch, case: Case) -> dict[str, Any]:
    timeout_s = TIMEOUT_S if case.code == "timeout" else PATIENCE_S
    url = f"https://{case.host}/profile"
    try:
        if case.method == "POST":
            headers = [("Content-Type", "application/json"), ("Webhook-Id", "evt_1")]
            got = await fetch.post(
                url, headers=headers, body=b'{"a": 1}', max_bytes=MAX_BYTES, timeout_s=timeout_s
            )
        else:
            got = await fetch.get(url, accept="application/json", max_bytes=MAX_BYTES, timeout_s=timeout_s)
    except FetchRefused as refused:
        return {"code": refused.code, "text": refused.text}
    return {"status": got.status, "size": len(got.body), "start": got.body[:64].decode("latin-1")}


async def run_control(sniffer: Sniffer) -> dict[str, Any]:
    """What the sniffer sees of a client without a guard: proof that it would see ours."""
    loop = asyncio.get_running_loop()
    for address in CONTROL_ADDRESSES:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as naked:
            naked.setblocking(False)
            try:
                async with asyncio.timeout(CONTROL_S):
                    await loop.sock_connect(naked, (address, 443))
            except OSError:
                continue
    return {"contacts": sniffer.taken()}


async def run_spelling(fetch: GuardedFetch, url: str) -> dict[str, Any]:
    try:
        await fetch.get(url, accept="*/*", max_bytes=MAX_BYTES, timeout_s=TIMEOUT_S)
    except FetchRefused as refused:
        return {"code": refused.code}
    return {}


async def main(folder: Path) -> None:
    loop = asyncio.get_running_loop()
    sniffer = Sniffer()
    _, dns = await loop.create_datagram_endpoint(Dns, local_addr=("127.0.0.1", DNS_PORT))
    hosts = Hosts(folder)
    await hosts.start()
    fetch = GuardedFetch(ca_file=hosts.ca_file)
    show("control", await run_control(sniffer))
    for url in FORBIDDEN_URLS:
        found = await run_spelling(fetch, url)
        show(url, found | {"contacts": sniffer.taken(), "asked": dns.asked.total()})
    for case in LAB_CASES:
        before = dns.asked[f"{case.host} A"]
        found = await run_case(fetch, case)
        asked = dns.asked[f"{case.host} A"] - before
        seen = hosts.seen.pop(case.name, None)
        show(case.name, found | {"contacts": sniffer.taken(), "asked": asked, "seen": seen})
    stray = [name for name in dns.asked if ".inside" in name]
    show("stray look-ups", {"names": stray})
    await fetch.close()
    await hosts.stop()


def show(name: str, found: dict[str, Any]) -> None:
    print(json.dumps({"name": name, **found}), flush=True)


if __name__ == "__main__":
    lab_folder = Path(sys.argv[1])
    lay_the_wire()
    name_the_resolver(lab_folder)
    # A proxy from the environment would be a way round every check.
    os.environ |= {"HTTPS_PROXY": f"http://{LOST_V4}:3128", "HTTP_PROXY": f"http://{LOST_V4}:3128"}
    assert ssl.HAS_SNI
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(lab_folder))
    # Threads of look-ups that nobody answered would be waited for.
    sys.stdout.flush()
    os._exit(0)

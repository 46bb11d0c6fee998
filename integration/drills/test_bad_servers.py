# SPDX-License-Identifier: Apache-2.0
"""Servers, programs and agents that behave badly, each checked by one running dyadd: every check ends in a reason that says what was
wrong, within its time limit, while none fills memory or keeps the others waiting."""

import contextlib
import itertools
import os
import pathlib
import random
import re
import socket
import ssl
import tempfile
import threading
import time

import pytest
from lab import Lab, Node, RealServer, conf
from lab.machine import certificate
from lab.wait import until

TIMEOUT = 1.0        # s, of every check
INTERVAL = 0.2       # s, from one to the next
LATE = 1.5           # s between two checks of a server that is well, at most: far above what one of these would cost if others waited for it
MEMORY = 64 * 1024   # KiB that the checker may have used, ever
HEAD = b"HTTP/1.1 200 OK\r\n"
LINE_PROTOCOLS = ("smtp", "imap", "pop3", "ftp")
KEYS = {"mysql": 'user = "a"', "postgresql": 'user = "a"', "hl7": "message = 'MSH|^~\\&|D||A||||ZZZ^Z99|1|P|2.5'"}


# ---- what the servers do with a connection ----

def forever(piece, pause=0.0, first=b""):
    """Sends `first`, then `piece` again and again until the other side has gone."""
    def serve(connection):
        connection.sendall(first)
        while True:
            connection.sendall(piece)
            time.sleep(pause)
    return serve


def gigabyte(first):
    def serve(connection):
        connection.sendall(first)
        block = b"x" * 1_000_000
        for _ in range(1000):
            connection.sendall(block)
    return serve


def once(said):
    """Says it, and waits for the other side to go."""
    def serve(connection):
        connection.recv(65536)
        connection.sendall(said)
        while connection.recv(65536):
            pass
    return serve


def at_once(said):
    """As agents do: says it without being asked."""
    def serve(connection):
        connection.sendall(said)
        while connection.recv(65536):
            pass
    return serve


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def noise(connection):
    """Random bytes, different ones each time."""
    numbers = random.Random(next(SEEDS))
    while True:
        connection.sendall(numbers.randbytes(4096))


SEEDS = itertools.count(20261122)

PAGE = 'type = "http", expect = { equals = "well" }'
# name: what the server does, its check, what the reason must say
SERVERS = {
    "nothing": (once(b""), PAGE, r"no answer within 1 s"),
    "a byte a second": (forever(b"H", 1.0), PAGE, r"no (complete )?answer within 1 s"),
    "a body by bytes": (forever(b"x", 0.2, HEAD + b"Content-Length: 1000\r\n\r\n"), PAGE, r"no complete answer within 1 s"),
    "an endless status line": (forever(b"x" * 4096, 0, b"HTTP/1.1 200 "), PAGE, r"head"),
    "an endless first line of nothing known": (forever(b"A" * 4096), PAGE, r"the head of the answer is longer than"),
    "lines of nothing known": (forever(b"SSH-2.0-x\r\n" * 100), PAGE, r"the answer is not HTTP/1"),
    "a huge field": (forever(b"x" * 4096, 0, HEAD + b"X: "), PAGE, r"the head of the answer is longer than"),
    "fields without end": (forever(b"X-Field: y\r\n" * 100, 0, HEAD), PAGE, r"the head of the answer is longer than"),
    "interim answers without end": (forever(b"HTTP/1.1 100 Continue\r\n\r\n" * 100), PAGE, r"."),
    "a redirect to itself": (once(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"), PAGE, r'status 302 to "/"'),
    "a gigabyte with its length": (gigabyte(HEAD + b"Content-Length: 1000000000\r\n\r\n"), PAGE, r"body is longer than \d+ bytes"),
    "a gigabyte without": (gigabyte(HEAD + b"\r\n"), PAGE, r"body is longer than \d+ bytes"),
    "a gigabyte to be searched": (gigabyte(HEAD + b"\r\n"), 'type = "http", expect = { contains = "well" }', r'in its first \d+ bytes but starts with "xxx'),
    "a chunk of too great a size": (once(HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx"), PAGE, r"."),
    "an answer that ends too early": (lambda c: (c.recv(65536), c.sendall(HEAD + b"Content-Length: 10\r\n\r\nwel")), PAGE, r"closed within the body"),
    "an end without an answer": (lambda c: c.recv(65536), PAGE, r"closed without an answer"),
    "a connection that is cut": (reset, PAGE, r"connection reset"),
    "NUL bytes": (once(b"\0" * 4096), PAGE, r"no complete answer within 1 s"),
    "garbage instead of TLS": (forever(b"\xff\0\xaa\x55" * 1024), 'type = "https"', r"TLS handshake failed: "),
    "half a TLS record": (once(b"\x16\x03\x03\x40\x00\x02"), 'type = "https"', r"no TLS handshake within 1 s"),
    "HTTP instead of TLS": (once(b"HTTP/1.1 400 Bad Request\r\n\r\n"), 'type = "https"', r"TLS handshake failed: "),
    "another's certificate": ("tls", 'type = "https", verify = true, host = "pacs.example"', r"the certificate is not accepted: "),
    "a certificate that nobody knows": ("tls", 'type = "tls", verify = true, host = "server.example"', r"the certificate is not accepted: self-signed"),
    "a PDU without end": (once(b"\x02\0\xff\xff\xff\xff" + b"x" * 4096), 'type = "dicom"', r"a PDU of 4294967295 bytes is longer than"),
    "an acknowledgement without end": (forever(b"x" * 4096, 0, b"\x0b"), f'type = "hl7", {KEYS["hl7"]}', r"longer|more than"),
    "a bulk of too great a size": (once(b"$99999999999999999999\r\nx"), 'type = "redis"', r"."),
    "an answer of lines without end": (forever(b"220-x\r\n" * 600), 'type = "smtp"', r"says more than 256 KiB"),
}
for kind in ("dicom", "hl7", "redis", "ldap", "mysql", "postgresql", "sip", "dns", *LINE_PROTOCOLS):
    more = {"dns": ', query = "a.example", tcp = true', "sip": ", tcp = true"}.get(kind, f", {KEYS[kind]}" if kind in KEYS else "")
    SERVERS[f"{kind} noise"] = (noise, f'type = "{kind}"{more}', r"^(?!no .* within)(?!.*(broken pipe|reset)).")
    SERVERS[f"{kind} a letter without end"] = (forever(b"A" * 4096), f'type = "{kind}"{more}', r"^(?!no .* within)(?!.*(broken pipe|reset)).")
    SERVERS[f"{kind} a byte a second"] = (forever({"dns": b"\0", "ldap": b"0"}.get(kind, b"\x01"), 1.0), f'type = "{kind}"{more}',
                                          r"^no (greeting|association|acknowledgement|answer.*) within 1 s$|^the .* is not ")

# name: a program's text, what the reason must say
PROGRAMS = {
    "hangs": ("echo $$ > {}; exec sleep 1000", r"^no end of the program within 1 s$"),
    "hangs with its children": ("for i in 1 2 3 4 5; do sleep 1000 & done; echo $! > {}; wait", r"^no end of the program within 1 s$"),
    "does not heed signals": ("trap '' TERM INT HUP; echo $$ > {}; while :; do sleep 1; done", r"^no end of the program within 1 s$"),
    "leaves children": ("for i in 1 2 3 4 5; do sleep 1000 & done; echo $! > {}; exit 3", r"^exit status 3$"),
    "writes a gigabyte": ("head -c 1000000000 /dev/zero; exit 3", r"^exit status 3|^no end of the program within 1 s$"),
    "writes without end": ("exec yes", r"^no end of the program within 1 s$"),
    "is killed": ("kill -SEGV $$", r"^killed by signal 11$"),
}
ODD_PROGRAMS = {"/no/such/program": r'^"/no/such/program" does not exist$', "/tmp": r"may not be executed"}

AGENTS = {
    "noise": noise, "a line without end": forever(b"load average " * 400), "a byte a second": forever(b"1", 1.0), "too much": at_once(b"1000%\n"),
    "less than nothing": at_once(b"-5%\n"), "what nobody knows": at_once(b"all is well, trust me\n"), "nothing": at_once(b""),
}


class Bad:
    """Answers each connection to a port of its own as `serve` does."""

    def __init__(self, host, port, serve, tls):
        self.tls = tls if serve == "tls" else None
        self.serve = once(HEAD + b"\r\n") if serve == "tls" else serve
        self.listening = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listening.bind((host.address(), port))
        self.listening.listen(64)
        host.lab.on_close(self.listening.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._answer, args=(self.listening.accept()[0],), daemon=True).start()

    def _answer(self, connection):
        with contextlib.suppress(OSError), connection:
            connection.settimeout(5)
            self.serve(self.tls.wrap_socket(connection, server_side=True) if self.tls else connection)


class Site:
    def __init__(self, lab):
        bad, well = lab.real_servers
        self.folder = tempfile.TemporaryDirectory()
        os.chmod(self.folder.name, 0o777)
        lab.on_close(self.folder.cleanup)
        self.well = RealServer(well)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate(f"{lab.directory}/server.pem", "server.example"))
        self.parts, self.services = [], {}
        for name, (serve, check, reason) in SERVERS.items():
            self.add(name, bad.address(), check, reason)
            Bad(bad, self.port(), serve, tls)
        for name, (text, reason) in PROGRAMS.items():
            self.add(name, bad.address(), f'type = "external", command = "{self.program(name, text)}"', reason)
        for command, reason in ODD_PROGRAMS.items():
            self.add(command, bad.address(), f'type = "external", command = "{command}"', reason)
        plain = self.program("plain", "exit 0")
        os.chmod(plain, 0o644)
        self.add("is not executable", bad.address(), f'type = "external", command = "{plain}"', r"may not be executed; make it a file with chmod")
        self.add("a closed port", bad.address(), PAGE, r"^connection refused$")
        self.add("an unreachable net", "10.99.0.1", PAGE, r"^no route to host$|^network is unreachable$")
        self.add("a machine that is gone", "10.77.0.99", PAGE, r"^no connection within 1 s$|^no route to host$")
        lab.nodes[0].ip("route", "add", "unreachable", "10.99.0.0/24")
        for name, serve in AGENTS.items():
            self.add(f"agent: {name}", well.address(), 'type = "http", port = 80, request = "/health", expect = { equals = "allServicesOperative" }',
                     r"^200 OK, body as expected$", agent=f'{{ type = "tcp", port = {self.port() + 1}, interval = "200ms", timeout = "1s" }}')
            Bad(well, self.port(), serve, tls)
        self.add("agent: up", bad.address(), PAGE + ", port = 19999", r"^connection refused$", agent=f'{{ type = "tcp", port = {self.port() + 1}, interval = "200ms" }}')
        Bad(bad, self.port(), at_once(b"up ready 100%\n"), tls)
        self.add("canary", well.address(), PAGE, r"body as expected")
        self.asked = []   # when, each time
        Bad(well, self.port(), self.canary, tls)
        self.node = Node(lab.nodes[0], "primary")
        self.node.write("node.toml", conf.alone(lab.nodes[0]))
        self.node.write("cluster.toml", conf.cluster(*self.parts, check_interval=f"{INTERVAL * 1000:.0f}ms"))
        self.node.start()

    def canary(self, connection):
        self.asked.append(time.monotonic())
        once(HEAD + b"Content-Length: 4\r\n\r\nwell")(connection)

    def port(self):
        return 20000 + len(self.parts)

    def add(self, name, address, check, reason, **more):
        """One more service with one server, whose port is of this service alone: what comes next listens on `port()`."""
        self.services[name] = (f"s{len(self.parts) + 1}", reason)
        self.parts.append(conf.service(f"s{len(self.parts) + 1}", "10.77.0.101", 10001 + len(self.parts), {"s": {"address": address, "port": self.port() + 1}},
                                       check=f'{{ {check}, timeout = "{TIMEOUT * 1000:.0f}ms" }}', **more))

    def program(self, name, text):
        path = pathlib.Path(self.folder.name) / name.replace(" ", "-")
        path.write_text("#!/bin/sh\n" + text.format(f"{path}.pid") + "\n")
        path.chmod(0o755)
        return path


@pytest.fixture(scope="module")
def bad():
    with Lab(heartbeat_links=0, nodes=1, real_servers=2, clients=0, observers=0) as lab:
        yield Site(lab)


def is_down(bad, name):
    service, reason = bad.services[name]

    def so():
        said = bad.node.server(service, "s")
        return said["health"] == "down" and re.search(reason, said["reason"]) and said
    return until(so, 15, f"{name}: down, {reason}", every=0.05, describe=lambda: str(bad.node.server(service, "s")))


@pytest.mark.parametrize("name", SERVERS)
def test_a_bad_server_is_down_and_the_reason_says_why(bad, name):
    said = is_down(bad, name)
    assert said["latency_ms"] <= TIMEOUT * 1000 + 500 and len(said["reason"].encode()) <= 200, said


@pytest.mark.parametrize("name", [*PROGRAMS, *ODD_PROGRAMS, "is not executable"])
def test_a_bad_program_is_down_and_nothing_of_it_is_left(bad, name):
    is_down(bad, name)
    file = pathlib.Path(bad.folder.name) / f"{name.replace(' ', '-')}.pid"
    if name in PROGRAMS and "{}" in PROGRAMS[name][0]:
        pid = int(until(lambda: file.exists() and file.read_text().strip(), 5, "the program has run"))
        until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), 5, f"process {pid} of one run is gone")


@pytest.mark.parametrize("name", ["a closed port", "an unreachable net", "a machine that is gone"])
def test_where_nobody_is(bad, name):
    is_down(bad, name)


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_that_makes_no_sense_changes_nothing(bad, name):
    service, reason = bad.services[f"agent: {name}"]

    def so():
        said = bad.node.server(service, "s")
        return said["health"] == "up" and re.search(reason, said["reason"]) and said["agent"] and said
    said = until(so, 10, f"{name}: up, and its agent is quoted", describe=lambda: str(bad.node.server(service, "s")))
    assert said["share"] == 100 and re.search('not understood|nothing|says "1000%"', said["agent"]), said


def test_an_agent_that_praises_a_server_that_is_down_changes_nothing(bad):
    assert is_down(bad, "agent: up")["agent"] == 'agent says "up ready 100%"'


def test_none_of_them_delays_another_check_or_fills_memory(bad):
    node = bad.node
    begun = node.pids()["checker"]
    bad.asked.clear()
    until(lambda: len(bad.asked) > 40, 30, "forty checks of a server that is well", describe=node.describe)
    gaps = [later - earlier for earlier, later in zip(bad.asked, bad.asked[1:])]
    assert max(gaps) < LATE, sorted(gaps)[-5:]
    assert {node.server(bad.services["canary"][0], "s")["health"], *(e["text"] for e in node.events()
            if e["kind"] == "health" and f"{bad.services['canary'][0]}/s is down" in e["text"])} == {"up"}
    assert node.pids()["checker"] == begun and not [p for p in node.status()["processes"] if p["restarts"]]
    used = int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path(f"/proc/{begun}/status").read_text())[1])
    assert used < MEMORY, f"{used} KiB"

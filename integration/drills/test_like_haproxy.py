# SPDX-License-Identifier: Apache-2.0
"""The same requests through HAProxy and through dyadd: servers and clients see the same, but for what docs/LIKE_HAPROXY.md lists."""

import collections
import pathlib
import re
import subprocess
import sys
import zlib

import pytest
from lab import Lab, Node, conf
from lab.recorder import Recorder
from lab.talk import Talk
from lab.wait import until
from request_stream import STREAM, early, get, on_server
from unlike_haproxy import DIFFERENCES, rows

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "bench"))

import peers  # noqa: E402  (needs the path above)

OURS, THEIRS = "10.77.0.100", "10.77.0.11"
WEB, COOKIE = 80, 81
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "LIKE_HAPROXY.md"
ALLOWED = {case: lines for difference in DIFFERENCES for case, lines in difference.cases.items()}
HAPROXY = """
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-request 5s
    timeout http-keep-alive 60s
    option forwardfor
    option redispatch
    http-reuse safe
    balance roundrobin
listen web
    bind {address}:{web}
    {servers}
listen cookie
    bind {address}:{cookie}
    cookie SERVERID insert indirect nocache httponly attr SameSite=Lax
    {servers_with_cookies}
"""


class Site:
    """A node on which both run, in front of the same two servers."""

    def __init__(self, lab):
        self.client = lab.clients[0]
        self.servers = [Recorder(host) for host in lab.real_servers]
        for server in self.servers:
            server.answer, server.early = on_server, early
        self.node = Node(lab.nodes[0], "primary")
        self.node.write("node.toml", conf.alone(lab.nodes[0]))
        settings = dict(servers={s.name: {"address": s.address, "port": s.port} for s in self.servers}, mode="http", check='{ type = "on" }')
        self.node.write("cluster.toml", conf.cluster(
            conf.service("web", OURS, WEB, **settings),
            conf.service("cookie", OURS, COOKIE, **settings, persistence='{ mode = "http_cookie" }')))
        self.node.start()
        self._start_theirs(lab)
        until(lambda: self.is_there(OURS) and self.is_there(THEIRS), 10, "both are there", every=0.05, describe=self.node.describe)

    def _start_theirs(self, lab):
        program, environment = peers.fetch("haproxy", "/usr/sbin/haproxy")
        file = pathlib.Path(lab.directory) / "haproxy.cfg"
        names = [f"server {s.name} {s.address}:{s.port}" for s in self.servers]
        file.write_text(HAPROXY.format(address=THEIRS, web=WEB, cookie=COOKIE, servers="\n    ".join(names),
                                       servers_with_cookies="\n    ".join(f"{n} cookie {n.split()[1]}" for n in names)))
        lab.nodes[0].popen([program, "-db", "-f", file], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_there(self, address):
        try:
            with Talk(self.client, address, WEB) as talk:
                return goes_on(talk)
        except OSError:
            return False

    def seen(self):
        """What the servers saw, in order of arrival on each; then it is forgotten."""
        out = [(server.name, seen) for server in self.servers for seen in server.requests]
        broken = [fault for server in self.servers for fault in server.broken]
        for server in self.servers:
            server.forget()
        return out, broken


@pytest.fixture(scope="module")
def site():
    with Lab(heartbeat_links=0, nodes=1, real_servers=2, clients=1, observers=0) as lab:
        yield Site(lab)


def described(body, chunked):
    text = f"{body!r}" if len(body) < 100 else f"of sum {zlib.crc32(body)}"
    return f"{len(body)} bytes in chunks {text}" if chunked else text


def lines_of_answer(got):
    """Of an own page only the status counts: its words are everybody's own."""
    if got is None:
        return ["client: the connection ends"]
    own = got.status >= 400 and got.body and b"<html" in got.body.lower()
    fields = [] if own else [f"client: {name.lower()}: {value}" for name, value in got.fields]
    first = f"client: {got.head.split()[1].decode()}" if own else f"client: {got.head.splitlines()[0].decode()}"
    body = [] if own else [f"client: body {described(got.body, got.chunked)}{'' if got.whole else ', cut'}"]
    return [first, *fields, *body, *([f"client: trailer {got.trailers.lower()!r}"] if got.trailers else [])]


def lines_of_request(seen):
    fields = [f"server: {name.lower()}: {value}" for name, value in seen.fields]
    return [f"server: {seen.line}", *fields, f"server: body {described(seen.body, seen.chunked)}",
            *([f"server: trailer {seen.trailers.lower()!r}"] if seen.trailers else [])]


def goes_on(talk):
    try:
        got = talk.send(get(b"/after")).answer()
        return got is not None and got.status == 200
    except OSError:
        return False


def outcome(site, address, steps):
    """All that can be seen of one connection's requests, as lines."""
    site.seen()
    lines, alive, last = [], True, ""
    with Talk(site.client, address, WEB) as talk:
        for sent, *methods in steps:
            try:
                talk.send(sent)
            except OSError:
                lines.append("client: could not send all")
            for last in methods:
                while alive:
                    got = talk.answer(last)
                    lines += lines_of_answer(got)
                    alive = got is not None
                    if not alive or got.status >= 200 or last in ("100", "101"):
                        break
        if last == "101" and alive:
            talk.send(b"and a frame")
            lines.append(f"client: tunnel {talk.stream.exactly(len(b'hello and a frame'))!r}")
        seen, broken = site.seen()
        if alive and last != "101":
            lines.append(f"client: the connection {'stays' if goes_on(talk) else 'ends'}")
    for _, one in sorted(seen, key=lambda pair: pair[1].path):
        lines += lines_of_request(one)
    counts = sorted(collections.Counter(name for name, _ in seen).values())
    return lines + [f"servers: {counts}"] + [f"server: broken {fault}" for fault in broken]


def differences(ours, theirs):
    """Lines of one alone, "+" for ours and "-" for theirs; and whether what is common to both has another order."""
    a, b = collections.Counter(ours), collections.Counter(theirs)
    common = a & b
    out = sorted(f"+ {line}" for line in (a - b).elements()) + sorted(f"- {line}" for line in (b - a).elements())
    order = [[line for line in lines if line in common] for lines in (ours, theirs)]
    return out + (["the order differs"] if order[0] != order[1] and not out else [])


@pytest.mark.parametrize("name", STREAM)
def test_servers_and_clients_see_the_same(site, name):
    """But for what is allowed, and all of what is allowed: nothing is listed that is not so."""
    ours, theirs = (outcome(site, address, STREAM[name]) for address in (OURS, THEIRS))
    assert differences(ours, theirs) == sorted(ALLOWED.get(name, [])), "\n".join(["", "ours:", *ours, "", "theirs:", *theirs])


def test_every_difference_is_written_down():
    """The page's table is the list, word by word; and every case of the list is one of the stream."""
    table = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("|")]
    assert table == list(rows())
    assert set(ALLOWED) <= set(STREAM)


def test_servers_take_turns_alike(site):
    def turns(address):
        site.seen()
        return [asked(site, address, WEB)[0] for _ in range(40)]
    ours, theirs = turns(OURS), turns(THEIRS)
    for seen in (ours, theirs):
        assert [a != b for a, b in zip(seen, seen[1:])] == [True] * 39, seen


def asked(site, address, port, *fields, path=b"/"):
    """(name of the server, what it saw, the answer) of one request on a connection of its own."""
    with Talk(site.client, address, port) as talk:
        got = talk.send(get(path, *fields)).final()
    ((name, seen),), _ = site.seen()
    return name, seen, got


@pytest.mark.parametrize("path, always", [(b"/", {"cache-control"}), (b"/validated", set())])
def test_cookies_keep_clients_alike(site, path, always):
    """`always`: what ours says to every new client, theirs only where a cache could keep the answer."""
    seen = [cookie_of(site, address, path) for address in (OURS, THEIRS)]
    assert always <= seen[0]["fields"] and not always & seen[1]["fields"]
    seen[0]["fields"] -= always
    assert seen[0] == seen[1]


def cookie_of(site, address, path):
    """What a client meets who gets a cookie, comes again with it, and comes with one that means nothing."""
    site.seen()
    name, _, got = asked(site, address, COOKIE, path=path)
    given, = got.values("set-cookie")
    value = re.match(r"SERVERID=(\w+)", given)[1].encode()
    again = [asked(site, address, COOKIE, b"Cookie: a=1; SERVERID=" + value + b"; b=2", path=path) for _ in range(4)]
    foreign = asked(site, address, COOKIE, b"Cookie: SERVERID=0123456789abcdef", path=path)[2]
    return {"given": re.sub(r"=\w+;", "=*;", given, count=1).lower(),
            "fields": {field.lower() for field, _ in got.fields},
            "stays": {server for server, _, _ in again} == {name},
            "the server sees": {value for _, seen, _ in again for value in seen.values("cookie")},
            "given again": {value for _, _, repeated in again for value in repeated.values("set-cookie")},
            "given for another": len(foreign.values("set-cookie"))}

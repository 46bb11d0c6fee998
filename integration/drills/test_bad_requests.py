# SPDX-License-Identifier: Apache-2.0
"""Bad requests and bad answers, byte for byte through a running proxy: nobody else sees anything of them."""

import collections
import random
import re
import threading

import pytest
from bad_input import (ANSWERS, BAD_HEALTH, CUT, END, ENDLESS_ANSWERS, ENDLESS_REQUESTS, GONE, HARMLESS, REQUESTS, SMUGGLED, get, in_chunks,
                       post)
from lab import Lab, Node, conf
from lab.recorder import CLOSE, PLAIN, RESET, WAIT, Bytes, Malformed, Recorder, read_request
from lab.talk import Talk, read_answer
from lab.wait import until

WEB, CHECKED, SECRET, HURRIED = "10.77.0.100", "10.77.0.101", "10.77.0.102", "10.77.0.103"
HEALTHY = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nwell"
QUIET = 0.4    # seconds without an answer after which the client ends what it has to say
ROOM = 24      # MB that the proxy may grow by, whatever it is sent
MUCH = 8       # MB of what has no end


class Site:
    """One node and recording servers: `web` has a cookie, `checked` a health check, `secret` is spoken to in TLS;
    `hurried` does not wait long for an answer."""

    def __init__(self, lab):
        self.lab, self.client = lab, lab.clients[0]
        host = lab.real_servers[0]
        self.server, self.checked, self.secret = Recorder(host), Recorder(host, 8080), Recorder(host, 8443)
        self.checked.answer = lambda seen: [HEALTHY, CLOSE]
        self.node = Node(lab.nodes[0], "primary")
        self.node.write("node.toml", conf.alone(lab.nodes[0]))
        on, servers = '{ type = "on" }', {"rs1": host.address()}
        check = '{ type = "http", port = 8080, timeout = "1s", expect = { equals = "well" } }'
        self.node.write("cluster.toml", conf.cluster(
            conf.service("web", WEB, 80, servers, mode="http", check=on, persistence='{ mode = "http_cookie" }', fallback="disabled"),
            conf.service("checked", CHECKED, 80, servers, mode="http", check=check),
            conf.service("hurried", HURRIED, 80, servers, mode="http", check=on, timeouts='{ answer = "300ms" }'),
            conf.service("secret", SECRET, 8443, servers, mode="http", check=on, re_encrypt=True)))
        self.node.start()
        until(self.serves, 10, "a request is answered", every=0.05, describe=self.node.describe)
        self.proxy = self.node.pids()["proxy"]

    def serves(self):
        try:
            with self.talk() as talk:
                got = talk.send(get(target=b"/well")).answer()
                return got and got.status == 200
        except OSError:
            return False

    def talk(self, patience=5.0):
        return Talk(self.client, WEB, patience=patience)

    def memory(self):
        """MB of the proxy in memory."""
        with open(f"/proc/{self.proxy}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) / 1024

    def is_unharmed(self):
        """The same process is there and serves others."""
        self.server.answer, self.server.greeting = (lambda seen: [PLAIN]), (lambda sock: None)
        assert self.node.pids()["proxy"] == self.proxy, "the proxy has died\n" + self.node.log_text(80)
        assert self.serves()


@pytest.fixture(scope="module")
def whole():
    with Lab(heartbeat_links=0, nodes=1, real_servers=1, clients=1, observers=0) as lab:
        yield Site(lab)


@pytest.fixture
def site(whole):
    """Has seen nothing yet."""
    whole.server.forget()
    yield whole
    whole.is_unharmed()


def said(site, raw, expected=1):
    """Sends it; the answers until the connection ends. The client ends its side when so many have come, or nothing more does."""
    answers = []
    with site.talk(QUIET) as talk:
        try:
            talk.send(raw)
        except OSError:
            pass   # refused before all was sent
        try:
            while len(answers) < expected and (got := talk.answer()):
                answers.append(got)
        except TimeoutError:
            pass
        talk.socket.settimeout(8)
        talk.no_more()
        while got := talk.answer():
            answers.append(got)
    return answers


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_refused_or_arrives_as_one(site, name):
    raw, wanted = REQUESTS[name]
    answers = said(site, raw, len(wanted) if isinstance(wanted, list) else 1)
    seen = site.server.requests
    assert not site.server.broken, (site.server.broken, answers)
    assert not any(b"/smuggled" in one.head for one in seen), seen
    if wanted == GONE or isinstance(wanted, (int, tuple)):
        assert not seen, (seen, answers)
        assert all(a.status >= 400 and a.whole and a.values("connection") == ["close"] for a in answers) and len(answers) < 2, answers
        if wanted != GONE:
            assert [a.status for a in answers][0] in (wanted if isinstance(wanted, tuple) else (wanted,)), answers
    else:
        bodies = wanted if isinstance(wanted, list) else [wanted]
        assert [one.body for one in seen] == bodies, (seen, answers)
        assert [a.body for a in answers if a.status == 200] == [b"ok"] * len(bodies), answers
        assert not any(name.lower() in ("forwarded", "te", "http2-settings") for one in seen for name, _ in one.fields), seen
        assert not any("h2c" in value for one in seen for value in one.values("upgrade")), seen


MUTANTS = 3000
SPLINTERS = [b"\r", b"\n", b"\r\n", b"\0", b" ", b"\t", b":", b",", b";", b"0", b"1", b"f", b"-", b"#", b"Content-Length: 3\r\n",
             b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"\r\n\r\n", b"0\r\n\r\n", b"\xff", b"HTTP/1.1", b"GET / "]


GOOD_REQUESTS = [raw for raw, wanted in REQUESTS.values() if len(raw) < 2000 and isinstance(wanted, (bytes, list))]
GOOD_ANSWERS = [b"".join(steps) for steps in HARMLESS.values()] + [in_chunks(b"2\r\nok\r\n3;x\r\nabc\r\n" + END)[0]]


def mutated(chance, raws):
    """One of them in which a few bytes were put, taken or swapped."""
    raw = bytearray(chance.choice(raws))
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(len(raw) + 1)
        raw[at:at + chance.choice([0, 0, 1, 2])] = chance.choice(SPLINTERS)
    return bytes(raw)


def strictly_read(raw):
    """(method, body) of the requests that everybody finds in these bytes."""
    found, stream = [], Bytes(raw)
    try:
        while True:
            while stream.buffer.startswith(b"\r\n"):   # RFC 9112 2.2
                stream.buffer = stream.buffer[2:]
            seen = read_request(stream, 0)
            found.append((seen.line.split(" ")[0], seen.body))
    except (EOFError, Malformed):
        return found


def test_no_mutant_is_read_in_two_ways(site):
    """Whatever comes: the server can read all that it gets, and gets nothing that a strict reader does not find in the input."""
    chance = random.Random(1)
    forwarded = 0
    for _ in range(MUTANTS):
        raw = mutated(chance, GOOD_REQUESTS) + SMUGGLED
        site.server.forget()
        with site.talk() as talk:
            try:
                talk.send(raw).no_more()
            except OSError:
                pass   # refused before all was sent
            while talk.answer():
                pass
        got = [(seen.line.split(" ")[0], seen.body) for seen in site.server.requests]
        assert not site.server.broken and got == strictly_read(raw)[:len(got)], (raw, got, site.server.broken)
        forwarded += len(got)
    assert MUTANTS // 4 < forwarded, "most were refused: the mutants try too little"


# ---- servers ----

def was_never_used_again(site, number):
    """Others are served, and nothing more came over that connection to the server."""
    site.server.answer = lambda seen: [PLAIN]
    before = len(site.server.requests)
    for _ in range(8):   # more than there are threads, each of which keeps connections
        with site.talk() as talk:
            assert talk.send(get()).final().body == b"ok"
    used = {seen.connection for seen in site.server.requests[before:]}
    assert len(site.server.requests) == before + 8 and number not in used, (number, used)


def use_no_kept_connection(site):
    site.server.cut()
    until(lambda: not site.server.open, 3, "the server's connections have ended")


def test_a_good_answers_connection_is_used_again(site):
    """What the tests below look for can be seen."""
    with site.talk() as talk:
        for _ in range(3):
            assert talk.send(get()).final().body == b"ok"
    assert len({seen.connection for seen in site.server.requests}) == 1


@pytest.mark.parametrize("name", ANSWERS)
def test_a_bad_answer_harms_nobody_else(site, name):
    steps, wanted, *rest = ANSWERS[name]
    method = rest[0] if rest else b"GET"
    use_no_kept_connection(site)
    site.server.answer = lambda seen: list(steps)
    with site.talk() as talk:
        got = talk.send(method + b" /bad HTTP/1.1\r\nHost: a\r\n\r\n").final(method.decode())
        if isinstance(wanted, int):
            assert got.status == wanted and got.whole, got
        elif wanted is CUT:   # the client can see that something is missing
            assert got is None or got.status == 502 or not got.whole, got
        else:
            assert (got.status, got.body, got.whole) == (*wanted, True), got
            assert len(got.values("content-length")) + len(got.values("transfer-encoding")) < 2, got
        if got is None or got.status == 502 or not got.whole or got.to_the_end:
            assert talk.ends()
    assert [seen.path for seen in site.server.requests] == ["/bad"], site.server.requests
    was_never_used_again(site, site.server.requests[0].connection)


@pytest.mark.parametrize("steps", [[WAIT], [b"HTTP/1.1 200 OK\r\nContent-Le", WAIT], [b"HTTP/1.1 100 Continue\r\n\r\n", WAIT]],
                         ids=["nothing", "half a head", "an interim answer"])
def test_a_server_that_is_too_slow_harms_nobody_else(site, steps):
    site.server.answer = lambda seen: steps
    with Talk(site.client, HURRIED) as talk:
        got = talk.send(get(target=b"/slow")).final()
        assert got.status == 504 and got.whole and got.values("connection") == ["close"], got
        assert talk.ends()
    assert [seen.path for seen in site.server.requests] == ["/slow"], site.server.requests
    was_never_used_again(site, site.server.requests[0].connection)


@pytest.mark.parametrize("name", HARMLESS)
def test_an_odd_answer_is_an_answer(site, name):
    """It is whole, and its connection is used again."""
    site.server.answer = lambda seen: HARMLESS[name]
    with site.talk() as talk:
        for _ in range(2):
            got = talk.send(get()).final()
            assert (got.status, got.body, got.whole) == (200, b"ok", True), got
    assert len({seen.connection for seen in site.server.requests}) == 1


def keep_connections(site, count=6):
    """So many connections to the server wait to be used again."""
    gate = threading.Barrier(count + 1)
    site.server.answer = lambda seen: [lambda sock: gate.wait(5), PLAIN]
    talks = [site.talk() for _ in range(count)]
    for talk in talks:
        talk.send(get(target=b"/keep"))
    gate.wait(5)
    for talk in talks:
        assert talk.final().status == 200
        talk.socket.close()
    site.server.forget()


@pytest.mark.parametrize("end", [CLOSE, RESET], ids=["closed", "reset"])
@pytest.mark.parametrize("method, most", [(b"GET", 2), (b"POST", 1)])
def test_a_request_that_ends_its_connection_is_not_sent_over_all_others(site, end, method, most):
    """RFC 9110 9.2.2: what may be repeated is repeated once, by itself; and nothing else at all."""
    keep_connections(site)
    site.server.answer = lambda seen: [end]
    with site.talk() as talk:
        assert talk.send(method + b" /fatal HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").final().status == 502
    assert 1 <= len(site.server.requests) <= most, f"sent {len(site.server.requests)} times"


def test_a_kept_connection_that_has_ended_is_nobodys_fault(site):
    """The server closes while the request is under way: a client does not notice, but for a POST on its own connection."""
    keep_connections(site, 1)
    ended = []

    def answer(seen):
        ended.append(seen.connection)
        return [CLOSE] if len(ended) == 1 else [PLAIN]
    with site.talk() as talk:
        site.server.answer = lambda seen: [PLAIN]
        assert talk.send(get()).final().status == 200
        site.server.answer = answer
        assert talk.send(get(target=b"/again")).final().body == b"ok"
    assert len(ended) == 2 and len(set(ended)) == 2


def test_no_mutant_of_an_answer_is_anothers(site):
    """Whatever a server says, the next answer that a client gets is its own, on the same connection and on others."""
    chance = random.Random(1)
    outcomes = collections.Counter()
    for number in range(MUTANTS // 3):
        raw, path = mutated(chance, GOOD_ANSWERS), f"/own{number}"

        def answer(seen):
            if seen.path != "/mutant":
                return [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(seen.path), seen.path.encode())]
            return [raw] if ends_by_itself(raw) else [raw, CLOSE]
        site.server.answer = answer
        with site.talk() as talk:
            got = talk.send(get(target=b"/mutant")).final()
            outcomes[got and got.status] += 1
            try:
                following = talk.send(get(target=path.encode())).final()
            except OSError:
                following = None   # closed, as it may be
            assert following is None or following.body == path.encode(), (raw, following)
        with site.talk() as talk:
            assert talk.send(get(target=path.encode())).final().body == path.encode(), raw
    assert min(outcomes[200], outcomes[502]) > MUTANTS // 50, outcomes


def ends_by_itself(raw):
    """Does everybody find a whole final answer in these bytes?"""
    stream = Bytes(raw.lstrip(b"\r\n"))
    try:
        got = read_answer(stream)
        while got and got.status < 200:
            got = read_answer(stream)
        return got is not None and got.whole and not got.to_the_end
    except (ValueError, IndexError):
        return False


def test_what_a_server_says_unasked_is_nobodys_answer(site):
    with site.talk() as talk:
        assert talk.send(get()).final().body == b"ok"
        number = site.server.requests[0].connection
        site.server.open[number].sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nnever")
        until(lambda: number not in site.server.open, 3, "the proxy has closed that connection")
        assert talk.send(get()).final().body == b"ok"
        was_never_used_again(site, number)


def test_an_answer_before_the_request_is_whole(site):
    """The server says no and goes; the client learns of it and nothing of the body is taken for a request."""
    refusal = b"HTTP/1.1 413 Too much\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"
    site.server.greeting = lambda sock: (sock.recv(4096), sock.sendall(refusal), sock.close())
    use_no_kept_connection(site)
    with site.talk() as talk:
        got = talk.send(post(b"Content-Length: 1000000"), b"x" * 1000).final()
        assert (got.status, got.body) == (413, b"no") and talk.ends()
    assert not site.server.requests


# ---- without end ----

@pytest.mark.parametrize("name", ENDLESS_REQUESTS)
def test_an_endless_request_costs_no_memory(site, name):
    first, more = ENDLESS_REQUESTS[name]
    before = site.memory()
    with site.talk() as talk:
        try:
            talk.send(first, *([more] * ((MUCH << 20) // len(more))))
        except OSError:
            pass   # refused, and closed
        got = talk.answer()
        assert got is None or got.status in (400, 431)
        assert talk.ends() and site.memory() - before < ROOM
    assert not site.server.requests


@pytest.mark.parametrize("name", ENDLESS_ANSWERS)
def test_an_endless_answer_costs_no_memory(site, name):
    first, more = ENDLESS_ANSWERS[name]
    sent = []

    def pour(sock):
        sock.sendall(first)
        while sum(sent) < MUCH << 20:
            sock.sendall(more)
            sent.append(len(more))
    before = site.memory()
    site.server.answer = lambda seen: [pour]
    with site.talk() as talk:
        assert talk.send(get()).final().status == 502
    assert site.memory() - before < ROOM and sum(sent) < MUCH << 20


def test_many_unfinished_heads_cost_their_bytes_and_no_more(site):
    """A thousand clients that stop in mid-head keep nobody out; they are sent away when their time is over."""
    before, count = site.memory(), 1000
    talks = [site.talk(10) for _ in range(count)]
    try:
        for talk in talks:
            talk.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 8000)
        assert site.serves()
        assert site.memory() - before < ROOM + count * 64 / 1024
        assert [talk.answer().status for talk in talks] == [408] * count
    finally:
        for talk in talks:
            talk.socket.close()


# ---- other doors ----

def test_clear_text_before_the_handshake_is_no_answer(site):
    """CVE-2026-1642: whoever is between us and the server speaks first."""
    site.secret.greeting = lambda sock: sock.sendall(PLAIN)
    with Talk(site.client, SECRET, 8443) as talk:
        assert talk.send(get()).final().status == 502
    assert not site.secret.requests


@pytest.mark.parametrize("name", BAD_HEALTH)
def test_a_bad_health_page_is_a_failure_and_no_more(site, name):
    def is_now(health):
        until(lambda: site.node.server("checked", "rs1")["health"] == health, 5, f"the server is {health}", describe=site.node.describe)
    checker = site.node.pids()["checker"]
    is_now("up")
    try:
        site.checked.answer = lambda seen: BAD_HEALTH[name]
        is_now("down")
    finally:
        site.checked.answer = lambda seen: [HEALTHY, CLOSE]
    is_now("up")
    assert site.node.pids()["checker"] == checker

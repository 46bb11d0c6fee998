# SPDX-License-Identifier: Apache-2.0
"""Health checks of medical systems against the programs that people run: dcmtk's storescp, and an HL7 server of python3-hl7.
Good and broken, on both nodes; what operators get to see of a check; and what feedback agents make of a server."""

import asyncio
import collections
import json
import os
import pathlib
import socket
import ssl
import tempfile

import pytest
from hl7.mllp import start_hl7_server
from lab import Lab, Pair, RealServer, conf
from lab.probe import fetch
from lab.server import background
from lab.wait import until

WEB, ARCHIVE, ENGINE = "10.77.0.100", "10.77.0.101", "10.77.0.102"
MESSAGE = "MSH|^~\\&|DYAD|LB|ENGINE|HIS|20260101||ZZZ^Z99|DYAD1|P|2.5"
PASSWORD = "geheimnis-4711"
OVER_TCP = '{ type = "tcp", interval = "100ms" }'   # how agents are asked


class Archive:
    """storescp on port 104."""

    def __init__(self, host, *options, **more):
        self.host, self.process, self.folder = host, None, tempfile.TemporaryDirectory()
        host.lab.on_close(self.stop)
        self.start(*options, **more)

    def start(self, *options, port=104):
        self.process = self.host.popen(["storescp", *options, "-od", self.folder.name, str(port)])

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None


class Engine:
    """Acknowledges every message on its port with `code`; over TLS with a context for it."""

    def __init__(self, host, port=2575, tls=None):
        self.code, self.messages = "AA", []
        listening = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.bind((host.address(), port))
        listening.listen(64)
        self.server = background.call(start_hl7_server(self._serve, sock=listening, ssl=tls))
        host.lab.on_close(self.stop)

    async def _serve(self, reader, writer):
        try:
            message = await reader.readmessage()
            self.messages.append(str(message))
            writer.writemessage(message.create_ack(self.code))
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def stop(self):
        background.loop.call_soon_threadsafe(self.server.close)


class Hospital:
    def __init__(self, lab):
        host = lab.real_servers[0]
        self.web, self.archive, self.engine = RealServer(host), Archive(host), Engine(host)
        self.files = tempfile.TemporaryDirectory()
        key, certificate = f"{self.files.name}/key.pem", f"{self.files.name}/certificate.pem"
        host.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=s1",
                  "-days", "10"])
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        self.secure_engine = Engine(host, 2576, tls)
        self.secure_archive = Archive(host, "+tls", key, certificate, "-ic", port=2762)
        servers = {"s1": host.address()}
        web = (f'{{ type = "http", request = "/health", headers = {{ "X-Probe" = "dyad" }}, user = "monitor", '
               f'password = "{PASSWORD}", expect = {{ status = "2xx", contains = "Operative" }} }}')
        self.pair = Pair(lab, conf.cluster(
            conf.service("web", WEB, 80, servers, check=web),
            conf.service("archive", ARCHIVE, 104, servers, check='{ type = "dicom", called_ae = "ARCHIVE" }'),
            conf.service("search", ARCHIVE, 2764, servers, check='{ type = "dicom", port = 104, query = "PatientID=NOBODY" }'),
            conf.service("secure", ARCHIVE, 2762, servers, check='{ type = "dicom", tls = true, min_days = 5, warn_days = 20 }'),
            conf.service("ending", ARCHIVE, 2763, servers, check='{ type = "tls", port = 2762, min_days = 20 }'),
            conf.service("engine", ENGINE, 2575, servers, check=f"{{ type = \"hl7\", message = '{MESSAGE}' }}"),
            conf.service("secure_engine", ENGINE, 2576, servers, check=f"{{ type = \"hl7\", tls = true, min_days = 5, message = '{MESSAGE}' }}")))
        self.pair.start()
        self.pair.up("web", "archive", "secure", "engine", "secure_engine")

    def becomes(self, service, health, reason=""):
        for node in self.pair.nodes:
            until(lambda: node.server(service, "s1")["health"] == health and reason in node.server(service, "s1")["reason"], 5,
                  f"{service} is {health} on {node.name}, {reason}", describe=node.describe)


@pytest.fixture(scope="module")
def hospital():
    with Lab(heartbeat_links=1, real_servers=1, clients=0, observers=0) as lab:
        yield Hospital(lab)


def test_an_archive_goes_down_and_comes_back(hospital):
    hospital.becomes("archive", "up", "C-ECHO answered with status 0000")
    hospital.archive.stop()
    hospital.becomes("archive", "down", "connection refused")
    hospital.archive.start("--refuse")
    hospital.becomes("archive", "down", "the association was rejected: no reason given (permanent)")
    hospital.archive.stop()
    hospital.archive.start()
    hospital.becomes("archive", "up")


def test_an_archive_that_cannot_search_is_down_for_who_searches(hospital):
    hospital.becomes("search", "down", "the presentation context was refused: the search for studies is not supported")
    tested = hospital.pair.active.dyad("test", "search/s1", check=False).stdout
    assert "association" in tested and "answer to C-FIND" not in tested, tested


def test_an_archive_over_tls_and_its_certificate(hospital):
    hospital.becomes("secure", "up", "C-ECHO answered with status 0000; warning: the certificate ends in 9 days")
    hospital.becomes("ending", "down", "the certificate ends in 9 days; min_days is 20")
    tested = hospital.pair.active.dyad("test", "secure/s1").stdout
    assert "TLS handshake" in tested and "certificate of /CN=s1 until 20" in tested, tested


def test_an_interface_engine_that_does_not_accept_is_down(hospital):
    hospital.becomes("engine", "up", "acknowledged with AA")
    assert hospital.engine.messages[-1].split("\r")[0] == MESSAGE
    hospital.engine.code = "AE"
    hospital.becomes("engine", "down", 'answered with "AE" instead of AA or CA')
    hospital.engine.code = "CA"
    hospital.becomes("engine", "up", "acknowledged with CA")


def test_an_interface_engine_over_tls(hospital):
    hospital.becomes("secure_engine", "up", "acknowledged with AA")
    hospital.secure_engine.code = "AR"
    hospital.becomes("secure_engine", "down", 'answered with "AR" instead of AA or CA')
    hospital.secure_engine.code = "AA"
    hospital.becomes("secure_engine", "up", "acknowledged with AA")


def test_a_check_is_made_for_an_operator_and_changes_nothing(hospital):
    node = hospital.pair.passive
    good = node.dyad("test", "archive/s1")
    for words in ("check of type dicom", "connection", "association", "answer to C-ECHO", "release", "ARCHIVE", "up, after"):
        assert words in good.stdout, good.stdout
    before = node.server("archive", "s1")["since_change_ms"]
    hospital.archive.stop()
    bad = node.dyad("test", "archive/s1", check=False)
    hospital.archive.start()
    assert bad.returncode == 1 and bad.stdout.strip().endswith("connection refused"), bad
    hospital.becomes("archive", "up")
    said = json.loads(node.dyad("--json", "test", "engine/s1").stdout)
    assert said["success"] and [s["name"] for s in said["steps"]] == ["connection", "acknowledgement"], said
    assert said["steps"][1]["sent"].startswith("\\x0bMSH|^~\\\\&|DYAD"), said
    assert node.dyad("test", "web/nobody", check=False).returncode == 1
    assert before >= 0


def test_an_operator_sees_what_the_last_checks_said(hospital):
    hospital.web.health = "somethingWrong"
    hospital.becomes("web", "down", "body does not contain")
    hospital.web.health = "allServicesOperative"
    hospital.becomes("web", "up")
    for node in hospital.pair.nodes:
        shown = json.loads(node.dyad("--json", "status", "web/s1").stdout)
        runs = shown["history"]
        assert [r["success"] for r in runs[:3]] == [True, False, True], runs
        assert "somethingWrong" in runs[1]["reason"] and runs[1]["received"].startswith("HTTP/1.1 200 OK\\r\\n"), runs
        assert "somethingWrong" in node.dyad("status", "web/s1").stdout


def test_a_password_shows_up_nowhere(hospital):
    for node in hospital.pair.nodes:
        tested = node.dyad("test", "web/s1").stdout
        assert "Authorization: Basic (hidden)" in tested and "X-Probe: dyad" in tested, tested
        said = [tested, json.dumps(node.status()), json.dumps(node.events()), node.log_text(1_000_000),
                node.dyad("--json", "status", "web/s1").stdout, node.dyad("--json", "test", "web/s1").stdout]
        assert not [text for text in said if PASSWORD in text or "bW9uaXRvc" in text]


class Agent:
    """Says `word` to whoever connects to port 3333, and to whoever asks by HTTP on port 3334."""

    def __init__(self, host):
        self.word, self.asked = "100%", set()
        self.status, self.requests = "200 OK", set()
        for port, serve in ((3333, self._say), (3334, self._answer)):
            listening = host.socket(socket.AF_INET, socket.SOCK_STREAM)
            listening.bind((host.address(), port))
            listening.listen(64)
            server = background.call(asyncio.start_server(serve, sock=listening))
            host.lab.on_close(lambda server=server: background.loop.call_soon_threadsafe(server.close))

    async def _say(self, _reader, writer):
        self.asked.add(writer.get_extra_info("peername")[0])
        writer.write(f"{self.word}\n".encode())
        writer.close()

    async def _answer(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.add(head.split(b"\r\n")[0].decode())
        body = f"{self.word}\n"
        writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        writer.close()


@pytest.fixture(scope="module")
def farm():
    """A service of two servers, each with an agent."""
    with Lab(heartbeat_links=1, real_servers=2, clients=1, observers=0) as lab:
        servers = [RealServer(h) for h in lab.real_servers]
        agents = [Agent(h) for h in lab.real_servers]
        text = conf.cluster(conf.service("web", WEB, 80, {s.name: s.address for s in servers}, check=conf.health(),
                                         agent=OVER_TCP))
        pair = Pair(lab, text).start()
        pair.up()
        yield pair, servers, agents


def answers(pair, n):
    return collections.Counter(fetch(pair.lab.clients[0], WEB) for _ in range(n))


def shares(pair, name, share):
    for node in pair.nodes:
        until(lambda: node.server("web", name)["share"] == share, 5, f"{name} gets {share}% on {node.name}", describe=node.describe)


def test_an_agent_lowers_the_weight_on_both_nodes(farm):
    pair, servers, agents = farm
    assert answers(pair, 40) == {"rs1": 20, "rs2": 20}
    agents[0].word = "25%"
    shares(pair, "rs1", 25)
    assert agents[0].asked == {h.address() for h in pair.lab.nodes}
    assert answers(pair, 50) == {"rs1": 10, "rs2": 40}
    assert "100 x 25%" in pair.active.dyad("status", "web").stdout
    assert "25%" in pair.passive.dyad("status", "web/rs1").stdout
    pair.active.dyad("handover")
    pair.settle()
    assert answers(pair, 50) == {"rs1": 10, "rs2": 40}, "the other node knows it as well"
    agents[0].word = "100%"
    shares(pair, "rs1", 100)
    assert answers(pair, 40) == {"rs1": 20, "rs2": 20}


def test_an_agent_drains_and_never_overrules_a_check(farm):
    pair, servers, agents = farm
    agents[0].word = "drain"
    shares(pair, "rs1", 0)
    assert answers(pair, 10) == {"rs2": 10}
    assert pair.active.server("web", "rs1")["health"] == "up"
    agents[0].word = "ready up 100%"
    shares(pair, "rs1", 100)
    servers[0].health = "somethingWrong"
    for node in pair.nodes:
        until(lambda: node.server("web", "rs1")["health"] == "down", 5, "down", describe=node.describe)
    assert answers(pair, 10) == {"rs2": 10}
    servers[0].health = "allServicesOperative"
    pair.up()


def test_what_an_agent_said_survives_the_death_of_the_checks(farm):
    pair, _, agents = farm
    agents[1].word = "maint"
    shares(pair, "rs2", 0)
    node = pair.active
    before = node.pids()["checker"]
    node.kill("checker")
    until(lambda: node.pids().get("checker") not in (None, before), 5, "a new checker")
    assert answers(pair, 10) == {"rs1": 10}
    agents[1].word = "ready"
    shares(pair, "rs2", 100)


def test_an_agent_limits_connections_on_both_nodes(farm):
    pair, servers, agents = farm
    agents[0].word = "100% maxconn:1"
    for node in pair.nodes:
        until(lambda: node.server("web", "rs1")["agent_max_connections"] == 1, 5, f"{node.name} knows", describe=node.describe)
    assert "1 connections, as its agent says" in pair.passive.dyad("status", "web/rs1").stdout
    held = []
    try:
        for _ in range(5):
            held.append(pair.lab.clients[0].socket())
            held[-1].settimeout(5)
            held[-1].connect((WEB, 80))
        active = lambda: [pair.active.server("web", name)["active"] for name in ("rs1", "rs2")]  # noqa: E731
        until(lambda: active() == [1, 4], 5, "one and no more", describe=pair.active.describe)
        agents[0].word = "maxconn:0"
        until(lambda: pair.active.server("web", "rs1")["agent_max_connections"] == 0, 5, "no limit again", describe=pair.active.describe)
    finally:
        for connection in held:
            connection.close()
    until(lambda: active() == [0, 0], 5, "all are gone", describe=pair.active.describe)
    agents[0].word = "100%"
    assert answers(pair, 40) == {"rs1": 20, "rs2": 20}


def test_an_agent_over_http(farm):
    pair, _, agents = farm
    before = pair.primary.read("cluster.toml")
    agents[0].word, agents[1].word = "50%", "100%"
    try:
        pair.primary.apply(before.replace(OVER_TCP, '{ type = "http", port = 3334, request = "/load", interval = "100ms" }'))
        shares(pair, "rs1", 50)
        assert "GET /load HTTP/1.1" in agents[0].requests
        agents[0].status = "500 Broken"   # what is not understood changes nothing
        agents[0].word = "10%"
        for node in pair.nodes:
            until(lambda: "500" in node.server("web", "rs1")["agent"], 5, f"{node.name} says so", describe=node.describe)
        assert {node.server("web", "rs1")["share"] for node in pair.nodes} == {50}
        agents[0].status = "200 OK"
        shares(pair, "rs1", 10)
    finally:
        agents[0].word, agents[0].status = "100%", "200 OK"
        pair.primary.apply(before)
        pair.settle()
    shares(pair, "rs1", 100)


def test_programs_are_told_of_servers_that_come_and_go(farm):
    """On both nodes, as a user without privileges, in the order of the changes; one that hangs is killed with its children."""
    pair, servers, _ = farm
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        hook = pathlib.Path(folder) / "hook"
        hook.write_text(f"""#!/bin/sh
echo "$# $1/$2 $3 $DYAD_HEALTH_BEFORE $DYAD_ADDRESS:$DYAD_PORT $(id -u) $DYAD_REASON" >> {folder}/$PPID
[ "$3" = up ] || exit 7
""")
        hook.chmod(0o755)
        pair.primary.apply(pair.primary.read("cluster.toml") + f'\n[checks]\non_change = "{hook}"\n')
        pair.settle()
        servers[1].health = "somethingWrong"
        for node in pair.nodes:
            until(lambda: node.server("web", "rs2")["health"] == "down", 5, "down", describe=node.describe)
        servers[1].health = "allServicesOperative"
        pair.up()
        for node in pair.nodes:
            file = pathlib.Path(folder) / str(node.pids()["checker"])
            until(lambda: file.exists() and len(file.read_text().splitlines()) >= 2, 5, "the hook was run twice", describe=node.describe)
            lines = file.read_text().splitlines()[-2:]
            address = f"{servers[1].address}:80"
            assert lines[0].startswith(f"3 web/rs2 down up {address} ") and "somethingWrong" in lines[0], lines
            assert lines[1].startswith(f"3 web/rs2 up down {address} "), lines
            assert lines[0].split()[5] != "0", lines
            until(lambda: "ended with status 7" in json.dumps(node.events()), 5, "an event", describe=node.describe)

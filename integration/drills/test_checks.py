# SPDX-License-Identifier: Apache-2.0
"""Health checks of medical systems against the programs that people run: dcmtk's storescp, and an HL7 server of python3-hl7.
Good and broken, on both nodes; and what operators get to see of a check."""

import asyncio
import json
import socket
import tempfile

import pytest
from hl7.mllp import start_hl7_server
from lab import Lab, Pair, RealServer, conf
from lab.server import background
from lab.wait import until

WEB, ARCHIVE, ENGINE = "10.77.0.100", "10.77.0.101", "10.77.0.102"
MESSAGE = "MSH|^~\\&|DYAD|LB|ENGINE|HIS|20260101||ZZZ^Z99|DYAD1|P|2.5"
PASSWORD = "geheimnis-4711"


class Archive:
    """storescp on port 104."""

    def __init__(self, host):
        self.host, self.process, self.folder = host, None, tempfile.TemporaryDirectory()
        host.lab.on_close(self.stop)
        self.start()

    def start(self, *options):
        self.process = self.host.popen(["storescp", *options, "-od", self.folder.name, "104"])

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None


class Engine:
    """Acknowledges every message on port 2575 with `code`."""

    def __init__(self, host):
        self.code, self.messages = "AA", []
        listening = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.bind((host.address(), 2575))
        listening.listen(64)
        self.server = background.call(start_hl7_server(self._serve, sock=listening))
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
        servers = {"s1": host.address()}
        web = (f'{{ type = "http", request = "/health", headers = {{ "X-Probe" = "dyad" }}, user = "monitor", '
               f'password = "{PASSWORD}", expect = {{ status = "2xx", contains = "Operative" }} }}')
        self.pair = Pair(lab, conf.cluster(
            conf.service("web", WEB, 80, servers, check=web),
            conf.service("archive", ARCHIVE, 104, servers, check='{ type = "dicom", called_ae = "ARCHIVE" }'),
            conf.service("engine", ENGINE, 2575, servers, check=f"{{ type = \"hl7\", message = '{MESSAGE}' }}")))
        self.pair.start()
        self.pair.up()

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


def test_an_interface_engine_that_does_not_accept_is_down(hospital):
    hospital.becomes("engine", "up", "acknowledged with AA")
    assert hospital.engine.messages[-1].split("\r")[0] == MESSAGE
    hospital.engine.code = "AE"
    hospital.becomes("engine", "down", 'answered with "AE" instead of AA or CA')
    hospital.engine.code = "CA"
    hospital.becomes("engine", "up", "acknowledged with CA")


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

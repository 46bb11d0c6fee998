# SPDX-License-Identifier: Apache-2.0
"""The access log of a running node: what it says of requests and connections, to whom it belongs, and how it is put aside."""

import os
import re
import signal
import stat

import pytest
from lab import Lab, Node, conf
from lab.recorder import CLOSE, PLAIN, WAIT, Recorder
from lab.talk import Talk
from lab.wait import until

WEB, PLAIN_TCP = "10.77.0.100", "10.77.0.101"
LINE = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z client=\S+ service="[^"]*" server=(-|"[^"]*")'
                  r'( method="[^"]*" host="[^"]*" path="[^"]*"(\.\.\.)? status=(-|\d+))? in=\d+ out=\d+ queue=\S+ connect=\S+'
                  r'( answer=\S+)? total=[\d.]+ ended="[a-zA-Z\' ]+"\Z')


class Site:
    def __init__(self, lab):
        self.lab, self.client = lab, lab.clients[0]
        self.server = Recorder(lab.real_servers[0])
        self.node = Node(lab.nodes[0], "primary")
        self.log = os.path.join(lab.directory, "access.log")
        self.node.write("node.toml", conf.alone(lab.nodes[0]))
        self.node.write("cluster.toml", self.text(f'{{ to = "{self.log}" }}'))
        self.node.start()
        until(lambda: self.asks(b"/first") == 200, 10, "a request is answered", every=0.05, describe=self.node.describe)

    def text(self, log):
        servers, on = {"rs1": self.server.address}, '{ type = "on" }'
        whole = conf.cluster(
            conf.service("web", WEB, 80, servers, mode="http", check=on, timeouts='{ answer = "300ms" }'),
            conf.service("plain", PLAIN_TCP, 80, servers, mode="tcp", check=on))
        return whole.replace("[layer7]\n", f"[layer7]\naccess_log = {log}\n" if log else "[layer7]\n")

    def asks(self, path, address=WEB):
        try:
            with Talk(self.client, address) as talk:
                got = talk.send(b"GET " + path + b" HTTP/1.1\r\nHost: pacs\r\nConnection: close\r\n\r\n").answer()
                return got and got.status
        except OSError:
            return None

    def lines(self, file=None):
        try:
            with open(file or self.log, encoding="ascii") as log:
                return log.read().splitlines()
        except FileNotFoundError:
            return []

    def line(self, *words, file=None):
        """The line that has all of these."""
        def found():
            return next((text for text in self.lines(file) if all(w in text for w in words)), None)
        return until(found, 5, f"a line says {words}", describe=lambda: "\n".join(self.lines(file)[-10:]))


@pytest.fixture(scope="module")
def site():
    with Lab(heartbeat_links=0, nodes=1, real_servers=1, clients=1, observers=0) as lab:
        yield Site(lab)


@pytest.fixture(autouse=True)
def answers(site):
    site.server.answer = lambda seen: [PLAIN]


def test_a_line_tells_of_a_request_and_a_connection(site):
    assert site.asks(b"/images?study=1") == 200
    said = site.line('path="/images?study=1"')
    assert LINE.match(said), said
    assert f"client={site.client.address()}:" in said and 'service="web" server="rs1" method="GET" host="pacs"' in said
    assert "status=200" in said and 'ended="answered"' in said
    assert site.asks(b"/", PLAIN_TCP) == 200
    said = site.line('service="plain"')
    assert LINE.match(said) and "method=" not in said and re.search(r'ended="(client|server) closed"', said), said
    mode = os.stat(site.log)
    assert stat.S_IMODE(mode.st_mode) == 0o640 and mode.st_uid == 0


def test_a_line_says_who_is_to_blame(site):
    site.server.answer = lambda seen: [WAIT]
    assert site.asks(b"/slow") == 504
    site.server.answer = lambda seen: [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", CLOSE]
    assert site.asks(b"/half") == 200
    assert 'server="rs1"' in site.line('path="/slow"', "status=504", 'ended="server was too slow"')
    site.line('path="/half"', 'ended="server broke off"')


def test_nobody_writes_a_line_of_his_own(site):
    forged = b'/x"%20ended="answered"\\'
    site.asks(forged)
    site.asks(b"/" + b"y" * 5000)
    site.line(r'path="/x\x22%20ended=\x22answered\x22')
    assert len(site.line('path="/yyyy')) < 1000
    assert all(LINE.match(line) for line in site.lines()), [line for line in site.lines() if not LINE.match(line)]


def test_a_log_that_was_put_aside_goes_on_in_a_fresh_file(site):
    aside = site.log + ".1"
    os.rename(site.log, aside)
    until(lambda: os.path.exists(site.log), 5, "a fresh file is there", describe=site.node.log_text)
    os.rename(site.log, aside)
    site.node.process.send_signal(signal.SIGHUP)
    until(lambda: os.path.exists(site.log), 1, "a fresh file is there at once", describe=site.node.log_text)
    assert site.asks(b"/after") == 200
    site.line('path="/after"')


def test_a_proxy_that_is_started_again_goes_on(site):
    site.node.kill("proxy")
    until(lambda: site.asks(b"/again") == 200, 5, "a request is answered", every=0.05, describe=site.node.describe)
    site.line('path="/again"')


def test_the_log_follows_the_configuration(site):
    site.node.apply(site.text('{ to = "journal" }'))
    until(lambda: site.asks(b"/told") == 200 and 'path="/told"' in site.node.log_text(), 5, "dyadd's own lines have it", every=0.05,
          describe=site.node.log_text)
    before = len(site.lines())
    assert site.asks(b"/last") == 200
    until(lambda: 'path="/last"' in site.node.log_text(), 5, "dyadd's own lines have it", describe=site.node.log_text)
    assert len(site.lines()) == before
    site.node.apply(site.text('{ to = "/nonexistent/access.log" }'))
    until(lambda: any("/nonexistent/access.log cannot be written" in e["text"] for e in site.node.events()), 5, "an event says so",
          describe=site.node.log_text)
    assert site.asks(b"/served") == 200
    site.node.apply(site.text(None))
    assert site.asks(b"/unseen") == 200
    site.node.apply(site.text('{ to = "journal" }'))
    until(lambda: site.asks(b"/seen") == 200 and 'path="/seen"' in site.node.log_text(), 5, "dyadd's own lines have it", every=0.05,
          describe=site.node.log_text)
    assert "/unseen" not in "".join(map(str, site.lines())) + site.node.log_text(lines=10000)

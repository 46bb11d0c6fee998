# SPDX-License-Identifier: Apache-2.0
"""The PROXY protocol with HAProxy on either side: it tells us who the client is, and we tell it. Both versions, both modes."""

import pathlib
import subprocess
import sys

import pytest
from lab import Lab, Node, conf
from lab.recorder import Recorder
from lab.talk import Talk
from lab.wait import until

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "bench"))

import peers  # noqa: E402  (needs the path above)

OURS, THEIRS = "10.77.0.100", "10.77.0.11"
# Where HAProxy takes clients and tells us (v1, v2), where we take what it tells, and where it takes what we tell.
FRONT = {("http", "v1"): 81, ("http", "v2"): 82, ("tcp", "v1"): 83, ("tcp", "v2"): 84}
BACK = 90
HAPROXY = """
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 10s
    timeout server 10s
{fronts}
listen back
    bind {theirs}:{back} accept-proxy
    option forwardfor header X-Told
    server one {server}
"""
FRONT_TEXT = """
listen front{port}
    mode tcp
    bind {theirs}:{port}
    server ours {ours}:{port} source {theirs} send-proxy{version}
"""


class Chain:
    """client - HAProxy - dyadd - HAProxy - server; each relay tells the next of the client."""

    def __init__(self, lab):
        self.client = lab.clients[0]
        self.server = Recorder(lab.real_servers[0])
        self.node = Node(lab.nodes[0], "primary")
        self.node.write("node.toml", conf.alone(lab.nodes[0]))
        self.node.write("cluster.toml", conf.cluster(*(
            conf.service(f"{mode}-{version}", OURS, port, {"haproxy": {"address": THEIRS, "port": BACK}}, mode=mode,
                         check='{ type = "http", request = "/check" }',
                         proxy_protocol=f'{{ from = ["{THEIRS}"], send = "{version}" }}')
            for (mode, version), port in FRONT.items())))
        self._start_theirs(lab)
        self.node.start()
        until(lambda: all(self.ask(port) for port in FRONT.values()), 10, "all ways lead there", every=0.1, describe=self.node.describe)
        self.server.forget()

    def _start_theirs(self, lab):
        program, environment = peers.fetch("haproxy", "/usr/sbin/haproxy")
        file = pathlib.Path(lab.directory) / "haproxy.cfg"
        fronts = "".join(FRONT_TEXT.format(ours=OURS, theirs=THEIRS, port=port, version="-v2" if version == "v2" else "")
                         for (_, version), port in FRONT.items())
        file.write_text(HAPROXY.format(fronts=fronts, theirs=THEIRS, back=BACK, server=f"{self.server.address}:{self.server.port}"))
        lab.nodes[0].popen([program, "-db", "-f", file], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(self, port, address=THEIRS):
        """True when the server answered."""
        try:
            with Talk(self.client, address, port) as talk:
                talk.send(b"GET /there HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                answer = talk.answer()
                return answer is not None and answer.status == 200
        except OSError:
            return False


@pytest.fixture(scope="module")
def chain():
    with Lab(heartbeat_links=0, nodes=1, real_servers=1, clients=1, observers=0) as lab:
        yield Chain(lab)


@pytest.mark.parametrize("mode, version", FRONT)
def test_the_client_is_told_through_both(chain, mode, version):
    chain.server.forget()
    assert chain.ask(FRONT[mode, version])
    seen = [request for request in chain.server.requests if request.path == "/there"]
    assert len(seen) == 1
    assert seen[0].values("X-Told") == [chain.client.address()]
    assert seen[0].values("X-Forwarded-For") == ([chain.client.address()] if mode == "http" else [])


def test_who_is_not_trusted_tells_nothing(chain):
    for port in FRONT.values():
        chain.server.forget()
        assert chain.ask(port, OURS)   # an ordinary client, whom we tell of
        assert chain.server.requests[-1].values("X-Told") == [chain.client.address()]
        with Talk(chain.client, OURS, port) as talk:
            talk.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /there HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            answer = talk.answer()
            assert answer is None or answer.status == 400


def test_health_checks_speak_for_themselves(chain):
    checks = until(lambda: [r for r in chain.server.requests if r.path == "/check"], 5, "a check", every=0.1)
    assert checks[-1].values("X-Told") == [THEIRS]   # LOCAL and UNKNOWN: the connection's own address

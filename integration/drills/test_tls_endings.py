# SPDX-License-Identifier: Apache-2.0
"""Servers that end TLS with a farewell and servers that just close, as many do: clients get all that was sent before."""

import contextlib
import socket
import ssl
import threading

import pytest
from lab import Lab, Node, conf
from lab.machine import certificate
from lab.talk import Talk
from lab.wait import until

SERVICES = {"tcp": "10.77.0.101", "http": "10.77.0.100"}
CLEAR, SECURE = 8443, 443
BODY = bytes(range(256)) * 8_000   # more than sockets and the proxy hold, so that the end comes while some is on its way
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
HEADS = {"with a length": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY),
         "to the end": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"}


class Server:
    """Answers each connection with BODY in TLS, and closes; `farewell`: not without saying so."""

    def __init__(self, host, pem):
        self.head, self.farewell = HEADS["with a length"], True
        self.begin()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(pem)
        self._listening = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listening.bind((host.address(), CLEAR))
        self._listening.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()
        host.lab.on_close(lambda: self._listening.shutdown(socket.SHUT_RDWR))

    def begin(self):
        self.sent, self.seen, self.done = 0, 0, False

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listening.accept()[0],), daemon=True).start()

    def _serve(self, raw):
        with contextlib.suppress(OSError), self._tls.wrap_socket(raw, server_side=True) as connection:
            connection.recv(65536)
            for at in range(0, len(self.head + BODY), 65536):
                connection.sendall((self.head + BODY)[at:at + 65536])
                self.sent = at + 1
            if self.farewell:
                connection.unwrap()
        self.done = True

    def is_stuck(self):
        """Has it sent all, or nothing since the last look?"""
        before, self.seen = self.seen, self.sent
        return self.done or 0 < self.sent == before


class Site:
    def __init__(self, lab):
        self.client, host = lab.clients[0], lab.real_servers[0]
        self.node = Node(lab.nodes[0], "primary")
        self.node.write("node.toml", conf.alone(lab.nodes[0]))
        self.node.write("certificates/web.pem", "", 0o600)
        pem = certificate(f"{self.node.config_dir}/certificates/web.pem", "web", *SERVICES.values())
        self.server, self.trust = Server(host, pem), ssl.create_default_context(cafile=pem)
        self.node.write("cluster.toml", conf.cluster(*(
            conf.service(mode, address, CLEAR, {host.name: host.address()}, mode=mode, check='{ type = "on" }', re_encrypt=True,
                         tls=f'{{ ports = [{SECURE}], certificate = "web" }}') for mode, address in SERVICES.items())))
        self.node.start()
        until(lambda: all(self._answers(address) for address in SERVICES.values()), 10, "the services answer", every=0.05,
              describe=self.node.describe)

    def _answers(self, address):
        try:
            with Talk(self.client, address, CLEAR) as talk:
                got = talk.send(REQUEST).answer()
                return got and got.status == 200
        except OSError:
            return False

    def read_slowly(self, mode, port):
        """What a client gets that begins to read when everybody else has no more room."""
        with self.client.socket(socket.AF_INET, socket.SOCK_STREAM) as raw:
            raw.settimeout(5)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            raw.connect((SERVICES[mode], port))
            connection = self.trust.wrap_socket(raw, server_hostname=SERVICES[mode]) if port == SECURE else raw
            connection.sendall(REQUEST)
            until(self.server.is_stuck, 5, "the server cannot send more", every=0.05)
            got = bytearray()
            with contextlib.suppress(OSError), connection:   # how it ends is another question
                while data := connection.recv(16384):
                    got += data
            return bytes(got).partition(b"\r\n\r\n")[2]


@pytest.fixture(scope="module")
def site():
    with Lab(heartbeat_links=0, nodes=1, real_servers=1, clients=1, observers=0) as lab:
        yield Site(lab)


@pytest.mark.parametrize("farewell", [True, False], ids=["farewell", "just closed"])
@pytest.mark.parametrize("body", HEADS)
@pytest.mark.parametrize("port", [CLEAR, SECURE], ids=["client in clear", "client in TLS"])
@pytest.mark.parametrize("mode", SERVICES)
def test_all_that_the_server_sent_arrives(site, mode, port, body, farewell):
    site.server.head, site.server.farewell = HEADS[body], farewell
    site.server.begin()
    got = site.read_slowly(mode, port)
    assert (len(got), got == BODY) == (len(BODY), True)

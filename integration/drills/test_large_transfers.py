# SPDX-License-Identifier: Apache-2.0
"""More bytes than 32 bits count, up and down, through a proxy that holds but a few of them."""

import pathlib
import re
import socket
import threading

import pytest
from lab import Lab, Node, conf
from lab.wait import until

ADDRESSES = {"http": "10.77.0.100", "tcp": "10.77.0.101"}
SIZE = (1 << 32) + 12_345   # bytes
RESIDENT = 100              # MB of the proxy
PIECE = 1 << 20
PATIENCE = 60               # seconds
FIELDS = b" HTTP/1.1\r\nHost: archive\r\nConnection: close\r\n"
UP, DOWN = b"PUT /image" + FIELDS + b"Content-Length: %d\r\n\r\n" % SIZE, b"GET /image" + FIELDS + b"\r\n"


def pour(sock, size):
    """Sends so many bytes, of which only the last is no zero."""
    zeros = memoryview(bytes(PIECE))
    left = size - 1
    while left:
        left -= sock.send(zeros[:min(PIECE, left)])
    sock.sendall(b"$")


def drink(sock, size):
    """Reads so many bytes; how many came, and the last."""
    room, left = bytearray(PIECE), size
    while left and (got := sock.recv_into(room, min(PIECE, left))):
        left -= got
    return size - left, bytes(room[got - 1:got])


def head_of(sock):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    return head


def archive(host):
    """A server that takes one image, and says how much of it came, or gives one; in a thread of its own for each client."""
    listening = host.socket()
    listening.bind(("", 80))
    listening.listen()

    def serve(sock):
        sock.settimeout(PATIENCE)
        with sock:
            if head_of(sock).startswith(b"PUT"):
                said = b"%d ending with %s" % drink(sock, SIZE)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))
            else:
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
                pour(sock, SIZE)

    def accept():
        try:
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
        except OSError:
            pass   # the lab is closed
    threading.Thread(target=accept, daemon=True).start()
    host.lab.on_close(lambda: listening.shutdown(socket.SHUT_RDWR))


@pytest.fixture(scope="module")
def site():
    with Lab(heartbeat_links=0, nodes=1, real_servers=1, clients=1, observers=0) as lab:
        archive(lab.real_servers[0])
        node = Node(lab.nodes[0], "primary")
        node.write("node.toml", conf.alone(node.host))
        servers = {"rs1": lab.real_servers[0].address()}
        node.write("cluster.toml", conf.cluster(*(conf.service(mode, address, 80, servers, mode=mode, check='{ type = "on" }')
                                                  for mode, address in ADDRESSES.items())))
        node.start()
        until(lambda: node.state == "active", 10, "the node serves", describe=node.describe)
        yield node


def peak(node):
    """MB that the proxy has had in memory at most."""
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{node.pids()['proxy']}/status").read_text())[1]) / 1024


@pytest.mark.parametrize("mode", ADDRESSES)
@pytest.mark.parametrize("way", ["up", "down"])
def test_an_image_of_more_than_4_gb(site, mode, way):
    with site.host.lab.clients[0].socket() as sock:
        sock.settimeout(PATIENCE)
        sock.connect((ADDRESSES[mode], 80))
        sock.sendall(UP if way == "up" else DOWN)
        if way == "up":
            pour(sock, SIZE)
        head = head_of(sock)
        assert head.startswith(b"HTTP/1.1 200 "), head
        if way == "up":
            assert sock.recv(100) == b"%d ending with $" % SIZE
        else:
            assert drink(sock, SIZE) == (SIZE, b"$")
        assert sock.recv(1) == b""
    assert peak(site) < RESIDENT

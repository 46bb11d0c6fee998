# SPDX-License-Identifier: Apache-2.0
"""One balancer, two real servers, two clients on a bridge, and what tests ask of them."""

import contextlib
import itertools
import os
import pathlib
import socket
import struct
import subprocess
import threading

from lab import Lab
from lab.wait import until

BUILD = pathlib.Path(os.environ.get("DYAD_BUILD", "build/dev"))
WITHIN = 20          # seconds: the machine is emulated
GET_COMMANDS = (4, 8, 11, 13, 15)   # of IPVS: services, destinations, sync daemons, timeouts, version
NETLINK_GENERIC = 16
FIRST_FAMILY = 0x11     # generic messages below are about families


class Town(Lab):
    """Service addresses are 10.77.0.100 and up, fd77:0::100 and up, put on the balancer and, for direct routing, the servers."""

    def __init__(self):
        super().__init__(heartbeat_links=0, nodes=1, real_servers=2, clients=2, observers=0)
        self.balancer = self.nodes[0]
        self.answerers = []
        self.undo = []
        self.closing = []   # programs to run on hosts
        for server in self.real_servers:
            with server.inside():
                for name, value in (("arp_ignore", "1"), ("arp_announce", "2")):
                    pathlib.Path(f"/proc/sys/net/ipv4/conf/all/{name}").write_text(value)
        self.on_close(self.clear)

    def direct(self, *addresses):
        """The addresses on the balancer, and on the servers' loopback where they do not answer ARP."""
        self._add(self.balancer, "eth0", addresses)
        for server in self.real_servers:
            self._add(server, "lo", addresses)

    def masqueraded(self, *addresses):
        """The addresses on the balancer, which is the servers' way to the clients."""
        self._add(self.balancer, "eth0", addresses)
        for server in self.real_servers:
            self._do(server, [f"route replace {c.address()} via {self.balancer.address()}" for c in self.clients],
                     [f"route del {c.address()}" for c in self.clients])

    def only_balancer(self, *addresses):
        """The addresses on the balancer; the servers know nothing of it."""
        self._add(self.balancer, "eth0", addresses)

    def also_through_balancer(self, host):
        """This host answers the first client by way of the balancer, as a real server would."""
        client = self.clients[0].address()
        self._do(host, [f"route replace {client} via {self.balancer.address()}"], [f"route del {client}"])

    def tunnelled(self, address, unwraps=""):
        """The address on the balancer and behind each server's tunnels; `unwraps` makes what the kernel's own do not."""
        self.direct(address)
        for server in self.real_servers:
            made = unwraps.format(address=server.address(), address6=server.ports["eth0"].address6).split()
            ends = ["tunl0", "gre0"]
            if made:
                run(server, made)
                is_link = made[1] == "link"
                ends += made[3:4] if is_link else []
                self.closing.append((server, ["ip", "link", "del", made[3]] if is_link else [*made[:2], "del", *made[3:5]]))
            with server.inside():
                for interface in ("all", "default", *ends):
                    pathlib.Path(f"/proc/sys/net/ipv4/conf/{interface}/rp_filter").write_text("0")
            self._do(server, [f"link set {end} up" for end in ends], [f"link set {end} down" for end in ends])

    def answer(self, ports, udp=()):
        """Each server says its name on these TCP ports, of IPv4 and IPv6, and on these UDP ports of its IPv4 address."""
        made = [Answerer(server, ports, udp) for server in self.real_servers]
        self.answerers += made
        return made

    def clear(self):
        for answerer in self.answerers:
            answerer.stop()
        self.answerers.clear()
        for host, lines in self.undo:
            host.ip_batch(lines)
        self.undo.clear()
        for host, argv in self.closing:
            run(host, argv, check=False)
        self.closing.clear()
        run(self.balancer, ["ipvsadm", "-C"])
        run(self.balancer, ["nft", "flush", "ruleset"])
        with self.balancer.inside():   # what mode snat asks for
            pathlib.Path("/proc/sys/net/ipv4/vs/conntrack").write_text("0")

    def _add(self, host, port, addresses):
        entries = [f"{a}/128 dev {port} nodad" if ":" in a else f"{a}/32 dev {port}" for a in addresses]
        self._do(host, [f"addr add {entry}" for entry in entries], [f"addr del {entry.removesuffix(' nodad')}" for entry in entries])

    def _do(self, host, lines, undo):
        """One short process now, and one that takes it back after the test."""
        host.ip_batch(lines)
        self.undo.append((host, undo))


def run(host, argv, check=True, input=None):
    """A program on a host, started from a thread that is there: half the cost of `ip netns exec` under emulation."""
    with host.inside():
        return subprocess.run(argv, check=check, text=True, timeout=WITHIN * 3, input=input, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Answerer:
    """Says its host's name, a blank and the client's address to whoever connects or sends a datagram; then it echoes."""

    def __init__(self, host, ports, udp=()):
        self.host = host
        self.sockets = [self._bound(socket.SOCK_STREAM, "::", port) for port in ports]
        self.sockets += [self._bound(socket.SOCK_DGRAM, f"::ffff:{host.address()}", port) for port in udp]
        for one in self.sockets:
            serve = self._accept if one.type == socket.SOCK_STREAM else self._datagrams
            threading.Thread(target=serve, args=(one,), daemon=True).start()

    def stop(self):
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)   # wakes the thread
            one.close()

    def _bound(self, kind, address, port):
        one = self.host.socket(socket.AF_INET6, kind)
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((address, port))
        if kind == socket.SOCK_STREAM:
            one.listen(64)
        return one

    def _greeting(self, peer):
        return f"{self.host.name} {peer[0].removeprefix('::ffff:')}\n".encode()

    def _accept(self, listening):
        with contextlib.suppress(OSError):
            while True:
                connection, peer = listening.accept()
                threading.Thread(target=self._echo, args=(connection, peer), daemon=True).start()

    def _echo(self, connection, peer):
        with connection, contextlib.suppress(OSError):
            connection.sendall(self._greeting(peer))
            while data := connection.recv(4096):
                connection.sendall(data)

    def _datagrams(self, one):
        with contextlib.suppress(OSError):
            while True:
                _, peer = one.recvfrom(4096)
                if peer is None:   # stopped
                    return
                one.sendto(self._greeting(peer), peer)


class Caller:
    """A client's connection through a service."""

    def __init__(self, host, address, port, timeout=WITHIN):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = host.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect((address, port))
            self.server, self.seen_as = self._line().split()
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def lives(self, timeout=WITHIN):
        """Does a word come back?"""
        self.socket.settimeout(timeout)
        try:
            self.socket.sendall(b"word\n")
            return self._line() == "word"
        except OSError:
            return False

    def is_reset(self):
        """Is the client told, rather than left waiting?"""
        try:
            self.socket.sendall(b"word\n")
            self.socket.recv(4096)
            return False
        except ConnectionResetError:
            return True
        except OSError:
            return False

    def _line(self):
        text = b""
        while not text.endswith(b"\n"):
            data = self.socket.recv(4096)
            if not data:
                raise ConnectionError("closed")
            text += data
        return text.decode().strip()


def who(host, address, port):
    """The server that answers a new connection."""
    with Caller(host, address, port) as caller:
        return caller.server


def who_of(host, address, port, times=6):
    return [who(host, address, port) for _ in range(times)]


class Driver:
    """`layer4_apply` on a host."""

    def __init__(self, host, wrapper=()):
        self.host = host
        self.folder = pathlib.Path(host.lab.directory)
        with host.inside():
            self.process = subprocess.Popen([*wrapper, BUILD / "integration" / "vm" / "layer4_apply"], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, text=True)
        host.processes.append(self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(WITHIN) == 0

    def apply(self, *services, **states):
        """Texts of services in, what was changed out: [(service, text)]. `states`: SERVICE__SERVER="drain"."""
        path = self.folder / "cluster.toml"
        path.write_text("format = 1\n\n" + "".join(services))
        words = [f"{name.replace('__', '/')}={state}" for name, state in states.items()]
        lines = self.ask(f"apply {path} {' '.join(words)}")
        assert not [line for line in lines if line[0] == "error"], lines
        return [tuple(line[1:]) for line in lines]

    def auto_nat(self, interface=""):
        self.ask(f"auto_nat {interface}")

    def status(self):
        """{service: {"connections", "not_served", "servers": {name: (active, inactive, connections)}}}"""
        out = {}
        for kind, service, *fields in self.ask("status"):
            if kind == "service":
                out[service] = {"connections": int(fields[0]), "not_served": fields[1], "per_second": int(fields[2]), "servers": {}}
            else:
                out[service]["servers"][fields[0]] = tuple(map(int, fields[1:]))
        return out

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = []
        while True:
            text = self.process.stdout.readline()
            assert text, "layer4_apply ended"
            if text == "\n":
                return answer
            answer.append(text.rstrip("\n").split("\t"))


def listed(host, *arguments):
    """What ipvsadm says, read until it says the same twice: the kernel goes on with a dump at a place that it counts over all
    namespaces, so what is added or removed in another one meanwhile makes it say a service twice or leave one out."""
    readings = (run(host, ["ipvsadm", *arguments]).stdout for _ in range(20))
    said = next((one for one, again in itertools.pairwise(readings) if one == again), None)
    assert said is not None, "ipvsadm never said the same twice"
    return said


def table(host):
    """What IPVS holds, in the words of `ipvsadm -Sn`, order aside."""
    return sorted(listed(host, "-Sn").split("\n")[:-1])


class Watch:
    """Counts the messages of a host that alter IPVS, seen by a netlink monitor, not by our own word."""

    def __init__(self, host):
        self.host = host
        self.altering = 0
        self.asking = 0

    def __enter__(self):
        self.host.ip_batch(["link add watch0 type nlmon", "link set watch0 up"])
        self.socket = self.host.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self.socket.bind(("watch0", 0))
        self.socket.setblocking(False)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BlockingIOError):
            while True:
                data, (_, protocol, *_) = self.socket.recvfrom(65536)
                if protocol == NETLINK_GENERIC:
                    self._look(data)
        self.socket.close()
        self.host.ip("link", "del", "watch0")

    def _look(self, data):
        while len(data) >= 20:
            length, kind, flags = struct.unpack_from("<IHH", data)
            if kind >= FIRST_FAMILY and flags & 1 and length >= 20:
                if data[16] in GET_COMMANDS:
                    self.asking += 1
                else:
                    self.altering += 1
            data = data[(length + 3) & ~3:]


def wait_for(condition, what, describe=None):
    return until(condition, WITHIN, what, every=0.1, describe=describe)

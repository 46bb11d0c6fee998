# SPDX-License-Identifier: Apache-2.0
"""The lab's wiring: a switch with a service network and heartbeat networks, and hosts plugged into them."""

import atexit
import itertools
import os
import shutil
import subprocess
import tempfile
import weakref

from . import names
from .host import Host, Port

_open_labs = weakref.WeakSet()


class Network:
    """A bridge in the switch. Addresses are of ranges that lead nowhere: there is no uplink."""

    def __init__(self, name, number):
        self.name = name
        self.bridge = f"br-{name}"
        self.prefix4 = f"10.77.{number}"
        self.prefix6 = f"fd77:{number:x}"

    def address4(self, index):
        return f"{self.prefix4}.{index}"

    def address6(self, index):
        return f"{self.prefix6}::{index}"


class Lab:
    """Two nodes, real servers, clients and observers on a switch of their own; usable as a context manager.

    Hosts: `nodes`, `real_servers`, `clients`, `observers` (lists) and `switch`. Every host has eth0 on the service network
    10.77.0.0/24, fd77:0::/64; nodes and observers also have hb1, hb2, ... on the heartbeat networks 10.77.1.0/24 and so on.
    Floating addresses are the test's to choose from 10.77.0.100 upwards.
    """

    first_node, first_client, first_observer, first_real_server = 11, 21, 31, 41

    def __init__(self, heartbeat_links=1, nodes=2, real_servers=0, clients=1, observers=1):
        names.sweep()
        self.prefix = names.fresh_prefix()
        self.directory = os.path.join(tempfile.gettempdir(), self.prefix)
        os.mkdir(self.directory, 0o700)
        self.service = Network("svc", 0)
        self.heartbeats = [Network(f"hb{i}", i) for i in range(1, heartbeat_links + 1)]
        self.switch = Host(self, "sw")
        self.nodes = [Host(self, f"lb{i + 1}") for i in range(nodes)]
        self.clients = [Host(self, f"client{i + 1}") for i in range(clients)]
        self.observers = [Host(self, f"observer{i + 1}") for i in range(observers)]
        self.real_servers = [Host(self, f"rs{i + 1}") for i in range(real_servers)]
        self._closers = []
        _open_labs.add(self)
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    @property
    def hosts(self):
        return [*self.nodes, *self.clients, *self.observers, *self.real_servers]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def on_close(self, closer):
        """Called when the lab is torn down, the last one first."""
        self._closers.append(closer)

    def close(self):
        while self._closers:
            self._closers.pop()()
        namespaces = [h.namespace for h in [*self.hosts, self.switch]]
        for host in self.hosts:
            for process in host.processes:
                if process.poll() is None:
                    process.kill()
        for host in self.hosts:
            for process in host.processes:
                process.wait()
                for stream in (process.stdin, process.stdout, process.stderr):
                    if stream:
                        stream.close()
        names.kill_inside(namespaces)
        names.delete(namespaces)
        shutil.rmtree(self.directory, ignore_errors=True)
        _open_labs.discard(self)

    def _build(self):
        namespaces = [h.namespace for h in [self.switch, *self.hosts]]
        subprocess.run(["ip", "-b", "-"], input="".join(f"netns add {n}\n" for n in namespaces), text=True, check=True)
        wiring = ["link set lo up"]
        for network in [self.service, *self.heartbeats]:
            wiring += [f"link add {network.bridge} type bridge forward_delay 0 mcast_snooping 0",
                       f"link set {network.bridge} up"]
        for port in self._plan_ports():
            wiring += [f"link add {port.switch_name} type veth peer name {port.name} address {port.mac} "
                       f"netns {port.host.namespace}",
                       f"link set {port.switch_name} master {port.network.bridge} up"]
        self.switch.ip_batch(wiring)
        for host in self.hosts:
            lines = ["link set lo up"]
            for port in host.ports.values():
                lines += [f"link set {port.name} up",
                          f"addr add {port.address4}/24 dev {port.name}",
                          f"addr add {port.address6}/64 dev {port.name} nodad"]
            host.ip_batch(lines)

    def _plan_ports(self):
        groups = [(self.nodes, self.first_node), (self.clients, self.first_client), (self.observers, self.first_observer),
                  (self.real_servers, self.first_real_server)]
        number = itertools.count(1)
        ports = []
        for hosts, first in groups:
            for index, host in enumerate(hosts, first):
                ports.append(Port(host, "eth0", self.service, index, next(number)))
                if hosts is self.nodes or hosts is self.observers:
                    ports += [Port(host, network.name, network, index, next(number)) for network in self.heartbeats]
        return ports


@atexit.register
def _close_open_labs():
    for lab in list(_open_labs):
        lab.close()

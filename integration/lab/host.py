# SPDX-License-Identifier: Apache-2.0
"""One machine of the lab: a network namespace, its ports, and the processes in it."""

import contextlib
import ctypes
import os
import socket
import subprocess
import threading

from . import names

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def _setns(fd):
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")


class Host:
    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.namespace = f"{lab.prefix}-{name}"
        self.ports = {}
        self.processes = []

    def address(self, port="eth0"):
        """The IPv4 address on that port, without prefix length."""
        return self.ports[port].address4

    @property
    def mac(self):
        return self.ports["eth0"].mac

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in this host's network; sockets opened meanwhile stay there."""
        with open(f"/proc/self/task/{threading.get_native_id()}/ns/net", "rb") as home, \
                open(f"{names.NETNS_DIR}/{self.namespace}", "rb") as there:
            _setns(there.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())

    def socket(self, *args, **options):
        with self.inside():
            return socket.socket(*args, **options)

    def command(self, argv):
        return ["ip", "netns", "exec", self.namespace, *map(str, argv)]

    def popen(self, argv, **options):
        """Starts a process here; it is killed with the lab. `ip netns exec` replaces itself, so the pid is the program's."""
        process = subprocess.Popen(self.command(argv), **options)
        self.processes.append(process)
        return process

    def run(self, argv, check=True, **options):
        options.setdefault("text", True)
        options.setdefault("timeout", 30)
        return subprocess.run(self.command(argv), check=check, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def ip(self, *argv, check=True):
        """`ip` inside, as one short process."""
        return subprocess.run(["ip", "-n", self.namespace, *map(str, argv)], check=check, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE).stdout

    def ip_batch(self, lines):
        done = subprocess.run(["ip", "-n", self.namespace, "-b", "-"], input="\n".join(lines) + "\n", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise RuntimeError(f"{self.namespace}: ip: {done.stderr.strip()}")

    def addresses(self, port="eth0"):
        """Every address on a port now, without prefix lengths."""
        words = self.ip("-br", "addr", "show", "dev", port).split()[2:]
        return {w.split("/")[0] for w in words if "/" in w}


class Port:
    """A host's end of a cable and the switch's end of it; faults happen on the switch's side."""

    def __init__(self, host, name, network, index, number):
        self.host = host
        self.name = name
        self.network = network
        self.switch_name = f"p{number}"
        self.mac = f"02:77:00:00:{number >> 8:02x}:{number & 255:02x}"
        self.address4 = network.address4(index)
        self.address6 = network.address6(index)
        host.ports[name] = self

    def unplug(self):
        """The cable is pulled: no carrier at the host."""
        self.host.lab.switch.ip("link", "set", self.switch_name, "down")

    def plug(self):
        self.host.lab.switch.ip("link", "set", self.switch_name, "up")

    def interface_down(self):
        """The host's own interface is set down."""
        self.host.ip("link", "set", self.name, "down")

    def interface_up(self):
        self.host.ip("link", "set", self.name, "up")

    def drop(self, sends=True, hears=True, per_cent=100):
        """The switch loses what the host sends, what it should hear, or both, with carrier as if all were well."""
        self.heal()
        chance = f"numgen random mod 100 < {per_cent} " if per_cent < 100 else ""
        rules = []
        for wanted, hook in ((sends, "ingress"), (hears, "egress")):
            if wanted:
                rules.append(f"chain {hook} {{\ntype filter hook {hook} device {self.switch_name} priority 0\n{chance}drop\n}}")
        self._nft("\n".join([f"table netdev {self._table} {{", *rules, "}"]))

    def heal(self):
        self._nft(f"table netdev {self._table}\ndelete table netdev {self._table}")

    @property
    def _table(self):
        return f"cut_{self.switch_name}"

    def _nft(self, text):
        done = self.host.lab.switch.run(["nft", "-f", "-"], check=False, input=text + "\n")
        if done.returncode != 0:
            raise RuntimeError(f"nft: {done.stderr.strip()}: {text}")

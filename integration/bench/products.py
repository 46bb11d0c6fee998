# SPDX-License-Identifier: Apache-2.0
"""Two products that move one address between two hosts, seen alike: start, break, mend, hand over."""

import contextlib
import os
import signal
import subprocess
import time

import peers
from lab import Lab, Pair, conf
from lab.node import signal_at_once
from lab.probe import Responder
from lab.wait import until

VIP = "10.77.0.100"


class Product:
    """A pair on one network, which carries service and heartbeats alike, and a client. The same responder answers on the
    address on both hosts, so that only the address's movement is measured."""

    def __init__(self, name, more=0):
        """`more`: floating addresses beside VIP."""
        self.name = name
        self.more = [f"10.78.{n // 250}.{n % 250 + 1}" for n in range(more)]
        self.addresses = {VIP, *self.more}
        self.lab = Lab(heartbeat_links=0, clients=1, observers=0)
        self.client = self.lab.clients[0]
        self.responders = {host: Responder(host, VIP) for host in self.lab.nodes}
        self.broken = None    # (kind, host)
        self.expected = None  # who should own the address by now
        self.unprovoked = 0   # moves that nobody asked for

    def close(self):
        self.lab.close()

    def break_(self, kind):
        """Does it to the active host; returns the moment."""
        host = self.active_host()
        self.unprovoked += self.expected not in (None, host)
        self.expected = next(h for h in self.lab.nodes if h is not host)
        self.broken = (kind, host)
        if kind == "link cut":
            at = time.monotonic_ns()
            host.ports["eth0"].unplug()
            return at
        if kind == "kill of everything":
            # What serves dies with the node: a kernel that still has the address of a dead balancer helps no client.
            at = self._kill(host)
            self.responders[host].kill()
            return at
        return self._hand_over(host)

    def mend(self):
        kind, host = self.broken
        self.broken = None
        if kind == "link cut":
            host.ports["eth0"].plug()
            return
        if kind == "kill of everything":
            self.responders[host] = Responder(host, VIP)
        self._revive(kind, host)


class Ours(Product):
    def __init__(self, timing=None, more=0):
        super().__init__("dyad", more)
        heartbeats = conf.heartbeat(**(timing or {}))
        floating = [conf.floating(a) for a in (VIP, *self.more)]
        self.pair = Pair(self.lab, conf.cluster(*floating, heartbeats=heartbeats), links=["eth0"])
        self.nodes = {n.host: n for n in self.pair.nodes}

    def start(self):
        for node in self.pair.nodes:
            node.start(within=None)

    def settle(self):
        self.pair.settle()

    def active_host(self):
        return self.pair.active.host

    def moves(self):
        """How often the addresses have moved so far."""
        return max(int(n.status()["node"]["epoch"].split("/")[0]) for n in self.pair.nodes)

    def _kill(self, host):
        return self.nodes[host].kill()

    def _hand_over(self, host):
        at = time.monotonic_ns()
        self.nodes[host].call("POST", "/v1/handover")
        return at

    def _revive(self, kind, host):
        if kind == "kill of everything":
            self.nodes[host].wait_gone()
            self.nodes[host].start(within=None)


class Theirs(Product):
    """keepalived: both start as backup and nobody preempts, as its manual advises against needless moves."""

    def __init__(self, fast=False, more=0):
        super().__init__("keepalived", more)
        self.program, self.environment = peers.fetch("keepalived", "/usr/sbin/keepalived")
        self.fast = fast
        self.processes = {}
        self.known_after = 0.0

    def start(self):
        for host in self.lab.nodes:
            self._start(host)

    def _start(self, host):
        base = os.path.join(self.lab.directory, f"{host.name}-")
        for left in ("pid", "vrrp-pid"):  # of a killed one
            with contextlib.suppress(FileNotFoundError):
                os.remove(base + left)
        # Real-time priority and locked memory, which Dyad gives its heartbeat thread too.
        timing = ("vrrp_version 3\n    vrrp_rt_priority 50\n    vrrp_no_swap", "0.01") if self.fast else ("", "1")
        with open(base + "conf", "w") as file:
            file.write(f"""global_defs {{
    router_id {host.name}
    {timing[0]}
}}
vrrp_instance V {{
    state BACKUP
    nopreempt
    interface eth0
    virtual_router_id 51
    priority {100 - self.lab.nodes.index(host)}
    advert_int {timing[1]}
    virtual_ipaddress {{
        {VIP}/32 dev eth0
    }}
    virtual_ipaddress_excluded {{
{"".join(f"        {a}/32 dev eth0{chr(10)}" for a in self.more)}    }}
}}
""")
        with open(base + "log", "w") as log:
            self.processes[host] = host.popen(
                [self.program, "-n", "-l", "-D", "--vrrp", "-f", base + "conf", "-p", base + "pid", "-r", base + "vrrp-pid"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self.environment)

    def _log(self, host):
        with open(os.path.join(self.lab.directory, f"{host.name}-log")) as log:
            return log.read()

    def _state(self, host):
        """The last state that its log names."""
        said = [line for line in self._log(host).splitlines() if "Entering " in line]
        return said[-1].split("Entering ")[1].split()[0] if said else None

    def settle(self, within=15.0):
        until(lambda: sorted(str(self._state(h)) for h in self.lab.nodes) == ["BACKUP", "MASTER"], within,
              "one keepalived is master and one backup", every=0.02,
              describe=lambda: "\n".join(self._log(h)[-1500:] for h in self.lab.nodes))
        time.sleep(max(0.0, self.known_after - time.monotonic()))

    def mend(self):
        super().mend()
        self.known_after = time.monotonic() + (0.3 if self.fast else 1.5)  # a new backup knows its master after an advert

    def active_host(self):
        return next(h for h in self.lab.nodes if self._state(h) == "MASTER")

    def moves(self):
        return sum(self._log(host).count("Entering MASTER") for host in self.lab.nodes)

    def _kill(self, host):
        return signal_at_once(self._pids(host), signal.SIGKILL)

    def _pids(self, host):
        main = self.processes[host].pid
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(main)], text=True, capture_output=True).stdout.split()
        return [main, *map(int, children)]

    def _hand_over(self, host):
        at = time.monotonic_ns()
        self.processes[host].terminate()
        return at

    def _revive(self, kind, host):
        self.processes[host].wait(10)
        self._start(host)

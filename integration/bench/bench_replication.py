# SPDX-License-Identifier: Apache-2.0
"""Persistence tables on two nodes: what a new client costs until both know it, and how long a peer that lost everything is without them.

Both get the same requests of keep-alive connections, each of another client (X-Forwarded-For), once alone and once with a peer; what the
peer costs is the difference. Ours sends what it learns encrypted and authenticated, HAProxy's peers as it is."""

import contextlib
import functools
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import time

import peers
from lab import Lab, Pair, build, conf
from lab.node import Refused
from lab.wait import until
from report import Report, progress

VIP = "10.77.0.100"
SERVICE = "archive"
TIMEOUT = "30m"
LINK = "hb1"          # what the nodes tell each other goes over it and nothing else
PEER_PORT = 10000
UNHEARD_OF = 60.0     # seconds in which nobody converges


def origin(host, folder):
    """nginx as two servers, on ports 8081 and 8082."""
    nginx, environment = peers.fetch("nginx", "/usr/sbin/nginx")
    (folder / "small").write_bytes(b"x" * 64)
    temporary = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in ("fastcgi", "uwsgi", "scgi", "proxy", "client_body"))
    (folder / "origin.conf").write_text(
        f"daemon off;\nworker_processes 1;\nerror_log stderr crit;\npid {folder}/origin.pid;\nevents {{ worker_connections 4000; }}\n"
        f"http {{\n    access_log off;\n    keepalive_requests 1000000000;\n    keepalive_timeout 1h;\n{temporary}"
        f"    open_file_cache max=10 inactive=1h;\n    server {{ listen 8081; listen 8082; root {folder}; }}\n}}\n")
    host.popen([nginx, "-p", folder, "-c", folder / "origin.conf"], env=environment)


class Product:
    def __init__(self, name, size):
        self.name, self.size = name, size
        self.lab = Lab(heartbeat_links=1, real_servers=1, clients=1, observers=0)
        self.client, self.server = self.lab.clients[0], self.lab.real_servers[0]
        self.folder = pathlib.Path(self.lab.directory)
        self.folder.chmod(0o755)
        origin(self.server, self.folder)

    def close(self):
        self.lab.close()

    def cpu(self):
        """Seconds of processor time of all its processes on both nodes, to the nanosecond."""
        return sum(float(task.read_text().split()[0]) / 1e9 for pid in self.pids() for task in
                   pathlib.Path("/proc").glob(f"{pid}/task/*/schedstat"))

    def resident(self, node):
        return sum(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 for pid in self.pids(node))

    def told(self):
        """Bytes that went over the link, both ways."""
        counted = json.loads(self.lab.nodes[0].ip("-j", "-s", "link", "show", LINK))[0]["stats64"]
        return counted["rx"]["bytes"] + counted["tx"]["bytes"]

    def ask(self, clients, first, rate):
        """Requests of so many clients; what the load saw."""
        program = build.directory() / "integration" / "bench" / "dyad_proxy_load"
        out = self.client.run([program, VIP, 80, "/small", "connections=64", f"clients={clients}", f"first={first}", f"rate={rate}",
                               "seconds=300", "pid=1"], timeout=320).stdout
        seen = json.loads(out)
        if seen["failed"]:
            raise AssertionError(f"{self.name}: {seen['failed']} requests failed")
        return seen


class Ours(Product):
    def __init__(self, size):
        super().__init__("dyad", size)
        server = {"address": self.server.address(), "max_connections": 0}
        text = conf.cluster(conf.service(
            SERVICE, VIP, 80, {f"s{n}": dict(server, port=8080 + n) for n in (1, 2)}, mode="http", check='{ type = "on" }',
            persistence=f'{{ mode = "source_ip", timeout = "{TIMEOUT}", entries = {self.size} }}',
            http=f'{{ trusted_relays = ["{self.client.address()}"] }}'))
        self.pair = Pair(self.lab, text, links=[LINK])
        self.key = self.pair.primary.read("cluster.key")
        for node in self.pair.nodes:
            node.command = functools.partial(node.command, "info")

    def start(self, paired):
        first = self.pair.primary
        self.nodes = self.pair.nodes if paired else [first]
        if paired:
            first.write("node.toml", conf.node(first.host, self.pair.secondary.host, first.role, [LINK]))
            first.write("cluster.key", self.key, 0o600)
        else:
            first.write("node.toml", conf.alone(first.host))
            pathlib.Path(first.config_dir, "cluster.key").unlink()
        for node in self.nodes:
            node.start(within=None)
        if paired:
            self.pair.settle()
            self.pair.make_active(first)
        else:
            until(lambda: first.answers() and first.state == "active", 15, "dyadd is active")
        until(self._served, 10, "the service answers", describe=self.nodes[0].describe)

    def _served(self):
        return self.client.run(["curl", "-s", "-o", "/dev/null", "-m", "1", f"http://{VIP}/small"], check=False).returncode == 0

    def stop(self):
        for node in self.nodes:
            node.kill()
            node.wait_gone()

    def pids(self, node=None):
        return [pid for n in ([self.nodes[node]] if node is not None else self.nodes) for pid in n.pids().values()]

    def entries(self, node):
        try:
            return self.nodes[node].status()["config"]["tables"]["entries"]
        except (OSError, Refused):
            return 0

    def restart_peer(self):
        """The moment at which it was started again, with nothing in its tables."""
        peer = self.nodes[1]
        peer.kill()
        peer.wait_gone()
        at = time.monotonic()
        peer.start(within=None)
        return at


class Theirs(Product):
    def __init__(self, size):
        super().__init__("HAProxy", size)
        self.program, self.environment = peers.fetch("haproxy", "/usr/sbin/haproxy")

    def _write(self, paired):
        names = [n.name for n in self.lab.nodes]
        lines = "".join(f"    peer {n.name} {n.address(LINK)}:{PEER_PORT}\n" for n in self.lab.nodes)
        for name in names:
            (self.folder / f"{name}.cfg").write_text(f"""global
    maxconn 6000
    stats socket {self.folder}/{name}.sock mode 600 level admin
{f"peers pair{chr(10)}{lines}" if paired else ""}
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 60s
    http-reuse safe
    balance roundrobin
    backlog 8192

listen {SERVICE}
    bind {VIP}:80
    option forwardfor
    stick-table type ip size {self.size} expire {TIMEOUT} {"peers pair" if paired else ""}
    stick on hdr_ip(x-forwarded-for,1)
    server s1 {self.server.address()}:8081
    server s2 {self.server.address()}:8082
""")

    def _start(self, node):
        host = self.lab.nodes[node]
        self.processes[node] = host.popen([self.program, "-db", "-L", host.name, "-f", self.folder / f"{host.name}.cfg"], env=self.environment)

    def start(self, paired):
        self._write(paired)
        self.processes = {}
        self.lab.nodes[0].ip("addr", "replace", f"{VIP}/32", "dev", "eth0")
        self.lab.nodes[1].run(["sysctl", "-qw", "net.ipv4.ip_nonlocal_bind=1"])
        for node in range(2 if paired else 1):
            self._start(node)
        until(lambda: self.client.run(["curl", "-s", "-o", "/dev/null", "-m", "1", f"http://{VIP}/small"], check=False).returncode == 0, 10,
              "HAProxy answers")
        if paired:
            until(lambda: self.entries(1) is not None, 10, "the other HAProxy answers")
            time.sleep(6)   # its first synchronisation ends with a limit of 5 s when nobody has anything

    def stop(self):
        for process in self.processes.values():
            process.kill()
            process.wait(10)

    def pids(self, node=None):
        return [p.pid for n, p in self.processes.items() if node is None or n == node]

    def entries(self, node):
        path = str(self.folder / f"{self.lab.nodes[node].name}.sock")
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            try:
                s.connect(path)
            except OSError:
                return None
            s.sendall(b"show table\n")
            text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
        return int(re.search(r"used:(\d+)", text).group(1))

    def restart_peer(self):
        self.processes[1].kill()
        self.processes[1].wait(10)
        at = time.monotonic()
        self._start(1)
        return at


def measure_lag(ours, clients, rate):
    """99th percentile in milliseconds, while others come at that rate: how long after a client's answer the peer knows where it goes."""
    peer = ours.nodes[1]
    program = build.directory() / "integration" / "bench" / "dyad_table_lag"
    watching = ours.client.popen([program, VIP, "80", "/small", os.path.join(peer.run_dir, "dyad.sock"), SERVICE], text=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    ours.ask(clients // 4, clients, rate)
    seen = json.loads(watching.communicate(timeout=10)[0])
    if seen["lost"]:
        raise AssertionError(f"the peer did not learn of {seen['lost']} clients")
    return seen["p99"] * 1e3


def one_round(product, clients, rate, sink, lag):
    """Adds to the figures in `sink`, by name."""
    product.start(paired=False)
    before = product.cpu()
    alone = product.ask(clients, 0, rate)
    cpu_alone = product.cpu() - before
    product.stop()

    product.start(paired=True)
    empty = [product.resident(n) for n in (0, 1)]
    before, bytes_before = product.cpu(), product.told()
    paired = product.ask(clients, 0, rate)
    until(lambda: product.entries(1) >= clients, UNHEARD_OF, f"{product.name}'s peer has all", every=0.05)
    cpu = product.cpu() - before
    told = product.told() - bytes_before
    full = [product.resident(n) for n in (0, 1)]
    at = product.restart_peer()
    until(lambda: (product.entries(1) or 0) >= clients, UNHEARD_OF, f"{product.name}'s peer has all again", every=0.02)
    sink["converged"].append(time.monotonic() - at)
    if lag:
        sink["lag"].append(measure_lag(product, clients, rate))
    product.stop()
    sink["cpu"].append((cpu - cpu_alone) / clients * 1e6)
    sink["bytes"].append(told / clients)
    sink["memory"].append(sum(f - e for f, e in zip(full, empty)) / 2 / clients)
    progress(f"{product.name}: {clients} clients at {paired['requests'] / paired['seconds']:.0f}/s (alone {alone['requests'] / alone['seconds']:.0f}/s), "
             f"{sink['cpu'][-1]:.2f} us, {sink['bytes'][-1]:.1f} bytes, {sink['memory'][-1]:.0f} bytes of memory, converged in {sink['converged'][-1]:.2f} s"
             + (f", lag p99 {sink['lag'][-1]:.1f} ms" if lag else ""))
    return paired["requests"] / paired["seconds"]


def run(quick):
    clients, rate, rounds = (60_000, 25_000, 1) if quick else (1_000_000, 50_000, 3)
    report = Report("replication of persistence tables; theirs is HAProxy's peers", counts="median")
    figures = {"converged": report.figure(f"{clients} entries to an empty peer, from its start", "s", ratio_bar=1.0),
               "cpu": report.figure("processor time of both nodes for an update", "us", ratio_bar=1.0),
               "bytes": report.figure("bytes on the wire for an update", "", ratio_bar=1.0),
               "memory": report.figure("memory of a node for an entry", "bytes", ratio_bar=1.0),
               "lag": report.figure("99th percentile from answer to the peer's table", "ms", bar=10.0)}
    rates = {"ours": [], "theirs": []}
    with contextlib.ExitStack() as stack:
        products = {}
        for side, kind in (("ours", Ours), ("theirs", Theirs)):
            products[side] = kind(clients + clients // 2)
            stack.callback(products[side].close)
        for _ in range(rounds):
            for side, product in products.items():
                sink = {name: getattr(f, side) for name, f in figures.items()}
                rates[side].append(one_round(product, clients, rate, sink, lag=side == "ours"))
    for side, of in rates.items():
        report.notes.append(f"updates a second, {side}: {statistics.median(of):.0f} of {rate} offered")
    report.notes.append("memory: what both the tables in use and the copy beside them take, with all that grew with them")
    return report

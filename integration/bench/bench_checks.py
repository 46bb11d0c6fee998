# SPDX-License-Identifier: Apache-2.0
"""What health checks at scale cost, beside HAProxy's: 5,000 HTTP checks and 10,000 connects every 2 s. The one that checks has one
processor, the real servers, which are one program on all of 127/8, the other. Ours are all processes of the daemon. Neither's
connects reach the servers' program, so that it sees the HTTP checks alone."""

import contextlib
import itertools
import json
import os
import subprocess
import time

import peers
from lab import Lab, Node, build, conf
from lab.wait import until
from report import Report, progress

CHECKER, OTHERS = "0", "1"    # processors
CONNECT_PORT, HTTP_PORT = 18081, 18082
PER_SERVICE = 100
SERVICES = {"http": 50, "connect": 100}
CHECKS = PER_SERVICE * sum(SERVICES.values())
INTERVAL = 2
VIP = "10.77.0.100"
WARM_UP = 8    # seconds: everybody has told everybody that all servers are up
TICK = os.sysconf("SC_CLK_TCK")


def targets():
    """(service, kind, port, [addresses])."""
    numbers = itertools.count(2)
    for kind, count in SERVICES.items():
        for i in range(count):
            addresses = [f"127.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in itertools.islice(numbers, PER_SERVICE)]
            yield f"{kind}{i}", kind, HTTP_PORT if kind == "http" else CONNECT_PORT, addresses


def our_configuration():
    checks = {"http": '{ type = "http", request = "/health", expect = { status = [200] } }', "connect": '{ type = "connect" }'}
    services = (conf.service(name, VIP, 10000 + i, {f"s{n}": {"address": a, "port": port} for n, a in enumerate(addresses)},
                             check=checks[kind]) for i, (name, kind, port, addresses) in enumerate(targets()))
    return conf.cluster(conf.floating(VIP), *services, check_interval=f"{INTERVAL}s")


def their_configuration():
    text = "global\n    nbthread 1\n    maxconn 1000\ndefaults\n    mode tcp\n    timeout connect 1s\n    timeout check 1s\n"
    text += f"    timeout server 1s\n    timeout client 1s\n    default-server check inter {INTERVAL}s fastinter {INTERVAL}s rise 1 fall 1\n"
    for i, (name, kind, port, addresses) in enumerate(targets()):
        text += f"listen {name}\n    bind 127.0.0.1:{10000 + i}\n"
        if kind == "http":
            text += "    option httpchk\n    http-check send meth GET uri /health ver HTTP/1.1 hdr Host check hdr Connection close\n"
            text += "    http-check expect status 200\n"
        text += "".join(f"    server s{n} {a}:{port}\n" for n, a in enumerate(addresses))
    return text


class Origin:
    """The real servers. `count` tells what arrives during some seconds."""

    def __init__(self, host):
        self.process = host.popen(["taskset", "-c", OTHERS, build.directory() / "integration" / "bench" / "dyad_checks_origin",
                                   CONNECT_PORT, HTTP_PORT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def begin(self):
        self._say("begin")

    def end(self):
        self._say("end")
        return json.loads(self.process.stdout.readline())

    def _say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def stolen_seconds():
    """Processor time that the host gave to others."""
    with open("/proc/stat") as file:
        return int(file.readline().split()[8]) / TICK


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("RssAnon")) / 1024


class Ours:
    def __init__(self, host):
        self.node = Node(host, "primary")
        self.node.write("node.toml", conf.alone(host))
        self.node.write("cluster.toml", our_configuration())
        command = self.node.command
        self.node.command = lambda: ["taskset", "-c", CHECKER, *command("info")]

    def start(self):
        self.node.start(within=30)

    def ready(self):
        return all(v["health"] == "up" for s in self.node.status()["services"] for v in s["servers"])

    def pids(self):
        return self.node.pids()

    def lateness(self):
        """By how many ms the latest of a hundred checks began late, in the last 10 s that are over."""
        return self.node.status()["checks"]["late"]["p99_us"] / 1000

    def stop(self):
        self.node.terminate()
        self.node.wait_gone(20)


class Theirs:
    def __init__(self, host):
        self.host = host
        self.program, self.environment = peers.fetch("haproxy", "/usr/sbin/haproxy")
        self.path = os.path.join(host.lab.directory, "haproxy.cfg")
        with open(self.path, "w") as file:
            file.write(their_configuration())

    def start(self):
        self.process = self.host.popen(["taskset", "-c", CHECKER, self.program, "-db", "-f", self.path], env=self.environment,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"haproxy ended with {self.process.returncode}; its configuration is {self.path}")
        return True

    def pids(self):
        return {"haproxy": self.process.pid}

    def lateness(self):
        return None    # it does not say

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def measure(product, origin, seconds):
    """One start to stop: {what: value}."""
    product.start()
    try:
        until(product.ready, 60, "all checks have succeeded", every=0.5)
        time.sleep(WARM_UP)
        pids = product.pids()
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        stolen = stolen_seconds()
        origin.begin()
        time.sleep(seconds)
        seen = origin.end()
        seen["cpu"] = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
        seen["stolen"] = (stolen_seconds() - stolen) / seen["seconds"]
        seen["late"] = product.lateness()
        seen["memory"] = {name: resident_mib(pid) for name, pid in pids.items()}
        return seen
    finally:
        product.stop()


def run(quick):
    rounds, seconds = 1 if quick else 5, 20    # `lateness` is then of this time alone
    report = Report(f"checks: {CHECKS} every {INTERVAL} s; theirs is HAProxy", counts="median")
    cpu = report.figure("processor time for one check", "us", ratio_bar=1.0)
    memory = report.figure("memory for one check", "KiB")
    burst = report.figure("HTTP checks in the worst 10 ms over the mean", "times", bar=3)
    late = report.figure("99th percentile of beginning late", "ms", bar=20)
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Lab(heartbeat_links=0, nodes=1, clients=0, observers=0))
        host = lab.nodes[0]
        origin = Origin(host)
        for _ in range(rounds):
            for product, of in ((Ours(host), "ours"), (Theirs(host), "theirs")):
                seen = measure(product, origin, seconds)
                checks = CHECKS / INTERVAL * seen["seconds"]
                getattr(cpu, of).append(sum(seen["cpu"].values()) / checks * 1e6)
                getattr(memory, of).append(sum(seen["memory"].values()) * 1024 / CHECKS)
                getattr(burst, of).append(seen["worst_slot"] / seen["mean_slot"])
                if seen["late"] is not None:
                    getattr(late, of).append(seen["late"])
                each = ", ".join(f"{name} {value / checks * 1e6:.2f} us" for name, value in seen["cpu"].items())
                progress(f"{of}: {seen['arrivals'] / seen['seconds']:.0f} of {SERVICES['http'] * PER_SERVICE / INTERVAL:.0f} HTTP checks/s seen; "
                         f"a check costs {each}; the host took {seen['stolen']:.1%} of a processor")
    return report

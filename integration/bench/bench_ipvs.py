# SPDX-License-Identifier: Apache-2.0
"""How long a large layer-4 configuration takes to reach the kernel, and what keeping it there costs. `run` starts the test
machine and this file in it, which leaves what it measured in a file.

Measured is what operators do: `dyad apply`, from exec until it says that the kernel has it, beside `ipvsadm --restore` and a
reload of keepalived. A program that links libbalance alone is measured beside it."""

import collections
import contextlib
import ctypes
import json
import os
import pathlib
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "vm" / "tests")]

import peers  # noqa: E402  (needs the path above)
from lab import Lab, build, conf  # noqa: E402
from lab.node import Node  # noqa: E402
from lab.wait import until  # noqa: E402
from report import Report, progress  # noqa: E402

SERVERS = 10         # of a service
STEADY_SECONDS = 60  # in which dyadd has nothing to do but to look; it looks every few seconds
QUIET = 0.5          # seconds without work after which keepalived has done it
KEEPALIVED = ("keepalived", "/usr/sbin/keepalived")
PROGRAM = str(build.directory() / "integration" / "bench" / "dyad_ipvs_load")


class Configuration:
    """The same services in the words of each program; `changed` of them have one server of another weight."""

    def __init__(self, folder, services, changed=0):
        self.rules, self.toml, self.keepalived = (pathlib.Path(folder, f"{kind}-{changed}") for kind in ("rules", "toml", "conf"))
        rules, toml, other = [], ["format = 1\n"], []
        for i in range(services):
            address = f"10.64.{i >> 8}.{i & 255}"
            rules.append(f"-A -t {address}:80 -s wrr")
            toml.append(f'[service.s{i}]\nmode = "nat"\naddress = "{address}"\nports = [80]\nbalance = "wrr"\ncheck = {{ type = "on" }}\n')
            other.append(f"virtual_server {address} 80 {{\n    lb_algo wrr\n    lb_kind NAT\n    protocol TCP")
            for j in range(SERVERS):
                n = i * SERVERS + j
                server, weight = f"10.96.{n >> 8}.{n & 255}", 50 if j == 0 and i < changed else 100
                rules.append(f"-a -t {address}:80 -r {server}:80 -m -w {weight}")
                toml.append(f'[service.s{i}.server.r{j}]\naddress = "{server}"\nweight = {weight}\n')
                other.append(f"    real_server {server} 80 {{\n        weight {weight}\n    }}")
            other.append("}")
        self.table = sorted(rules)
        for path, lines in ((self.rules, rules), (self.toml, toml), (self.keepalived, other)):
            path.write_text("\n".join(lines) + "\n")


class Measured:
    """Measures in networks that lead nowhere. `lists` gathers what was seen."""

    def __init__(self, host, services):
        self.host, self.folder = host, pathlib.Path(host.lab.directory)
        self.plain, self.changed = Configuration(self.folder, services), Configuration(self.folder, services, services // 100)
        self.lists = collections.defaultdict(list)
        self.nodes = 0

    def timed(self, name, argv, source=os.devnull):
        """From exec to the program's end; all read a file and write into one."""
        with open(source) as given, open(self.folder / "out", "w") as out:
            began = time.perf_counter()
            subprocess.run(argv, stdin=given, stdout=out, check=True)
            self.lists[name].append((time.perf_counter() - began) * 1000)

    def ours(self, name, configuration, *more):
        self.timed(name, [PROGRAM, more[0] if more else "apply", configuration.toml, *more[1:]])
        for key, value in said((self.folder / "out").read_text()):
            self.lists[f"{name} {key}"].append(value)
        self.must_hold(configuration, name)

    def clear(self):
        """A network that never had a table: the kernel keeps removed servers for minutes and searches them at every addition."""
        subprocess.run(["ipvsadm", "-C"], check=True)
        ctypes.CDLL(None).unshare(0x40000000)   # CLONE_NEWNET
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    def must_hold(self, configuration, after):
        table = subprocess.run(["ipvsadm", "-Sn"], check=True, text=True, stdout=subprocess.PIPE).stdout.splitlines()
        if sorted(table) != configuration.table:
            raise AssertionError(f"{after}: the kernel holds {len(table)} lines, not the {len(configuration.table)} configured")

    def round(self, keepalived, steady):
        self.measure_steady = steady
        self.clear()
        self.ours("first", self.plain)
        self.ours("same", self.plain)
        self.timed("dump", [PROGRAM, "dump"])
        self.timed("dump ipvsadm", ["ipvsadm", "-Sn"])
        self.ours("change", self.changed)
        self.clear()
        self.timed("first ipvsadm", ["ipvsadm", "--restore"], self.plain.rules)
        self.must_hold(self.plain, "ipvsadm --restore")
        self.clear()
        self.dyadd_round()
        if keepalived:
            self.clear()
            self.keepalived_round(*keepalived)

    @contextlib.contextmanager
    def dyadd(self):
        """A lone node. No interface is there for the thousand addresses: IPVS alone is measured, as with the others."""
        self.nodes += 1   # each with a directory of its own: it starts with what it ran last
        here = types.SimpleNamespace(name=f"lb{self.nodes}", lab=self.host.lab, popen=subprocess.Popen)
        node = Node(here, "primary")
        node.write("node.toml", conf.alone(here))
        node.write("cluster.toml", "format = 1\n")
        node.start(within=30)
        worked(lambda: family(node.process.pid), time.perf_counter())
        try:
            yield node
        finally:
            node.terminate()
            node.wait_gone(30)

    def apply(self, node, name, configuration):
        """Until `dyad apply` has ended, and until health checks and proxy have taken it up, too."""
        node.write("cluster.toml", configuration.toml.read_text())
        pids = node.pids()
        began = time.perf_counter()
        self.timed(f"{name} dyad", [build.dyad(), "--run-dir", node.run_dir, "apply", node.config_dir])
        self.lists[f"{name} dyad all"].append(worked(lambda: [pids["checker"], pids["proxy"]], began))
        self.must_hold(configuration, f"dyad apply, {name}")
        worked(lambda: family(node.process.pid), began)   # the next begins when all is quiet, as with keepalived

    def dyadd_round(self):
        with self.dyadd() as node:
            pid = node.pids()["cluster"]
            if self.measure_steady:
                self.lists["steady empty"].append(steady(pid))
            for name, configuration in (("first", self.plain), ("same", self.plain), ("change", self.changed)):
                self.apply(node, name, configuration)
            self.lists["memory_kb dyad"].append(memory_kb(pid))
            if self.measure_steady:
                self.lists["steady dyad"].append(steady(pid))

    def keepalived_round(self, program, environment):
        conf = self.folder / "keepalived.conf"
        conf.write_text(self.plain.keepalived.read_text())
        with open(self.folder / "log", "w") as log:
            began = time.perf_counter()
            daemon = subprocess.Popen([program, "-nlC", "-f", conf, "-p", self.folder / "pid", "-c", self.folder / "checkers"],
                                      env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            self.lists["first keepalived"].append(worked(lambda: family(daemon.pid), began))
            self.must_hold(self.plain, "keepalived's start")
            for name, configuration in (("same", self.plain), ("change", self.changed)):
                conf.write_text(configuration.keepalived.read_text())
                began = time.perf_counter()
                daemon.send_signal(signal.SIGHUP)
                self.lists[f"{name} keepalived"].append(worked(lambda: family(daemon.pid), began))
                self.must_hold(configuration, "keepalived's reload")
        finally:
            everyone = family(daemon.pid)
            for pid in everyone:   # its own way out takes every entry away one by one
                os.kill(pid, signal.SIGKILL)
            daemon.wait()
            until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in everyone), 20, "keepalived is gone")

    def altering(self):
        """How many messages alter IPVS, in applies that are not timed."""
        with self.dyadd() as node:
            self.apply(node, "watched", self.plain)
            for name, configuration in (("altering same", self.plain), ("altering change", self.changed)):
                self.watched(name, lambda c=configuration: self.apply(node, "watched", c))

    def watched(self, name, work):
        from topology import Watch   # here, because it belongs to the machine
        with Watch(self.host) as watch:
            watch.socket.setsockopt(socket.SOL_SOCKET, 33, 256 << 20)   # SO_RCVBUFFORCE: a whole read-back must fit
            work()
            lost = struct.unpack("II", watch.socket.getsockopt(263, 6, 8))[1]   # SOL_PACKET, PACKET_STATISTICS
        if lost or not watch.asking:
            raise AssertionError(f"the monitor saw {watch.asking} questions and lost {lost} messages")
        self.lists[name].append(watch.altering)


def said(text):
    return [(line.split()[0], int(line.split()[1])) for line in text.splitlines()]


def memory_kb(pid):
    """What a process has in memory."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def steady(pid):
    """Per cent of a core that a process takes when nothing happens."""
    time.sleep(5)   # what came before has been looked at
    before = spent_ms(pid)
    time.sleep(STEADY_SECONDS)
    return (spent_ms(pid) - before) / (10 * STEADY_SECONDS)


def spent_ms(pid):
    """Processor time of a process, all its threads."""
    return sum(int(pathlib.Path(f"/proc/{pid}/task/{t}/schedstat").read_text().split()[0]) for t in os.listdir(f"/proc/{pid}/task")) / 1e6


def family(pid):
    return [pid, *map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def worked(pids, began):
    """Milliseconds from `began` until the processes that `pids` names have no more work, told by their processor time."""
    def all_spent():
        return sum(int(pathlib.Path(f"/proc/{p}/schedstat").read_text().split()[0]) for p in pids())

    last, spent = time.perf_counter(), all_spent()
    while time.perf_counter() - last < QUIET:
        time.sleep(0.01)
        now = all_spent()
        if now - spent > 500_000:   # ns: more than to wake up
            last = time.perf_counter()
        spent = now
    return (last - began) * 1000


def in_the_machine(services, rounds, with_keepalived):
    subprocess.run(["modprobe", "-a", "ip_vs", "ip_vs_wrr", "nf_tables", "nlmon"], check=True)
    peer = peers.fetch(*KEEPALIVED) if with_keepalived else None
    with Lab(heartbeat_links=0, nodes=1, clients=0, observers=0) as lab:
        measured = Measured(lab.nodes[0], services)
        for n in range(rounds + 1):
            measured.round(peer, steady=n == rounds)
            if n == 0:   # programs came from the disk, tables were looked at
                measured.lists.clear()
            progress(f"round {n} of {rounds} done")
        with lab.nodes[0].inside():
            measured.altering()
            measured.ours("poll", measured.plain, "poll", str(2 * rounds + 1))
        pathlib.Path(os.environ["DYAD_RESULTS"], "figures.json").write_text(json.dumps(measured.lists))


def run(quick):
    services, rounds = (200, 1) if quick else (1000, 5)
    without = ""
    try:
        peers.fetch(*KEEPALIVED)
    except RuntimeError as problem:
        without = f"without keepalived: {problem}"
    with tempfile.TemporaryDirectory() as folder:
        results, toml = pathlib.Path(folder, "results"), Configuration(folder, services).toml
        answers = [subprocess.run([PROGRAM, "read", toml], check=True, text=True, stdout=subprocess.PIPE).stdout for _ in range(3)]
        inside = ["/usr/bin/python3", "-B", __file__, str(services), str(rounds), "" if without else "1"]
        subprocess.run([HERE.parent / "vm" / "run", "--build", build.directory(), "--results", results, "--timeout", "1800", "--", *inside],
                       check=True, stdout=sys.stderr)
        lists = json.loads((results / "figures.json").read_text())
    return told(lists, services, statistics.median(said(text)[0][1] for text in answers), without)


def told(lists, services, outside_us, without):
    report = Report(f"ipvs, {services} services of {SERVERS} servers, in the test machine, from exec to the answer that the kernel has it",
                    counts="median")  # what disturbs an emulated machine is no user's

    def add(what, unit, bar, ours, theirs=(), exactly=False):
        figure = report.figure(what, unit, None if bar is None else round(bar, 3), exactly=exactly)
        figure.ours, figure.theirs = list(ours), list(theirs)

    report.notes += [without] if without else []
    middle = {name: statistics.median(values) for name, values in lists.items()}
    first = middle["first dyad"]
    add("first load; ipvsadm --restore, 0.8 of it", "ms", 0.8 * middle["first ipvsadm"], lists["first dyad"], lists["first ipvsadm"])
    add("first load (dyadd runs already); keepalived's start", "ms", None, lists["first dyad"], lists.get("first keepalived", ()))
    for name, what, share in (("same", "no change", 0.3), ("change", "1 % change", 0.35)):
        what += f"; its reload, {share} of first load"
        add(what, "ms", share * first, lists[f"{name} dyad"], lists.get(f"{name} keepalived", ()))
    for name, what in (("first", "first load"), ("same", "no change"), ("change", "1 % change")):
        add(f"{what}, checks and proxy too; keepalived", "ms", None, lists[f"{name} dyad all"], lists.get(f"{name} keepalived", ()))
    add("dump; ipvsadm -Sn", "ms", None, lists["dump"], lists["dump ipvsadm"])
    add("messages that alter: no change", "", 0, lists["altering same"])
    add("messages that alter: 1 % change, exactly", "", services // 100, lists["altering change"], exactly=True)
    more = [max(0.0, ours - empty) for ours, empty in zip(lists["steady dyad"], lists["steady empty"])]
    add("steady: of a core, beyond an empty configuration", "%", 1, more)
    add("resident memory of the cluster process", "MiB", 40, [kb / 1024 for kb in lists["memory_kb dyad"]])
    add("library alone: first load; ipvsadm", "ms", 0.8 * middle["first ipvsadm"], lists["first"], lists["first ipvsadm"])
    add("library alone: no change", "ms", None, lists["same"], lists.get("same keepalived", ()))
    add("library alone: 1 % change", "ms", None, lists["change"], lists.get("change keepalived", ()))
    add("library alone: resident memory", "MiB", 40, [kb / 1024 for kb in lists["first memory_kb"]])
    add("library alone: a look at all", "ms", None, [us / 1e3 for us in lists["poll poll_us"]])
    for name in ("first", "same", "change"):
        read, apply, kernel = (middle[f"{name} {part}_us"] / 1000 for part in ("read", "apply", "kernel"))
        report.notes.append(f"library alone, {name}: of {middle[name]:.0f} ms, {read:.0f} ms read the file and {apply:.0f} ms apply it, "
                            f"{kernel:.0f} ms of them in the kernel")
    factor = middle["first read_us"] / outside_us
    report.notes.append(f"outside the machine the file is read in {outside_us / 1000:.1f} ms, {factor:.1f} times as fast")
    return report


if __name__ == "__main__":
    in_the_machine(int(sys.argv[1]), int(sys.argv[2]), bool(sys.argv[3]))

# SPDX-License-Identifier: Apache-2.0
"""What a random drill does to a pair: drawn from a seed, done at its times, and made good again."""

import dataclasses
import os
import random
import signal
import subprocess
import threading
import time

from lab.node import Refused, signal_at_once
from lab.wait import until

NODES = ("active", "passive")       # as they are when the drill begins
LINKS = ("hb1", "hb2")
CUTS = ("both ways", "sends", "hears", "no carrier")
PROCESSES = ("cluster", "proxy", "checker", "guardian")
DISK = 4            # MB of a node's state directory
GONE = 10.0         # seconds within which a node has ended that was told to


@dataclasses.dataclass(frozen=True)
class Disturbance:
    what: str           # a method of Disturber
    node: str
    detail: str
    begins: float       # seconds after the drill's begin
    ends: float         # when it is made good; kills are when the node is started again, should it have ended

    def __str__(self):
        return f"{self.begins:6.2f} s to {self.ends:5.2f} s: {self.what} ({self.detail}) on the {self.node} node"


def plan(seed):
    """One to three disturbances that may overlap. The same seed, the same plan."""
    rng = random.Random(f"drill {seed}")    # of a number alone, neighbours are alike
    kinds = {
        "kill": lambda: rng.choice(PROCESSES + ("everything",) * 2),
        "freeze": lambda: rng.choice(("everything", "everything", "cluster", "proxy")),
        "cut": lambda: f"{rng.choice((*LINKS, ' '.join(LINKS)))}: {rng.choice(CUTS)}",
        "cut_off": lambda: rng.choice(("both ways", "no carrier")),
        "restart": lambda: "SIGTERM",
        "fill_disk": lambda: "its state",
        "apply": lambda: f"{rng.choice(('another service', 'no other service'))}: weight {rng.randint(1, 255)}",
        "move": lambda: "planned",
    }
    weights = dict.fromkeys(kinds, 3) | {"cut": 5, "cut_off": 1}
    drawn, at = [], 0.0
    for _ in range(rng.randint(1, 3)):
        what = rng.choices(list(kinds), list(weights.values()))[0]
        drawn.append(Disturbance(what, rng.choice(NODES), kinds[what](), round(at, 2), round(at + rng.choice((
            rng.uniform(0.1, 0.6), rng.uniform(0.6, 3))), 2)))
        at += rng.choice((rng.uniform(0, 0.1), rng.uniform(0.1, 1.5)))
    return drawn


class Disturber:
    """Does a plan to a pair. `text_of(another, weight)` makes the configurations that are applied.

    Afterwards: `done` with the times, `texts`, one of which is in force, `ended`, the nodes of which processes were made to
    end, `stopped`, those that did not run for a while.
    """

    def __init__(self, pair, text_of):
        self.pair = pair
        self.done = []
        self.texts = [pair.secondary.read("cluster.toml")]     # the primary's is its operator's, who may have edited it
        self.ended, self.stopped = set(), set()
        self._start = time.monotonic()
        self._leaving = set()   # of which nothing will be left until they are started again
        self._nodes = {"active": pair.active, "passive": pair.passive}
        self._text_of = text_of
        self._requests = []
        self._applying = threading.Lock()

    def run(self, disturbances):
        steps = sorted([(d.begins, n, 0, d) for n, d in enumerate(disturbances)] + [(d.ends, n, 1, d) for n, d in enumerate(disturbances)],
                       key=lambda step: step[:3])
        self._start = time.monotonic()
        for at, _, over, d in steps:
            time.sleep(max(0.0, self._start + at - time.monotonic()))
            step = getattr(self, ("end_" if over else "") + d.what, None)
            if step:
                self._note(f"{'end of ' if over else ''}{d.what} ({d.detail}) on {self._nodes[d.node].name}")
                step(self._nodes[d.node], d.detail)
        self.make_good()

    def _note(self, what):
        self.done.append(f"{time.monotonic() - self._start:6.2f} s: {what}")

    def make_good(self):
        """All cables, disks and processes are as they were, and all requests answered."""
        for node in self.pair.nodes:
            signal_at_once(self._processes(node), signal.SIGCONT)
            for port in node.host.ports.values():
                port.heal()
                port.plug()
            self.end_fill_disk(node, None)
        for node in self.pair.nodes:
            if node in self._leaving:
                until(lambda: node.process.poll() is not None, GONE, f"{node.name} ends as it was told", describe=node.log_text)
            self._start_if_ended(node)
        for thread in self._requests:
            thread.join(40)
            assert not thread.is_alive(), "a request is not answered"
        self._note("all is made good")

    # ---- processes ----

    def _processes(self, node, name="everything"):
        """Found by what the kernel calls them: a node that is frozen does not say."""
        tree = node.tree()
        wanted = {"everything": None, "guardian": "dyadd\n"}.get(name, f"dyadd: {name}\n")
        return [pid for pid in tree if wanted is None or _title(pid) == wanted]

    def kill(self, node, name):
        self.ended.add(node)
        if name in ("guardian", "everything"):
            self._leaving.add(node)
        signal_at_once(self._processes(node, name), signal.SIGKILL)

    def end_kill(self, node, name):
        self._start_if_ended(node)

    def freeze(self, node, name):
        self.stopped.add(node)
        signal_at_once(self._processes(node, name), signal.SIGSTOP)

    def end_freeze(self, node, name):
        signal_at_once(self._processes(node), signal.SIGCONT)

    def restart(self, node, _):
        self.ended.add(node)
        self._leaving.add(node)
        if node.process.poll() is None:
            node.terminate()

    def end_restart(self, node, _):
        self._start_if_ended(node)

    def _start_if_ended(self, node):
        if node.process.poll() is not None:
            node.wait_gone()
            self._leaving.discard(node)
            node.start(within=None)

    # ---- cables ----

    def cut(self, node, detail):
        names, how = detail.split(": ")
        for name in names.split():
            _cut(node.host.ports[name], how)

    def end_cut(self, node, detail):
        for name in detail.split(": ")[0].split():
            node.host.ports[name].heal()
            node.host.ports[name].plug()

    def cut_off(self, node, how):
        for port in node.host.ports.values():
            _cut(port, how)

    def end_cut_off(self, node, how):
        for port in node.host.ports.values():
            port.heal()
            port.plug()

    # ---- disks ----

    def fill_disk(self, node, _):
        with open(os.path.join(node.state_dir, "ballast"), "wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while file.write(bytes(size)) == size:
                        pass
                except OSError:
                    pass

    def end_fill_disk(self, node, _):
        path = os.path.join(node.state_dir, "ballast")
        if os.path.exists(path):
            os.remove(path)

    # ---- operators ----

    def apply(self, node, detail):
        """On the primary, whatever the plan says: the secondary refuses."""
        another, weight = detail.split(": weight ")
        text = self._text_of(another == "another service", int(weight))
        self._request(f"apply ({detail}) on {self.pair.primary.name}", lambda: self._apply(text))

    def _apply(self, text):
        with self._applying:
            self.texts.append(text)     # in force or not, where the answer does not come
            try:
                self.pair.primary.apply(text)
                self.texts[:] = [text]
            except Refused:
                self.texts.remove(text)
                raise

    def move(self, node, _):
        how = "handover" if node is self._nodes["active"] else "takeover"
        self._request(f"{how} on {node.name}", lambda: node.call("POST", f"/v1/{how}", timeout=10.0))

    def _request(self, what, request):
        def run():
            try:
                request()
                said = "done"
            except (OSError, Refused) as problem:
                said = str(problem)
            self._note(f"answer to {what}: {said}")
        self._requests.append(threading.Thread(target=run, name=what, daemon=True))
        self._requests[-1].start()


def _title(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read()
    except OSError:
        return ""


def _cut(port, how):
    if how == "no carrier":
        port.unplug()
    else:
        port.drop(sends=how != "hears", hears=how != "sends")


class SmallDisk:
    """A file system of its own for a node's state."""

    def __init__(self, node):
        self._path = node.state_dir
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}m,mode=0755", "tmpfs", self._path], check=True)
        node.host.lab.on_close(self._unmount)

    def _unmount(self):
        subprocess.run(["umount", "-l", self._path], check=False)

# SPDX-License-Identifier: Apache-2.0
"""What ./demo shows: a pair under traffic whose active node is killed, and what the client saw of it."""

import collections
import signal
import sys
import time

from . import conf
from .net import Lab
from .pair import Pair
from .probe import HttpProbe
from .server import RealServer
from .wait import until

WEB = "10.77.0.100"


def say(text):
    print(f"    {text}", flush=True)


def watch(probe, seconds, what):
    """Lets traffic flow, showing how many requests were answered."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if sys.stdout.isatty():
            print(f"\r    {what}: {len(probe.results)} requests ", end="", flush=True)
        time.sleep(min(0.2, left))
    if sys.stdout.isatty():
        print("\r" + " " * 70 + "\r", end="", flush=True)


class Table:
    def __init__(self, probe):
        self.probe = probe
        self.rows = []

    def phase(self, name, since):
        answered, errors = self.probe.answers(since), self.probe.errors(since)
        who = collections.Counter(r[2] for r in answered)
        self.rows.append((name, len(answered) + len(errors), len(errors), f"{self.probe.longest_gap(since):.0f} ms",
                          "  ".join(f"{name} {count}" for name, count in sorted(who.items()))))

    def show(self):
        head = ("what happened", "requests", "errors", "longest gap", "answered by")
        widths = [max(len(str(row[i])) for row in [head, *self.rows]) for i in range(len(head))]
        for row in [head, tuple("-" * w for w in widths), *self.rows]:
            print("    " + "   ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())


def demo():
    with Lab(heartbeat_links=1, real_servers=2, clients=1, observers=0) as lab:
        servers = [RealServer(h) for h in lab.real_servers]
        text = conf.cluster(conf.service("web", WEB, 80, {s.name: s.address for s in servers}, check=conf.health()))
        pair = Pair(lab, text)
        say("two nodes, two real servers and a client on a switch of their own")
        pair.start()
        pair.up()
        print("\n" + pair.primary.dyad("status").stdout)
        probe = HttpProbe(lab.clients[0], WEB)
        until(lambda: probe.answers(), 5, "the client is served", describe=pair.describe)
        table = Table(probe)

        say(f"the client asks http://{WEB}/ every {probe.period * 1000:.0f} ms")
        since = time.monotonic_ns()
        watch(probe, 3, "traffic")
        table.phase("nothing", since)

        victim = pair.active
        say(f"kill -9 of all processes of {victim.name}, which is active")
        since = victim.kill()
        watch(probe, 4, f"{victim.name} is dead")
        table.phase(f"kill -9 of {victim.name}", since)

        say(f"{victim.name} comes back, and gets the addresses by an orderly hand-over")
        victim.wait_gone()
        victim.start()
        pair.settle()
        pair.up()
        since = time.monotonic_ns()
        pair.active.dyad("handover")
        watch(probe, 3, "handed over")
        table.phase("hand-over", since)
        probe.stop()

        print("\n" + victim.dyad("status").stdout)
        table.show()
        return 0 if probe.answers(since) else 1


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return demo()
    except KeyboardInterrupt:
        return 130
    except (AssertionError, FileNotFoundError) as e:
        print(f"demo: {e}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

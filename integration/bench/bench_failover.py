# SPDX-License-Identifier: Apache-2.0
"""How long a client is without an answer when the active node loses its link, is killed, or hands over on purpose."""

import contextlib
import random
import time

from lab import TcpProbe, UdpProbe, conf
from products import VIP, Ours, Theirs
from report import Report, progress

KINDS = ("link cut", "kill of everything", "planned hand-over")
BARS = {"default": 700.0, "fastest": 50.0}  # ms, for what comes unexpected
PLANNED_BAR = 20.0
UNHEARD_OF = 10.0  # seconds without an answer after which the run is given up


def measure(product, kind):
    """One event. (longest gap of UDP answers in ms, failed connects, slowest connect in ms, own lateness in ms)."""
    product.settle()
    udp, tcp = UdpProbe(product.client, VIP), TcpProbe(product.client, VIP)
    udp.wait_answered()
    time.sleep(0.05 + random.random() * 0.1)  # any moment between two heartbeats
    event = product.break_(kind)
    _wait_served(product, udp, event, kind)
    end = time.monotonic_ns()
    product.mend()
    udp.stop()
    tcp.stop()
    before = event - 50_000_000  # a connect under way counts
    return udp.longest_gap(event, to=end), len(tcp.failed(before)), tcp.slowest(before), udp.late[1]


def _wait_served(product, udp, event, kind, quiet=0.25):
    """Until answers have come for `quiet` seconds without an interruption: what comes after the first one counts too."""
    end = time.monotonic() + UNHEARD_OF
    while True:
        time.sleep(0.02)
        since = (time.monotonic_ns() - event) / 1e6
        if udp.answered_within(0.02) and since - udp.served_after(event, quiet=5.0) > quiet * 1000:
            return
        if time.monotonic() > end:
            raise AssertionError(f"{product.name}: not served for {UNHEARD_OF:g} s after: {kind}")


def run(quick):
    rounds, slow_rounds = (3, 1) if quick else (20, 20)
    report = Report("failover, from a client's seat: ours is dyad, theirs is keepalived")
    with contextlib.ExitStack() as stack:
        products = {}
        for timing, settings in (("default", {}), ("fastest", conf.FAST)):
            products[timing] = (Ours(settings), Theirs(fast=bool(settings)))
            for product in products[timing]:
                stack.callback(product.close)
                progress(f"starting {product.name}, {timing} timing")
                product.start()
        late = 0.0
        for kind in KINDS:
            for timing, pair in products.items():
                late = max(late, _rounds(report, pair, kind, timing, rounds, slow_rounds if timing == "default" else rounds))
        for timing, (ours, theirs) in products.items():
            report.notes.append(f"moves that nobody asked for, {timing} timing: ours {ours.unprovoked}, theirs {theirs.unprovoked}")
        report.notes.append(f"the probe itself was late by at most {late:.2f} ms")
    return report


def _rounds(report, pair, kind, timing, rounds, their_rounds):
    planned = kind == KINDS[-1]
    name = f"{kind}, {timing}"
    figures = (report.figure(f"{name}: gap", "ms", PLANNED_BAR if planned else BARS[timing]),
               report.figure(f"{name}: failed connects", "", 0 if planned else None),
               report.figure(f"{name}: slowest connect", "ms"))
    late = 0.0
    for n in range(rounds):
        told = []
        for product, sink in zip(pair, ("ours", "theirs")):
            if sink == "theirs" and n >= their_rounds:
                continue
            *values, lateness = measure(product, kind)
            late = max(late, lateness)
            for figure, value in zip(figures, values):
                getattr(figure, sink).append(value)
            told.append(f"{sink} {values[0]:.1f} ms")
        progress(f"{name}: round {n + 1} of {rounds}: {', '.join(told)}")
    return late

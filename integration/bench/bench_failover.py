# SPDX-License-Identifier: Apache-2.0
"""How long a client is without an answer when the active node loses its link, is killed, or hands over on purpose: with the default
timing and the fastest, on an idle machine and on one whose processors are all taken, with one floating address and with 500."""

import contextlib
import os
import random
import subprocess
import time

from announcements import Announcements
from lab import TcpProbe, UdpProbe, conf
from products import VIP, Ours, Theirs
from report import Report, progress

LINK_CUT, KILL, PLANNED = "link cut", "kill of everything", "planned hand-over"
KINDS = (LINK_CUT, KILL, PLANNED)
TIMINGS = {"default": {}, "fastest": conf.FAST}
MEDIAN_BAR = 550.0                                 # ms, of what comes unexpected with default timing on an idle machine
BARS = {"default": 700.0, "fastest": 35.0}         # ms, the longest of those
PLANNED_BAR = 5.0                                  # ms, the longest
ANNOUNCED_BAR = 100.0                              # ms from the first of 500 addresses to the last
MANY = 500
WATCHED = 600                                      # seconds on a machine without a free processor in which nothing may move
UNHEARD_OF = 10.0                                  # seconds without an answer after which the run is given up


def measure(product, kind):
    """One event. (longest gap of UDP answers in ms, failed connects, slowest connect in ms, own lateness in ms, ms from the first
    announced address to the last)."""
    product.settle()
    udp, tcp = UdpProbe(product.client, VIP), TcpProbe(product.client, VIP)
    announced = Announcements(product.client)
    udp.wait_answered()
    time.sleep(0.05 + random.random() * 0.1)  # any moment between two heartbeats
    event = product.break_(kind)
    _wait_served(product, udp, event, kind)
    end = time.monotonic_ns()
    product.mend()
    udp.stop()
    tcp.stop()
    before = event - 50_000_000  # a connect under way counts
    return (udp.longest_gap(event, to=end), len(tcp.failed(before)), tcp.slowest(before), udp.late[1],
            announced.stop(product.addresses))


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


@contextlib.contextmanager
def saturated():
    """Work of normal priority on every processor."""
    busy = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def run(quick):
    report = Report("failover, from a client's seat: ours is dyad, theirs is keepalived")
    late = 0.0
    for many in (False,) if quick else (False, True):
        with contextlib.ExitStack() as stack:
            pairs = {}
            for timing, settings in TIMINGS.items():
                more = MANY - 1 if many else 0
                pairs[timing] = (Ours(settings, more), Theirs(bool(settings), more))
                for product in pairs[timing]:
                    stack.callback(product.close)
                    progress(f"starting {product.name}, {timing} timing, {more + 1} addresses")
                    product.start()
            for load in (False,) if quick else (False, True):
                with saturated() if load else contextlib.nullcontext():
                    for timing, pair in pairs.items():
                        for kind in KINDS:
                            late = max(late, _cell(report, pair, kind, timing, load, many, quick))
            for timing, (ours, theirs) in pairs.items():
                report.notes.append(f"moves that nobody asked for, {timing} timing, {'500 addresses' if many else 'one address'}: "
                                    f"ours {ours.unprovoked}, theirs {theirs.unprovoked}")
            if not quick and not many:
                _watch(report, pairs["default"])
    report.notes.append(f"the probe itself was late by at most {late:.2f} ms")
    return report


def _rounds(timing, load, many, quick):
    """(ours, theirs)"""
    if quick:
        return (3, 1 if timing == "default" else 3)
    first = timing == "default" and not load and not many
    return (100, 20) if first else (10, 10)


def _cell(report, pair, kind, timing, load, many, quick):
    name = f"{kind}, {timing}" + (", no processor free" if load else "") + (", 500 addresses" if many else "")
    held_to_bars = not load and not many
    bar = (PLANNED_BAR if kind == PLANNED else BARS[timing]) if held_to_bars else None
    figures = [report.figure(f"{name}: gap", "ms", bar),
               report.figure(f"{name}: failed connects", "", 0 if kind == PLANNED and held_to_bars else None),
               report.figure(f"{name}: slowest connect", "ms")]
    if held_to_bars and timing == "default" and kind != PLANNED:
        figures.append(report.figure(f"{name}: median gap", "ms", MEDIAN_BAR, counts="median"))
    if many:
        figures.append(report.figure(f"{name}: first to last announced", "ms", None if load else ANNOUNCED_BAR))
    late = 0.0
    ours_rounds, theirs_rounds = _rounds(timing, load, many, quick)
    for n in range(max(ours_rounds, theirs_rounds)):
        told = []
        for product, sink, rounds in zip(pair, ("ours", "theirs"), (ours_rounds, theirs_rounds)):
            if n >= rounds:
                continue
            gap, failed, slowest, lateness, announced = measure(product, kind)
            late = max(late, lateness)
            for figure, value in zip(figures, (gap, failed, slowest, announced if many else gap)):
                getattr(figure, sink).append(value)
            told.append(f"{sink} {gap:.1f} ms" + (f", announced in {announced:.1f} ms" if many else ""))
        progress(f"{name}: round {n + 1} of {ours_rounds}: {', '.join(told)}")
    return late


def _watch(report, pair):
    """Both, side by side, while other work takes all processors."""
    figure = report.figure(f"take-overs for nothing in {WATCHED} s, no processor free", "", 0)
    for product in pair:
        product.settle()
    before = [product.moves() for product in pair]
    with saturated():
        for second in range(0, WATCHED, 30):
            progress(f"nothing may move: {second} of {WATCHED} s")
            time.sleep(30)
    for product, was, sink in zip(pair, before, (figure.ours, figure.theirs)):
        sink.append(product.moves() - was)

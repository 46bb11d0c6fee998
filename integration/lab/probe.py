# SPDX-License-Identifier: Apache-2.0
"""What a client sees: UDP answers every millisecond, TCP connects, HTTP requests; and the gaps in them."""

import asyncio
import os
import socket
import subprocess
import time

from . import build
from .server import background
from .wait import until

_MS = 1_000_000
_FLUSH = 40_000_000  # ns after which an answer is in the instrument's file at the latest


class _Instrument:
    """`dyad_lab_probe` at work on a host; its lines end up in a file that can be read while it runs."""

    def __init__(self, host, *arguments):
        self.host = host
        self._file = os.path.join(host.lab.directory, f"{host.name}-{arguments[0]}-{time.monotonic_ns()}")
        with open(self._file, "w") as out:
            self.process = host.popen([build.probe(), *arguments], stdin=subprocess.PIPE, stdout=out)

    def stop(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(10)

    def rows(self):
        """Complete lines so far, as lists of words."""
        with open(self._file) as text:
            content = text.read()
        return [line.split() for line in content[:content.rfind("\n") + 1].splitlines()]

    @property
    def late(self):
        """(99th percentile, maximum) in ms of how late the instrument itself was; after `stop`."""
        for row in self.rows():
            if row[0] == "#":
                return int(row[2]) / _MS, int(row[3]) / _MS
        return None


class Responder:
    """Answers UDP and TCP on an address that may come and go, whatever product moves it."""

    def __init__(self, host, address, port=9999):
        self._instrument = _Instrument(host, "respond", host.name, address, port)

    def kill(self):
        self._instrument.process.kill()


class UdpProbe:
    """A datagram to the address every `period` seconds; answers are (sent, received, who), in nanoseconds."""

    def __init__(self, host, address, port=9999, period=0.001):
        self._instrument = _Instrument(host, "udp", address, port, int(period * 1e6))
        self.stop = self._instrument.stop

    @property
    def late(self):
        return self._instrument.late

    def answers(self):
        return [(int(r[0]), int(r[1]), r[2]) for r in self._instrument.rows() if r[0] != "#"]

    def wait_answered(self, within=2.0, since=0):
        """Until an answer came after `since`."""
        until(lambda: any(a[1] > since for a in self.answers()[-1:]), within, "an answer to the UDP probe", every=0.02)

    def answered_within(self, seconds):
        """Was the last answer that recent?"""
        last = self.answers()[-1:]
        return bool(last) and time.monotonic_ns() - last[0][1] < seconds * 1e9 + _FLUSH

    def gaps(self, since, to=None):
        """Milliseconds between answers that followed each other, of those that ended after `since`, longest first."""
        times = sorted(a[1] for a in self.answers())
        return sorted(((b - a) / _MS for a, b in zip(times, times[1:]) if b > since and (to is None or a < to)), reverse=True)

    def longest_gap(self, since, to=None):
        return max(self.gaps(since, to), default=float("inf"))

    def served_after(self, event, quiet=50.0):
        """Milliseconds from `event` to the answer that ended the last interruption longer than `quiet` ms; infinite while
        one lasts. Asked while the probe runs."""
        now = time.monotonic_ns() - _FLUSH
        times = sorted(a[1] for a in self.answers())
        if not times or times[-1] < event or (now - times[-1]) / _MS > quiet:
            return float("inf")
        ends = [b for a, b in zip(times, times[1:]) if b > event and (b - a) / _MS > quiet]
        return (ends[-1] - event) / _MS if ends else 0.0


class TcpProbe:
    """A connect every `period` seconds; outcomes are (start, end, "ok" or the error's name)."""

    def __init__(self, host, address, port=9999, period=0.005, limit=3.0):
        self._instrument = _Instrument(host, "tcp", address, port, int(period * 1e6), int(limit * 1e6))
        self.stop = self._instrument.stop

    def outcomes(self):
        return [(int(r[0]), int(r[1]), r[2]) for r in self._instrument.rows() if r[0] != "#"]

    def failed(self, since=0, to=float("inf")):
        return [o for o in self.outcomes() if since <= o[0] < to and o[2] != "ok"]

    def slowest(self, since=0, to=float("inf")):
        """Milliseconds of the slowest connect that succeeded."""
        return max(((o[1] - o[0]) / _MS for o in self.outcomes() if since <= o[0] < to and o[2] == "ok"), default=0.0)


async def _fetch(sock, address, port, path):
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, (address, port))
    await loop.sock_sendall(sock, f"GET {path} HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer.split(b"\r\n\r\n", 1)[1]) < _length(answer):
        data = await loop.sock_recv(sock, 65536)
        if not data:
            break
        answer += data
    if not answer.startswith(b"HTTP/1."):
        raise ConnectionError("closed without an answer")
    return answer.split(b"\r\n\r\n", 1)[1].decode(errors="replace")


def _length(answer):
    for line in answer.split(b"\r\n\r\n", 1)[0].lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 1 << 60


def fetch(host, address, port=80, path="/", timeout=2.0):
    """One request on a connection of its own; returns the body, raises OSError when there is none."""
    async def run():
        try:
            return await asyncio.wait_for(_fetch(sock, address, port, path), timeout)
        except asyncio.TimeoutError:
            raise TimeoutError(f"no answer from {address}:{port} within {timeout:g} s") from None
        finally:
            sock.close()
    sock = host.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    return background.call(run(), timeout + 5)


class HttpProbe:
    """A request on a connection of its own every `period` seconds, whatever became of those before.

    `results` are (start, end, who or None, error or None) in nanoseconds.
    """

    def __init__(self, host, address, port=80, path="/", period=0.02, timeout=3.0):
        self.host, self.address, self.port, self.path = host, address, port, path
        self.period, self.timeout = period, timeout
        self.results = []
        self._open = set()  # starts of requests under way
        self._running = True
        self._task = background.spawn(self._run())
        host.lab.on_close(self.stop)

    def stop(self):
        self._running = False
        if self._task:
            self._task.result(self.timeout + 5)
            self._task = None

    async def _run(self):
        loop = asyncio.get_running_loop()
        tasks = set()
        due = loop.time()
        while self._running:
            task = loop.create_task(self._one())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            due = max(due + self.period, loop.time())
            await asyncio.sleep(due - loop.time())
        if tasks:
            await asyncio.wait(tasks)

    async def _one(self):
        sock = self.host.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        start = time.monotonic_ns()
        self._open.add(start)
        who = error = None
        try:
            who = await asyncio.wait_for(_fetch(sock, self.address, self.port, self.path), self.timeout)
        except (OSError, asyncio.TimeoutError) as e:
            error = str(e) or type(e).__name__
        finally:
            sock.close()
        self.results.append((start, time.monotonic_ns(), who, error))
        self._open.discard(start)

    def errors(self, since=0, to=float("inf")):
        return [r for r in self.results if r[3] and since <= r[0] < to]

    def answers(self, since=0, to=float("inf")):
        return [r for r in self.results if r[2] is not None and since <= r[0] < to]

    def longest_gap(self, since=0):
        """Milliseconds: longest time without a request being answered."""
        ends = sorted(r[1] for r in self.results if r[2] is not None)
        return max(((b - a) / _MS for a, b in zip(ends, ends[1:]) if b > since), default=float("inf"))

    def served_after(self, event, quick=250.0):
        """Milliseconds from `event` to the start of the first request from which on all are answered within `quick` ms; 0
        when that is so of all since."""
        now = time.monotonic_ns()
        hanging = [(start, now, None, "under way") for start in list(self._open) if (now - start) / _MS > quick]
        good_from, bad = None, False
        for start, end, who, _ in sorted((r for r in [*self.results, *hanging] if r[0] >= event), key=lambda r: r[0]):
            if who is not None and (end - start) / _MS <= quick:
                good_from = start if good_from is None else good_from
            else:
                good_from, bad = None, True
        if good_from is None:
            return float("inf")
        return (good_from - event) / _MS if bad else 0.0

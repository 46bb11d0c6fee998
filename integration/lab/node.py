# SPDX-License-Identifier: Apache-2.0
"""One node of a pair: its files, its four processes, what it says of itself."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time

from . import build
from .wait import until

PROCESSES = ("guardian", "cluster", "checker", "proxy")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("dyad", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _closes_its_sockets(pid):
    """A killed dyadd loses its command line with its memory, then its sockets, and then it is a zombie without threads."""
    with open(f"/proc/{pid}/stat") as stat:
        name, fields = stat.read().split("(", 1)[1].rsplit(")", 1)
    return name.startswith("dyad") and (fields.split()[0] != "Z" or len(os.listdir(f"/proc/{pid}/task")) > 1)


def signal_at_once(pids, what):
    """Signals them so close together that none has time to react to another's end; returns the moment."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(90))
    try:
        at = time.monotonic_ns()
        for pid in pids:
            try:
                os.kill(pid, what)
            except ProcessLookupError:
                pass
        return at
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


class Refused(Exception):
    """The API's answer to a request that it did not grant."""

    def __init__(self, status, body):
        super().__init__(f"{status}: {body.get('error')} {body.get('faults', '')}")
        self.status, self.body = status, body


class Node:
    def __init__(self, host, role):
        self.host = host
        self.role = role
        self.name = host.name
        self.base = os.path.join(host.lab.directory, host.name)
        self.config_dir, self.state_dir, self.run_dir = (os.path.join(self.base, d) for d in ("etc", "lib", "run"))
        for directory in (self.config_dir, self.state_dir, self.run_dir):
            os.makedirs(directory, exist_ok=True)
        self.log = os.path.join(self.base, "log")
        self.process = None
        self.build = None   # a build directory of its own; None: the one under test

    # ---- files ----

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.config_dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
            file.write(text)
        os.chmod(path, mode)

    def read(self, name):
        with open(os.path.join(self.config_dir, name)) as file:
            return file.read()

    def log_text(self, lines=40):
        if not os.path.exists(self.log):
            return "(no log)"
        with open(self.log, errors="replace") as file:
            return "".join(file.readlines()[-lines:])

    # ---- life ----

    def command(self, level="debug"):
        return [build.dyadd(self.build), "--config-dir", self.config_dir, "--state-dir", self.state_dir, "--run-dir", self.run_dir,
                "--log-level", level]

    def start(self, within=5.0):
        """Starts dyadd and waits until it answers."""
        with open(self.log, "a") as log:
            log.write(f"---- start at {time.monotonic_ns()}\n")
            log.flush()
            self.process = self.host.popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        if within:
            until(self.answers, within, f"{self.name} answers", describe=self.log_text)

    def answers(self):
        if self.process and self.process.poll() is not None:
            raise AssertionError(f"{self.name}: dyadd ended with {self.process.returncode}\n{self.log_text()}")
        try:
            return self.status()
        except OSError:
            return None

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait_gone(self, within=5.0):
        """Until every process of this node has ended; returns dyadd's exit status."""
        until(lambda: self.process.poll() is not None and not self.running(), within, f"{self.name} has ended",
              describe=self.log_text)
        return self.process.returncode

    # ---- processes ----

    def pids(self):
        """Name -> pid, as status says."""
        return {p["name"]: p["pid"] for p in self.status()["processes"]}

    def tree(self):
        """The guardian and everything below it, found by parents and not by what the node says."""
        parents = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/stat") as stat:
                        fields = stat.read().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                if fields[0] != "Z":
                    parents[int(entry)] = int(fields[1])
        found = [self.process.pid] if self.process.pid in parents else []
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid]
        return found

    def running(self):
        """Is anything left of it, also children whose parent died?"""
        needle = self.run_dir.encode()
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/cmdline", "rb") as file:
                        cmdline = file.read()
                    if needle in cmdline or (not cmdline and _closes_its_sockets(entry)):
                        return True
                except OSError:
                    pass
        return False

    def signal(self, what, *names):
        """Sends a signal to the processes of these names, to all without a name, as close together as possible."""
        said = self.pids() if names else {}
        return signal_at_once([said[n] for n in names] if names else self.tree(), what)

    def kill(self, *names):
        return self.signal(signal.SIGKILL, *names)

    # ---- what it says ----

    def call(self, method, path, body=None, timeout=10.0):
        connection = _UnixConnection(os.path.join(self.run_dir, "dyad.sock"), timeout)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"Content-Type": "application/json"} if body is not None else {})
            response = connection.getresponse()
            answer = json.loads(response.read() or "null")
        except http.client.HTTPException as e:
            raise ConnectionError(f"{self.name}: {e!r}") from e
        finally:
            connection.close()
        if response.status >= 400:
            raise Refused(response.status, answer)
        return answer

    def status(self):
        return self.call("GET", "/v1/status", timeout=3.0)

    @property
    def state(self):
        """Its failover state; None when it does not answer."""
        try:
            return self.status()["node"]["state"]
        except OSError:
            return None

    def events(self):
        return self.call("GET", "/v1/events?after=0")["events"]

    def apply(self, text):
        """The text becomes cluster.toml and the running configuration of both."""
        self.write("cluster.toml", text)
        return self.call("POST", "/v1/apply", {"cluster_toml": text}, timeout=30.0)   # it answers within 10 s of having it

    def servers(self, action, **which):
        return self.call("POST", "/v1/servers", {"action": action, **which})

    def server(self, service, server):
        """Status of one server of one service."""
        for s in self.status()["services"]:
            if s["name"] == service:
                return next(x for x in s["servers"] if x["name"] == server)
        raise KeyError(service)

    def dyad(self, *arguments, check=True, timeout=30):
        """Runs the command line against this node."""
        done = self.host.run([build.dyad(self.build), "--run-dir", self.run_dir, *arguments], check=False, timeout=timeout)
        if check and done.returncode != 0:
            raise AssertionError(f"dyad {' '.join(arguments)} on {self.name}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def describe(self):
        try:
            said = json.dumps(self.status(), indent=1)
        except (OSError, Refused) as e:
            said = f"(no status: {e})"
        return f"==== {self.name}: status\n{said}\n==== {self.name}: log\n{self.log_text(80)}"

# SPDX-License-Identifier: Apache-2.0
"""What a request costs the proxy: processor time beside HAProxy's and nginx's. The proxy has one processor and one thread,
clients and servers share the other; everybody talks over loopback, to nginx behind."""

import contextlib
import dataclasses
import json
import pathlib
import socket
import statistics
import subprocess
import tempfile

import peers
from lab import build
from lab.wait import until
from report import Report, progress

PEERS = pathlib.Path(__file__).resolve().parent / "proxy_peers"   # their configurations
ORIGIN, ORIGIN_TLS = 18080, 18443                           # nginx, which is everybody's real server
PROXY, OTHERS = "0", "1"                                    # processors
# What each listens on, a block of ports apiece; tcp, http, http with TLS, http with TLS to the server as well.
PRODUCTS = {"dyad": 19000, "haproxy": 19100, "nginx": 19200}
TCP, HTTP, TLS, TLS_BOTH = range(4)
SMALL, LARGE, HUGE = "/64", "/1048576", "/67108864"    # the origin answers with so many bytes
IDLE = 4000
OFFERED = 4000   # requests a second, for the 99th percentile


@dataclasses.dataclass
class Scene:
    """One thing to measure: where, what is asked, how, and ours over HAProxy's at most."""
    what: str
    port: int
    path: str
    bar: float | None
    keys: dict
    unit: str = "us"
    once: bool = False

    def value(self, seen):
        if self.unit == "us":
            return seen["cpu"] / seen["requests"] * 1e6
        if self.unit == "us each":
            return seen["seconds"] / seen["requests"] * 1e6
        if self.unit == "ms per GB":
            return seen["cpu"] * 1e3 / (seen["bytes"] / 1e9)
        if self.unit == "ms":
            return seen["p99"] * 1e3
        return (seen["rss"] - seen["rss_before"]) / IDLE / 1024


SCENES = (
    # First, and once: what connections that are gone have left behind serves the next ones.
    Scene(f"memory of an idle connection, {IDLE}", HTTP, SMALL, 1.0, {"idle": 1, "connections": IDLE, "warm": 0, "seconds": 1}, "KiB", once=True),
    Scene("tcp, small answers", TCP, SMALL, 0.90, {}),
    Scene("tcp, bulk", TCP, HUGE, 1.0, {"connections": 4}, "ms per GB"),
    Scene("http, keep-alive", HTTP, SMALL, 0.90, {}),
    Scene("tcp, small answers, 8 connections: time for a request", TCP, SMALL, 1.25, {"connections": 8}, "us each"),
    Scene("http, 4 connections: time for a request", HTTP, SMALL, 1.25, {"connections": 4}, "us each"),
    Scene("http, 8 connections: time for a request", HTTP, SMALL, 1.25, {"connections": 8}, "us each"),
    Scene("http, a connection each", HTTP, SMALL, 1.0, {"per": 1}),
    Scene("http, 1 MB answers", HTTP, LARGE, 1.0, {"connections": 16}),
    Scene("TLS, keep-alive", TLS, SMALL, 1.0, {"tls": 1}),
    Scene("TLS, a full handshake each", TLS, SMALL, 1.0, {"tls": 1, "per": 1, "connections": 16}),
    Scene("TLS, a resumed handshake each", TLS, SMALL, 1.0, {"tls": 2, "per": 1, "connections": 16}),
    Scene("TLS and TLS to the server, keep-alive", TLS_BOTH, SMALL, 1.0, {"tls": 1}),
    Scene(f"http, 99th percentile at {OFFERED}/s", HTTP, SMALL, None, {"rate": OFFERED}, "ms"),
)


class Running:
    """A program on one processor, until the block ends. `pid` is the process that works."""

    def __init__(self, processor, argv, environment=None, port=None, works=None):
        self.process = subprocess.Popen(["taskset", "-c", processor, *map(str, argv)], env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL)
        try:
            until(lambda: listens(port) or self.process.poll() is not None, 10, f"{argv[0]} listens on {port}")
            if self.process.poll() is not None:
                raise RuntimeError(f"{argv[0]} ended with {self.process.returncode}")
            self.pid = works(self.process.pid) if works else self.process.pid
        except BaseException:
            self.stop()
            raise

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


def only_child(pid):
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    until(children.read_text, 10, f"{pid} has a child")
    return int(children.read_text().split()[0])


def start(stack, folder):
    """Everybody, each with the configuration committed beside this file; the processes to measure, by name."""
    nginx, nginx_environment = peers.fetch("nginx", "/usr/sbin/nginx")
    stream, _ = peers.fetch("libnginx-mod-stream", "/usr/lib/nginx/modules/ngx_stream_module.so")
    haproxy, haproxy_environment = peers.fetch("haproxy", "/usr/sbin/haproxy")
    (folder / "certificates").mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
                    "/CN=bench", "-keyout", folder / "key", "-out", folder / "cert"], check=True, stderr=subprocess.DEVNULL)
    (folder / "certificates" / "bench.pem").write_text((folder / "cert").read_text() + (folder / "key").read_text())
    files = folder / "files"
    files.mkdir()
    for path in (SMALL, LARGE, HUGE):
        with open(files / path[1:], "wb") as file:
            file.truncate(int(path[1:]))
    folder.chmod(0o755)
    for template in PEERS.iterdir():
        text = template.read_text().replace("@FOLDER@", str(folder)).replace("@STREAM@", str(stream))
        (folder / template.name).write_text(text)

    def run(*arguments, **more):
        running = Running(*arguments, **more)
        stack.callback(running.stop)
        return running.pid

    run(OTHERS, [nginx, "-p", folder, "-c", folder / "origin.conf"], nginx_environment, ORIGIN)
    program = build.directory() / "integration" / "bench" / "dyad_proxy_seat"
    return {"dyad": run(PROXY, [program, folder], port=PRODUCTS["dyad"]),
            "haproxy": run(PROXY, [haproxy, "-db", "-f", folder / "haproxy.cfg"], haproxy_environment, PRODUCTS["haproxy"]),
            "nginx": run(PROXY, [nginx, "-p", folder, "-c", folder / "nginx.conf"], nginx_environment, PRODUCTS["nginx"], only_child)}


def measure(scene, product, pid, seconds):
    keys = {"pid": pid, "seconds": seconds} | scene.keys
    program = build.directory() / "integration" / "bench" / "dyad_proxy_load"
    out = subprocess.run(["taskset", "-c", OTHERS, program, "127.0.0.1", str(PRODUCTS[product] + scene.port), scene.path,
                          *(f"{key}={value}" for key, value in keys.items())], check=True, text=True, stdout=subprocess.PIPE).stdout
    seen = json.loads(out)
    if seen["failed"]:
        raise AssertionError(f"{product}, {scene.what}: {seen['failed']} requests failed, {seen['requests']} did not")
    return seen


def run(quick):
    rounds, seconds = (1, 0.4) if quick else (5, 2)
    report = Report("proxy, processor time for one request; theirs is HAProxy", counts="median")
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        pids = start(stack, folder)
        for scene in SCENES:
            figure = report.figure(scene.what, scene.unit, ratio_bar=scene.bar)
            third, rates = [], {name: [] for name in PRODUCTS}
            for _ in range(1 if scene.once else rounds):
                for name, values in zip(PRODUCTS, (figure.ours, figure.theirs, third)):
                    seen = measure(scene, name, pids[name], seconds)
                    values.append(scene.value(seen))
                    rates[name].append(seen["requests"] / seen["seconds"])
            nginx = statistics.median(third)
            told = ", ".join(f"{name} {statistics.median(of):.0f}/s" for name, of in rates.items())
            report.notes.append(f"{scene.what}: nginx {nginx:.4g} {scene.unit}" + (f"; {told}" if scene.unit == "us" else ""))
            progress(f"{figure.line()}; nginx {nginx:.4g}")
    return report

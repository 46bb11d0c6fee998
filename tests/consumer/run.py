# SPDX-License-Identifier: Apache-2.0
"""Installs the build given, builds the embedders against it and runs them: a relay on loopback, and a pair on loopback."""

import os
import pathlib
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

here = pathlib.Path(__file__).resolve().parent
LIMIT = 20  # seconds


def run(*argv):
    done = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, argv))}: {done.returncode}\n{done.stdout}")


class Program:
    """A program whose lines are read with a limit; it is ended with the block."""

    def __init__(self, *argv):
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.said = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def wait_for(self, text):
        end = time.monotonic() + LIMIT
        while text not in self.said:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 4096).decode() if ready else ""
            if not data:
                raise SystemExit(f"{self.process.args[0]} did not say {text!r}; it said:\n{self.said}")
            self.said += data


def relay(program):
    server = socket.create_server(("127.0.0.1", 0))

    def echo():
        while True:
            connection, _ = server.accept()
            threading.Thread(target=lambda c: (c.sendall(c.recv(100)), c.close()), args=(connection,), daemon=True).start()

    threading.Thread(target=echo, daemon=True).start()
    with Program(program, str(server.getsockname()[1])) as balancer:
        balancer.wait_for("pacs1 is up")
        with socket.create_connection(("127.0.0.1", 8104), LIMIT) as client:
            client.settimeout(LIMIT)
            client.sendall(b"C-ECHO")
            assert client.recv(100) == b"C-ECHO", "the relay gives back what the server said"
    print("a connection was relayed")


def pair(program, folder):
    """Sends heartbeats to 127.0.0.2 and 127.0.0.3; both become one pair, and a SIGINT moves the ownership."""
    key = folder / "cluster.key"
    key.touch(0o600)
    key.write_text(secrets.token_hex(32) + "\n")
    first, second = "127.0.0.2", "127.0.0.3"
    with Program(program, "primary", first, second, key) as one, Program(program, "secondary", second, first, key) as two:
        one.wait_for("acquiring -> active")
        one.process.send_signal(signal.SIGINT)
        two.wait_for("acquiring -> active")
        assert one.process.wait(LIMIT) == 0, "who hands over leaves in good order"
    print("two nodes became a pair and handed over")


def main():
    build = pathlib.Path(sys.argv[1])
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dyad-consumer-"))
    try:
        prefix = folder / "prefix"
        run("cmake", "--build", build, "--target", "balance", "cluster")
        run("cmake", "--install", build, "--prefix", prefix, "--component", "Unspecified")
        source = folder / "embedder"
        source.mkdir()
        for name in ("balance.cpp", "cluster.cpp"):
            shutil.copy(here / name, source)
        shutil.copy(here / "project.cmake", source / "CMakeLists.txt")
        run("cmake", "-S", source, "-B", source / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
        run("cmake", "--build", source / "build")
        relay(source / "build" / "balance_embedder")
        pair(source / "build" / "cluster_embedder", folder)
    finally:
        shutil.rmtree(folder)


main()

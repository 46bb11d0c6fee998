# SPDX-License-Identifier: Apache-2.0
"""Clients that hold the balancer to every byte: kept connections, transfers, downloads and WebSockets, and an origin for them."""

import asyncio
import collections
import hashlib
import os
import socket
import time

from lab import RealServer
from lab.server import background
from lab.wait import until

BLOCK = 16384
PATIENCE = 8.0      # seconds without a byte after which a client gives up


class Origin(RealServer):
    """A real server that also sends `/stream` (blocks of random bytes for `stream_seconds`, their SHA-256 in a trailer) and echoes
    what comes after an upgrade on `/ws`."""

    def __init__(self, host, stream_seconds, **more):
        self.stream_seconds = stream_seconds
        super().__init__(host, **more)

    async def _http(self, reader, writer):
        self._writers.add(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1]
                if path == b"/stream":
                    await self._stream(writer)
                elif path == b"/ws":
                    await self._tunnel(reader, writer)
                    return
                else:
                    body = (self.health if path == b"/health" else self.name).encode()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                    await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, IndexError):
            pass   # the client left, or spoke something else
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _stream(self, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Digest\r\n\r\n")
        digest, end = hashlib.sha256(), time.monotonic() + self.stream_seconds
        while time.monotonic() < end:
            block = os.urandom(BLOCK)
            digest.update(block)
            writer.write(b"%x\r\n%s\r\n" % (len(block), block))
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.write(b"0\r\nDigest: %s\r\n\r\n" % digest.hexdigest().encode())
        await writer.drain()

    async def _tunnel(self, reader, writer):
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        await writer.drain()
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


class Broken(Exception):
    """The other side did not keep to what it had said."""


class Load:
    """`count` clients of one kind, one after another does `_once` again and again. `failures` are (seconds, what)."""

    def __init__(self, client, address, port=80, count=1):
        self.client, self.address, self.port = client, address, port
        self.done, self.failures, self.seen = 0, [], collections.Counter()
        self.running = True
        self._tasks = [background.spawn(self._run()) for _ in range(count)]
        client.lab.on_close(self.stop)

    def stop(self):
        self.running = False
        for task in self._tasks:
            task.result(60)
        self._tasks = []

    async def _run(self):
        while self.running:
            try:
                await self._once()
                self.done += 1
            except (OSError, EOFError, asyncio.TimeoutError, Broken) as e:
                self.failures.append((time.monotonic(), f"{type(self).__name__}: {e!r}"))
                await asyncio.sleep(0.05)

    async def _connect(self):
        sock = self.client.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(sock, (self.address, self.port)), PATIENCE)
            return await asyncio.open_connection(sock=sock)
        except BaseException:
            sock.close()
            raise

    async def _once(self):
        reader, writer = await self._connect()
        try:
            await self._talk(reader, writer)
        finally:
            writer.transport.abort() if not writer.is_closing() else None

    async def _read(self, future):
        return await asyncio.wait_for(future, PATIENCE)

    async def _head(self, reader):
        lines = (await self._read(reader.readuntil(b"\r\n\r\n"))).decode().split("\r\n")
        return int(lines[0].split()[1]), {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:] if line)}


class KeptConnection(Load):
    """Request after request on one connection, with a rest of `rest` seconds between, until the answer says that it closes."""

    def __init__(self, *args, rest=0.005, **more):
        self.rest, self.requests = rest, 0
        super().__init__(*args, **more)

    async def _talk(self, reader, writer):
        while self.running:
            writer.write(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
            status, fields = await self._head(reader)
            body = await self._read(reader.readexactly(int(fields["content-length"])))
            if status != 200 or not body.startswith(b"rs"):
                raise Broken(f"{status} {body}")
            self.requests += 1
            self.seen[body.decode()] += 1
            if fields.get("connection", "").lower() == "close":
                if await self._read(reader.read(1)):
                    raise Broken("bytes after the last answer")
                return
            await asyncio.sleep(self.rest)


class Download(Load):
    """`/stream`, each to its end."""

    async def _talk(self, reader, writer):
        writer.write(b"GET /stream HTTP/1.1\r\nHost: lab\r\n\r\n")
        status, _ = await self._head(reader)
        digest = hashlib.sha256()
        while size := int(await self._read(reader.readuntil(b"\r\n")), 16):
            digest.update(await self._read(reader.readexactly(size)))
            await self._read(reader.readexactly(2))
        trailer = (await self._read(reader.readuntil(b"\r\n\r\n"))).decode().split(":")[1].strip()
        if status != 200 or trailer != digest.hexdigest():
            raise Broken(f"{status}, other bytes came than were sent")


class Echo(Load):
    """Random blocks there and back for `seconds`, then an orderly end."""

    greeting = b"\n"

    def __init__(self, *args, seconds, rest=0.01, **more):
        self.seconds, self.rest, self.bytes = seconds, rest, 0
        super().__init__(*args, **more)

    async def _talk(self, reader, writer):
        await self._open(reader, writer)
        end = time.monotonic() + self.seconds
        while time.monotonic() < end and self.running:
            block = os.urandom(BLOCK)
            writer.write(block)
            if await self._read(reader.readexactly(len(block))) != block:
                raise Broken("other bytes came back than were sent")
            self.bytes += len(block)
            await asyncio.sleep(self.rest)
        writer.write_eof()
        if await self._read(reader.read(1)):
            raise Broken("bytes after the end")

    async def _open(self, reader, writer):
        name = await self._read(reader.readuntil(b"\n"))
        self.seen[name.decode().strip()] += 1


class WebSocket(Echo):
    """The same after an upgrade."""

    async def _open(self, reader, writer):
        writer.write(b"GET /ws HTTP/1.1\r\nHost: lab\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        status, _ = await self._head(reader)
        if status != 101:
            raise Broken(f"no upgrade: {status}")


def progress(loads, within, what):
    """Waits until each of them has done something more, or failed."""
    def moved(load):
        return load.requests if isinstance(load, KeptConnection) else load.bytes if isinstance(load, Echo) else load.done

    before = [moved(load) for load in loads]
    until(lambda: all(moved(load) > b or load.failures for load, b in zip(loads, before)), within, what)

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients of all kinds at once: mixed_load.py SECONDS PAUSE WEB SAFE RELAY.

WEB and SAFE are addresses of services of mode http, on 80 and in TLS on 443, RELAY of mode tcp, on 7 and in TLS on 992, with servers
that run mixed_server.py. Each kind of client does one thing again and again, with PAUSE seconds between. Ends with a line of JSON:
for each kind how often it went well, how often it was cut off (servers go down, and are meant to), and what was wrong: bytes that
nobody sent, an answer that is not the request's, or nothing at all for PATIENCE seconds.
"""

import asyncio
import contextlib
import json
import random
import socket
import ssl
import struct
import sys
import time

from mixed_server import PIECE, pattern, summed

PATIENCE = 40.0   # seconds: longer than the proxy waits for anything
WORST = 5         # wrongs of a kind that are told
HEAD_TIME = 4.0   # seconds: less than the proxy grants a head
HTTP, HTTPS, BYTES, BYTES_IN_TLS = 80, 443, 7, 992
SIZES = (0, 1, 100, 4000, 70_000, 300_000)
LARGE = 6_000_000


class Cut(Exception):
    """The connection ended, or a status says that no server was there: that may happen."""


class Wrong(Exception):
    """That may not."""


class Connection:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, address, port, tls=None):
        return cls(*await asyncio.open_connection(address, port, ssl=tls, limit=1 << 17))

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self.writer.wait_closed()

    async def send(self, *pieces):
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    def reset(self):
        if sock := self.writer.get_extra_info("socket"):   # else the other side was first
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def head(self):
        """(status, fields)"""
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = text.split("\r\n")
        return int(first.split(" ")[1]), [tuple(line.split(": ", 1)) for line in lines if line]

    async def answer(self, allowed=(200,)):
        """(fields, body)"""
        status, fields = await self.head()
        told = dict((name.lower(), value) for name, value in fields)
        body = b""
        if "transfer-encoding" in told:
            parts = []
            while size := int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16):
                parts.append((await self.reader.readexactly(size + 2))[:-2])
            while await self.reader.readuntil(b"\r\n") != b"\r\n":
                pass
            body = b"".join(parts)
        elif "content-length" in told:
            body = await self.reader.readexactly(int(told["content-length"]))
        elif status == 200:
            body = await self.reader.read()
        if status in (502, 503, 504):
            raise Cut(str(status))
        if status not in allowed:
            raise Wrong(f"status {status}")
        return fields, body


def get(path, *fields):
    return b"".join([f"GET {path} HTTP/1.1\r\nHost: web.example\r\n".encode(), *(f.encode() + b"\r\n" for f in fields), b"\r\n"])


def expect(body, size):
    if body != b"".join(pattern(size)):
        raise Wrong(f"{len(body)} bytes for {size}")


def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Clients:
    """Each method that begins with `do_` is a kind of client; it does one thing and raises what went wrong."""

    def __init__(self, web, safe, relay):
        self.web, self.safe, self.relay = web, safe, relay
        self.tls = tls_context()
        self.session = None   # of TLS, to be resumed

    async def do_keep_alive(self):
        async with await Connection.to(self.web, HTTP) as c:
            for size in random.choices(SIZES, k=20):
                await c.send(get(f"/{size}"))
                expect((await c.answer())[1], size)

    async def do_fresh(self):
        async with await Connection.to(self.web, HTTP) as c:
            await c.send(get("/100", "Connection: close"))
            expect((await c.answer())[1], 100)

    async def do_pipeline(self):
        async with await Connection.to(self.web, HTTP) as c:
            sizes = random.choices(SIZES[:4], k=8)
            post = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
            await c.send(b"".join(get(f"/{size}") for size in sizes) + post)
            for size in sizes:
                expect((await c.answer())[1], size)
            if (await c.answer())[1] != summed([b"abc"]):
                raise Wrong("another body")

    async def _upload(self, address, port, tls=None, size=LARGE // 20):
        async with await Connection.to(address, port, tls) as c:
            await c.send(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            pieces = list(pattern(size))
            for piece in pieces:
                cut = random.randint(1, len(piece) - 1)
                for part in (piece[:cut], piece[cut:]):
                    await c.send(b"%x\r\n" % len(part), part[:1], part[1:] + b"\r\n")
            await c.send(b"0\r\nX-Sum: 1\r\n\r\n")
            if (await c.answer())[1] != summed(pieces):
                raise Wrong("another body")

    async def do_chunked_upload(self):
        await self._upload(self.web, HTTP)

    async def do_chunked_download(self):
        async with await Connection.to(self.web, HTTP) as c:
            for size in (1, 200_000):
                await c.send(get(f"/chunked/{size}"))
                expect((await c.answer())[1], size)

    async def do_body_to_the_end(self):
        async with await Connection.to(self.web, HTTP) as c:
            await c.send(get("/end/100000"))
            body = (await c.answer())[1]
            if not b"".join(pattern(100_000)).startswith(body):
                raise Wrong("another body")

    async def do_large(self):
        async with await Connection.to(self.web, HTTP) as c:
            await c.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % LARGE, *pattern(LARGE))
            if (await c.answer())[1] != summed(pattern(LARGE)):
                raise Wrong("another body")
            await c.send(get(f"/{LARGE}"))
            expect((await c.answer())[1], LARGE)

    async def _tunnel(self, address, port, tls=None):
        async with await Connection.to(address, port, tls) as c:
            await c.send(get("/ws", "Connection: Upgrade", "Upgrade: websocket"))
            status, _ = await c.head()
            if status != 101:
                raise (Cut if status >= 502 else Wrong)(str(status))
            for size in (1, 100, 50_000):
                message = b"".join(pattern(size))
                await c.send(message)
                if await c.reader.readexactly(size) != message:
                    raise Wrong("another message")

    async def do_tunnel(self):
        await self._tunnel(self.web, HTTP)

    async def do_tunnel_in_tls(self):
        await self._tunnel(self.safe, HTTPS, self.tls)

    async def do_echo(self):
        for port, tls in ((BYTES, None), (BYTES_IN_TLS, self.tls)):
            async with await Connection.to(self.relay, port, tls) as c:
                await c.send(b"E")
                for size in SIZES[1:5]:
                    message = b"".join(pattern(size))
                    await c.send(message)
                    if await c.reader.readexactly(size) != message:
                        raise Wrong("another message")

    async def do_half_close(self):
        async with await Connection.to(self.relay, BYTES) as c:
            message = b"".join(pattern(100_000))
            await c.send(b"E", message)
            c.writer.write_eof()
            said = await c.reader.read()
            while more := await c.reader.read():
                said += more
            if not (message + b"end 100000").startswith(said):
                raise Wrong("another end")
            if len(said) != len(message) + 10:
                raise Cut("early end")

    async def do_resets(self):
        async with await Connection.to(self.relay, BYTES) as c:
            await c.send(random.choice((b"R", b"C")) + b"x" * 10)
            with contextlib.suppress(ConnectionError):
                if await c.reader.read():
                    raise Wrong("words of nobody")
        c = await Connection.to(self.relay, BYTES)
        await c.send(b"E" + b"x" * random.choice((1, 100_000)))
        c.reset()

    async def do_tls(self):
        async with await Connection.to(self.web, HTTPS, tls_context()) as c:
            for size in random.choices(SIZES, k=5):
                await c.send(get(f"/{size}"))
                expect((await c.answer())[1], size)

    async def do_resumed(self):
        await asyncio.to_thread(self._resume)

    def _resume(self):
        with socket.create_connection((self.web, HTTPS), PATIENCE) as raw, self.tls.wrap_socket(raw, session=self.session) as c:
            c.sendall(get("/100", "Connection: close"))
            said = b""
            while data := c.recv(PIECE):
                said += data
            self.session = c.session
        if said.startswith(b"HTTP/1.1 50"):
            raise Cut(said[9:12].decode())
        expect(said.partition(b"\r\n\r\n")[2], 100)

    async def do_encrypted_again(self):
        async with await Connection.to(self.safe, HTTPS, self.tls) as c:
            for size in random.choices(SIZES, k=5):
                await c.send(get(f"/{size}"))
                expect((await c.answer())[1], size)
        await self._upload(self.safe, HTTPS, self.tls, 100_000)

    async def do_persistent(self):
        """The cookie that was given first is enough to come to the same server, as long as that is there."""
        async with await Connection.to(self.web, HTTP) as c:
            await c.send(get("/who"))
            fields, first = await c.answer()
        cookie = next((value.split(";")[0] for name, value in fields if value.startswith("SERVERID=")), None)
        if not cookie:
            raise Wrong("no cookie")
        async with await Connection.to(self.web, HTTP) as c:
            await c.send(get("/who", f"Cookie: {cookie}"))
            fields, second = await c.answer()
        if first != second and not any(value.startswith("SERVERID=") for _, value in fields):
            raise Wrong("another server without another cookie")

    async def do_slow(self):
        async with await Connection.to(self.web, HTTP) as c:
            head, begin = get("/1"), time.monotonic()
            for at in range(0, len(head), 4):
                await c.send(head[at:at + 4])
                await asyncio.sleep(0.04)
            if time.monotonic() - begin > HEAD_TIME:
                raise Cut("this machine is slower than the client was meant to be")
            expect((await c.answer())[1], 1)
            await c.send(get("/300000"))
            await asyncio.sleep(0.3)
            expect((await c.answer())[1], 300_000)

    async def do_leave(self):
        """Without the rest of a head, of a body, of an answer."""
        for words, wait in ((get("/1")[:20], 0), (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc", 0.05),
                            (get(f"/{LARGE}"), 0.05), (get("/chunked/1000000"), 0.02)):
            for port, tls in ((HTTP, None), (HTTPS, self.tls)):
                c = await Connection.to(self.web, port, tls)
                await c.send(words)
                await asyncio.sleep(wait)
                if random.random() < 0.5:
                    c.reset()
                else:
                    c.writer.close()

    async def do_nonsense(self):
        for words in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\n"):
            async with await Connection.to(self.web, HTTP) as c:
                await c.send(words)
                await c.answer(allowed=(400,))
        async with await Connection.to(self.web, HTTP) as c:
            await c.send(get("/cut/1000"))
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await c.answer()
                raise Wrong("a whole answer of half a one")
        c = await Connection.to(self.web, HTTPS)
        await c.send(b"GET / HTTP/1.1\r\n\r\n")
        c.reset()


class Count:
    def __init__(self):
        self.good = self.cut = 0
        self.wrong = []


async def repeat(do, count, end, pause):
    while time.monotonic() < end:
        try:
            await asyncio.wait_for(do(), PATIENCE)
            count.good += 1
        except Wrong as e:
            count.wrong.append(repr(e))
        except asyncio.TimeoutError:
            count.wrong.append("nothing happened any more")
        except (Cut, OSError, EOFError, ssl.SSLError):
            count.cut += 1
            await asyncio.sleep(0.02)
        except (ValueError, IndexError) as e:   # not even HTTP
            count.wrong.append(repr(e))
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))


async def main(seconds, pause, *addresses):
    clients = Clients(*addresses)
    kinds = [name for name in dir(clients) if name.startswith("do_")]
    counts = {name.removeprefix("do_"): Count() for name in kinds}
    end = time.monotonic() + float(seconds)
    await asyncio.gather(*(repeat(getattr(clients, name), counts[name.removeprefix("do_")], end, float(pause)) for name in kinds * 2))
    print(json.dumps({name: {"good": c.good, "cut": c.cut, "wrong": c.wrong[:WORST]} for name, c in counts.items()}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

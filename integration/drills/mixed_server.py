#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real server for mixed load: mixed_server.py NAME ADDRESS PEM [FLAP].

HTTP on 80 and, in TLS, on 8443; on 7 whatever a client asks for with its first byte: an echo, a reset, an end. `/N` are N bytes of
PATTERN, `/chunked/N` in chunks, `/end/N` up to the end of the connection, `/cut/N` less than said; a body is answered with its size
and sum; an upgrade is an echo. With FLAP it refuses connections and cuts those it has for 1 s of so many seconds.
"""

import asyncio
import socket
import ssl
import struct
import sys
import zlib

PATTERN = bytes(i * 7 & 255 for i in range(65536 * 2))
PIECE = 65536
DOWN = 1.0   # seconds


def pattern(size):
    """So many bytes, in pieces."""
    for at in range(0, size, PIECE):
        yield PATTERN[:min(PIECE, size - at)]


def summed(pieces):
    total = size = 0
    for piece in pieces:
        total, size = zlib.crc32(piece, total), size + len(piece)
    return f"{size} {total}".encode()


def reset(writer):
    if sock := writer.get_extra_info("socket"):   # else the other side was first
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Server:
    def __init__(self, name, address, pem):
        self.name, self.address = name, address
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(pem)
        self._listening, self._writers = [], set()

    async def up(self):
        for port, serve, tls in ((80, self._http, None), (8443, self._http, self._tls), (7, self._bytes, None)):
            self._listening.append(await asyncio.start_server(self._kept(serve), self.address, port, ssl=tls, backlog=1024,
                                                              reuse_address=True, limit=1 << 17))

    def down(self):
        for one in self._listening:
            one.close()
        self._listening.clear()
        for writer in list(self._writers):
            writer.transport.abort()

    def _kept(self, serve):
        async def run(reader, writer):
            self._writers.add(writer)
            try:
                await serve(reader, writer)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ssl.SSLError):
                pass   # the other side has left
            finally:
                self._writers.discard(writer)
                writer.close()
        return run

    async def _bytes(self, reader, writer):
        wish = await reader.readexactly(1)
        if wish == b"R":
            await reader.read(100)
            return reset(writer)
        if wish == b"C":
            return
        size = 0
        while data := await reader.read(PIECE):
            size += len(data)
            writer.write(data)
            await writer.drain()
        writer.write(b"end %d" % size)   # after the client has ended its half
        await writer.drain()

    async def _http(self, reader, writer):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
            path = first.split(" ")[1]
            if "upgrade" in fields:
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
                while data := await reader.read(PIECE):
                    writer.write(data)
                    await writer.drain()
                return
            body = await self._body(reader, fields)
            if not await self._answer(writer, path, body):
                return
            await writer.drain()

    async def _body(self, reader, fields):
        """What a body came to; None without one."""
        size = total = 0
        if "transfer-encoding" in fields:
            while length := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                piece = await reader.readexactly(length + 2)
                size, total = size + length, zlib.crc32(piece[:-2], total)
            while await reader.readuntil(b"\r\n") != b"\r\n":
                pass
        elif "content-length" in fields:
            left = int(fields["content-length"])
            while left:
                piece = await reader.readexactly(min(PIECE, left))
                left, size, total = left - len(piece), size + len(piece), zlib.crc32(piece, total)
        else:
            return None
        return f"{size} {total}".encode()

    async def _answer(self, writer, path, body):
        """False when the connection has to end."""
        kind, number = (path.strip("/").split("/") + [""])[:2]
        if body is not None or kind in ("who", "health"):
            text = body if body is not None else b"well" if kind == "health" else self.name.encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
        elif kind == "chunked":
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in pattern(int(number)):
                writer.write(b"%x;a=b\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
            writer.write(b"0\r\nX-Sum: 1\r\n\r\n")
        elif kind in ("end", "cut"):
            length = b"" if kind == "end" else b"Content-Length: %d\r\n" % (int(number) + 1)
            writer.write(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")
            for piece in pattern(int(number)):
                writer.write(piece)
                await writer.drain()
            return False
        else:
            size = int(kind or 0)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nSet-Cookie: JSESSIONID=%s\r\n\r\n" % (size, self.name.encode()))
            for piece in pattern(size):
                writer.write(piece)
                await writer.drain()
        return True


async def main(name, address, pem, every=None):
    server = Server(name, address, pem)
    await server.up()
    print("up", flush=True)
    while True:
        await asyncio.sleep(float(every or 3600) - DOWN)
        if every:
            server.down()
            await asyncio.sleep(DOWN)
            await server.up()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

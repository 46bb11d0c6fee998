# SPDX-License-Identifier: Apache-2.0
"""A real server that reads HTTP/1 as strictly as it is written down, keeps every byte, and answers what a test tells it to."""

import contextlib
import dataclasses
import re
import socket
import struct
import threading

RESET, CLOSE, WAIT = object(), object(), object()   # instead of bytes: reset; close in order; say nothing until the other side leaves
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


class Malformed(Exception):
    """No server would have to understand this."""


@dataclasses.dataclass
class Seen:
    """One whole request. `connection` counts the connections to this server, from 1."""
    connection: int
    head: bytes
    body: bytes = b""
    chunked: bool = False
    trailers: bytes = b""
    answered_early: bool = False

    @property
    def line(self):
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")

    @property
    def path(self):
        return self.line.split(" ")[1]

    @property
    def fields(self):
        """(name, value) in their order, as they were written."""
        return fields_of(self.head)

    def values(self, name):
        return [value for n, value in self.fields if n.lower() == name.lower()]


def fields_of(head):
    lines = head.removesuffix(b"\r\n\r\n").decode("latin-1").split("\r\n")[1:]
    return [(name, value.strip(" \t")) for name, value in (line.split(":", 1) for line in lines)]


class Stream:
    """Bytes of a socket, read as far as a message needs them."""

    def __init__(self, sock):
        self.socket, self.buffer = sock, b""

    def fill(self):
        """Reads more; raises EOFError at the end."""
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def until(self, mark):
        while mark not in self.buffer:
            self.fill()
        end = self.buffer.index(mark) + len(mark)
        out, self.buffer = self.buffer[:end], self.buffer[end:]
        return out

    def exactly(self, count):
        while len(self.buffer) < count:
            self.fill()
        out, self.buffer = self.buffer[:count], self.buffer[count:]
        return out

    def chunked(self):
        """(the body, the trailer's lines)"""
        parts = []
        while True:
            size = self.until(b"\r\n")[:-2]
            digits = size.split(b";")[0]
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", digits):
                raise Malformed(f"chunk size {size!r}")
            if int(digits, 16) == 0:
                break
            parts.append(self.exactly(int(digits, 16)))
            if self.exactly(2) != b"\r\n":
                raise Malformed("a chunk does not end where it should")
        trailers = b""
        while (line := self.until(b"\r\n")) != b"\r\n":
            trailers += line
        return b"".join(parts), trailers


class Bytes(Stream):
    """What was recorded, to be read again."""

    def __init__(self, raw):
        super().__init__(None)
        self.buffer = raw

    def fill(self):
        raise EOFError


def read_request(stream, connection, early=lambda seen: False):
    """`early` is called with the head, before the body; when it returns true, there is nothing more to read."""
    head = stream.until(b"\r\n\r\n")
    line, *fields = head[:-4].split(b"\r\n")
    if b"\n" in head.replace(b"\r\n", b"") or b"\r" in head.replace(b"\r\n", b"") or b"\0" in head:
        raise Malformed("a bare CR or LF, or NUL")
    if not re.fullmatch(rb"[^ ]+ [^ ]+ HTTP/1\.[01]", line):
        raise Malformed(f"request line {line!r}")
    for field in fields:
        if b":" not in field or not _TOKEN.match(field.split(b":", 1)[0]):
            raise Malformed(f"field {field!r}")
    seen = Seen(connection, head)
    lengths, encodings = seen.values("content-length"), seen.values("transfer-encoding")
    well_said = all(re.fullmatch(r"\d+", n) for n in lengths) and all(e.lower() == "chunked" for e in encodings)
    if len(lengths) + len(encodings) > 1 or not well_said:
        raise Malformed(f"lengths {lengths}, encodings {encodings}")
    if early(seen):
        return seen
    if encodings:
        seen.chunked = True
        seen.body, seen.trailers = stream.chunked()
    elif lengths:
        seen.body = stream.exactly(int(lengths[0]))
    return seen


class Recorder:
    """`answer(seen)` gives the steps of the answer to a request: bytes, RESET, CLOSE, WAIT, or a function of the socket."""

    def __init__(self, host, port=80, address=None):
        self.host, self.name = host, host.name
        self.address, self.port = address or host.address(), port
        self.answer = lambda seen: [PLAIN]
        self.greeting = lambda sock: None    # what is done with a connection before it says anything
        self.early = lambda seen: (b"", False)   # what is said to a head before its body, and is that the answer?
        self.requests = []
        self.broken = []       # what could not be read as a request
        self.unfinished = []   # what was there of a request when its connection ended
        self.connections = 0
        self.open = {}         # number -> socket
        self._lock = threading.Lock()
        self._listening = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listening.bind((self.address, port))
        self._listening.listen(512)
        threading.Thread(target=self._accept, daemon=True).start()
        host.lab.on_close(self.stop)

    def forget(self):
        """What was seen; connections stay."""
        self.requests, self.broken, self.unfinished = [], [], []

    def stop(self):
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()

    def cut(self):
        """Closes all that is open."""
        for sock in list(self.open.values()):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listening.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self.connections += 1
                    number = self.connections
                    self.open[number] = sock
                threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock, number):
        stream = Stream(sock)
        try:
            self.greeting(sock)
            while True:
                seen = read_request(stream, number, lambda head: self._say_early(head, sock))
                if not seen.answered_early:
                    self.requests.append(seen)
                for step in self.answer(seen):
                    if not self._do(step, sock):
                        return
        except Malformed as fault:
            self.broken.append(str(fault))
        except (OSError, EOFError):
            if stream.buffer:
                self.unfinished.append(stream.buffer)
        finally:
            self.open.pop(number, None)
            sock.close()

    def _say_early(self, seen, sock):
        words, is_all = self.early(seen)
        seen.answered_early = is_all
        if is_all:
            self.requests.append(seen)
        sock.sendall(words)
        return is_all

    def _do(self, step, sock):
        if isinstance(step, bytes):
            sock.sendall(step)
        elif step is RESET:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        elif step is CLOSE:
            return False
        elif step is WAIT:
            while sock.recv(65536):
                pass
            return False
        else:
            step(sock)
        return True

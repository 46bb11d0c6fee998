# SPDX-License-Identifier: Apache-2.0
"""A client that sends bytes as they are and reads answers as strictly as they are written down."""

import dataclasses
import socket

from .recorder import Malformed, Stream, fields_of


@dataclasses.dataclass
class Answer:
    status: int
    head: bytes
    body: bytes = b""
    chunked: bool = False
    whole: bool = True        # it ended where its head says
    to_the_end: bool = False  # the connection's end was its end
    trailers: bytes = b""

    @property
    def fields(self):
        return fields_of(self.head)

    def values(self, name):
        return [value for n, value in self.fields if n.lower() == name.lower()]


def read_answer(stream, method="GET"):
    """The next answer of a stream, an interim one too; None when it ends before. Raises TimeoutError."""
    try:
        head = stream.until(b"\r\n\r\n")
    except TimeoutError:
        raise
    except (OSError, EOFError):
        return None
    out = Answer(int(head.split()[1]), head)
    if method == "HEAD" or out.status < 200 or out.status in (204, 304):
        return out
    lengths = out.values("content-length")
    try:
        if out.values("transfer-encoding"):
            out.chunked = True
            out.body, out.trailers = stream.chunked()
        elif lengths:
            out.body = stream.exactly(int(lengths[0]))
        else:
            out.to_the_end = True
            while True:
                stream.fill()
    except TimeoutError:
        raise
    except (EOFError, OSError, Malformed) as end:
        out.whole = out.to_the_end and isinstance(end, EOFError)
        out.body, stream.buffer = stream.buffer, b""
    return out


class Talk:
    """One connection. Answers are read in the order of the requests."""

    def __init__(self, host, address, port=80, patience=5.0):
        sock = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(patience)
        try:
            sock.connect((address, port))
        except BaseException:
            sock.close()
            raise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket, self.stream = sock, Stream(sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *parts):
        for part in parts:
            self.socket.sendall(part)
        return self

    def no_more(self):
        """Nothing will follow from this side."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass   # the other side was faster
        return self

    def answer(self, method="GET"):
        """The next one, interim ones included; None when the connection ended before it. Raises TimeoutError."""
        return read_answer(self.stream, method)

    def final(self, method="GET"):
        """The next answer that is no interim one; None when the connection ended before it."""
        got = self.answer(method)
        while got and got.status < 200 and got.status != 101:
            got = self.answer(method)
        return got

    def ends(self):
        """Does the connection end, in order or by a reset, without another byte?"""
        try:
            return not self.stream.buffer and not self.socket.recv(65536)
        except TimeoutError:
            return False
        except OSError:
            return True

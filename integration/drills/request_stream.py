# SPDX-License-Identifier: Apache-2.0
"""Requests that clients send, and what the server behind answers to them, for a comparison of two proxies."""

from lab.recorder import CLOSE, RESET

BODY = b"0123456789" * 20_000
WEBSOCKET = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


def raw(line, *fields, body=b"", host=b"Host: a"):
    return b"".join(part + b"\r\n" for part in (line, *([host] if host else []), *fields)) + b"\r\n" + body


def get(path, *fields, **more):
    return raw(b"GET " + path + b" HTTP/1.1", *fields, **more)


def post(path, *fields, body=b""):
    return raw(b"POST " + path + b" HTTP/1.1", *fields, body=body)


def answer(*fields, body=b"", line=b"HTTP/1.1 200 OK"):
    return raw(line, *fields, body=body, host=None)


def counted(body=b"well", *fields, line=b"HTTP/1.1 200 OK"):
    return answer(*fields, b"Content-Length: %d" % len(body), body=body, line=line)


CHUNKS = b"4;x=y\r\nwell\r\n3\r\n, a\r\n0\r\n"


def echo(sock):
    """A server of another protocol: it greets, then gives back what it gets."""
    sock.sendall(b"hello ")
    while data := sock.recv(4096):
        sock.sendall(data)


# Path -> what the server answers; everything else gets 200 and "well".
ANSWERS = {
    "/chunked": [answer(b"Transfer-Encoding: chunked", body=CHUNKS + b"\r\n")],
    "/trailer": [answer(b"Transfer-Encoding: chunked", b"Trailer: X-Sum", body=CHUNKS + b"X-Sum: 7\r\n\r\n")],
    "/large": [counted(BODY)],
    "/pieces": [answer(b"Transfer-Encoding: chunked")] + [b"5\r\npiece\r\n"] * 50 + [b"0\r\n\r\n"],
    "/to-the-end": [answer(body=b"well"), CLOSE],
    "/old": [answer(body=b"well", line=b"HTTP/1.0 200 OK"), CLOSE],
    "/old-counted": [counted(line=b"HTTP/1.0 200 OK"), CLOSE],
    "/old-kept": [counted(b"well", b"Connection: keep-alive", line=b"HTTP/1.0 200 OK")],
    "/204": [answer(line=b"HTTP/1.1 204 No Content")],
    "/304": [answer(b'ETag: "1"', b"Content-Length: 5", line=b"HTTP/1.1 304 Not Modified")],
    "/head": [answer(b"Content-Length: 5")],
    "/head-chunked": [answer(b"Transfer-Encoding: chunked")],
    "/head-bare": [answer()],
    "/hints": [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", counted()],
    "/cookies": [counted(b"well", b"Set-Cookie: a=1; Path=/", b"Set-Cookie: b=2; Secure", b"Server: s", b"Date: d", b"Via: 1.1 v")],
    "/close": [counted(b"well", b"Connection: close"), CLOSE],
    "/listed": [counted(b"well", b"Connection: X-Mine", b"X-Mine: 1", b"Keep-Alive: timeout=5", b"Proxy-Connection: x", b"Upgrade: h2c")],
    "/upgrade": [answer(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
                        line=b"HTTP/1.1 101 Switching"), echo],
    "/validated": [counted(b"well", b'ETag: "1"')],
    "/redirect": [counted(b"", b"Location: http://a:8080/b", line=b"HTTP/1.1 302 Found")],
    "/error": [counted(b"broken", line=b"HTTP/1.1 500 Internal")],
    "/no-reason": [counted(line=b"HTTP/1.1 404")],
    "/odd-status": [counted(line=b"HTTP/1.1 299 Quite  odd")],
    "/spaces": [b"HTTP/1.1 200 OK\r\nX-A:1\r\nX-B: \t 2 \t \r\nX-Empty:\r\nCONTENT-length:4\r\n\r\nwell"],
    "/both": [answer(b"Content-Length: 9", b"Transfer-Encoding: chunked", body=CHUNKS + b"\r\n")],
    "/same-length": [answer(b"Content-Length: 4", b"Content-Length: 4", body=b"well")],
    "/garbage": [b"hello\r\n\r\n", CLOSE],
    "/nothing": [CLOSE],
    "/reset": [RESET],
    "/two-lengths": [answer(b"Content-Length: 4", b"Content-Length: 5", body=b"well"), CLOSE],
    "/cut": [answer(b"Content-Length: 9", body=b"well"), CLOSE],
    "/gone": [counted(b"gone", b"Connection: close", line=b"HTTP/1.1 413 Too much"), CLOSE],
}


def early(seen):
    """What the server says between head and body, and whether that is all."""
    if seen.path == "/expect":
        return b"HTTP/1.1 100 Continue\r\n\r\n", False
    if seen.path == "/refuse":
        return counted(b"no", b"Connection: close", line=b"HTTP/1.1 417 No"), True
    return b"", False


def on_server(seen):
    steps = ANSWERS.get(seen.path.split("?")[0], [counted()])
    return [CLOSE] if seen.path == "/refuse" else steps


# Name -> what one connection sends, and the methods of the answers that it waits for. Several sends: each waits for its answers.
STREAM = {
    "GET": [(get(b"/"), "GET")],
    "HEAD": [(raw(b"HEAD /head HTTP/1.1"), "HEAD")],
    "HEAD, answered with chunks": [(raw(b"HEAD /head-chunked HTTP/1.1"), "HEAD")],
    "HEAD, answered without a length": [(raw(b"HEAD /head-bare HTTP/1.1"), "HEAD")],
    "POST with a length": [(post(b"/", b"Content-Length: 3", body=b"abc"), "POST")],
    "POST without a body": [(post(b"/", b"Content-Length: 0"), "POST")],
    "POST with neither": [(post(b"/"), "POST")],
    "POST in chunks": [(post(b"/", b"Transfer-Encoding: chunked", body=CHUNKS + b"\r\n"), "POST")],
    "POST in chunks with a trailer": [(post(b"/", b"Transfer-Encoding: chunked", b"Trailer: X-Sum",
                                            body=CHUNKS + b"X-Sum: 7\r\n\r\n"), "POST")],
    "PUT of much": [(raw(b"PUT /a HTTP/1.1", b"Content-Length: %d" % len(BODY), body=BODY), "PUT")],
    "DELETE": [(raw(b"DELETE /a HTTP/1.1"), "DELETE")],
    "PATCH": [(raw(b"PATCH /a HTTP/1.1", b"Content-Length: 1", body=b"x"), "PATCH")],
    "OPTIONS *": [(raw(b"OPTIONS * HTTP/1.1"), "OPTIONS")],
    "TRACE": [(raw(b"TRACE /a HTTP/1.1"), "TRACE")],
    "a method of WebDAV": [(raw(b"PROPFIND /a HTTP/1.1", b"Depth: 1"), "PROPFIND")],
    "GET with a body": [(get(b"/", b"Content-Length: 3", body=b"abc"), "GET")],
    "three requests, one after the other": [(get(b"/1"), "GET"), (get(b"/2"), "GET"), (get(b"/3"), "GET")],
    "three requests at once": [(get(b"/1") + post(b"/2", b"Content-Length: 3", body=b"abc") + get(b"/3"), "GET", "POST", "GET")],
    "an answer in chunks": [(get(b"/chunked"), "GET")],
    "an answer in chunks with a trailer": [(get(b"/trailer"), "GET")],
    "an answer of much": [(get(b"/large"), "GET")],
    "an answer in pieces": [(get(b"/pieces"), "GET")],
    "an answer that ends with the connection": [(get(b"/to-the-end"), "GET")],
    "an answer of HTTP/1.0": [(get(b"/old"), "GET")],
    "an answer of HTTP/1.0 with a length": [(get(b"/old-counted"), "GET")],
    "an answer of HTTP/1.0 that stays": [(get(b"/old-kept"), "GET")],
    "204": [(get(b"/204"), "GET")],
    "304": [(get(b"/304", b'If-None-Match: "1"'), "GET")],
    "302": [(get(b"/redirect"), "GET")],
    "500": [(get(b"/error"), "GET")],
    "103 before the answer": [(get(b"/hints"), "GET")],
    "Expect, and the server wants it": [(post(b"/expect", b"Content-Length: 3", b"Expect: 100-continue"), "100"), (b"abc", "POST")],
    "Expect, and the server does not": [(post(b"/refuse", b"Content-Length: 3", b"Expect: 100-continue"), "POST")],
    "cookies": [(get(b"/cookies", b"Cookie: a=1; b=2", b"Cookie: c=3"), "GET")],
    "X-Forwarded-For of others": [(get(b"/", b"X-Forwarded-For: 192.0.2.1", b"X-Forwarded-For: 192.0.2.2"), "GET")],
    "what proxies say of clients": [(get(b"/", b"X-Forwarded-Proto: https", b"Forwarded: for=192.0.2.1", b"X-Real-IP: 192.0.2.1"), "GET")],
    "the client closes": [(get(b"/", b"Connection: close"), "GET")],
    "the server closes": [(get(b"/close"), "GET")],
    "fields that Connection names": [(get(b"/", b"Connection: X-Mine, keep-alive", b"X-Mine: 1"), "GET")],
    "fields of one connection": [(get(b"/", b"Keep-Alive: 5", b"Proxy-Connection: keep-alive", b"TE: trailers", b"Connection: TE"), "GET")],
    "fields of one connection in the answer": [(get(b"/listed"), "GET")],
    "WebSocket": [(get(b"/upgrade", *WEBSOCKET), "101")],
    "WebSocket, not agreed to": [(get(b"/", *WEBSOCKET), "GET")],
    "h2c": [(get(b"/", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMA"), "GET")],
    "HTTP/1.0": [(raw(b"GET / HTTP/1.0"), "GET")],
    "HTTP/1.0 that stays": [(raw(b"GET / HTTP/1.0", b"Connection: keep-alive"), "GET")],
    "HTTP/1.0 without Host": [(raw(b"GET / HTTP/1.0", host=None), "GET")],
    "HTTP/1.0, answered with the end": [(raw(b"GET /to-the-end HTTP/1.0"), "GET")],
    "HTTP/1.0, answered in chunks": [(raw(b"GET /chunked HTTP/1.0"), "GET")],
    "spacing of fields": [(b"GET /spaces HTTP/1.1\r\nHost:a\r\nX-A: \t 1 \t \r\nX-Empty:\r\nX-UPPER: A  B\r\n\r\n", "GET")],
    "empty lines first": [(b"\r\n\r\n" + get(b"/"), "GET")],
    "a whole address as target": [(raw(b"GET http://a/b?c HTTP/1.1"), "GET")],
    "a whole address, and another Host": [(raw(b"GET http://b/ HTTP/1.1"), "GET")],
    "an odd target": [(get(b"//a/../b;c=%2F?d=e?f&g=[h]|{}^`'"), "GET")],
    "a target with a byte above 127": [(get(b"/\xc3\xbc"), "GET")],
    "a value with bytes above 127": [(get(b"/", b"X-Name: M\xfcller"), "GET")],
    "fields that come twice": [(get(b"/", b"Accept: a", b"X-A: 1", b"Accept: b", b"Accept-Encoding: gzip"), "GET")],
    "a head of 14 KB": [(get(b"/", *(b"X-A: " + b"a" * 700,) * 20), "GET")],
    "80 fields": [(get(b"/", *(b"X-A: a",) * 79), "GET")],
    "no reason": [(get(b"/no-reason"), "GET")],
    "a status that nobody knows": [(get(b"/odd-status"), "GET")],
    "an answer with chunks and a length": [(get(b"/both"), "GET")],
    "an answer with one length twice": [(get(b"/same-length"), "GET")],
    "a request with one length twice": [(post(b"/", b"Content-Length: 3", b"Content-Length: 3", body=b"abc"), "POST")],
    "a request with chunks and a length": [(post(b"/", b"Content-Length: 3", b"Transfer-Encoding: chunked", body=CHUNKS + b"\r\n"), "POST")],
    "no Host": [(get(b"/", host=None), "GET")],
    "a request that is none": [(b"hello\r\n\r\n", "GET")],
    "a head without end": [(get(b"/", b"X-A: " + b"a" * 40_000), "GET")],
    "an answer that is none": [(get(b"/garbage"), "GET")],
    "an answer with two lengths": [(get(b"/two-lengths"), "GET")],
    "an answer that is cut": [(get(b"/cut"), "GET")],
    "no answer to POST": [(post(b"/nothing", b"Content-Length: 1", body=b"x"), "POST")],
    "a reset to POST": [(post(b"/reset", b"Content-Length: 1", body=b"x"), "POST")],
    "an answer before the body": [(post(b"/gone", b"Content-Length: 3", body=b"abc"), "POST")],
}

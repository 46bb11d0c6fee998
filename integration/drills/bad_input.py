# SPDX-License-Identifier: Apache-2.0
"""Requests and answers that programs have misunderstood, as data: what is sent, and what must come of it.

Of a request: a number is the status that refuses it, with the connection closed and no request at the server; bytes are the body
of the one request that the server must see; a list, those of several; GONE: the connection ends, and no whole request is at the server.

Of an answer: a number is the status that the client gets in its place; (status, body), what it gets of the answer itself, over a
connection that is not used again; CUT: it can see that its answer is not whole.
"""

from lab.recorder import CLOSE, RESET

GONE = "gone"
CUT = "cut"
LARGE = bytes(range(256)) * 300   # more than 16 bits can count
H = b"Host: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
END = b"0\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def get(*fields, target=b"/", version=b"HTTP/1.1"):
    return b"GET " + target + b" " + version + b"\r\n" + H + b"".join(f + b"\r\n" for f in fields) + b"\r\n"


def post(*fields, body=b"", host=H):
    return b"POST / HTTP/1.1\r\n" + host + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body


def chunks(body):
    """A POST with a body that was spelt in chunks, well or not."""
    return post(b"Transfer-Encoding: chunked", body=body)


def encoded(value):
    """The chunks of a short body under an encoding, with a request behind them for those who do not see them."""
    return post(b"Transfer-Encoding: " + value, body=b"3\r\nabc\r\n" + END)


def lengths(*values, body=b"abc"):
    return post(*(b"Content-Length: " + v for v in values), body=body)


REQUESTS = {
    # ---- fields ----
    "a field without a name": (get(b":x"), 400),
    "a field without a name hides what follows": (post(b": x", b"Content-Length: 3", body=b"abc"), 400),
    "a field without a colon": (get(b"abc"), 400),
    "a blank before the colon": (post(b"Content-Length : 3", body=b"abc"), 400),
    "a tab before the colon": (post(b"Transfer-Encoding\t: chunked", body=END), 400),
    "the first field begins with a tab": (b"GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", 400),
    "the first field begins with a blank": (b"GET / HTTP/1.1\r\n Transfer-Encoding: chunked\r\nHost: a\r\n\r\n", 400),
    "a folded field": (get(b"X: a", b" b"), 400),
    "a folded Transfer-Encoding": (post(b"Transfer-Encoding:", b" chunked", body=END), 400),
    "NUL in a value": (get(b"X: a\0b"), 400),
    "CR in a value": (get(b"X: a\rb"), 400),
    "CR in a value, then a field": (post(b"X: a\rTransfer-Encoding: chunked", b"Content-Length: 3", body=b"abc"), 400),
    "CR CR LF behind a field": (b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400),
    "LF behind a field": (b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400),
    "LF LF behind the head": (b"GET / HTTP/1.1\r\nHost: a\n\n", 400),
    "the head ends with CR LF CR and something else": (b"GET / HTTP/1.1\r\nHost: a\r\n\rX", GONE),
    "the head ends with CR LF CR and something else, then a line": (b"GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n\r\n", 400),
    "an escape sequence in a value": (get(b"X: \x1b[31m"), 400),
    "DEL in a value": (get(b"X: a\x7fb"), 400),
    "a value that is no UTF-8": (get(b"X: \xff\xfe"), b""),
    "a name that is no token": (get(b"X\xff: a"), 400),
    "a name of 300 bytes": (post(b"Content-Length0" + b"a" * 290 + b":", b"Content-Length: 3", body=b"abc"), b"abc"),
    "an endless name": (b"GET / HTTP/1.1\r\n" + H + b"a" * 40_000, 431),
    "an endless value": (b"GET / HTTP/1.1\r\n" + H + b"X: " + b"a" * 40_000, 431),
    "102 fields": (get(*(b"X: a",) * 101), 431),
    "101 fields": (get(*(b"X: a",) * 100), b""),
    "a head of 20 KB": (get(*(b"X: " + b"a" * 1000,) * 20), 431),
    "blanks around a value": (b"GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n", b""),
    "Cookie begins with a delimiter": (get(b"Cookie: ;"), b""),
    "Cookie of delimiters only": (get(b"Cookie: ;;;; ;=;==;,;"), b""),
    "our own cookie, damaged": (get(b"Cookie: SERVERID; SERVERID=; SERVERID=zz; SERVERID=" + b"f" * 5000), b""),
    "a range beyond all numbers": (get(b"Range: bytes=0-,0-,-18446744073709551615,9223372036854775807-"), b""),
    "a trusted field is a client's": (get(b"X-Forwarded-Proto: https", b"X_Forwarded_For: 1.2.3.4", b"Forwarded: for=1.2.3.4"), b""),
    # ---- the first line ----
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "an empty Host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "Host twice": (get(b"Host: b"), 400),
    "the same Host twice": (get(b"Host: a"), 400),
    "Host with a slash": (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    "Host with an at sign": (b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
    "Host with a list": (b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
    "Host with a port that is none": (b"GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n", 400),
    "Host other than the target's": (b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "Host as in the target": (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", b""),
    "a target with a user": (b"GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a target of another scheme": (get(target=b"ftp://a/"), 400),
    "# in the target": (get(target=b"/a#b"), 400),
    "a blank in the target": (get(target=b"/a b"), 400),
    "a method and a second line in one": (b"GET /admin? HTTP/1.1 /static HTTP/1.1\r\n" + H + b"\r\n", 400),
    "a tab in the target": (get(target=b"/a\tb"), 400),
    "two blanks before the target": (get(target=b" /"), 400),
    "tabs instead of blanks": (b"GET\t/\tHTTP/1.1\r\n" + H + b"\r\n", 400),
    "NUL in the target": (get(target=b"/\0"), 400),
    "0x80 in the target": (get(target=b"/\x80"), 400),
    "LF in the first line": (b"GET /\nHTTP/1.1\r\n" + H + b"\r\n", 400),
    "a target without a slash": (get(target=b"admin"), 400),
    "GET *": (get(target=b"*"), 400),
    "OPTIONS *": (b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n", b""),
    "CONNECT": (b"CONNECT a HTTP/1.1\r\n" + H + b"\r\n", 400),
    "CONNECT with a port": (b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400),
    "a path upwards": (get(target=b"//../../etc/passwd"), b""),
    "a path with an encoded slash": (get(target=b"/%2F%5C..%00"), b""),
    "a target of 40 KB": (get(target=b"/" + b"a" * 40_000), (414, 431)),
    "a method that is no token": (b"GE(T / HTTP/1.1\r\n" + H + b"\r\n", 400),
    "a method with a colon": (b"GET:/ / HTTP/1.1\r\n" + H + b"\r\n", 400),
    "a first line of one word": (b"GET\r\n" + H + b"\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/1.32": (get(version=b"HTTP/1.32"), 400),
    "HTTP/1.2": (get(version=b"HTTP/1.2"), 505),
    "HTTP/2.0": (get(version=b"HTTP/2.0"), 505),
    "HTTP/01.1": (get(version=b"HTTP/01.1"), 400),
    "http/1.1": (get(version=b"http/1.1"), 400),
    "HTTP/1.1 and more": (get(version=b"HTTP/1.1x"), 400),
    "what HTTP/2 begins with": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    "what TLS begins with": (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(64), GONE),
    "an empty line first": (b"\r\n" + get(), b""),
    "LF first": (b"\n" + get(), 400),
    # ---- the length ----
    "a length in hexadecimal": (lengths(b"0x3"), 400),
    "a length with a plus": (lengths(b"+3"), 400),
    "a length with an underscore": (lengths(b"+1_0", body=b"0123456789"), 400),
    "a negative length": (lengths(b"-1"), 400),
    "a length with a blank": (lengths(b"1 0", body=b"0123456789"), 400),
    "a length beyond 64 bits": (lengths(b"18446744073709551619"), 400),
    "two lengths in one field": (lengths(b"5, 6", body=b"abcdef"), 400),
    "the same length twice in one field": (lengths(b"3, 3"), 400),
    "two lengths": (lengths(b"3", b"5", body=b"abcde"), 400),
    "the same length twice": (lengths(b"3", b"3"), 400),
    "an empty length": (lengths(b""), 400),
    "an empty length before one": (lengths(b"", b"3"), 400),
    "an empty length behind one": (lengths(b"3", b""), 400),
    "a length with zeros in front": (lengths(b"003"), b"abc"),
    "a length beyond 16 bits": (lengths(str(len(LARGE)).encode(), body=LARGE), LARGE),
    "GET with a body": (get(b"Content-Length: 3") + b"abc", b"abc"),
    "GET with a request as body": (get(b"Content-Length: %d" % len(SMUGGLED)) + SMUGGLED, SMUGGLED),
    "a request behind a length of 0": (lengths(b"0", body=get()), [b"", b""]),
    "the body ends before its length": (lengths(b"10"), GONE),
    "a body behind what is refused": (post(b"Content-Length: %d" % len(SMUGGLED), host=b"Host: a/b\r\n", body=SMUGGLED), 400),
    # ---- encodings ----
    "a length and chunks": (post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=END + SMUGGLED), 400),
    "chunks and a length": (post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=END + SMUGGLED), 400),
    "chunks and a length of 0": (post(b"Transfer-Encoding: chunked", b"Content-Length: 0", body=END), 400),
    "an encoding without chunks, and a length": (post(b"Transfer-Encoding: identity", b"Content-Length: 3", body=b"abc"), 400),
    "an encoding without chunks": (encoded(b"gzip"), 400),
    "chunked, then another": (encoded(b"chunked, gzip"), 400),
    "another, then chunked": (encoded(b"gzip, chunked"), 400),
    "chunked twice in a field": (encoded(b"chunked, chunked"), 400),
    "chunked twice": (post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=END), 400),
    "chunked and identity": (post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=END), 400),
    "a comma before chunked": (encoded(b",chunked"), 400),
    "VT before chunked": (encoded(b"\x0bchunked"), 400),
    "hard blanks around chunked": (encoded(b"\xa0chunked\xa0"), 400),
    "chunked with a parameter": (encoded(b"chunked;x"), 400),
    "chunked in quotes": (encoded(b'"chunked"'), 400),
    "chunked misspelt": (encoded(b"xchunked"), 400),
    "an empty encoding": (encoded(b""), 400),
    "chunked in capitals": (encoded(b"CHUNKED"), b"abc"),
    "blanks around chunked": (encoded(b" \t chunked \t"), b"abc"),
    "chunks in HTTP/1.0": (b"POST / HTTP/1.0\r\n" + H + CHUNKED + b"\r\n" + END, 400),
    "an underscore for the hyphen": (post(b"Transfer_Encoding: chunked", b"Content-Length: 5", body=END), END),
    "Connection names the length": (post(b"Connection: Content-Length", b"Content-Length: 3", body=b"abc"), 400),
    "Connection names the encoding": (post(b"Connection: transfer-encoding", b"Transfer-Encoding: chunked", body=END), 400),
    "Connection names Host": (get(b"Connection: host"), 400),
    # ---- chunks ----
    "chunks": (chunks(b"3\r\nabc\r\n2;x=y\r\nde\r\n" + END), b"abcde"),
    "chunks of one byte": (chunks(b"1\r\nx\r\n" * 5000 + END), b"x" * 5000),
    "a chunk beyond 16 bits": (chunks(b"%x\r\n" % len(LARGE) + LARGE + b"\r\n" + END), LARGE),
    "a chunk size with 0x": (chunks(b"0x3\r\nabc\r\n" + END), 400),
    "a chunk size with a sign": (chunks(b"+3\r\nabc\r\n" + END), 400),
    "a chunk size of minus nothing": (chunks(b"-0\r\n\r\n"), 400),
    "a blank behind a chunk size": (chunks(b"3 \r\nabc\r\n" + END), 400),
    "a blank before a chunk size": (chunks(b" 3\r\nabc\r\n" + END), 400),
    "an underscore in a chunk size": (chunks(b"0_3\r\nabc\r\n" + END), 400),
    "letters in a chunk size": (chunks(b"1zz\r\na\r\n" + END), 400),
    "no chunk size": (chunks(b"\r\nabc\r\n" + END), 400),
    "an extension without a size": (chunks(b";x\r\nabc\r\n" + END), 400),
    "a chunk size of 17 digits": (chunks(b"10000000000000003\r\nabc\r\n" + END), 400),
    "a chunk size that is negative to some": (chunks(b"ffffffffffffffed\r\nabc\r\n" + END), 400),
    "zeros before a chunk size": (chunks(b"0" * 20 + b"3\r\nabc\r\n" + END), 400),
    "LF behind a chunk size": (chunks(b"3\nabc\r\n" + END), 400),
    "CR CR LF behind a chunk size": (chunks(b"2\r\r\n;a\r\n" + END), 400),
    "CR and an extension": (chunks(b"2\r\r;a\r\n02\r\nab\r\n" + END), 400),
    "LF in an extension": (chunks(b"3;a\nbc\r\n" + END), 400),
    "NUL in an extension": (chunks(b"3;\0\r\nabc\r\n" + END), 400),
    "LF behind a chunk": (chunks(b"3\r\nabc\n" + END), 400),
    "a byte too much in a chunk": (chunks(b"3\r\nabcd\r\n" + END), 400),
    "an empty line before the last chunk": (chunks(b"3\r\nabc\r\n\r\n" + END), 400),
    "LF behind the last chunk": (chunks(b"3\r\nabc\r\n0\n\n"), 400),
    "a byte behind the body": (chunks(b"3\r\nabc\r\n" + END + b"X"), b"abc"),
    "no last chunk": (chunks(b"3\r\nabc\r\n"), GONE),
    "a trailer": (chunks(b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"), b"abc"),
    "a trailer that says the length": (chunks(b"3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n"), 400),
    "a trailer that says whom it is for": (chunks(b"3\r\nabc\r\n0\r\nHost: b\r\n\r\n"), 400),
    "a trailer that says who it is from": (chunks(b"3\r\nabc\r\n0\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"), 400),
    "a trailer without a colon": (chunks(b"0\r\nabc\r\n\r\n"), 400),
    "a folded trailer": (chunks(b"0\r\nX: a\r\n b\r\n\r\n"), 400),
    "an endless trailer": (chunks(b"0\r\n" + b"X: a\r\n" * 20_000), 400),
    "an endless extension": (chunks(b"3;" + b"x" * 100_000), 400),
    # ---- expectations and other protocols ----
    "Expect of something else": (post(b"Expect: 200-ok", b"Content-Length: 3", body=b"abc"), 417),
    "Expect of two things": (post(b"Expect: 100-continue, x", b"Content-Length: 3", body=b"abc"), 417),
    "Expect in capitals": (post(b"Expect: 100-CONTINUE", b"Content-Length: 3", body=b"abc"), b"abc"),
    "Expect without a body": (get(b"Expect: 100-continue"), b""),
    "h2c": (get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"), b""),
    "h2c behind another": (get(b"Connection: Upgrade", b"Upgrade: websocket, h2c"), b""),
    "h2c not named": (get(b"Upgrade: h2c"), b""),
    "an upgrade that is not agreed to, then no request": (get(b"Connection: Upgrade", b"Upgrade: websocket") + b"\x81\x05hello\r\n\r\n", b""),
    "an upgrade with a body": (post(b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: 3", body=b"abc"), b"abc"),
    "TE of what we cannot": (get(b"TE: gzip, trailers", b"Connection: TE"), b""),
}


def answer(*fields, body=b"", line=b"HTTP/1.1 200 OK"):
    return [line + b"\r\n" + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + body]


def in_chunks(body):
    return answer(b"Transfer-Encoding: chunked", body=body)


OK = (200, b"ok")
NOTHING = (200, b"")

ANSWERS = {
    # ---- no HTTP ----
    "nothing, closed": ([CLOSE], 502),
    "nothing, reset": ([RESET], 502),
    "a line of text": ([b"hello\r\n\r\n"], 502),
    "bytes of TLS": ([b"\x15\x03\x01\x00\x02\x02\x28", CLOSE], 502),
    "HTTP/0.9": ([b"<html>hello</html>", CLOSE], 502),
    "another protocol's first line": (answer(line=b"ICY 200 OK"), 502),
    "HTTP/2": (answer(line=b"HTTP/2 200"), 502),
    "HTTP/1.2": (answer(line=b"HTTP/1.2 200 OK"), 502),
    "http/1.1": (answer(line=b"http/1.1 200 OK"), 502),
    "half a head, closed": ([b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE], 502),
    "half a head, reset": ([b"HTTP/1.1 200 OK\r\nContent-Le", RESET], 502),
    "an empty line first": ([b"\r\n\r\n\r\n", CLOSE], 502),
    # ---- the status ----
    "letters in the status": (answer(line=b"HTTP/1.1 2OO OK"), 502),
    "two digits of status": (answer(line=b"HTTP/1.1 20 OK"), 502),
    "four digits of status": (answer(line=b"HTTP/1.1 2000 OK"), 502),
    "a negative status": (answer(line=b"HTTP/1.1 -20 OK"), 502),
    "status 099": (answer(line=b"HTTP/1.1 099 OK"), 502),
    "status 600": (answer(line=b"HTTP/1.1 600 OK"), 502),
    "an endless status": (answer(line=b"HTTP/1.1 " + b"2" * 5000), 502),
    "NUL in the reason": (answer(line=b"HTTP/1.1 200 O\0K"), 502),
    "101 that nobody asked for": (answer(b"Connection: upgrade", b"Upgrade: x", line=b"HTTP/1.1 101 Other"), 502),
    # ---- fields ----
    "a field without a colon": (answer(b"abc"), 502),
    "a blank before the colon": (answer(b"Content-Length : 2", body=b"ok"), 502),
    "a folded field": (answer(b"X: a", b" b", b"Content-Length: 2", body=b"ok"), 502),
    "NUL in a value": (answer(b"X: a\0b", b"Content-Length: 2", body=b"ok"), 502),
    "CR in a value": (answer(b"X: a\rb", b"Content-Length: 2", body=b"ok"), 502),
    "LF for CR LF": ([b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"], 502),
    "a field without a name": (answer(b": x", b"Content-Length: 2", body=b"ok"), 502),
    "102 fields": (answer(*(b"X: a",) * 101, b"Content-Length: 2", body=b"ok"), 502),
    "a head of 20 KB": (answer(*(b"X: " + b"a" * 1000,) * 20, b"Content-Length: 2", body=b"ok"), 502),
    # ---- lengths ----
    "two lengths": (answer(b"Content-Length: 2", b"Content-Length: 3", body=b"ok"), 502),
    "two lengths in one field": (answer(b"Content-Length: 2, 3", body=b"ok"), 502),
    "a negative length": (answer(b"Content-Length: -1", body=b"ok"), 502),
    "a length in hexadecimal": (answer(b"Content-Length: 0x2", body=b"ok"), 502),
    "an empty length": (answer(b"Content-Length:", body=b"ok"), 502),
    "a length beyond 64 bits": (answer(b"Content-Length: 18446744073709551618", body=b"ok"), 502),
    "an encoding other than chunked": (answer(b"Transfer-Encoding: gzip", body=b"ok"), 502),
    "chunked twice": (answer(b"Transfer-Encoding: chunked, chunked", body=END), 502),
    "chunks in HTTP/1.0": (answer(b"Transfer-Encoding: chunked", body=END, line=b"HTTP/1.0 200 OK"), 502),
    "chunks and a length": (answer(b"Transfer-Encoding: chunked", b"Content-Length: 9", body=b"2\r\nok\r\n" + END), OK),
    # ---- bodies ----
    "closed in mid-body": (answer(b"Content-Length: 10", body=b"ok") + [CLOSE], CUT),
    "reset in mid-body": (answer(b"Content-Length: 10", body=b"ok") + [RESET], CUT),
    "closed in mid-chunk": (in_chunks(b"5\r\nab") + [CLOSE], CUT),
    "closed between chunks": (in_chunks(b"2\r\nok\r\n") + [CLOSE], CUT),
    "closed before the last line": (in_chunks(b"2\r\nok\r\n0\r\n") + [CLOSE], CUT),
    "reset in a body without a length": (answer(body=b"ok") + [RESET], CUT),
    "letters in a chunk size": (in_chunks(b"zz\r\nok\r\n" + END), CUT),
    "a negative chunk size": (in_chunks(b"-2\r\nok\r\n" + END), CUT),
    "a chunk size with 0x": (in_chunks(b"0x2\r\nok\r\n" + END), CUT),
    "a chunk size of 17 digits": (in_chunks(b"10000000000000002\r\nok\r\n" + END), CUT),
    "a chunk size that is negative to some": (in_chunks(b"fffffffffffffffe\r\nok\r\n" + END), CUT),
    "a blank behind a chunk size": (in_chunks(b"2 \r\nok\r\n" + END), CUT),
    "LF behind a chunk size": (in_chunks(b"2\nok\r\n" + END), CUT),
    "a byte too much in a chunk": (in_chunks(b"2\r\nokk\r\n" + END), CUT),
    "a trailer that says the length": (in_chunks(b"2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n"), CUT),
    # ---- too much ----
    "more than the length": (answer(b"Content-Length: 2", body=b"okay, and more"), OK),
    "a second answer at once": (answer(b"Content-Length: 2", body=b"okHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nnever"), OK),
    "more than the last chunk": (in_chunks(b"2\r\nok\r\n" + END + b"more"), OK),
    "a body to HEAD": (answer(b"Content-Length: 5", body=b"never"), NOTHING, b"HEAD"),
    "a body with 204": (answer(b"Content-Length: 5", body=b"never", line=b"HTTP/1.1 204 No"), (204, b"")),
    "a body with 304": (answer(b"Content-Length: 5", body=b"never", line=b"HTTP/1.1 304 No"), (304, b"")),
    "chunks with 204": (answer(b"Transfer-Encoding: chunked", body=END, line=b"HTTP/1.1 204 No"), (204, b"")),
    # ---- what it may say, but then no more ----
    "the end is the body's end": (answer(body=b"ok") + [CLOSE], OK),
    "Connection: close": (answer(b"Content-Length: 2", b"Connection: close", body=b"ok"), OK),
    "HTTP/1.0": (answer(b"Content-Length: 2", body=b"ok", line=b"HTTP/1.0 200 OK") + [CLOSE], OK),
}
# These are whole, and their connections are used again; they must end nobody's loop.
HARMLESS = {
    "Set-Cookie of delimiters": answer(b"Set-Cookie: ;", b"Set-Cookie: ;;=;", b"Set-Cookie2: ;", b"Set-Cookie2: a=b;",
                                       b"Content-Length: 2", body=b"ok"),
    "interim answers": [b"HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 103 Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"],
    "the same length twice": answer(b"Content-Length: 2", b"Content-Length: 2", body=b"ok"),
    "no reason": answer(b"Content-Length: 2", body=b"ok", line=b"HTTP/1.1 200"),
    "a value that is no UTF-8": answer(b"X: \xff", b"Content-Length: 2", body=b"ok"),
    "one byte at a time": [bytes([b]) for b in answer(b"Content-Length: 2", body=b"ok")[0]],
}

KILO = b"a" * 1024
# (what comes first, what comes again and again)
ENDLESS_REQUESTS = {
    "empty lines": (b"", b"\r\n" * 8192),
    "a first line": (b"GET /", KILO * 16),
    "a name": (b"GET / HTTP/1.1\r\nHost: a\r\n", KILO * 16),
    "fields": (b"GET / HTTP/1.1\r\nHost: a\r\n", b"a: b\r\n" * 2048),
    "an extension": (chunks(b"1;"), KILO * 16),
    "trailers": (chunks(b"0\r\n"), b"a: b\r\n" * 2048),
    "zeros of a chunk size": (chunks(b""), b"0" * 16384),
}
ENDLESS_ANSWERS = {
    "a status": (b"HTTP/1.1 ", b"2" * 16384),
    "a reason": (b"HTTP/1.1 200 ", KILO * 16),
    "fields": (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n" * 2048),
    "no line": (b"", bytes(16384)),
    "empty lines": (b"", b"\r\n" * 8192),
}
BAD_HEALTH = {
    "nothing": [CLOSE],
    "an endless status": [b"HTTP/1.1 " + b"2" * 100_000 + b"\r\n\r\n"],
    "a status of letters": [b"HTTP/1.1 abc OK\r\n\r\n", CLOSE],
    "an endless head": [b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000],
    "a negative length": answer(b"Content-Length: -5", body=b"well"),
    "an endless body": [b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n" + b"x" * 8_000_000],
    "a bad chunk size": in_chunks(b"zz\r\nwell\r\n" + END),
    "interim answers without end": [b"HTTP/1.1 100 Go on\r\n\r\n" * 100_000],
}

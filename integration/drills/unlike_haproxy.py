# SPDX-License-Identifier: Apache-2.0
"""Where dyadd does not do as HAProxy 2.6 does, and why. docs/LIKE_HAPROXY.md says the same to readers."""

import dataclasses


@dataclasses.dataclass
class Difference:
    """`cases`: name in request_stream.STREAM -> lines that only ours (+) or only theirs (-) shows."""
    what: str
    theirs: str
    ours: str
    why: str
    cases: dict


def refused(*theirs):
    return ["+ client: 400", "+ servers: []", *theirs, "- servers: [1]"]


_FORWARDED = ["- server: host: a", "- server: x-forwarded-for: 10.77.0.21"]
_ANSWERED = ["- client: HTTP/1.1 200 OK", "- client: body b'well'", "- client: content-length: 4"]
_STAYS_THERE = ["+ client: the connection ends", "- client: the connection stays"]
_OLD_CLIENT = ["+ server: connection: close", "- server: connection: keep-alive"]

DIFFERENCES = [
    Difference(
        "The version of an answer", "passes on HTTP/1.0 as the server said it, and promises with `Connection: keep-alive` that its own "
        "side goes on", "says HTTP/1.1, which is what it speaks itself; `Connection: close` when the answer ends with the connection",
        "RFC 9110 2.5 and 6.2: a version is of one hop", {
            "an answer of HTTP/1.0": ["+ client: HTTP/1.1 200 OK", "+ client: connection: close", "- client: HTTP/1.0 200 OK"],
            "an answer of HTTP/1.0 with a length":
                ["+ client: HTTP/1.1 200 OK", "- client: HTTP/1.0 200 OK", "- client: connection: keep-alive"],
            "an answer of HTTP/1.0 that stays":
                ["+ client: HTTP/1.1 200 OK", "- client: HTTP/1.0 200 OK", "- client: connection: keep-alive"]}),
    Difference(
        "A server's connection under HTTP/1.0", "asks the server to keep it", "asks the server to close it",
        "Only HTTP/1.1 says for sure where an answer ends. The client's own connection stays if it asked for that", {
            name: _OLD_CLIENT for name in ("HTTP/1.0", "HTTP/1.0 that stays", "HTTP/1.0 without Host", "HTTP/1.0, answered with the end")}),
    Difference(
        "Chunks for a client of HTTP/1.0", "passes them on, with `Transfer-Encoding`", "502",
        "Such a client would take the chunks' sizes for contents; RFC 9112 6.1 forbids the server to send them", {
            "HTTP/1.0, answered in chunks": [
                *_OLD_CLIENT, "+ client: 502", "- client: HTTP/1.1 200 OK", "- client: body 7 bytes in chunks b'well, a'",
                "- client: connection: close", "- client: transfer-encoding: chunked"]}),
    Difference(
        "Fields of one connection", "passes on what Connection names, `Keep-Alive`, `Proxy-Connection` and `TE`", "leaves them out",
        "RFC 9110 7.6.1: they are meant for the next hop and no further", {
            "fields that Connection names": ["- server: connection: X-Mine", "- server: x-mine: 1"],
            "fields of one connection": ["- server: connection: TE", "- server: keep-alive: 5", "- server: proxy-connection: keep-alive",
                                         "- server: te: trailers"],
            "fields of one connection in the answer": [
                "- client: connection: X-Mine", "- client: keep-alive: timeout=5", "- client: proxy-connection: x",
                "- client: upgrade: h2c", "- client: x-mine: 1"]}),
    Difference(
        "Upgrade to h2c", "passes it on", "the request goes on without it", "HTTP/2 inside the connection would hide later requests", {
            "h2c": ["- server: connection: Upgrade, HTTP2-Settings", "- server: http2-settings: AAMA", "- server: upgrade: h2c"]}),
    Difference(
        "The word upgrade", "spells it as the client and the server do", "spells it small", "RFC 9110 7.6.1: its case means nothing", {
            "WebSocket": ["+ client: connection: upgrade", "+ server: connection: upgrade", "- client: connection: Upgrade",
                          "- server: connection: Upgrade"],
            "WebSocket, not agreed to": ["+ server: connection: upgrade", "- server: connection: Upgrade"]}),
    Difference(
        "What a client says of itself", "passes on `X-Forwarded-Proto` and `Forwarded`", "leaves them out",
        "Servers believe them: a client in clear could pass for one with TLS. `X-Forwarded-For` stays, in front of what is added", {
            "what proxies say of clients": ["- server: forwarded: for=192.0.2.1", "- server: x-forwarded-proto: https"]}),
    Difference(
        "A whole address as target", "passes it on as it is", "passes on the path, with the address's host as Host",
        "RFC 9112 3.2.1: so a server is asked; not all know the other form", {
            "a whole address as target": ["+ server: GET /b?c HTTP/1.1", "- server: GET http://a/b?c HTTP/1.1"]}),
    Difference(
        "A request with one length twice", "makes one of them", "400", "RFC 9110 8.6 allows either; no client sends it in good faith", {
            "a request with one length twice": refused(
                *_ANSWERED, *_STAYS_THERE, *_FORWARDED, "- server: POST / HTTP/1.1", "- server: body b'abc'",
                "- server: content-length: 3")}),
    Difference(
        "A request with chunks and a length", "believes the chunks, and closes", "400",
        "RFC 9112 6.1 allows either; it is how one request is hidden in another", {
            "a request with chunks and a length": refused(
                *_ANSWERED, "- client: connection: close", *_FORWARDED, "- server: POST / HTTP/1.1",
                "- server: body 7 bytes in chunks b'well, a'", "- server: transfer-encoding: chunked")}),
    Difference(
        "No Host in HTTP/1.1", "passes it on", "400", "RFC 9112 3.2 demands it", {
            "no Host": refused(*_ANSWERED, *_STAYS_THERE, "- server: x-forwarded-for: 10.77.0.21", "- server: GET / HTTP/1.1",
                               "- server: body b''")}),
    Difference(
        "A head that is too long", "400", "431", "RFC 6585 5 has a status for it", {
            "a head without end": ["+ client: 431", "- client: 400"]}),
    Difference(
        "After an error that the proxy answers itself", "the client's connection stays after 502", "it is closed, and the answer says so",
        "What is left of a failed exchange cannot be taken for the next one. Clients open another connection", {
            name: _STAYS_THERE for name in ("an answer that is none", "an answer with two lengths", "no answer to POST",
                                            "a reset to POST")}),
]
# Seen in many places, and looked at by itself or left out of every comparison.
EVERYWHERE = [
    ("`Cache-Control: private` beside a new cookie", "says it when a cache could keep the answer", "says it always",
     "A cookie that a cache hands to others would send them all to one server"),
    ("Names of fields", "writes them small", "leaves them as they were written", "RFC 9110 5.1: their case means nothing; old servers "
     "and clients that take it for something see what they always saw"),
    ("Pages of an error", "an own page", "an own page", "Words for people"),
    ("The value of the cookie", "the server's name as configured", "a number that says nothing", "Nobody learns servers' names, and both "
     "nodes of a pair give the same"),
]


def rows():
    """The table of the documentation, line by line."""
    yield "| what | HAProxy 2.6 | Dyad | why |"
    yield "|---|---|---|---|"
    for what, theirs, ours, why in [*((d.what, d.theirs, d.ours, d.why) for d in DIFFERENCES), *EVERYWHERE]:
        yield f"| {what} | {theirs} | {ours} | {why} |"

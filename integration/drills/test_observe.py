# SPDX-License-Identifier: Apache-2.0
"""Servers that answer their health checks well and fail their clients: the proxy sees it, the checks are told."""

import asyncio
import time

import pytest
from lab import Lab, Pair, RealServer, conf
from lab.probe import fetch
from lab.wait import stays, until

WEB = "10.77.0.100"


class Breaking(RealServer):
    """As a real server, but what clients get is `answer`, where that is set."""

    answer = None

    async def _http(self, reader, writer):
        if self.answer is None:
            return await super()._http(reader, writer)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b" /health " in head:
                body = self.health.encode()
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            else:
                self.requests += 1
                writer.write(self.answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Site:
    def __init__(self, lab, observe, rise=1, fall=1, check=None):
        self.lab = lab
        self.servers = [Breaking(h) for h in lab.real_servers]
        self.pair = Pair(lab, conf.cluster(
            conf.service("web", WEB, 80, {s.name: s.address for s in self.servers}, mode="http", check=check or conf.health(),
                         observe=observe), rise=rise, fall=fall, check_interval="1s")).start()
        self.pair.up()
        self.node = self.pair.active

    def ask(self, times):
        """What clients get, errors included."""
        out = []
        for _ in range(times):
            try:
                out.append(fetch(self.lab.clients[0], WEB))
            except OSError as e:
                out.append(f"error: {e}")
        return out

    def events(self):
        return [e["text"] for e in self.node.events() if e["kind"] == "health"]

    def goes_down(self, name, why):
        until(lambda: f"web/{name} is down: {why}" in self.events(), 5, f"{name} goes down: {why}", every=0.02, describe=self.node.describe)


@pytest.fixture
def lab():
    with Lab(heartbeat_links=1, real_servers=2, clients=1, observers=0) as made:
        yield made


def test_a_server_that_breaks_all_requests_goes_down_and_comes_back_by_its_check(lab):
    site = Site(lab, '{ errors = 5, within = "10s" }')
    bad, good = site.servers
    bad.answer = b"nonsense\r\n\r\n"
    site.ask(8)                              # half of them
    assert bad.requests == 4
    time.sleep(0.3)
    assert not [text for text in site.events() if "is down" in text], "four are not five"
    site.ask(2)
    site.goes_down(bad.name, "5 errors of clients' requests within 10 s")
    # The check, made at once, says that it is well: with rise = 1 it is up again.
    until(lambda: site.events()[-1].startswith(f"web/{bad.name} is up"), 3, "its check brings it up", describe=site.node.describe)
    shown = site.node.dyad("status", f"web/{bad.name}").stdout
    assert "5 errors of clients' requests within 10 s" in shown, shown


def test_a_server_that_is_taken_down_stays_so_until_its_checks_say_otherwise(lab):
    site = Site(lab, '{ errors = 5, within = "10s", server_errors = true, on_error = "down" }', rise=5, fall=100)
    bad, good = site.servers
    bad.answer = b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\noh"
    site.ask(10)
    site.goes_down(bad.name, "5 errors of clients' requests within 10 s")
    asked = bad.requests
    assert set(site.ask(20)) == {good.name}, "nobody else meets it"
    assert bad.requests == asked
    until(lambda: site.node.server("web", bad.name)["peer_health"] == "up", 3, "the peer's traffic knows nothing", describe=site.node.describe)
    bad.answer = None
    site.pair.up()
    assert set(site.ask(4)) == {good.name, bad.name}


def test_one_failure_of_traffic_is_no_more_than_one_failed_check(lab):
    site = Site(lab, '{ errors = 3, within = "10s" }', fall=3)
    bad, good = site.servers
    bad.answer = b"nonsense\r\n\r\n"
    site.ask(6)
    until(lambda: "3 errors of clients' requests" in site.node.dyad("status", f"web/{bad.name}").stdout, 5, "it counts", describe=site.node.describe)
    stays(lambda: site.node.server("web", bad.name)["health"] == "up", 1.5, "two more would be needed", every=0.1, describe=site.node.describe)


def test_answers_with_5xx_count_only_where_that_is_wanted(lab):
    site = Site(lab, '{ errors = 3, within = "10s" }')
    for server in site.servers:
        server.answer = b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\noh"
    site.ask(20)
    stays(lambda: not [text for text in site.events() if "is down" in text], 1, "5xx does not count", every=0.1, describe=site.node.describe)


def test_connections_that_fail_take_a_server_down_before_its_next_check(lab):
    """The check is of another port, and once an hour; the tenth client's failure makes it be made at once."""
    check = '{ type = "connect", interval = "1h" }'
    site = Site(lab, '{ errors = 5, within = "10s" }', fall=2, check=check)
    bad, good = site.servers
    bad.stop()
    assert set(site.ask(20)) == {good.name}, "clients go to the next server"
    site.goes_down(bad.name, "connection refused")
    bad.start()

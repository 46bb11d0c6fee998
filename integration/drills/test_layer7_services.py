# SPDX-License-Identifier: Apache-2.0
"""Every layer-7 service of conf/, with its own addresses, ports and settings: its clients are served as it is configured."""

import collections
import concurrent.futures
import copy
import itertools
import json
import pathlib
import socket
import ssl

import pytest
from deployments import FACTS, be_servers, checked_port, join_networks, pages_of, ports_of, text_of
from hl7.client import MLLPClient
from lab import Lab, Node, conf
from lab.machine import Machine, certificate
from lab.wait import until

CLIENTS = "10.99"    # the clients' network, a /16 behind the lab's client
SHARES = 6           # clients at once: the weights below divide them without rest
# Waiting for a server to fail and to come back is all that is quicker here than in conf/.
QUICKER = {"check_interval": "150ms", "slow_start": "100ms"}


def services_of(deployment):
    return [fact for fact in FACTS[deployment] if fact["mode"] in ("tcp", "http")]


def cases(wanted=lambda fact: True):
    found = [pytest.param(d, f["name"], id=f"{d}/{f['name']}") for d in FACTS for f in services_of(d) if wanted(f)]
    return pytest.mark.parametrize("site, service", found, indirect=["site"], scope="module")


def doors_of(fact):
    """(port, is TLS terminated there) of all."""
    return [(port, False) for port in ports_of(fact)] + ([(fact["tls"]["port"], True)] if fact["tls"] else [])


def passes_tls(fact):
    """Clients' TLS reaches the servers as it is: they answer the check over TLS, and nothing is terminated."""
    return fact["mode"] == "tcp" and fact["check"]["type"] == "https" and not fact["tls"]


def speaks_hl7(fact):
    return fact["mode"] == "tcp" and fact["check"]["type"] == "connect"


def shows_the_page(fact):
    """When no server is left. Clients that speak TLS with servers, or no HTTP, find a connection that is closed."""
    return not fact["fallback_disabled"] and (fact["mode"] == "http" or fact["tls"] is not None)


def keeps(kind):
    return lambda fact: fact["persistence"]["mode"] == kind


class Sender(MLLPClient):
    """The client of python3-hl7, on a connection that was made for it."""

    def __init__(self, connected):
        self.socket, self.encoding = connected, "utf-8"


class Site:
    """One node with a file of conf/, and machines with the addresses that the file names; every service has two servers."""

    def __init__(self, deployment):
        self.facts = {fact["name"]: fact for fact in copy.deepcopy(services_of(deployment))}
        self._numbers = itertools.count(1)
        self.lab = Lab(heartbeat_links=0, nodes=1, real_servers=2, clients=1, observers=0)
        try:
            self._build(text_of(deployment, **QUICKER))
        except BaseException:
            self.lab.close()
            raise

    def _build(self, text):
        for fact in self.facts.values():
            text += self._second_server(fact)
        self.balancer, self.client_host = self.lab.nodes[0], self.lab.clients[0]
        self._wire(text)
        addresses = {fact["address"] for fact in self.facts.values()}
        own = [certificate(f"{self.lab.directory}/{host.name}.pem", host.name, *addresses) for host in self.lab.real_servers]
        self.machines = [Machine(host, pem) for host, pem in zip(self.lab.real_servers, own)]
        self.servers_pem = f"{self.lab.directory}/servers.pem"
        pathlib.Path(self.servers_pem).write_text("".join(pathlib.Path(pem).read_text() for pem in own))
        for fact in self.facts.values():
            self._open_doors(fact)
        self.node = Node(self.balancer, "primary")
        self.node.write("node.toml", conf.alone(self.balancer))
        self.node.write("cluster.toml", text)
        for name in {f["tls"]["certificate"] for f in self.facts.values() if f["tls"]}:
            self.node.write(f"certificates/{name}.pem", "", 0o600)
            certificate(f"{self.node.config_dir}/certificates/{name}.pem", "balancer", *addresses)
        self.node.start()

    def _second_server(self, fact):
        """Of half the weight, or one client in two would prove nothing."""
        first = fact["servers"][0]
        net, last = first["address"].rsplit(".", 1)
        second = dict(first, name="second", address=f"{net}.{int(last) + 1}", weight=first["weight"] // 2)
        fact["servers"].append(second)
        port = f"port = {second['port']}\n" if second["port"] else ""
        return f'\n[service.{fact["name"]}.server.second]\naddress = "{second["address"]}"\nweight = {second["weight"]}\n{port}'

    def _wire(self, text):
        client = self.client_host.address()
        self.client_host.ip_batch([f"route add local {CLIENTS}.0.0/16 dev lo", "route add default dev eth0"])
        join_networks(self.balancer, text, 11)
        self.balancer.ip_batch([f"route add {CLIENTS}.0.0/16 via {client}"])
        for i, host in enumerate(self.lab.real_servers):
            be_servers(host, {f["servers"][i]["address"] for f in self.facts.values()})

    def _open_doors(self, fact):
        for machine, server in zip(self.machines, fact["servers"]):
            for port in {server["port"] or port for port in ports_of(fact)}:
                machine.door(server["address"], port, pages_of(fact))

    def source(self):
        """The address of a client that nobody has seen before."""
        number = next(self._numbers)
        return f"{CLIENTS}.{number >> 8}.{number & 255}"

    # ---- health ----

    def sicken(self, fact, *places, well=False):
        """The servers' checks fail from now on, or succeed again; waits until status says so."""
        for place in places:
            server = fact["servers"][place]
            door = self.machines[place].doors[server["address"], checked_port(fact, server)]
            if fact["check"]["type"] != "connect":
                door.well = well
            elif well:
                door.open()
            else:
                door.close()
        self.all_are("up" if well else "down", fact, places=places)

    def heal(self, fact):
        """All servers are well; waits until the service's are known to be and clients are served."""
        for machine in self.machines:
            machine.released.clear()
            for door in machine.doors.values():
                door.well = True
                door.open()
        self.all_are("up", fact)
        until(lambda: self.outcome(fact) in ("rs1", "rs2"), 3, f"{fact['name']} is served", describe=self.node.describe)

    def all_are(self, health, fact, places=(0, 1)):
        def so():
            said = next(s for s in self.node.status()["services"] if s["name"] == fact["name"])
            found = {server["name"]: server["health"] for server in said["servers"]}
            return all(found[fact["servers"][place]["name"]] == health for place in places)
        until(so, 8, f"{fact['name']}: servers {places} are {health}", every=0.03, describe=self.node.describe)

    # ---- clients ----

    def trusted(self, fact, terminated):
        """A file with the certificates that a client must meet: the service's, or those of its servers."""
        if terminated:
            return f"{self.node.config_dir}/certificates/{fact['tls']['certificate']}.pem"
        return self.servers_pem

    def connect(self, fact, port, source=None, terminated=False):
        """An open connection to a port of the service, in TLS where its clients use TLS; raises OSError."""
        raw = self.client_host.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            raw.settimeout(5)
            raw.bind((source or self.source(), 0))
            raw.connect((fact["address"], port))
            if not terminated and not passes_tls(fact):
                return raw
            context = ssl.create_default_context(cafile=self.trusted(fact, terminated))
            return context.wrap_socket(raw, server_hostname=fact["address"])
        except BaseException:
            raw.close()
            raise

    def ask(self, fact, port=None, terminated=False, source=None, path="/", **fields):
        """One request of a client: (status, its fields, the body; the server's report as a dict)."""
        connection = self.connect(fact, port or ports_of(fact)[0], source, terminated)
        with connection, connection.makefile("rb") as stream:
            more = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {fact['address']}\r\n{more}\r\n".encode())
            status = stream.readline().split()
            if not status:
                raise ConnectionError("closed without an answer")
            answered = collections.defaultdict(str)
            while line := stream.readline().strip().decode():
                name, value = line.split(": ", 1)
                answered[name.lower()] += value
            body = stream.read(int(answered["content-length"]))
        return int(status[1]), answered, json.loads(body) if body.startswith(b"{") else body.decode()

    def who(self, fact, port=None, terminated=False, **more):
        """The name of the server that answers."""
        return self.deliver(fact, port) if speaks_hl7(fact) else self.ask(fact, port, terminated, **more)[2]["who"]

    def deliver(self, fact, port=None):
        """Sends one HL7 message; the name of the server that confirmed it."""
        with self.sender(fact, port) as sender:
            return self.say(sender)

    def sender(self, fact, port=None):
        """An HL7 client's open connection, with an address that nobody has seen before."""
        return Sender(self.connect(fact, port or ports_of(fact)[0]))

    def say(self, sender):
        """One more message on an open connection; the name of the server that confirmed this one."""
        number = f"M{next(self._numbers)}"
        confirmed = sender.send_message(f"MSH|^~\\&|A|B|C|D|2026||ORM^O01|{number}|P|2.3\rPID|1||1||DYAD^TEST\r").decode()
        if f"MSA|AA|{number}" not in confirmed:
            raise ConnectionError(f"not confirmed: {confirmed!r}")
        return confirmed.split("|")[2]

    def outcome(self, fact, port=None, terminated=False):
        """The name of the server that answers; "page" when it is the node itself, "nobody" when it is none."""
        try:
            if speaks_hl7(fact):
                return self.deliver(fact, port)
            status, answered, report = self.ask(fact, port, terminated)
        except OSError:
            return "nobody"
        page = status == 503 and "text/html" in answered["content-type"] and "unavailable" in report
        return "page" if page else report["who"]

    def is_taken_by(self, fact, **wanted):
        """Waits until new clients go there: the proxy hears of a server's health a moment after status does."""
        until(lambda: self.takers(fact) == wanted, 3, f"new clients of {fact['name']} go to {wanted}", describe=self.node.describe)

    def takers(self, fact, count=SHARES):
        """How often each server was chosen for as many new clients that are there at the same time."""
        path = "/hold" if fact["balance"] == "wlc" else "/"
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            asked = [pool.submit(self.who, fact, path=path) for _ in range(count)]
            if path == "/hold":
                until(lambda: self.connections(fact) == count, 5, f"{count} requests wait", every=0.02, describe=self.node.describe)
                for machine in self.machines:
                    machine.released.set()
            seen = collections.Counter(one.result() for one in asked)
        for machine in self.machines:
            machine.released.clear()
        return seen

    def connections(self, fact):
        """What status says of the servers' active connections."""
        of = next(s for s in self.node.status()["services"] if s["name"] == fact["name"])
        return sum(server["active"] for server in of["servers"])


@pytest.fixture(scope="module")
def site(request):
    made = Site(request.param)
    with made.lab:
        yield made


@pytest.fixture
def fact(site, service):
    """What is known of the service, whose servers are well."""
    site.heal(site.facts[service])
    return site.facts[service]


# ---- balance ----

@cases()
def test_clients_are_spread_as_configured(site, fact):
    first, second = (server["weight"] for server in fact["servers"])
    share = SHARES if fact["balance"] == "first" else SHARES * first // (first + second)
    assert site.takers(fact) == +collections.Counter(rs1=share, rs2=SHARES - share)


# ---- ports, TLS, and what servers see ----

@cases()
def test_every_port_leads_to_a_server_as_configured(site, fact):
    for port, terminated in doors_of(fact):
        if speaks_hl7(fact):
            assert site.deliver(fact, port) == "rs1"
            continue
        source = site.source()
        status, _, report = site.ask(fact, port, terminated, source, "/series?study=1")
        asked = fact["servers"][0]["port"] or (ports_of(fact)[0] if terminated else port)
        assert (status, report["path"], report["port"]) == (200, "/series?study=1", asked), report
        assert report["secure"] == (fact["re_encrypt"] or passes_tls(fact)), report
        assert report["peer"].endswith(".11"), "the balancer's own address"
        said = {name: report["fields"].get(name) for name in ("x-forwarded-for", "x-forwarded-proto")}
        if fact["mode"] == "http":
            assert said == {"x-forwarded-for": source, "x-forwarded-proto": "https" if terminated else None}
        else:
            assert set(said.values()) == {None}, "nothing is put into the stream"


@cases(lambda fact: not speaks_hl7(fact))
def test_other_peoples_client_is_served_on_every_port(site, fact):
    for port, terminated in doors_of(fact):
        scheme = "https" if terminated or passes_tls(fact) else "http"
        done = site.client_host.run(["curl", "-sS", "--max-time", "5", "--cacert", site.trusted(fact, terminated), "-w", "\n%{http_code}",
                                     "--interface", site.source(), f"{scheme}://{fact['address']}:{port}/one"], check=False)
        assert done.stdout.endswith("\n200") and '"path": "/one"' in done.stdout, (port, done)


def s_client(site, fact, *options, said="", check=True):
    where = f"{fact['address']}:{fact['tls']['port']}"
    done = site.client_host.run(["openssl", "s_client", "-connect", where, "-CAfile", site.trusted(fact, True), "-verify_return_error",
                                 *options], check=False, input=said)
    assert not check or done.returncode == 0, done
    return done.stdout + done.stderr


@cases(lambda fact: fact["tls"])
@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_terminated_tls_is_spoken_as_it_should_be(site, fact, version):
    request = f"GET / HTTP/1.1\r\nHost: {fact['address']}\r\nConnection: close\r\n\r\n"
    assert '"who": "rs' in s_client(site, fact, f"-{version}", "-ign_eof", said=request)
    agreed = s_client(site, fact, f"-{version}", "-alpn", "h2,http/1.1")
    assert "Verify return code: 0 (ok)" in agreed and "ALPN protocol: h2" not in agreed, agreed
    if version == "tls1_2":
        assert s_client(site, fact, f"-{version}", "-reconnect").count("Reused, TLSv1.2") >= 4, "sessions are resumed"
        assert "no renegotiation" in s_client(site, fact, f"-{version}", said="R\n", check=False)


@cases(lambda fact: fact["tls"])
def test_old_tls_is_refused(site, fact):
    said = s_client(site, fact, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", check=False)
    assert "Cipher is (NONE)" in said and "alert protocol version" in said, said


# ---- persistence ----

@cases(keeps("source_ip"))
def test_a_client_keeps_its_server_on_every_port(site, fact):
    seen = {}
    for source in (site.source() for _ in range(4)):
        seen[source] = {site.who(fact, port, terminated, source=source) for port, terminated in doors_of(fact) for _ in range(2)}
    assert [len(servers) for servers in seen.values()] == [1] * 4, seen
    assert set().union(*seen.values()) == {"rs1", "rs2"}, "not all clients have the same one"


@cases(keeps("http_cookie"))
def test_a_cookie_keeps_its_server(site, fact):
    with_cookie = {}
    while len(with_cookie) < 2:   # held, so that both servers are given
        for report, answered in held(site, fact):
            with_cookie[report["who"]] = answered["set-cookie"].split(";")[0]
    assert len(set(with_cookie.values())) == 2, with_cookie
    for server, cookie in with_cookie.items():
        for _ in range(3):
            status, answered, report = site.ask(fact, Cookie=f"a=1; {cookie}; b=2")
            assert (status, report["who"], "set-cookie" in answered) == (200, server, False)
            assert report["fields"]["cookie"] == "a=1; b=2", "servers do not see it"


def held(site, fact):
    """(the server's report, the answer's fields) of three requests that are there at the same time."""
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(site.ask, fact, path="/hold") for _ in range(3)]
        until(lambda: site.connections(fact) == 3, 5, "three requests wait", every=0.02, describe=site.node.describe)
        for machine in site.machines:
            machine.released.set()
        answers = [one.result() for one in asked]
    for machine in site.machines:
        machine.released.clear()
    return [(report, answered) for _, answered, report in answers]


@cases(keeps("http_cookie"))
def test_a_cookie_of_a_lost_server_is_replaced(site, fact):
    cookie = next(answered["set-cookie"].split(";")[0] for report, answered in held(site, fact) if report["who"] == "rs1")
    site.sicken(fact, 0)
    until(lambda: site.who(fact, Cookie=cookie) == "rs2", 3, "the other server answers", describe=site.node.describe)
    _, answered, report = site.ask(fact, Cookie=cookie)
    assert report["who"] == "rs2" and answered["set-cookie"].split(";")[0] != cookie
    site.sicken(fact, 0, well=True)
    assert site.who(fact, Cookie=answered["set-cookie"].split(";")[0]) == "rs2", "who moved stays"


@cases(keeps("last_successful"))
def test_traffic_moves_when_its_server_fails_and_not_back(site, fact):
    with site.sender(fact) as one:
        assert site.say(one) == "rs1"
        site.sicken(fact, 0)
        assert one.socket.recv(1) == b"", "cut: its server is gone"
    site.is_taken_by(fact, rs2=SHARES)
    with site.sender(fact) as one:
        assert site.say(one) == "rs2"
        site.sicken(fact, 0, well=True)
        assert site.say(one) == "rs2", "what is open goes on"
        assert site.takers(fact) == {"rs2": SHARES}, "not back although the first is well"
    site.sicken(fact, 1)
    site.is_taken_by(fact, rs1=SHARES)


# ---- health and fallback ----

@cases(lambda fact: fact["persistence"]["mode"] != "last_successful")
def test_a_server_fails_its_check_and_comes_back(site, fact):
    source = site.source()
    while site.who(fact, source=source) != "rs1":
        source = site.source()
    site.sicken(fact, 0)
    site.is_taken_by(fact, rs2=SHARES)
    assert site.who(fact, source=source) == "rs2", "a client that was with it is served by the other"
    site.sicken(fact, 0, well=True)
    until(lambda: set(site.takers(fact)) == {"rs1", "rs2"}, 3, "both serve again", describe=site.node.describe)


@cases()
def test_when_no_server_is_left(site, fact):
    site.sicken(fact, 0, 1)
    wanted = "page" if shows_the_page(fact) else "nobody"
    for port, terminated in doors_of(fact):
        until(lambda: site.outcome(fact, port, terminated) == wanted, 3, f"{wanted} on port {port}", describe=site.node.describe)
    site.sicken(fact, 0, 1, well=True)
    until(lambda: site.outcome(fact) in ("rs1", "rs2"), 3, "served again", describe=site.node.describe)

# SPDX-License-Identifier: Apache-2.0
"""Health checks of mail, name, directory, database, time, telephone, web and image servers against Debian's own: with the right account and query,
with wrong ones, with expectations that the answer does not meet, and against a machine that accepts and says nothing and one where
nobody listens."""

import json
import socket
import threading

import protocol_servers as servers
import pytest
from lab import Lab, conf
from lab.debian import DebianServer, root
from lab.node import Node
from lab.wait import until
from protocol_servers import PASSWORD, SECRET

SCRIPTS = {"redis": servers.REDIS, "ldap": servers.LDAP, "dns": servers.DNS, "mysql": servers.MYSQL, "postgresql": servers.POSTGRESQL,
           "radius": servers.RADIUS, "ntp": servers.NTP, "no-time": servers.NTP_WITHOUT_TIME, "sip": servers.SIP, "ftp": servers.FTP,
           "smtp": servers.SMTP, "mail": servers.MAIL, "nginx": servers.NGINX, "orthanc": servers.ORTHANC}
WRONG = "verkehrt-0815"
ACCOUNT = 'user = "dyad", password_file = "account"'
BAD = f'user = "dyad", password = "{WRONG}"'
BIND = 'user = "cn=dyad,dc=example", password_file = "account"'

# name, type, port, what else the check says, health, a part of the reason
CASES = [
    ("smtp", "smtp", 25, "", "up", 'the answer to EHLO is "250'),
    ("smtp-tls", "smtp", 465, f"tls = true, {ACCOUNT}", "up", 'the answer to AUTH is "235'),
    ("smtp-wrong", "smtp", 465, f"tls = true, {BAD}", "down", 'the answer to AUTH is "535'),
    ("imap", "imap", 143, ACCOUNT, "up", 'the answer to LOGIN is "OK'),
    ("imap-tls", "imap", 993, "tls = true, min_days = 2", "up", 'the answer to CAPABILITY is "OK'),
    ("imap-wrong", "imap", 143, BAD, "down", 'the answer to LOGIN is "NO'),
    ("pop3", "pop3", 110, ACCOUNT, "up", 'the answer to STAT is "+OK 0 0"'),
    ("pop3-tls", "pop3", 995, f"tls = true, {ACCOUNT}", "up", 'the answer to STAT is "+OK 0 0"'),
    ("pop3-nobody", "pop3", 110, "", "up", 'the answer to CAPA is "+OK"'),
    ("pop3-wrong", "pop3", 110, BAD, "down", 'the answer to PASS is "-ERR'),
    ("pop3-of-imap", "pop3", 143, "", "down", "the greeting is not POP3"),
    ("ftp", "ftp", 21, ACCOUNT, "up", 'the answer to NOOP is "200'),
    ("ftp-nobody", "ftp", 21, "", "up", "the answer to FEAT is"),
    ("ftp-wrong", "ftp", 21, BAD, "down", 'the answer to PASS is "530'),
    ("redis", "redis", 6379, 'password_file = "account"', "up", "PONG"),
    ("redis-tls", "redis", 6380, 'tls = true, password_file = "account"', "up", "PONG"),
    ("redis-query", "redis", 6379, 'password_file = "account", query = "GET health", expect = { contains = "well" }', "up", "all is well"),
    ("redis-other", "redis", 6379, 'password_file = "account", query = "GET health", expect = { equals = "ill" }', "down",
     'the answer is not "ill" but "all is well"'),
    ("redis-wrong", "redis", 6379, f'password = "{WRONG}"', "down", "WRONGPASS"),
    ("redis-nobody", "redis", 6379, "", "down", "NOAUTH"),
    ("ldap", "ldap", 389, f'{BIND}, query = "dc=example", expect = {{ contains = "o: Hospital" }}', "up", 'the entry "dc=example" is there'),
    ("ldap-tls", "ldap", 636, f'tls = true, {BIND}, query = "dc=example"', "up", 'the entry "dc=example" is there'),
    ("ldap-verify", "ldap", 636, 'tls = true, verify = true', "down", "the certificate is not accepted: "),
    ("ldap-nobody", "ldap", 389, "", "up", "the root entry is there"),
    ("ldap-other", "ldap", 389, 'query = "dc=example", expect = { regex = "o: H[aeiu]" }', "down", "the answer does not match"),
    ("ldap-wrong", "ldap", 389, f'user = "cn=dyad,dc=example", password = "{WRONG}"', "down", "49, invalidCredentials"),
    ("ldap-gone", "ldap", 389, 'query = "ou=gone,dc=example"', "down", "32, noSuchObject"),
    ("dns", "dns", 53, 'query = "pacs.example", expect = { equals = "192.0.2.7" }', "up", '"192.0.2.7"'),
    ("dns-tcp", "dns", 53, 'query = "PACS.example. TXT", tcp = true, expect = { equals = "well" }', "up", '"well"'),
    ("dns-other", "dns", 53, 'query = "pacs.example", expect = { equals = "192.0.2.8" }', "down", "the answer is not"),
    ("dns-gone", "dns", 53, 'query = "gone.example"', "down", "NXDOMAIN"),
    ("dns-type", "dns", 53, 'query = "pacs.example MX"', "down", "no record of type MX"),
    ("mysql", "mysql", 3306, ACCOUNT, "up", 'the answer to the query is "1"'),
    ("mysql-tls", "mysql", 3306, f'{ACCOUNT}, tls = true, query = "SHOW STATUS LIKE \'Ssl_version\'", expect = {{ contains = "TLSv1" }}', "up", "TLSv1"),
    ("mysql-other", "mysql", 3306, f'{ACCOUNT}, query = "SELECT 41 + 1", expect = {{ equals = "41" }}', "down", 'not "41" but "42"'),
    ("mysql-rows", "mysql", 3306, f'{ACCOUNT}, query = "SELECT 1 FROM DUAL WHERE FALSE"', "down", "the query gives no rows"),
    ("mysql-query", "mysql", 3306, f'{ACCOUNT}, query = "SELEKT 1"', "down", "the answer to the query is error 1064"),
    ("mysql-wrong", "mysql", 3306, BAD, "down", "the answer to login is error 1045"),
    ("postgresql", "postgresql", 5432, f'{ACCOUNT}, database = "postgres"', "up", 'the answer to the query is "1"'),
    ("postgresql-tls", "postgresql", 5432, f'{ACCOUNT}, tls = true, database = "postgres", query = "SELECT ssl FROM pg_stat_ssl '
     'WHERE pid = pg_backend_pid()", expect = { equals = "t" }', "up", '"t"'),
    ("postgresql-clear", "postgresql", 5432, f'{ACCOUNT}, database = "template1"', "up", '"1"'),
    ("postgresql-other", "postgresql", 5432, f'{ACCOUNT}, database = "postgres", query = "SELECT 2", expect = {{ equals = "1" }}', "down", 'not "1" but "2"'),
    ("postgresql-query", "postgresql", 5432, f'{ACCOUNT}, database = "postgres", query = "SELECT * FROM gone"', "down", "42P01"),
    ("postgresql-wrong", "postgresql", 5432, f'{BAD}, database = "postgres"', "down", "28P01"),
    ("radius", "radius", 1812, f'{ACCOUNT}, secret_file = "shared"', "up", 'Access-Accept: "welcome"'),
    ("radius-wrong", "radius", 1812, f'{BAD}, secret_file = "shared"', "down", "Access-Reject"),
    ("radius-secret", "radius", 1812, f'{ACCOUNT}, secret = "{WRONG}"', "down", "no answer within"),
    ("sip", "sip", 5060, "", "up", 'OPTIONS was answered with "200 OK"'),
    ("sip-tcp", "sip", 5060, "tcp = true", "up", 'OPTIONS was answered with "200 OK"'),
    ("sip-closed", "sip", 5060, 'query = "sip:closed@pbx.example"', "down", 'OPTIONS was answered with "503 Closed"'),
    ("ntp", "ntp", 123, "", "up", "a clock of stratum 3"),
    ("no-time", "ntp", 1123, "", "down", "the server's clock is not synchronised"),
    ("http", "http", 80, 'request = "/health", expect = { equals = "allServicesOperative" }', "up", "200 OK, body as expected"),
    ("http-head", "http", 80, 'request = "/health", method = "HEAD", expect = { status = "2xx" }', "up", "200 OK"),
    ("http-account", "http", 80, f'request = "/private", {ACCOUNT}, expect = {{ contains = "come in" }}', "up", "200 OK, body as expected"),
    ("http-json", "http", 80, 'request = "/state", expect = { json = { "/status" = "UP", "/disks/0/full" = false } }', "up", "200 OK"),
    ("http-other", "http", 80, 'request = "/health", expect = { regex = "all.*Failed" }', "down", 'does not match "all.*Failed"'),
    ("http-wrong", "http", 80, f'request = "/private", {BAD}', "down", "status 401 Unauthorized"),
    ("http-gone", "http", 80, 'request = "/gone"', "down", "status 404 Not Found"),
    ("http-moved", "http", 80, 'request = "/moved", expect = { contains = "all" }', "down", 'status 302 to "http://'),
    ("https", "https", 443, 'request = "/health", expect = { equals = "allServicesOperative" }, min_days = 2', "up", "200 OK"),
    ("https-verify", "https", 443, 'verify = true, host = "server"', "down", "self-signed certificate"),
    ("https-of-http", "https", 80, "", "down", "TLS"),
    ("tls", "tls", 443, "warn_days = 20", "up", "the certificate ends in 9 days"),
    ("tls-ending", "tls", 443, "min_days = 20", "down", "the certificate ends in 9 days"),
    ("dicom", "dicom", 4242, 'called_ae = "ARCHIVE"', "up", "C-ECHO answered with status 0000"),
    ("dicom-find", "dicom", 4242, 'called_ae = "ARCHIVE", query = "PatientID=NOBODY"', "up", "C-FIND answered with status 0000, 0 studies found"),
    ("dicom-title", "dicom", 4242, 'called_ae = "ANOTHER"', "down", "the association was rejected: called AE title not recognized"),
    ("dicom-of-http", "dicom", 80, "", "down", "not DICOM"),
    ("archive-page", "http", 8042, f'request = "/system", {ACCOUNT}, expect = {{ json = {{ "/DicomAet" = "ARCHIVE" }} }}', "up", "200 OK"),
    ("unread", "smtp", 25, 'user = "dyad", password_file = "nowhere"', "down", "cannot read nowhere"),
]
# Of each protocol what a machine that says nothing lacks.
SILENT = {"smtp": "greeting", "imap": "greeting", "pop3": "greeting", "ftp": "greeting", "redis": "answer to AUTH", "ldap": "answer to bind",
          "dns": "answer", "mysql": "greeting", "postgresql": "answer to login", "radius": "answer", "sip": "answer to OPTIONS", "ntp": "answer",
          "http": "answer", "https": "TLS handshake", "tls": "TLS handshake", "dicom": "association"}


class Mute:
    """Accepts and reads, and says nothing, on each port."""

    def __init__(self, host, ports):
        self.sockets = []
        for port in ports:
            listening = host.socket(socket.AF_INET, socket.SOCK_STREAM)
            datagrams = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for made in (listening, datagrams):
                made.bind((host.address(), port))
            listening.listen(512)
            self.sockets += [listening, datagrams]
            threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
        host.lab.on_close(lambda: [s.close() for s in self.sockets])

    def _accept(self, listening):
        kept = []
        while True:
            try:
                kept.append(listening.accept()[0])
            except OSError:
                return


class Site:
    def __init__(self, lab):
        good, mute, closed = lab.real_servers
        self.peers = [DebianServer(good, name, script) for name, script in SCRIPTS.items()]
        Mute(mute, {case[2] for case in CASES})
        parts = []
        for number, (name, kind, port, more, _, _) in enumerate(CASES):
            # A server of layer 7 belongs to one service, so each has a port of its own; the check goes where the peer listens.
            machines = {"good": {"address": good.address(), "port": 20000 + number}}
            if name in SILENT:
                machines["mute"] = {"address": mute.address(), "port": 20000 + number}
                machines["closed"] = {"address": closed.address(), "port": 20000 + number}
            check = f'{{ type = "{kind}", port = {port}, {more + ", " if more else ""}timeout = "3s" }}'
            parts.append(conf.service(name, "10.77.0.100", 10000 + number, machines, check=check))
        six, nobody = good.ports["eth0"].address6, "fd77:0::99"
        for number, (name, check) in enumerate({"six": '{ type = "http", port = 80, request = "/health" }', "ping-six": '{ type = "ping", timeout = "1s" }'}.items()):
            machines = {"good": {"address": six, "port": 21000 + number}, "gone": {"address": nobody, "port": 21000 + number}}
            parts.append(conf.service(name, "10.77.0.100", 11000 + number, machines, check=check))
        self.node = Node(lab.nodes[0], "primary")
        self.node.write("node.toml", conf.alone(lab.nodes[0]))
        self.node.write("cluster.toml", conf.cluster(*parts, check_interval="1s"))
        self.node.write("secrets/account", PASSWORD + "\n", 0o600)
        self.node.write("secrets/shared", SECRET + "\n", 0o600)
        self.node.start()

    def becomes(self, service, server, health, *reasons, within=12):
        def so():
            said = self.node.server(service, server)
            return said["health"] == health and any(reason in said["reason"] for reason in reasons)
        until(so, within, f"{service}/{server} is {health}: {reasons}", every=0.1,
              describe=lambda: json.dumps(self.node.server(service, server)) + "\n" + "\n".join(p.said() for p in self.peers))


@pytest.fixture(scope="module")
def protocols():
    root()   # unpacked before a lab is made for it
    with Lab(heartbeat_links=0, real_servers=3, clients=0, observers=0) as lab:
        site = Site(lab)
        for service, _, _, _, health, reason in CASES:   # on a slow machine a database takes its time to begin
            if health == "up":
                site.becomes(service, "good", health, reason, within=120)
        yield site


@pytest.mark.parametrize("service, health, reason", [(c[0], c[4], c[5]) for c in CASES], ids=[c[0] for c in CASES])
def test_a_server_of_debian(protocols, service, health, reason):
    protocols.becomes(service, "good", health, reason)


@pytest.mark.parametrize("service, awaited", SILENT.items(), ids=SILENT)
def test_a_machine_that_says_nothing_and_one_where_nobody_listens(protocols, service, awaited):
    protocols.becomes(service, "mute", "down", f"no {awaited} within 3 s")
    refusals = ("connection refused",)
    if service in ("dns", "radius", "sip", "ntp"):   # the kernel says "port unreachable" only so often a second
        refusals += (f"no {awaited} within 3 s",)
    protocols.becomes(service, "closed", "down", *refusals)


def test_servers_with_ipv6(protocols):
    protocols.becomes("six", "good", "up", "200 OK")
    protocols.becomes("ping-six", "good", "up", "echo reply")
    protocols.becomes("six", "gone", "down", "no route to host", "no connection within")
    protocols.becomes("ping-six", "gone", "down", "no echo reply within 1 s", "no route to host")


def test_a_server_that_ends_is_down_and_comes_back(protocols):
    peer = next(p for p in protocols.peers if p.name == "dns")
    protocols.becomes("dns", "good", "up", "")
    peer.stop()
    protocols.becomes("dns", "good", "down", "connection refused", "no answer within 3 s")   # refusals are told so often a second
    protocols.peers.append(DebianServer(peer.host, "dns", SCRIPTS["dns"]))
    protocols.becomes("dns", "good", "up", "")


def test_passwords_and_secrets_show_up_nowhere(protocols):
    node = protocols.node
    tested = {name: node.dyad("test", f"{name}/good", check=False).stdout
              for name in ("smtp-tls", "imap", "pop3", "ftp", "redis", "ldap", "mysql", "postgresql-clear", "radius", "smtp-wrong")}
    assert "AUTH PLAIN (hidden)" in tested["smtp-tls"] and "PASS (hidden)" in tested["pop3"], tested
    said = [*tested.values(), json.dumps(node.status()), json.dumps(node.events()), node.log_text(1_000_000)]
    assert not [text for text in said for secret in (PASSWORD, SECRET, WRONG) if secret in text]
    commands = node.host.run(["ps", "-eo", "args"]).stdout
    assert not [line for line in commands.splitlines() if "dyadd" in line and PASSWORD in line]
    assert "secrets/nowhere" in json.dumps(node.events())

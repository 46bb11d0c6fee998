# SPDX-License-Identifier: Apache-2.0
"""Mode http through the whole dyadd: in clear and in TLS, with a certificate that replication brings to the other node."""

import os
import stat

import pytest
from lab import Lab, Pair, RealServer, conf

WEB = "10.77.0.100"


@pytest.fixture(scope="module")
def pair():
    with Lab(heartbeat_links=1, real_servers=2, clients=1, observers=0) as lab:
        servers = {s.name: s.address for s in map(RealServer, lab.real_servers)}
        web = conf.service("web", WEB, 80, servers, mode="http", check=conf.health(), tls='{ ports = [443], certificate = "web" }',
                           persistence='{ mode = "http_cookie" }')
        made = Pair(lab, conf.cluster(web))
        pem = lab.nodes[0].run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/stdout", "-out",
                                "/dev/stdout", "-subj", "/CN=web", "-days", "2"]).stdout
        made.primary.write("certificates/web.pem", pem[pem.index("-----BEGIN"):], 0o600)
        os.remove(os.path.join(made.secondary.config_dir, "cluster.toml"))   # it gets all from the primary
        made.start()
        made.up()
        yield made


def asked(pair, url, *options):
    return pair.lab.clients[0].run(["curl", "-ski", "--max-time", "5", *options, url], check=False).stdout


def test_clear_and_tls_and_a_cookie_that_holds_on_the_other_node(pair):
    for scheme in ("http", "https"):
        assert asked(pair, f"{scheme}://{WEB}/").startswith("HTTP/1.1 200 OK"), pair.active.describe()
    first = asked(pair, f"https://{WEB}/")
    cookie = next(line.split(": ")[1].split(";")[0] for line in first.splitlines() if line.startswith("Set-Cookie: SERVERID="))
    server = first.split()[-1]
    pair.active.dyad("handover")
    pair.settle()
    for _ in range(4):
        assert asked(pair, f"https://{WEB}/", "-b", cookie).split()[-1] == server


def test_the_key_is_nobody_elses(pair):
    copy = os.path.join(pair.secondary.config_dir, "certificates", "web.pem")
    assert stat.S_IMODE(os.stat(copy).st_mode) == 0o600
    for node in pair.nodes:
        assert "PRIVATE" not in node.log_text(100_000)

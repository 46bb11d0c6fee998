# SPDX-License-Identifier: Apache-2.0
"""What was applied is kept, and comes back: with its certificates, on both nodes."""

import os

import pytest
from lab import Lab, Pair, RealServer, conf
from lab.node import Refused
from lab.wait import until

WEB = "10.77.0.100"


@pytest.fixture
def pair():
    with Lab(heartbeat_links=1, real_servers=2, clients=1, observers=0) as lab:
        for host in lab.real_servers:
            RealServer(host)
        made = Pair(lab, text(lab, weight=1))
        made.start()
        yield made


def text(lab, weight, generations=None, **web):
    servers = {h.name: {"address": h.address(), "weight": weight} for h in lab.real_servers}
    kept = f"[history]\ngenerations = {generations}\n\n" if generations else ""
    return conf.cluster(kept, conf.service("web", WEB, 80, servers, check=conf.health(), **web))


def with_certificate(lab, pair, name):
    pem = lab.nodes[0].run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/stdout", "-out",
                            "/dev/stdout", "-subj", f"/CN={name}", "-days", "2"]).stdout
    pair.primary.write(f"certificates/{name}.pem", pem[pem.index("-----BEGIN"):], 0o600)
    return text(lab, weight=1, mode="http", tls=f'{{ ports = [443], certificate = "{name}" }}')


def certificates(node):
    try:
        return sorted(os.listdir(os.path.join(node.config_dir, "certificates")))
    except FileNotFoundError:
        return []


def weight(node):
    return node.server("web", "rs1")["weight"]


def generation(node):
    return node.status()["config"]["generation"]


def test_history_says_who_applied_what_and_rollback_brings_it_back_on_both(pair):
    pair.primary.apply(text(pair.lab, weight=7))
    done = pair.primary.dyad("history")
    newest, oldest = done.stdout.splitlines()[1:3]
    assert newest.startswith("1.2 *") and "uid 0 (root)" in newest and "weight: 1 -> 7" in newest, done.stdout
    assert oldest.startswith("1.1 "), done.stdout

    pair.primary.dyad("rollback", "1")
    for node in pair.nodes:
        until(lambda: generation(node) == 3 and weight(node) == 1, 2, f"back on {node.name}", describe=pair.describe)
        assert node.read("cluster.toml") == text(pair.lab, weight=1), "the operator's file is what runs"
    pair.settle()
    assert not pair.primary.status()["config"]["edited"]
    assert "rollback to 1.1" in pair.primary.dyad("history").stdout


def test_edits_that_were_never_applied_are_kept_beside(pair):
    pair.primary.apply(text(pair.lab, weight=7))
    pair.primary.write("cluster.toml", "# half an idea\n")
    pair.primary.dyad("rollback", "1.1")
    assert pair.primary.read("cluster.toml.edited") == "# half an idea\n"
    assert pair.primary.read("cluster.toml") == text(pair.lab, weight=1)


def test_certificates_come_back_and_those_that_left_are_deleted_on_the_secondary(pair):
    pair.primary.apply(with_certificate(pair.lab, pair, "web"))
    until(lambda: certificates(pair.secondary) == ["web.pem"], 2, "replicated", describe=pair.describe)
    first = pair.primary.read("certificates/web.pem")

    os.remove(os.path.join(pair.primary.config_dir, "certificates", "web.pem"))
    pair.primary.apply(with_certificate(pair.lab, pair, "other"))
    until(lambda: certificates(pair.secondary) == ["other.pem"], 2, "the one that left is deleted", describe=pair.describe)

    pair.primary.dyad("rollback", "2")
    until(lambda: certificates(pair.secondary) == ["web.pem"], 2, "the old one is back", describe=pair.describe)
    for node in pair.nodes:
        assert node.read("certificates/web.pem") == first


def test_a_secondary_that_was_killed_in_between_deletes_what_left(pair):
    pair.primary.apply(with_certificate(pair.lab, pair, "web"))
    until(lambda: certificates(pair.secondary) == ["web.pem"], 2, "replicated", describe=pair.describe)
    pair.secondary.kill()
    pair.secondary.wait_gone()
    os.remove(os.path.join(pair.primary.config_dir, "certificates", "web.pem"))
    pair.primary.apply(text(pair.lab, weight=1))
    pair.secondary.start()
    until(lambda: certificates(pair.secondary) == [], 5, "deleted", describe=pair.describe)


def test_as_many_are_kept_as_the_file_says(pair):
    for n in range(2, 7):
        pair.primary.apply(text(pair.lab, weight=n, generations=3))
    pair.settle()
    pair.primary.apply(text(pair.lab, weight=9, generations=3))
    pair.settle()
    for node in pair.nodes:
        assert [g["generation"] for g in node.call("GET", "/v1/history")["generations"]] == [7, 6, 5]


def test_rollback_is_refused_with_the_reason(pair):
    for node, to, part in ((pair.primary, "99", "dyad history"), (pair.secondary, "1", "primary")):
        with pytest.raises(Refused) as refused:
            node.call("POST", "/v1/rollback", {"to": to})
        assert part in str(refused.value)
    assert generation(pair.primary) == 1

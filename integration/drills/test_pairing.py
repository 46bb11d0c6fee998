# SPDX-License-Identifier: Apache-2.0
"""Two lone nodes become a pair: a token on one, typed at the other, and nothing else."""

import os
import pty
import stat
import subprocess
import time

import pytest
from lab import HttpProbe, Lab, Pair, RealServer, build, conf
from lab.node import Node, Refused
from lab.probe import fetch
from lab.wait import until

WEB = "10.77.0.100"
GAP = 4000   # ms that clients may wait while the primary is started again as one of a pair


class LoneNodes(Pair):
    """Both nodes as `dyad init` leaves them: no links, no key, each the primary of nobody."""

    def __init__(self, lab, cluster, links=""):
        self.lab = lab
        self.primary, self.secondary = (Node(host, "primary") for host in lab.nodes[:2])
        for node, peer in ((self.primary, self.secondary), (self.secondary, self.primary)):
            named = "".join(f'[link.{name}]\ninterface = "{name}"\nlocal = "{node.host.address(name)}"\n'
                            f'peer = "{peer.host.address(name)}"\n' for name in links.split())
            node.write("node.toml", f'format = 1\nname = "{node.name}"\nrole = "primary"\n{named}'
                                    '[network.clients]\ninterface = "eth0"\n')
        self.primary.write("cluster.toml", cluster)
        self.secondary.write("cluster.toml", conf.cluster())

    def start(self):
        for node in self.nodes:
            node.start()
            until(lambda: node.state == "active", 10, f"{node.name} runs alone", describe=node.describe)
        return self

    def pair(self, token, address=None, within=60):
        return self.primary.host.run([build.dyad(), "--run-dir", self.primary.run_dir, "pair",
                                      address or self.secondary.host.address()], check=False, input=token + "\n", timeout=within)


@pytest.fixture
def lab():
    with Lab(heartbeat_links=1, real_servers=1, clients=1, observers=0) as made:
        RealServer(made.real_servers[0])
        yield made


def services(lab):
    return conf.cluster(conf.service("web", WEB, 80, {"rs1": lab.real_servers[0].address()}, check=conf.health()))


def token_of(node):
    return node.dyad("pair-token").stdout.strip()


def secret_of(node):
    return node.read("cluster.key").strip()


def audit(node):
    return [e["text"] for e in node.call("GET", "/v1/events?after=0&audit=1")["events"]]


def test_two_nodes_become_a_pair_while_clients_are_served(lab):
    pair = LoneNodes(lab, services(lab)).start()
    until(lambda: pair.primary.server("web", "rs1")["health"] == "up", 5, "up", describe=pair.describe)
    probe = HttpProbe(lab.clients[0], WEB)
    until(probe.answers, 3, "served alone")
    token = token_of(pair.secondary)
    before = time.monotonic_ns()
    done = pair.pair(token)
    assert done.returncode == 0, done.stdout + done.stderr + pair.describe()
    for part in ("shown that they know the token", "agrees to be the secondary", "has the pair's key", "hear each other",
                 "both have the same configuration"):
        assert part in done.stdout, done.stdout
    pair.settle()
    assert probe.served_after(before) <= GAP, probe.errors(before)

    assert [n.status()["node"]["role"] for n in pair.nodes] == ["primary", "secondary"]
    assert pair.secondary.read("cluster.toml") == pair.primary.read("cluster.toml")
    assert secret_of(pair.primary) == secret_of(pair.secondary)
    for node in pair.nodes:
        assert stat.S_IMODE(os.stat(os.path.join(node.config_dir, "cluster.key")).st_mode) == 0o600
        log = node.log_text(100_000)
        assert token not in log and token.replace("-", "") not in log and secret_of(node) not in log
        node.dyad("validate", node.config_dir)
    assert any("paired: primary of" in t for t in audit(pair.primary))
    assert any("paired: secondary of" in t for t in audit(pair.secondary))

    pair.primary.kill()
    until(lambda: pair.secondary.state == "active", 5, "it takes over", describe=pair.describe)
    until(lambda: fetch(lab.clients[0], WEB) == "rs1", 5, "served by the other", describe=pair.describe)
    pair.primary.wait_gone()
    pair.primary.start()
    pair.settle()


def test_what_the_peer_once_applied_does_not_come_to_the_primary(lab):
    pair = LoneNodes(lab, services(lab)).start()
    pair.secondary.write("certificates/own.pem", "not the pair's", 0o600)
    for n in range(5):
        pair.secondary.apply(conf.cluster(check_interval=f"{200 + n}ms"))
    assert pair.secondary.status()["config"]["generation"] > pair.primary.status()["config"]["generation"]
    assert pair.pair(token_of(pair.secondary)).returncode == 0, pair.describe()
    pair.settle()
    for node in pair.nodes:
        assert [s["name"] for s in node.status()["services"]] == ["web"]
        assert node.status()["config"]["generation"] == 1
    assert pair.secondary.read("certificates/own.pem") == "not the pair's", "nobody asked to remove it"


def test_links_that_both_name_are_the_pairs(lab):
    pair = LoneNodes(lab, services(lab), links="eth0 hb1").start()
    assert pair.pair(token_of(pair.secondary)).returncode == 0, pair.describe()
    pair.settle()
    for node in pair.nodes:
        assert sorted(link["name"] for link in node.status()["links"]) == ["eth0", "hb1"]


def test_wrong_tokens_get_a_growing_delay_an_event_and_a_closed_window(lab):
    pair = LoneNodes(lab, services(lab)).start()
    right = token_of(pair.secondary)
    third = Node(lab.clients[0], "primary")   # its tokens are well formed, and not the secondary's
    third.write("node.toml", 'format = 1\nname = "third"\nrole = "primary"\n')
    third.write("cluster.toml", conf.cluster())
    third.start()
    wrong = [token_of(third) for _ in range(5)]
    took = []
    for token in wrong:
        start = time.monotonic()
        done = pair.pair(token)
        took.append(time.monotonic() - start)
        assert done.returncode == 1 and "the token is wrong" in done.stderr, done
    for n, least in enumerate((0, 1, 2, 4, 8)):
        assert took[n] >= least * 0.8, took
    said = [e["text"] for e in pair.secondary.events()]
    assert sum("wrong token number" in t for t in said) == 5, said
    assert any("5 wrong tokens came" in t for t in said), said
    done = pair.pair(right)
    assert done.returncode == 1 and "dyad pair-token" in done.stderr, done
    assert not os.path.exists(os.path.join(pair.secondary.config_dir, "cluster.key"))
    for node in pair.nodes:
        assert node.state == "active"


def test_refused_with_the_reason(lab):
    pair = LoneNodes(lab, conf.cluster()).start()
    token = token_of(pair.secondary)
    pair.secondary.apply(services(lab))
    done = pair.pair(token)
    assert done.returncode == 1 and "has 1 service, which the primary's would replace" in done.stderr, done
    with pytest.raises(Refused) as refused:
        pair.secondary.call("POST", "/v1/pair-token")
    assert "has 1 service" in str(refused.value)
    pair.secondary.apply(conf.cluster())
    assert pair.pair(token).returncode == 0, pair.describe()   # it was good still
    pair.settle()
    for node in pair.nodes:
        for path, body in (("/v1/pair-token", {}), ("/v1/pair", {"address": "10.77.0.99", "token": token})):
            with pytest.raises(Refused) as refused:
                node.call("POST", path, body)
            assert "has a pair already" in str(refused.value)


def test_mistyped_and_absent(lab):
    pair = LoneNodes(lab, conf.cluster()).start()
    done = pair.pair("0000-0000-0000-0000-0000-0000-0001")
    assert done.returncode == 1 and "a character is wrong" in done.stderr, done
    done = pair.pair("0000-0000-0000-0000-0000-0000-0000")
    assert done.returncode == 1 and "run `dyad pair-token` on that node first" in done.stderr, done
    assert pair.primary.dyad("pair", "nonsense", check=False).returncode == 2


def test_a_terminal_does_not_show_the_token(lab):
    pair = LoneNodes(lab, conf.cluster()).start()
    token = token_of(pair.secondary)
    ours, theirs = pty.openpty()
    process = pair.primary.host.popen([build.dyad(), "--run-dir", pair.primary.run_dir, "pair", pair.secondary.host.address()],
                                      stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.set_blocking(ours, False)
    shown = b""

    def read_until(part):
        nonlocal shown
        try:
            shown += os.read(ours, 65536)
        except OSError:
            pass
        return part in shown

    until(lambda: read_until(b"not shown here): "), 5, "it asks")
    os.write(ours, token.encode() + b"\n")
    until(lambda: read_until(b"the pair is made"), 30, "paired", describe=lambda: shown.decode() + pair.describe())
    assert process.wait(10) == 0
    os.close(ours)
    assert token.encode() not in shown, shown
    commands = subprocess.run(["ps", "axww"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert token not in commands

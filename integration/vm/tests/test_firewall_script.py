# SPDX-License-Identifier: Apache-2.0
"""The operator's own firewall script: its rules are there before services need them, and a script that hangs keeps nothing up."""

import subprocess

import pytest
from lab import Lab, Node, build, conf
from lab.wait import until
from topology import run

WITHIN = 30  # seconds
VIP = "10.77.0.160"


@pytest.fixture
def site():
    with Lab(heartbeat_links=0, nodes=1, real_servers=1, clients=0, observers=0) as lab:
        host, server = lab.nodes[0], lab.real_servers[0]
        node = Node(host, "primary")
        node.script = f"{node.base}/firewall.sh"
        node.write("node.toml", conf.alone(host) + f'\n[firewall]\nscript = "{node.script}"\n')
        node.write("cluster.toml", conf.cluster(conf.service("web", VIP, "80, 81", {"A": server.address()}, mode="nat",
                                                             check='{ type = "on" }')))
        yield node
        if node.running():
            node.terminate()
            node.wait_gone(WITHIN)


def writes(node, text):
    with open(node.script, "w") as file:
        file.write("#!/bin/sh\n" + text)
    subprocess.run(["chmod", "+x", node.script], check=True)


def our_rules(node):
    return "table inet dyad {" in run(node.host, ["nft", "list", "ruleset"]).stdout


def test_a_script_that_clears_all_rules_costs_ours_a_moment(site):
    writes(site, "nft flush ruleset; nft add table inet mine\n")
    site.start(WITHIN)
    until(lambda: our_rules(site), WITHIN, "the service's rules are there", describe=site.describe)
    kinds = [event["kind"] for event in site.events()]
    assert kinds.index("firewall") < kinds.index("layer4"), "services may need the script's rules"
    site.dyad("firewall")
    until(lambda: our_rules(site), 2, "our rules are back", describe=site.describe)
    assert "table inet mine {" in run(site.host, ["nft", "list", "ruleset"]).stdout


def test_a_script_that_hangs_keeps_nothing_up(site):
    writes(site, "exit 0\n")
    site.start(WITHIN)
    until(lambda: our_rules(site), WITHIN, "the service's rules are there", describe=site.describe)
    writes(site, f"echo $$ > {site.base}/pid; sleep 300 & wait\n")
    waiting = site.host.popen([build.dyad(), "--run-dir", site.run_dir, "firewall"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: run(site.host, ["cat", f"{site.base}/pid"], check=False).stdout.strip(), WITHIN, "the script runs")
    run(site.host, ["nft", "delete", "table", "inet", "dyad"])
    until(lambda: our_rules(site), 5, "rules that somebody removed are put back meanwhile", describe=site.describe)
    group = run(site.host, ["cat", f"{site.base}/pid"]).stdout.strip()
    assert run(site.host, ["pgrep", "-g", group]).stdout.split(), "script and sleep"
    site.terminate()
    assert site.wait_gone(10) == 0
    assert run(site.host, ["pgrep", "-g", group], check=False).stdout == ""
    waiting.communicate(timeout=10)

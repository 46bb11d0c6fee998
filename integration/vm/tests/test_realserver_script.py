# SPDX-License-Identifier: Apache-2.0
"""What `dyad realserver-script` prints prepares a real server, and takes its work back."""

import subprocess

import pytest

import texts
from topology import BUILD, who_of, run

VIP = "10.77.0.140"
SERVERS = {"A": "10.77.0.41", "B": "10.77.0.42"}


def printed(folder, text, *options):
    """The script for the service "web" of this cluster.toml."""
    (folder / "cluster.toml").write_text("format = 1\n\n" + text)
    return subprocess.run([BUILD / "daemon" / "dyad", "realserver-script", "web", folder, *options], check=True, text=True,
                          capture_output=True).stdout


@pytest.mark.parametrize("mode, options, more", [
    ("dr", ["--way", "loopback"], {}),
    ("dr", ["--way", "nftables"], {}),
    ("tun", [], {}),
    ("tun", [], {"tunnel": '{ type = "gre" }'}),
    ("tun", [], {"tunnel": '{ type = "gre", checksum = "full" }'}),
    ("tun", [], {"tunnel": '{ type = "gue", port = 6080 }'})])
def test_servers_answer_after_it_and_are_as_before_without_it(town, driver, tmp_path, mode, options, more):
    town.only_balancer(VIP)
    town.answer([80])
    text = texts.service("web", VIP, "80", SERVERS, mode=mode, balance="rr", **more)
    script = printed(tmp_path, text, *options)
    try:
        for server in town.real_servers:
            for _ in range(2):   # it may be run again
                run(server, ["sh", "-s"], input=script)
        driver.apply(text)
        assert set(who_of(town.clients[0], VIP, 80)) == {"rs1", "rs2"}
    finally:
        for server in town.real_servers:
            run(server, ["sh", "-s", "undo"], input=script)
    for server in town.real_servers:
        left = run(server, ["ip", "addr"]).stdout + run(server, ["nft", "list", "tables"]).stdout
        assert VIP not in left and "dyad_" not in left

# SPDX-License-Identifier: Apache-2.0
"""What a large configuration leaves in memory that is locked."""

import pathlib
import time

from lab import Lab, Node, conf
from lab.wait import until
from topology import run

WITHIN = 60      # seconds; emulated
LIMIT = 40       # MiB
SERVICES = 1000
SERVERS = 10


def large(changed):
    text = ["format = 1\n"]
    for i in range(SERVICES):
        text.append(f'[service.s{i}]\nmode = "nat"\naddress = "10.64.{i >> 8}.{i & 255}"\nports = [80]\ncheck = {{ type = "on" }}\n')
        text += (f'[service.s{i}.server.r{j}]\naddress = "10.96.{n >> 8}.{n & 255}"\nweight = {50 if j == 0 and i < changed else 100}\n'
                 for j, n in enumerate(range(i * SERVERS, (i + 1) * SERVERS)))
    return "\n".join(text)


def mib(pid, name):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{name}:")) / 1024


def test_what_reading_a_large_configuration_took_is_given_back():
    with Lab(heartbeat_links=0, nodes=1, clients=0, observers=0) as lab:
        node = Node(lab.nodes[0], "primary")
        node.write("node.toml", conf.alone(lab.nodes[0]))
        node.write("cluster.toml", "format = 1\n")
        node.start(WITHIN)
        time.sleep(2)   # what a start needs has come and gone
        pid = node.pids()["cluster"]
        for changed in (0, 0, SERVICES // 100):
            node.write("cluster.toml", large(changed))
            node.dyad("apply", node.config_dir)
            run(node.host, ["ipvsadm", "-Sn"])
            until(lambda: mib(pid, "VmRSS") <= LIMIT, 5, f"{LIMIT} MiB at most", describe=lambda: f"{mib(pid, 'VmRSS'):.1f} MiB")
            assert mib(pid, "VmLck") > mib(pid, "VmRSS") / 2, "the memory is locked again"
        node.terminate()
        node.wait_gone(WITHIN)

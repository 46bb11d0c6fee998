# SPDX-License-Identifier: Apache-2.0
"""The stage of those drills that end with all audits: what it has after a move is noted when it is made."""

from disturbances import SmallDisk
from lab import conf
from lab.wait import until
from pair_audits import Audits
from scene import ADDRESSES, PLAIN6, WEB, Scene

GRACE = 1               # seconds
ANOTHER = "10.77.0.100", 8080
CLIENTS = [f"10.77.0.{n}" for n in range(200, 240)]


class Stage:
    """A pair whose state is on small disks, with persistence, and what its rules are after a move."""

    def __init__(self):
        self.scene = Scene()
        self.well = True
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def _make(self):
        self.pair, self.client = self.scene.pair, self.scene.client
        self.client.ip_batch([f"addr add {address}/24 dev eth0" for address in CLIENTS])
        for node in self.pair.nodes:
            SmallDisk(node)
            node.host.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
            node.write("cluster.toml", self.text(False, 100))
        self.scene.start()
        self.audits = Audits(self.pair, [self.client], self.scene.observer, (*ADDRESSES, PLAIN6))
        for another in (True, False):
            self.pair.primary.apply(self.text(another, 100))
            for node in (self.pair.secondary, self.pair.primary):
                self.pair.make_active(node)
                until(lambda: all("dormant" in node.host.run(["nft", "list", "table", "ip", name]).stdout for node in self.pair.nodes
                                  for name in ("dyad_taken", "dyad_given")), GRACE + 4, "the rules sleep", every=0.05,
                      describe=self.pair.describe)
                self.audits.note_rules()

    def text(self, another, weight):
        """With a service more or less, and another weight of a server."""
        web = {s.name: {"address": s.address, "weight": weight if s.name == "rs1" else 100} for s in self.scene.servers}
        more = [conf.service("another", *ANOTHER, {s.name: {"address": s.address, "port": 80} for s in self.scene.servers})] if another else []
        text = self.scene.cluster_text(*more, web_servers=web)
        return text.replace(f'address = "{WEB}"\nports = [80]', f'address = "{WEB}"\nports = [80]\npersistence = {{ mode = "source_ip", '
                            'timeout = "10m" }').replace("[layer7]\n", f'[layer7]\nhandover_grace = "{GRACE}s"\n')

    def close(self):
        self.scene.lab.close()

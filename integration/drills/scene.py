# SPDX-License-Identifier: Apache-2.0
"""The usual stage: two nodes with two heartbeat links, two real servers, a client that never rests, an ARP prober."""

import threading
import time

from lab import ArpProber, HttpProbe, Lab, NdpProber, Pair, RealServer, UdpProbe, conf, neighbour
from lab.probe import Responder
from lab.wait import until

WEB, DICOM, IMAGES, PLAIN, PLAIN6 = "10.77.0.100", "10.77.0.101", "10.77.0.102", "10.77.0.110", "fd77::110"
ADDRESSES = (WEB, DICOM, IMAGES, PLAIN)
DEADTIME = 500       # ms, the default
SERVED_AGAIN = DEADTIME + 300
ONE_OWNER = 500      # ms after an event from which on an address has one owner at most
ONE_OWNER_HARD = 3000  # the same when all processes are killed or stopped: the addresses' lifetime ends first


class NeighbourAudit:
    """What the client's neighbour table says of the addresses, all the time: (time_ns, address, MAC)."""

    def __init__(self, host, addresses, period=0.02):
        self.seen = []
        self._host, self._addresses, self._period = host, addresses, period
        self._running = True
        self._thread = threading.Thread(target=self._run, name="neighbour audit", daemon=True)
        self._thread.start()
        host.lab.on_close(self.stop)

    def stop(self):
        self._running = False
        self._thread.join(5)

    def _run(self):
        while self._running:
            for address in self._addresses:
                self.seen.append((time.monotonic_ns(), address, neighbour(self._host, address)))
            time.sleep(self._period)

    def wrong(self, mac, since):
        """Entries of that time that lead elsewhere: (ms after `since`, address, MAC)."""
        return [((t - since) / 1e6, a, m) for t, a, m in list(self.seen) if t >= since and m not in (mac, None)]


class Scene:
    """Services: web and dicom (layer 7), images (layer 4, which a kernel without IPVS can't serve), and two floating addresses
    behind which a responder of the lab answers on both nodes."""

    def __init__(self, heartbeat_links=2, **heartbeat):
        self.lab = Lab(heartbeat_links=heartbeat_links, real_servers=2, clients=1, observers=1)
        try:
            self.servers = [RealServer(h, echo=(104,)) for h in self.lab.real_servers]
            self.text = self.cluster_text(**heartbeat)
            self.pair = Pair(self.lab, self.text)
        except BaseException:
            self.lab.close()
            raise
        self.client, self.observer = self.lab.clients[0], self.lab.observers[0]

    def cluster_text(self, *more, web_servers=None, **heartbeat):
        servers = web_servers or {s.name: s.address for s in self.servers}
        return conf.cluster(
            conf.service("web", WEB, 80, servers, check=conf.health()),
            conf.service("dicom", DICOM, 104, {s.name: s.address for s in self.servers}, balance="first"),
            conf.service("images", IMAGES, 80, {s.name: s.address for s in self.servers}, mode="dr", check=conf.health()),
            conf.floating(PLAIN), conf.floating(PLAIN6), *more, heartbeats=conf.heartbeat(**heartbeat))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lab.close()

    def start(self):
        self.pair.start()
        self.pair.up("web", "dicom")
        return self

    def watch(self):
        """Starts all that looks on; returns when the client is served."""
        for host in self.lab.nodes:
            Responder(host, PLAIN)
            Responder(host, PLAIN6)
        self.web = HttpProbe(self.client, WEB)
        self.udp = UdpProbe(self.client, PLAIN)
        self.udp6 = UdpProbe(self.client, PLAIN6)
        self.arp = ArpProber(self.observer, ADDRESSES)
        self.ndp = NdpProber(self.observer, [PLAIN6])
        self.neighbours = NeighbourAudit(self.client, (WEB, PLAIN, PLAIN6))
        self.udp.wait_answered()
        self.udp6.wait_answered()
        until(self.web.answers, 3, "the client's request is answered", describe=self.pair.describe)
        return self

    def looks_well(self, event, owner, served_within=SERVED_AGAIN, one_owner_from=ONE_OWNER, observe=1.5):
        """Holds what everybody saw since `event` against what a client is promised; `owner` has the addresses at last."""
        settled_from = max(served_within, one_owner_from)
        end = event + int((settled_from + observe * 1000) * 1e6)
        time.sleep(max(0.0, (end - time.monotonic_ns()) / 1e9))
        since = event + int(one_owner_from * 1e6)
        later = event + int(settled_from * 1e6)
        seen = {
            "a request is answered again within the limit": self.web.served_after(event) <= served_within,
            "UDP on IPv4 is answered again within the limit": self.udp.served_after(event) <= served_within,
            "UDP on IPv6 is answered again within the limit": self.udp6.served_after(event) <= served_within,
            "one owner per address": not self.conflicts(since),
            "all addresses answered by the new owner": set().union(*self._responders(later).values()) == {owner.host.mac},
            "no address without an owner": max(self.arp.unanswered(later), self.ndp.unanswered(later)) < 0.02,
            "the client's neighbour entries are right": not self.neighbours.wrong(owner.host.mac, later),
        }
        if not all(seen.values()):
            bad = "; ".join(what for what, well in seen.items() if not well)
            raise AssertionError(f"not so: {bad}\n{self._measured(event, since, later, owner)}")

    def conflicts(self, since):
        """Questions that two nodes answered since: (ms, address, MACs)."""
        return self.arp.conflicts(since) + self.ndp.conflicts(since)

    def _responders(self, since):
        return self.arp.responders(since) | self.ndp.responders(since)

    def _measured(self, event, since, later, owner):
        wrong = self.neighbours.wrong(owner.host.mac, later)
        conflicts = self.conflicts(since)
        return (f"served again after: web {self.web.served_after(event):.0f} ms, UDP {self.udp.served_after(event):.0f} ms, "
                f"UDP on IPv6 {self.udp6.served_after(event):.0f} ms; web errors {self.web.errors(event)[-3:]}\n"
                f"conflicts: {len(conflicts)}, first and last {conflicts[:1]} {conflicts[-1:]}; "
                f"responders {self._responders(later)}, unanswered {self.arp.unanswered(later):.1%} and on IPv6 "
                f"{self.ndp.unanswered(later):.1%}\nwrong neighbour entries: {len(wrong)}: {wrong[:2]} {wrong[-2:]}; "
                f"owner should be {owner.name} {owner.host.mac}")

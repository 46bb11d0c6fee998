# SPDX-License-Identifier: Apache-2.0
"""Is a pair as it has to be when nothing is wrong any more? Asked of kernels, of neighbours and of clients, and of both nodes."""

import difflib
import http.client
import os
import re
import socket
import time

from lab import ArpProber, NdpProber, neighbour
from lab.node import Refused

SETTLED = 15.0      # seconds after the last fault within which all audits find nothing
ASKED = 0.4         # seconds of questions who has the addresses
TAKEN = "6694"      # the routing table of packets that a previous owner takes
CRASH = re.compile(r" warning: (\w+) process \(pid (\d+)\) (was killed by signal (\d+).*|ended with exit code (\d+))")
COMPLAINT = re.compile(r"Sanitizer|terminate called|assertion|Assertion|not allowed: ")


def rules(node):
    """All that a node may have left in packet filters and policy routing, without what changes by itself."""
    filters = node.host.run(["nft", "-s", "list", "ruleset"]).stdout
    filters = re.sub(r"(set begun \{.*?)\n\t\telements = \{.*?\}(?=\n\t\})", r"\1", filters, flags=re.DOTALL)
    routing = "".join(node.host.ip(family, *words, check=False) for family in ("-4", "-6")
                      for words in (("rule",), ("route", "show", "table", TAKEN)))
    return filters + routing


def persistence(node, service):
    """Client -> server, as the node has it."""
    said = node.call("GET", f"/v1/persistence?service={service}&limit=1000")
    assert not said["more"], "more entries than an answer has"
    return {entry["client"]: entry["server"] for entry in said["entries"]}


def services_of(text):
    return sorted(re.findall(r"^\[service\.(\w+)\]", text, re.MULTILINE))


def ask_from(host, source, address, timeout=2.0):
    """One request from one of the host's addresses; who answered."""
    with host.inside():
        connection = http.client.HTTPConnection(address, timeout=timeout, source_address=(source, 0))
        connection.connect()
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except http.client.HTTPException as problem:
        raise ConnectionError(repr(problem)) from problem
    finally:
        connection.close()


class Audits:
    """`addresses` float, and web is served on the first of them. Clients and observers are neighbours of the nodes."""

    def __init__(self, pair, clients, observer, addresses):
        self.pair, self.clients, self.observer = pair, clients, observer
        self.addresses = tuple(addresses)
        self.moved = {}         # (node's name, is it active, which services) -> rules
        self.log_read = {}      # node's name -> bytes of its log that earlier drills have caused
        self.known = {}         # client -> server, known to both nodes at the last audit

    # ---- what a freshly moved pair has ----

    def note_rules(self):
        services = tuple(services_of(self.pair.secondary.read("cluster.toml")))
        for node in self.pair.nodes:
            self.moved.setdefault((node.name, node.state == "active", services), rules(node))

    def begin(self):
        """A drill begins: what is in the logs by now is not its doing."""
        for node in self.pair.nodes:
            self.log_read[node.name] = os.path.getsize(node.log)
        for host in (*self.clients, self.observer):     # an entry that is there is what a move has to change
            for address in self.addresses:
                with host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as asking:
                    asking.sendto(b"", (address, 9))

    # ---- after a drill ----

    def faults(self, disturber, within=SETTLED):
        """All that is wrong after so many seconds, or nothing as soon as nothing is; and then once more."""
        end = time.monotonic() + within
        while True:
            found = self._quick(disturber)
            if not found or time.monotonic() > end:
                break
            time.sleep(0.1)
        found = found or self.answered() or self.neighbours_agree() or self.served() or self._quick(disturber)
        return found + self.crashes(disturber)

    def _quick(self, disturber):
        try:
            return (self.one_owner() or self.well()) + self.configurations(disturber.texts) + self.tables(disturber) + \
                self.nothing_leaked()
        except (OSError, Refused) as problem:
            return [f"a node does not answer: {problem}"]

    def one_owner(self):
        """Of every floating address, in the kernels, and it is the node that says so."""
        states = {node.name: node.state for node in self.pair.nodes}
        if sorted(map(str, states.values())) != ["active", "passive"]:
            return [f"states: {states}"]
        have = {node.name: set(re.findall(r"inet6? (\S+)/", node.host.ip("-o", "addr"))) & set(self.addresses) for node in self.pair.nodes}
        return [f"{name} is {states[name]} and has {sorted(found)}" for name, found in have.items()
                if found != (set(self.addresses) if states[name] == "active" else set())]

    def well(self):
        """Both nodes could take the addresses, hear each other on all links, and know all servers as up."""
        found = []
        for node in self.pair.nodes:
            said = node.status()
            if not (said["peer"]["alive"] and said["peer"]["ready"] and said["node"]["ready"] and said["service_ok"]):
                found.append(f"{node.name}: peer {said['peer']}, ready {said['node']['ready']}, service {said['service_ok']}")
            found += [f"{node.name}: link {link}" for link in said["links"] if not (link["alive"] and link["peer_hears"])]
            found += [f"{node.name}: {s['name']}/{x['name']} is {x['health']}" for s in said["services"] if s["layer"] == 7
                      for x in s["servers"] if x["health"] != "up"]
            found += [f"{node.name}: {s['name']} is not served: {s['not_served']}" for s in said["services"]
                      if s["layer"] == 7 and s["not_served"]]
        return found

    def configurations(self, texts):
        """Equal in memory and on disk, and one that an operator has applied; the last one if its apply was answered. What is in
        force is the secondary's file: in the primary's may be what an operator has edited and was refused."""
        primary, secondary = self.pair.nodes
        said = {node.name: node.status() for node in self.pair.nodes}
        running = {name: {key: s["config"][key] for key in ("term", "generation", "hash", "in_sync")} for name, s in said.items()}
        edited = {name: s["config"]["edited"] for name, s in said.items()}
        in_force = secondary.read("cluster.toml")
        found = []
        if len(set(map(str, running.values()))) != 1 or not running[primary.name]["in_sync"]:
            found.append(f"configurations: {running}")
        if edited != {primary.name: primary.read("cluster.toml") != in_force, secondary.name: False}:
            found.append(f"edited: {edited}, the files differ so:\n{_difference(in_force, primary.read('cluster.toml'))}")
        if in_force not in texts:
            found.append(f"what is in force cannot be so:\n{_difference(texts[-1], in_force)}")
        found += [f"{name} runs the services {names}" for name, s in said.items()
                  if (names := sorted(service["name"] for service in s["services"])) != services_of(in_force)]
        return found

    def tables(self, disturber):
        """Both nodes lead each client to the same server, and know those that they knew unless both have lost processes."""
        first, second = (persistence(node, "web") for node in self.pair.nodes)
        found = [f"persistence of {client}: {first.get(client)} on {self.pair.primary.name}, {second.get(client)} on "
                 f"{self.pair.secondary.name}" for client in sorted(set(first) | set(second)) if first.get(client) != second.get(client)]
        lost = set(self.known) - set(first) if len(disturber.ended) < 2 else set()
        return found + [f"persistence of {client} is forgotten" for client in sorted(lost)]

    def nothing_leaked(self):
        """Rules, routes and processes are those of a pair that has just moved."""
        services = tuple(services_of(self.pair.secondary.read("cluster.toml")))
        found = []
        for node in self.pair.nodes:
            wanted, there = self.moved.get((node.name, node.state == "active", services)), rules(node)
            if there != wanted:
                found.append(f"rules of {node.name} are not those after a move:\n{_difference(wanted or '(none noted)', there)}")
            said = sorted(node.pids().values()) + sorted(p["pid"] for p in node.status()["retiring_proxies"])
            real = sorted(_processes_of(node))
            if sorted(said) != real:
                found.append(f"{node.name} says its processes are {sorted(said)}, there are {real}")
        return found

    def answered(self):
        """Only the owner answers on the wire, and it always does."""
        owner = self.pair.active
        probers = [kind(self.observer, [a for a in self.addresses if (":" in a) == six], period=0.04)
                   for kind, six in ((ArpProber, False), (NdpProber, True))]
        time.sleep(ASKED)
        found = []
        for prober in probers:
            since = prober.questions[0][0]
            found += [f"{address} is answered for by {sorted(macs)}, its owner {owner.name} is {owner.host.mac}"
                      for address, macs in prober.responders(since).items() if macs != {owner.host.mac}]
            prober.stop()
        return found

    def neighbours_agree(self):
        """What clients and observers believe leads to the owner."""
        owner = self.pair.active
        return [f"{host.name} believes {address} at {mac}, its owner {owner.name} is {owner.host.mac}"
                for host in (*self.clients, self.observer) for address in self.addresses
                if (mac := neighbour(host, address)) not in (None, owner.host.mac)]

    def served(self):
        """Clients are answered, by the server that both nodes lead them to."""
        found = []
        client = self.clients[0]
        try:
            table = persistence(self.pair.active, "web")
            for source in sorted(table)[:3]:
                if (who := ask_from(client, source, self.addresses[0])) != table[source]:
                    found.append(f"{source} was served by {who} and belongs to {table[source]}")
            self.known = persistence(self.pair.active, "web")
        except OSError as problem:
            found.append(f"a client is not served: {problem}")
        return found

    def crashes(self, disturber):
        """Processes that ended although nobody made them; assertions and the like."""
        found = []
        for node in self.pair.nodes:
            with open(node.log, errors="replace") as log:
                log.seek(self.log_read[node.name])
                lines = log.read().splitlines()
            for line in lines:
                end = CRASH.search(line)
                excused = node in disturber.ended | disturber.stopped if end and end.group(4) == "9" else False
                if (end and not excused) or COMPLAINT.search(line):
                    found.append(f"{node.name}: {line}")
        return found


def _difference(wanted, there):
    return "\n".join(difflib.unified_diff(wanted.splitlines(), there.splitlines(), "wanted", "there", lineterm="", n=1))


def _processes_of(node):
    """All of that node's, whoever their parent is."""
    needle = node.run_dir.encode()
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as cmdline:
                if needle in cmdline.read():
                    found.append(int(entry))
        except OSError:
            pass
    return found

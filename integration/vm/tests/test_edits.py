# SPDX-License-Identifier: Apache-2.0
"""Whatever way a configuration came about by edits, the kernel holds what a fresh load of it gives."""

import copy
import itertools
import pathlib
import random
import shutil

import pytest

import texts
from lab import Lab
from topology import Caller, Driver, listed, run, table

SEED = 20
EDITS = 500
THOROUGH = 20    # every so many edits all is compared; programs cost too much to start them for each
NETS = {4: "10.77.0.", 6: "fd77:0::"}
SNAT = {4: "10.77.0.199", 6: "fd77:0::199"}
FALLBACKS = {4: "10.77.0.44:80", 6: "[fd77:0::44]:80"}
BARE = 11    # a mark that the operator's own rules set: a service without address and ports
WEIGHTS = (0, 1, 50, 100, 200, 65535)
STATES = ("up", "down", "unknown", "drain", "halt")
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "sed", "nq", "fo", "ovf")
PORTS = ("80", "81", "104", "443", "80, 443", '104, "4100-4110"', '"5000-5100", 2762', '"*"')
KEYS = {
    "mode": lambda pick, family: pick(["dr", "dr", "nat", "nat", "snat", "tun"]),
    "address": lambda pick, family: f"{NETS[family]}{pick(range(150, 158))}",
    "ports": lambda pick, family: pick(PORTS),
    "protocol": lambda pick, family: pick(["tcp", "tcp", "udp", "tcp_udp"]),
    "balance": lambda pick, family: pick(SCHEDULERS),
    "persistence": lambda pick, family: pick([None, texts.source_ip(f"{pick([60, 60000])}s", pick([None, 0, 24, 8 * family]))]),
    "fallback": lambda pick, family: pick(["disabled", "disabled", "local", FALLBACKS[family]]),
    "mark": lambda pick, family: pick([0, 0, 0, pick(range(7, BARE + 1))])}
KEPT = ("10.77.0.130", "10.77.0.131")    # no edit touches these two services
REAL = {"A": "10.77.0.41", "B": "10.77.0.42"}
UNTOUCHED = texts.service("kept", KEPT[0], "80", REAL) + texts.service("kept_ports", KEPT[1], "80, 443", REAL,
                                                                      persistence=texts.source_ip())


class Configuration:
    """Services that random numbers make and edit; what comes out may be invalid."""

    def __init__(self, seed):
        self.pick = random.Random(seed).choice
        self.numbers = itertools.count(1)
        self.services = {}    # name -> what its text says, by key, `servers` among them
        self.states = {}      # SERVICE/SERVER -> state

    def text(self):
        floating = "".join(f'[floating_ip."{address}"]\n\n' for address in SNAT.values())
        # The untouched come first: marks are given in the text's order.
        return "format = 1\n\n" + floating + UNTOUCHED + "".join(self._text(name, keys) for name, keys in self.services.items())

    def edited(self):
        """A copy after one edit, and what that was."""
        out = copy.copy(self)
        out.services, out.states = copy.deepcopy((self.services, self.states))
        edits = [out.add, out.remove, out.rename, out.reorder] + [out.change] * 5 + [out.edit_servers] * 4 + [out.set_state] * 4
        edit = out.add if len(out.services) < 8 else out.remove if len(out.services) > 12 else self.pick(edits)
        return out, f"{edit.__name__} {edit()}"

    def add(self):
        name, family = f"s{next(self.numbers)}", self.pick([4, 4, 4, 6])
        servers = {f"v{next(self.numbers)}": self._server(family) for _ in range(self.pick(range(5)))}
        self.services[name] = {"family": family, "servers": servers} | {key: draw(self.pick, family) for key, draw in KEYS.items()}
        return name

    def remove(self):
        name = self.pick(list(self.services))
        del self.services[name]
        return name

    def rename(self):
        old, new = self.pick(list(self.services)), f"s{next(self.numbers)}"
        self.services = {new if name == old else name: keys for name, keys in self.services.items()}
        return f"{old} {new}"

    def reorder(self):
        self.services = self._shuffled(self.services)
        return "services"

    def change(self):
        name, key = self.pick(list(self.services)), self.pick(list(KEYS))
        self.services[name][key] = KEYS[key](self.pick, self.services[name]["family"])
        return f"{name} {key} {self.services[name][key]}"

    def edit_servers(self):
        name, what = self.pick(list(self.services)), self.pick(["add", "remove", "weight", "settings", "reorder"])
        keys = self.services[name]
        one = self.pick([*keys["servers"], None])
        if what == "reorder":
            keys["servers"] = self._shuffled(keys["servers"])
        elif what == "add" or one is None:
            keys["servers"][f"v{next(self.numbers)}"] = self._server(keys["family"])
        elif what == "remove":
            del keys["servers"][one]
        elif what == "weight":
            keys["servers"][one]["weight"] = self.pick(WEIGHTS)
        else:
            keys["servers"][one] = self._server(keys["family"])
        return f"{name} {what} {one}"

    def set_state(self):
        name = self.pick(list(self.services))
        self.states |= {f"{name}/{server}": self.pick(STATES) for server in self.services[name]["servers"]}
        return name

    def _shuffled(self, entries):
        left, out = list(entries), {}
        while left:
            name = self.pick(left)
            left.remove(name)
            out[name] = entries[name]
        return out

    def _server(self, family):
        most = self.pick([0, 0, 1990])
        out = {"address": f"{NETS[family]}{self.pick(range(41, 49))}", "weight": self.pick(WEIGHTS), "max_connections": most,
               "min_connections": most // self.pick([1, 2, 2000])}
        return out | self.pick([{}, {}, {}, {"port": self.pick([80, 104, 8080])}])

    def _text(self, name, keys):
        more = {"protocol": f'"{keys["protocol"]}"', "fallback": f'"{keys["fallback"]}"'}
        more |= {"persistence": keys["persistence"]} if keys["persistence"] else {}
        more |= {"firewall_mark": keys["mark"]} if keys["mark"] else {}
        more |= {"snat_source": f'"{SNAT[keys["family"]]}"'} if keys["mode"] == "snat" else {}
        address = "" if keys["mark"] == BARE else keys["address"]
        return texts.service(name, address, keys["ports"], keys["servers"], keys["mode"], keys["balance"], **more)


def load(driver, wanted):
    """Applied; false if it is refused as invalid."""
    path = driver.folder / "cluster.toml"
    path.write_text(wanted.text())
    lines = driver.ask(f"apply {path} " + " ".join(f"{server}={state}" for server, state in wanted.states.items()))
    errors = [line[1] for line in lines if line[0] == "error"]
    assert all(text.startswith(f"{path}:") for text in errors), errors
    return not errors


def without_counters(listing):
    """Services and servers, whatever their order."""
    out, service = [], ""
    for words in map(str.split, listing.splitlines()[3:]):
        service = service if words[0] == "->" else " ".join(words)
        out.append(f"{service} {' '.join(words[:4])}")
    return sorted(out)


def glimpse(host):
    """What the kernel lists, read without starting a program. It walks through the services of all namespaces without a lock: those
    of other tests that come and go meanwhile may lead it astray, past services or to the same ones again."""
    with host.inside(), open("/proc/thread-self/net/ip_vs", encoding="ascii") as file:
        return without_counters(file.read())


def held(host):
    """The same, taken from the kernel under its lock, at the price of programs."""
    return without_counters(listed(host, "-Ln"))


def all_held(host):
    """The same with all settings, and the packet rules."""
    limits = without_counters(listed(host, "-Ln", "--thresholds"))
    return table(host), limits, run(host, ["nft", "-n", "list", "table", "inet", "dyad"]).stdout


@pytest.fixture
def nft(tmp_path):
    """The drivers' own copy of nft, which they find while it may be executed: to start it at each edit takes too long."""
    return pathlib.Path(shutil.copy(shutil.which("nft"), tmp_path))


@pytest.fixture
def drivers(town, nft):
    """One that lives through all edits, and one on a second balancer that begins anew with each."""
    with_copy = ["unshare", "-m", "sh", "-c", f'mount --bind {nft} /usr/sbin/nft && exec "$0"']
    with Lab(heartbeat_links=0, nodes=1, clients=0, observers=0) as lab, \
            Driver(town.balancer, with_copy) as lasting, Driver(lab.nodes[0], with_copy) as fresh:
        yield lasting, fresh


def test_after_every_edit_all_is_as_freshly_loaded(town, nft, drivers):
    town.direct(*KEPT)
    town.answer([80, 443])
    lasting, fresh = drivers
    now, step = Configuration(SEED), 0
    assert load(lasting, now)
    with Caller(town.clients[0], KEPT[0], 80) as one, Caller(town.clients[0], KEPT[1], 443) as other:
        while step < EDITS:
            nft.chmod(0o755 if (step + 1) % THOROUGH == 0 else 0o644)
            wanted, what = now.edited()
            if not load(lasting, wanted):
                continue
            now, step = wanted, step + 1
            told = f"seed {SEED}, step {step}: {what}\n{now.states}\n{now.text()}"
            assert fresh.ask("purge") == [] and glimpse(fresh.host) == [], told
            assert load(fresh, now), told
            if glimpse(lasting.host) != glimpse(fresh.host):
                assert held(lasting.host) == held(fresh.host), f"{told}\n{lasting.status()}\n{fresh.status()}"
            if step % THOROUGH == 0:
                assert all_held(lasting.host) == all_held(fresh.host), told
                assert {s["not_served"] for s in lasting.status().values()} == {""}, told
                assert one.lives() and other.lives(), told

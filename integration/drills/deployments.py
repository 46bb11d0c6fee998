# SPDX-License-Identifier: Apache-2.0
"""The deployments of conf/ and what tests/data/services.json says of them, as drills bring them to life."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
FACTS = json.loads((ROOT / "tests" / "data" / "services.json").read_text())


def text_of(deployment, **settings):
    """The deployment's file of conf/, with other values for settings that it has."""
    text = (ROOT / "conf" / f"{deployment}.toml").read_text()
    for key, value in settings.items():
        text = re.sub(rf'^{key} = "\w+"', f'{key} = "{value}"', text, flags=re.M)
    return text


def ports_of(fact):
    """In clear; of a range the first, the last and one inside."""
    out = []
    for port in fact["ports"]:
        first, last = (int(n) for n in f"{port}-{port}".split("-")[:2]) if isinstance(port, int) else map(int, port.split("-"))
        out += sorted({first, (first + last) // 2, last})
    return out


def checked_port(fact, server):
    """Where the service's check goes on that server."""
    return fact["check"]["port"] or server["port"] or ports_of(fact)[0]


def pages_of(fact):
    """Path and body that the service's check wants to see; nothing where it asks for none."""
    check = fact["check"]
    if "request" not in check:
        return {}
    wanted = check["expect"]
    return {check["request"]: wanted["equals"] if "equals" in wanted else f"it is {wanted['contains']}"}


def join_networks(host, text, number):
    """The host gets the address that ends with `number` in every network that the file names."""
    nets = {address.rsplit(".", 1)[0] for address in re.findall(r'"(\d+\.\d+\.\d+\.\d+)"', text)}
    host.ip_batch([f"addr add {net}.{number}/24 dev eth0" for net in sorted(nets) if net != "255.255.255"])


def be_servers(host, addresses):
    host.ip_batch([f"addr add {address}/24 dev eth0" for address in sorted(addresses)])

# SPDX-License-Identifier: Apache-2.0
"""Texts of node.toml and cluster.toml for a lab."""


def node(host, peer, role, links=None, extra=""):
    """`links`: names of ports that carry heartbeats; the heartbeat networks without it, the service network if none."""
    names = links or [p for p in host.ports if p != "eth0"] or ["eth0"]
    text = f'format = 1\nname = "{host.name}"\nrole = "{role}"\n\n'
    for name in names:
        text += (f'[link.{name}]\ninterface = "{name}"\nlocal = "{host.address(name)}"\npeer = "{peer.address(name)}"\n\n')
    return text + '[network.clients]\ninterface = "eth0"\n\n' + extra


def alone(host):
    """node.toml of a node that has no peer."""
    return f'format = 1\nname = "{host.name}"\nrole = "primary"\n\n[network.clients]\ninterface = "eth0"\n'


def heartbeat(keepalive="100ms", warntime="250ms", deadtime="500ms", initdead="2s", **more):
    lines = [f'{key} = {_value(value)}' for key, value in
             dict(keepalive=keepalive, warntime=warntime, deadtime=deadtime, initdead=initdead, **more).items()]
    return "[heartbeat]\n" + "\n".join(lines) + "\n\n"


FAST = dict(keepalive="5ms", warntime="12ms", deadtime="20ms", initdead="1s")


def floating(address):
    return f'[floating_ip."{address}"]\nnetwork = "clients"\n\n'


def service(name, address, port, servers, mode="tcp", balance="wrr", check='{ type = "connect" }', **more):
    """`servers`: name -> address, or name -> dict of the server's keys."""
    text = (f'[service.{name}]\nmode = "{mode}"\naddress = "{address}"\nports = [{port}]\nbalance = "{balance}"\n'
            f'check = {check}\n')
    text += "".join(f"{key} = {_value(value)}\n" for key, value in more.items()) + "\n"
    for server, keys in servers.items():
        keys = keys if isinstance(keys, dict) else {"address": keys}
        text += f"[service.{name}.server.{server}]\n" + "".join(f"{k} = {_value(v)}\n" for k, v in keys.items()) + "\n"
    return text


def health(path="/health", equals="allServicesOperative", port=80):
    return f'{{ type = "http", port = {port}, request = "{path}", expect = {{ equals = "{equals}" }} }}'


def cluster(*parts, heartbeats=None, check_interval="200ms", rise=1, fall=1):
    """The whole of cluster.toml: heartbeat timing, quick checks, then the parts."""
    return ("format = 1\n\n" + (heartbeats or heartbeat()) +
            "".join(f'[{layer}]\ncheck_interval = "{check_interval}"\nrise = {rise}\nfall = {fall}\n\n'
                    for layer in ("layer4", "layer7")) + "".join(parts))


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value)
    return text if text[:1] in "{[" else f'"{text}"'

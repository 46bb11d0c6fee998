# SPDX-License-Identifier: Apache-2.0
"""Pieces of cluster.toml."""


def service(name, address, ports, servers, mode="dr", balance="wrr", **more):
    """`servers`: name -> address, or name -> dict of the server's keys. `ports` is the text between the brackets."""
    place = f'address = "{address}"\nports = [{ports}]\n' if address else ""
    keys = "".join(f"{key} = {value}\n" for key, value in more.items())
    text = f'[service.{name}]\nmode = "{mode}"\n{place}balance = "{balance}"\ncheck = {{ type = "on" }}\n{keys}\n'
    return text + "".join(server(name, of, settings) for of, settings in servers.items())


def server(service_name, name, settings):
    settings = settings if isinstance(settings, dict) else {"address": settings}
    lines = "".join(f'{key} = "{value}"\n' if isinstance(value, str) else f"{key} = {value}\n" for key, value in settings.items())
    return f"[service.{service_name}.server.{name}]\n{lines}\n"


def source_ip(timeout="300s", granularity=None, drained=None):
    more = "" if granularity is None else f", granularity = {granularity}"
    more += "" if drained is None else f', drained = "{drained}"'
    return f'{{ mode = "source_ip", timeout = "{timeout}"{more} }}'

# SPDX-License-Identifier: Apache-2.0
"""Pieces of cluster.toml."""


def service(name, address, ports, servers, mode="dr", balance="wrr", **more):
    """`servers`: name -> address, or name -> dict of the server's keys. `ports` is the text between the brackets."""
    place = f'address = "{address}"\nports = [{ports}]\n' if address else ""
    keys = "".join(f"{key} = {value}\n" for key, value in more.items())
    text = f'[service.{name}]\nmode = "{mode}"\n{place}balance = "{balance}"\ncheck = {{ type = "on" }}\n{keys}\n'
    for server, settings in servers.items():
        settings = settings if isinstance(settings, dict) else {"address": settings}
        lines = "".join(f'{key} = "{value}"\n' if isinstance(value, str) else f"{key} = {value}\n" for key, value in settings.items())
        text += f"[service.{name}.server.{server}]\n{lines}\n"
    return text


def source_ip(timeout="300s", granularity=None):
    more = "" if granularity is None else f", granularity = {granularity}"
    return f'{{ mode = "source_ip", timeout = "{timeout}"{more} }}'

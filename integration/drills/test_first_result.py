# SPDX-License-Identifier: Apache-2.0
"""Before the first result of a check: nobody is sent to a server that may be down, unless its operator wants that."""

import pytest
from lab import Lab, Node, RealServer, conf
from lab.probe import fetch
from lab.wait import until

CAREFUL, EAGER = "10.77.0.100", "10.77.0.101"
DELAY = 3.0   # seconds until the first result


@pytest.fixture(params=["allServicesOperative", "somethingWrong"])
def started(request):
    """(node, server, client), the node just started."""
    with Lab(heartbeat_links=0, nodes=1, real_servers=1, clients=1, observers=0) as lab:
        server = RealServer(lab.real_servers[0])
        server.health, server.health_delay = request.param, DELAY
        servers = {server.name: server.address}
        careful = conf.health()
        eager = careful.removesuffix("}") + ', initial = "up" }'
        node = Node(lab.nodes[0], "primary")
        node.write("node.toml", conf.alone(node.host))
        node.write("cluster.toml", conf.cluster(conf.service("careful", CAREFUL, 80, servers, check=careful),
                                                conf.service("eager", EAGER, 80, servers, check=eager)))
        node.start()
        yield node, server, lab.clients[0]


def served(client, address):
    try:
        return fetch(client, address)
    except OSError as error:
        return type(error)


def test_a_server_that_nobody_knows(started):
    node, server, client = started
    health = lambda service: node.server(service, server.name)["health"]  # noqa: E731
    until(lambda: served(client, EAGER) == server.name, DELAY / 2, "clients of the eager service are served", describe=node.describe)
    refusal = served(client, CAREFUL)
    assert (health("eager"), health("careful")) == ("unknown", "unknown")
    assert refusal is not None and refusal != server.name
    well = server.health == "allServicesOperative"
    for service, address in (("eager", EAGER), ("careful", CAREFUL)):
        until(lambda: health(service) == ("up" if well else "down"), DELAY * 2, f"the first result of {service} decides", describe=node.describe)
        until(lambda: (served(client, address) == server.name) == well, 1, f"{service} follows it", describe=node.describe)

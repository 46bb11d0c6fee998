# SPDX-License-Identifier: Apache-2.0
"""A pair of load balancers with everything around it, in network namespaces that have no way out.

    with Lab(heartbeat_links=2, real_servers=2) as lab:
        pair = Pair(lab, cluster=conf.cluster([...]))
        pair.start()
        ...

docs/TESTING.md has the tour.
"""

from .arp import ArpProber, NdpProber, neighbour
from .host import Host, Port
from .net import Lab
from .node import Node
from .pair import Pair
from .probe import HttpProbe, TcpProbe, UdpProbe
from .server import RealServer
from .wait import until

__all__ = ["ArpProber", "Host", "HttpProbe", "Lab", "NdpProber", "Node", "Pair", "Port", "RealServer", "TcpProbe", "UdpProbe", "neighbour",
           "until"]

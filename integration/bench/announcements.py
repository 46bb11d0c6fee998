# SPDX-License-Identifier: Apache-2.0
"""Which addresses a host is told of by gratuitous ARP, and when."""

import socket
import struct
import threading

_ETH_ARP = 0x0806
_SO_TIMESTAMPNS = 35


class Announcements:
    """Listens on a host's port from its making on."""

    def __init__(self, host, port="eth0"):
        self._heard = []  # (ns, address)
        self._socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_ARP))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUFFORCE if hasattr(socket, "SO_RCVBUFFORCE") else 33, 8 << 20)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.bind((port, _ETH_ARP))
        self._socket.settimeout(0.1)
        self._running = True
        self._thread = threading.Thread(target=self._run, name="announcements", daemon=True)
        self._thread.start()

    def _run(self):
        while self._running:
            try:
                frame, extra, _, _ = self._socket.recvmsg(64, 64)
            except TimeoutError:
                continue
            if len(frame) < 42 or frame[28:32] != frame[38:42]:
                continue  # sender and target differ
            for level, kind, data in extra:
                if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", data[:16])
                    self._heard.append((seconds * 1_000_000_000 + nanoseconds, socket.inet_ntoa(frame[28:32])))

    def stop(self, addresses):
        """Milliseconds from the first of these addresses that was told to the moment at which all had been; infinite if some never were."""
        self._running = False
        self._thread.join(5)
        self._socket.close()
        first = {}
        for at, address in self._heard:
            if address in addresses:
                first.setdefault(address, at)
        if len(first) < len(addresses):
            return float("inf")
        return (max(first.values()) - min(first.values())) / 1e6

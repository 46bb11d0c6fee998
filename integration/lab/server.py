# SPDX-License-Identifier: Apache-2.0
"""Real servers: small HTTP servers that say who they are and whose health page a test can switch."""

import asyncio
import collections
import socket
import threading


class _Loop:
    """One event loop on a thread of its own for everything of the lab that waits on sockets."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="lab", daemon=True).start()

    def call(self, coroutine, timeout=10):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    def spawn(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)


background = _Loop()


class RealServer:
    """Answers every path with its name; `/health` with `health` after `health_delay`, `/slow` after `delay` seconds; counts what it answered.

    On the ports of `echo` it sends back what it is sent, after its name and a line feed.
    """

    def __init__(self, host, name=None, ports=(80,), echo=()):
        self.host = host
        self.name = name or host.name
        self.address = host.address()
        self.ports = tuple(ports)
        self.echo_ports = tuple(echo)
        self.health = "allServicesOperative"
        self.health_status = "200 OK"
        self.delay = 1.0
        self.health_delay = 0.0
        self.requests = 0
        self.checks = 0
        self.checks_by = collections.Counter()  # address that asked -> checks
        self.peers = set()  # addresses that connected
        self._servers = []
        self._writers = set()
        self.start()
        host.lab.on_close(self.stop)

    def start(self):
        for port in self.ports + self.echo_ports:
            listening = self.host.socket(socket.AF_INET, socket.SOCK_STREAM)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((self.address, port))
            listening.listen(1024)
            listening.setblocking(False)
            serve = self._echo if port in self.echo_ports else self._http
            self._servers.append(background.call(asyncio.start_server(serve, sock=listening)))

    def stop(self):
        """Stops listening and cuts what is open: connections are refused from then on, until `start`."""
        async def close():
            for server in self._servers:
                server.close()
            for writer in list(self._writers):
                writer.transport.abort()
        background.call(close())
        self._servers.clear()

    async def _http(self, reader, writer):
        self._writers.add(writer)
        self.peers.add(writer.get_extra_info("peername")[0])
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode(errors="replace")
                status, body = "200 OK", self.name
                if path.startswith("/health"):
                    self.checks += 1
                    self.checks_by[writer.get_extra_info("peername")[0]] += 1
                    status, body = self.health_status, self.health
                    if self.health_delay:
                        await asyncio.sleep(self.health_delay)
                else:
                    self.requests += 1
                if path == "/slow":
                    await asyncio.sleep(self.delay)
                writer.write(f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, IndexError):
            pass  # the client left, or spoke something else
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _echo(self, reader, writer):
        self._writers.add(writer)
        self.peers.add(writer.get_extra_info("peername")[0])
        try:
            writer.write(f"{self.name}\n".encode())
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

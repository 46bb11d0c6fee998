# SPDX-License-Identifier: Apache-2.0
"""Machines behind a layer-7 service: on every port they speak what the client begins with, HTTP, TLS or HL7, and say who they are."""

import contextlib
import json
import socket
import ssl
import subprocess
import threading

_TLS_HANDSHAKE, _MLLP_START, _MLLP_END = b"\x16", b"\x0b", b"\x1c\r"


def certificate(path, name, *addresses):
    """A self-signed certificate with its key, in one file; small keys, or handshakes would cost the test its time."""
    subject = ",".join([f"DNS:{name}", *(f"IP:{a}" for a in addresses)])
    made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                           "/dev/stdout", "-out", "/dev/stdout", "-subj", f"/CN={name}", "-addext", f"subjectAltName={subject}",
                           "-days", "2"], check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    with open(path, "w") as file:
        file.write(made[made.index("-----BEGIN"):])
    return str(path)


class Door:
    """One address and port of a machine. `pages`: path -> body while well, sent with `status`; other paths get a report of the
    request in JSON."""

    def __init__(self, machine, address, port, pages):
        self.machine, self.address, self.port, self.pages = machine, address, port, pages
        self.well, self.status = True, "200 OK"
        self._listening, self._open = None, set()
        self.open()

    def open(self):
        if self._listening:
            return
        self._listening = self.machine.host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listening.bind((self.address, self.port))
        self._listening.listen(128)
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def close(self):
        """Connections are refused from now on, and those that are open are cut."""
        listening, self._listening = self._listening, None
        if listening:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)   # wakes the thread
            listening.close()
        for one in list(self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening):
        with contextlib.suppress(OSError):
            while True:
                connection, peer = listening.accept()
                self._open.add(connection)
                threading.Thread(target=self._serve, args=(connection, peer), daemon=True).start()

    def _serve(self, raw, peer):
        connection = raw
        try:
            raw.settimeout(60)
            first = raw.recv(1, socket.MSG_PEEK)
            secure = first == _TLS_HANDSHAKE
            if secure:
                connection = self.machine.tls.wrap_socket(raw, server_side=True)
            if first == _MLLP_START:
                self._converse(connection)
            else:
                self._http(connection, peer, secure)
            if secure:
                connection.unwrap()   # its end is no cut
        except OSError:
            pass   # the client left, or spoke something else
        finally:
            self._open.discard(raw)
            connection.close()

    def _http(self, connection, peer, secure):
        with connection.makefile("rb") as stream:
            while line := stream.readline():
                fields = {}
                while (field := stream.readline().strip()):
                    name, value = field.decode().split(":", 1)
                    fields[name.lower()] = value.strip()
                path = line.split()[1].decode()
                status, body = self.status, self.pages.get(path) if self.well else "somethingWrong" if path in self.pages else None
                if body is None:
                    if path == "/hold":
                        self.machine.released.wait(20)
                    status, body = "200 OK", json.dumps({"who": self.machine.name, "port": self.port, "secure": secure, "peer": peer[0], "path": path,
                                                         "fields": fields})
                connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
                if fields.get("connection") == "close":
                    break

    def _converse(self, connection):
        """HL7 over MLLP: each message is confirmed by name."""
        received = b""
        while data := connection.recv(65536):
            received += data
            while _MLLP_END in received:
                message, received = received.split(_MLLP_END, 1)
                control = message.split(b"|")[9]
                self.machine.messages.append(control.decode())
                answer = b"MSH|^~\\&|%s|B|C|D|2026||ACK|%s|P|2.3\rMSA|AA|%s\r" % (self.machine.name.encode(), control, control)
                connection.sendall(_MLLP_START + answer + _MLLP_END)


class Machine:
    """All that one host serves. `released` lets go of those who ask for /hold."""

    def __init__(self, host, pem):
        self.host, self.name = host, host.name
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(pem)
        self.released = threading.Event()
        self.messages = []   # control IDs of HL7
        self.doors = {}
        host.lab.on_close(self.close)

    def door(self, address, port, pages):
        """Opens it, or adds pages to one that is open."""
        if (address, port) in self.doors:
            self.doors[address, port].pages.update(pages)
        else:
            self.doors[address, port] = Door(self, address, port, dict(pages))
        return self.doors[address, port]

    def close(self):
        self.released.set()
        for door in self.doors.values():
            door.close()

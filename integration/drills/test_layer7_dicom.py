# SPDX-License-Identifier: Apache-2.0
"""An archive behind mode tcp: clients and server of dcmtk, in clear and with TLS that is terminated on the node."""

import collections
import pathlib
import re
import subprocess

import pytest
from lab import Lab, Node, conf
from lab.machine import certificate
from lab.wait import until

ARCHIVE, CLEAR, SECURE = "10.77.0.100", 104, 2762
IMAGES = range(100, 112)
ROWS = 512
UID = "1.2.826.0.1.3680043.10.777"
DUMP = f"""
(0008,0016) UI =SecondaryCaptureImageStorage
(0008,0018) UI [{UID}.{{number}}]
(0008,0060) CS [OT]
(0010,0010) PN [DYAD^TEST]
(0020,000d) UI [{UID}.1]
(0020,000e) UI [{UID}.1.1]
(0028,0002) US 1
(0028,0004) CS [MONOCHROME2]
(0028,0010) US {ROWS}
(0028,0011) US {ROWS}
(0028,0100) US 16
(0028,0101) US 16
(0028,0102) US 15
(0028,0103) US 0
(7fe0,0010) OW =pixels.{{number}}
"""


def pixels(number):
    """An image's own, so that one that was stored in part, or mixed with another, is found out."""
    return b"%08d" % number * (ROWS * ROWS * 2 // 8)


def make_images(folder):
    for number in IMAGES:
        (folder / f"pixels.{number}").write_bytes(pixels(number))
        (folder / "dump").write_text(DUMP.format(number=number))
        subprocess.run(["dump2dcm", "-q", "+te", "dump", f"{number}.dcm"], cwd=folder, check=True)
    return [folder / f"{number}.dcm" for number in IMAGES]


class Archive:
    """storescp on a real server; what it stored."""

    def __init__(self, host):
        self.host = host
        self.folder = pathlib.Path(host.lab.directory) / host.name
        self.folder.mkdir()
        host.popen(["storescp", "-q", "--fork", "--disable-host-lookup", "--unique-filenames", "-od", self.folder, CLEAR],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def arrivals(self):
        found = collections.Counter()
        for path in self.folder.iterdir():
            data = path.read_bytes()
            number = int(re.search(rb"10\.777\.(\d{3})\b", data)[1])
            assert pixels(number) in data, f"{path} is not the whole of image {number}"
            found[number] += 1
        return found


class Radiology:
    def __init__(self, lab):
        self.lab, self.client = lab, lab.clients[0]
        self.archives = [Archive(host) for host in lab.real_servers]
        self.node = Node(lab.nodes[0], "primary")
        self.node.write("node.toml", conf.alone(lab.nodes[0]))
        servers = {host.name: host.address() for host in lab.real_servers}
        self.node.write("cluster.toml", conf.cluster(conf.service(
            "archive", ARCHIVE, CLEAR, servers, tls=f'{{ ports = [{SECURE}], certificate = "archive" }}')))
        self.node.write("certificates/archive.pem", "", 0o600)
        self.trusted = certificate(f"{self.node.config_dir}/certificates/archive.pem", "archive", ARCHIVE)
        self.images = make_images(pathlib.Path(lab.directory))
        self.node.start()
        until(lambda: all(self.node.server("archive", name)["health"] == "up" for name in servers), 10, "the archives are up",
              every=0.05, describe=self.node.describe)

    def arrivals(self):
        return sum((archive.arrivals() for archive in self.archives), collections.Counter())

    def run(self, program, port, *images):
        tls = ["+tla", "+cf", self.trusted] if port == SECURE else []
        return self.client.run([program, "-v", *tls, ARCHIVE, port, *images], check=False)


@pytest.fixture(scope="module")
def radiology():
    with Lab(heartbeat_links=0, nodes=1, real_servers=2, clients=1, observers=0) as lab:
        yield Radiology(lab)


@pytest.mark.parametrize("port", [CLEAR, SECURE])
def test_an_archive_is_there(radiology, port):
    for _ in radiology.archives:
        done = radiology.run("echoscu", port)
        assert done.returncode == 0 and "Received Echo Response (Success)" in done.stdout + done.stderr, done


@pytest.mark.parametrize("port", [CLEAR, SECURE])
def test_images_arrive_whole_and_once_on_every_archive(radiology, port):
    """An association is a connection: each modality's images are on one archive."""
    before = radiology.arrivals()
    for half in (radiology.images[::2], radiology.images[1::2]):
        done = radiology.run("storescu", port, *half)
        assert done.returncode == 0, done
    until(lambda: radiology.arrivals() - before == collections.Counter(IMAGES), 5, "each image was stored once", every=0.1,
          describe=lambda: f"{radiology.arrivals() - before}")
    assert all(sum(archive.arrivals().values()) for archive in radiology.archives)

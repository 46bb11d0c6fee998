# SPDX-License-Identifier: Apache-2.0
"""Layer 4 on a kernel with IPVS: a balancer, real servers and a client in namespaces of the test machine."""

import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))

from topology import Driver, Town  # noqa: E402  (needs the path above)


def pytest_sessionstart(session):
    if os.environ.get("DYAD_VM") != "1":
        pytest.exit("these tests change the kernel's tables; run them in the test machine: integration/vm/run --tests", returncode=2)
    subprocess.run(["modprobe", "-a", "ip_vs", "nf_tables", "nlmon"], check=True)


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: changes the machine for all; runs while no other test does")


def pytest_collection_modifyitems(items):
    """The longest first, so that the cores have work to the end."""
    longest = ["test_pair", "test_snat_pair", "test_edits", "test_archive"]
    items.sort(key=lambda item: longest.index(item.module.__name__) if item.module.__name__ in longest else len(longest))


@pytest.fixture(scope="session")
def everywhere():
    with Town() as town:
        yield town


@pytest.fixture
def town(everywhere):
    """The wired machines, with nothing in the balancer's IPVS and no addresses of services."""
    yield everywhere
    everywhere.clear()


@pytest.fixture
def driver(town):
    """Our layer 4 on the balancer."""
    with Driver(town.balancer) as made:
        yield made

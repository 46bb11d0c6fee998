# SPDX-License-Identifier: Apache-2.0
"""Drills: a pair in network namespaces, something happens to it, and a client, an ARP prober and status say what came of it."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from scene import Scene  # noqa: E402  (needs the path above)


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("drills make network namespaces and need root", returncode=2)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Tests of one `site` follow each other, so that it is made once."""
    places = {}
    for item in items:
        site = item.callspec.params.get("site") if hasattr(item, "callspec") else None
        places.setdefault((item.path, site), len(places))
    items.sort(key=lambda i: places[i.path, i.callspec.params.get("site") if hasattr(i, "callspec") else None])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """What both nodes said goes into the report of a test that failed, before the lab is gone."""
    outcome = yield
    report = outcome.get_result()
    made = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed and "scene" in made:
        report.sections.append(("pair", made["scene"].pair.describe()))
    if report.when == "call" and report.failed and "site" in made:
        report.sections.append(("node", made["site"].node.describe()))


@pytest.fixture
def scene():
    """A settled pair with services, real servers, a client's probes and an ARP prober."""
    with Scene() as made:
        yield made.start()

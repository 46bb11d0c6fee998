# SPDX-License-Identifier: Apache-2.0
"""Netlink that fails, cuts and garbles: whatever state that leaves, the next apply mends it."""

import pytest

from lab import Lab
from test_edits import Configuration, held, load
from topology import BUILD, Driver

EDITS = 12


@pytest.fixture
def faults(tmp_path):
    return tmp_path / "every"


@pytest.fixture
def drivers(town, faults):
    """One whose netlink goes wrong while the file is there, and one on a second balancer that begins anew each time."""
    library = BUILD / "integration" / "vm" / "libnetlink_faults.so"
    assert library.exists()
    faulty = ["env", f"LD_PRELOAD={library}", f"DYAD_FAULTS={faults}"]
    with Lab(heartbeat_links=0, nodes=1, clients=0, observers=0) as lab, \
            Driver(town.balancer, faulty) as lasting, Driver(lab.nodes[0]) as fresh:
        yield lasting, fresh


def attempt(driver, wanted):
    """Applied as far as it goes; what went wrong."""
    (driver.folder / "cluster.toml").write_text(wanted.text())
    states = " ".join(f"{server}={state}" for server, state in wanted.states.items())
    lines = driver.ask(f"apply {driver.folder / 'cluster.toml'} {states}")
    return [line[1] for line in lines if line[0] == "error"]


@pytest.mark.parametrize("every", [2, 3, 8])
def test_the_next_apply_mends_whatever_went_wrong(drivers, faults, every):
    lasting, fresh = drivers
    now, step, failures = Configuration(every), 0, 0
    assert load(lasting, now)
    while step < EDITS:
        wanted, what = now.edited()
        if not load(fresh, wanted):
            continue   # is invalid
        now, step = wanted, step + 1
        faults.write_text(str(every))
        went_wrong = attempt(lasting, now)
        faults.unlink()
        assert not [text for text in went_wrong if text.startswith(str(lasting.folder))], went_wrong
        failures += bool(went_wrong) or held(lasting.host) != held(fresh.host)
        assert load(lasting, now)
        told = f"every {every}, step {step}: {what}\n{went_wrong}\n{now.states}\n{now.text()}"
        assert held(lasting.host) == held(fresh.host), told
        assert fresh.ask("purge") == [], told
    assert failures > 0   # otherwise it has shown nothing

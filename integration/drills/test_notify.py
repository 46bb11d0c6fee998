# SPDX-License-Identifier: Apache-2.0
"""Programs of [notify] are told what becomes of their node, in order, and nothing waits for them."""

import os
import time

import pytest
from lab.wait import until
from scene import ADDRESSES, ONE_OWNER_HARD, PLAIN6, Scene

TELLS = ('#!/bin/sh\necho "$DYAD_STATE|$DYAD_STATE_BEFORE|$DYAD_EPOCH|$1 $2 $3|$DYAD_NODE|$DYAD_TERM|$DYAD_ADDRESSES|$DYAD_REASON" '
         ">> {base}/told\n")
TELLS_ADDRESSES = '#!/bin/sh\necho "$DYAD_EPOCH|$DYAD_ADDRESSES|$DYAD_INTERFACES|$*" >> {base}/claimed\n'
HANGS = "#!/bin/sh\nsleep 1000 &\necho $! $$ >> {base}/hanging\nwait\n"


def told(node, name="told"):
    """What the programs of this node wrote, a list of fields a line."""
    path = os.path.join(node.base, name)
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [line.rstrip("\n").split("|") for line in file]


def states(node):
    return [line[0] for line in told(node)]


def scene_with(on_state, on_address, timeout):
    made = Scene()
    for node in made.pair.nodes:
        for name, text in (("state.sh", on_state), ("address.sh", on_address)):
            node.write(name, text.format(base=node.base), 0o755)
        node.write("node.toml", node.read("node.toml") + f'[notify]\non_state = "{node.config_dir}/state.sh"\n'
                   f'on_address = "{node.config_dir}/address.sh"\ntimeout = "{timeout}"\n')
    return made


@pytest.fixture
def scene(request):
    with scene_with(*request.param) as made:
        yield made.start()


@pytest.mark.parametrize("scene", [(TELLS, TELLS_ADDRESSES, "5s")], indirect=True, ids=["telling"])
def test_each_change_is_told_in_order_with_a_rising_epoch(scene):
    pair = scene.pair
    old, new = pair.active, pair.passive
    until(lambda: states(old)[-1:] == ["active"] and states(new)[-1:] == ["passive"], 3, "both were told",
          describe=lambda: f"{told(old)} {told(new)}")
    assert states(old) == ["listening", "passive", "active"], told(old)
    assert states(new) == ["listening", "passive"], told(new)

    old.kill()
    until(lambda: states(new)[-1:] == ["active"], 3, "the survivor was told", describe=lambda: str(told(new)))
    line = told(new)[-1]
    assert line[1] == "passive" and line[3] == f"active passive {line[2]}" and line[4] == new.name, line
    assert line[5] == "1" and "the peer" in line[7], line
    assert set(ADDRESSES) | {PLAIN6} == set(line[6].split()), line

    until(lambda: told(new, "claimed"), 3, "the survivor was told of its addresses")
    claimed = told(new, "claimed")
    came = [a for c in claimed for a in c[1].split()]
    assert sorted(came) == sorted({*ADDRESSES, PLAIN6}), claimed
    assert all(c[3] == c[1] and set(c[2].split()) == {"eth0"} and len(c[2].split()) == len(c[1].split()) for c in claimed), claimed
    assert all(c[0] == line[2] for c in claimed), claimed

    old.wait_gone()
    old.start()
    pair.settle()
    until(lambda: states(old)[-2:] == ["listening", "passive"], 3, "the node that is back was told",
          describe=lambda: str(told(old)))
    old.dyad("maintenance", "on")
    until(lambda: states(old)[-1] == "maintenance", 3, "maintenance was told", describe=lambda: str(told(old)))
    old.dyad("maintenance", "off")
    until(lambda: states(old)[-1] == "passive", 3, "its end was told", describe=lambda: str(told(old)))
    old.host.ports["eth0"].unplug()
    until(lambda: states(old)[-1] == "fault", 4, "the lost interface was told", describe=lambda: str(told(old)))
    old.host.ports["eth0"].plug()
    until(lambda: states(old)[-1] == "passive", 4, "its return was told", describe=lambda: str(told(old)))
    pair.settle()
    old.dyad("takeover")
    pair.settle()
    until(lambda: states(old)[-1] == "active" and states(new)[-1] == "passive", 3, "the planned move was told")
    old.terminate()
    old.wait_gone()
    assert states(old)[-2:] == ["passive", "stopped"], told(old)

    for node in pair.nodes:
        epochs = [int(line[2]) for line in told(node)]
        assert epochs == sorted(epochs), told(node)
        claims = [int(line[2]) for line in told(node) if line[0] == "active"]
        assert len(set(claims)) == len(claims), told(node)
        before = [line[1] for line in told(node)]
        assert all(b == "unknown" or b == s for b, s in zip(before[1:], states(node))), told(node)


@pytest.mark.parametrize("scene", [(HANGS, TELLS_ADDRESSES, "2s")], indirect=True, ids=["hanging"])
def test_a_program_that_hangs_delays_no_take_over(scene):
    scene.watch()
    old, new = scene.pair.active, scene.pair.passive
    event = old.kill()
    scene.looks_well(event, new, one_owner_from=ONE_OWNER_HARD)
    assert told(new, "claimed"), "the other program does not wait for the one that hangs"

    def killed():
        return [e["text"] for e in new.call("GET", "/v1/events?after=0")["events"]
                if e["kind"] == "notify" and e["text"].endswith("state.sh was killed after 2 s")]
    until(killed, 6, "the end of its patience is an event", describe=scene.pair.describe)
    child, itself = told(new, "hanging")[0][0].split()

    def gone(pid):
        try:
            with open(f"/proc/{pid}/stat") as stat:
                return ") Z " in stat.read()
        except OSError:
            return True
    until(lambda: gone(child) and gone(itself), 3, "it and its children are gone")
    started = time.monotonic()
    new.terminate()
    new.wait_gone()
    assert time.monotonic() - started < 4.9, "the end of dyadd does not wait for it"

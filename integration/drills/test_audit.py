# SPDX-License-Identifier: Apache-2.0
"""Who did what to the pair is kept, object by object, also when everything is killed."""

import os

import pytest
from lab.wait import until

CHANGES = (
    (("drain", "web/rs1"), "web/rs1: online -> drain"),
    (("halt", "web/rs1"), "web/rs1: drain -> halt"),
    (("online", "web/rs1"), "web/rs1: halt -> online"),
    (("maintenance", "on"), "maintenance done"),
    (("maintenance", "off"), "end of maintenance done"),
)


def trail(node):
    return [e for e in node.call("GET", "/v1/events?after=0&audit=1")["events"]]


def has(node, part):
    return any(part in e["text"] and e["who"] == "uid 0 (root)" for e in trail(node))


def test_every_change_is_written_down_with_who_did_it_and_outlives_a_kill(scene):
    primary, secondary = scene.pair.primary, scene.pair.secondary
    for arguments, expected in CHANGES:
        node = scene.pair.passive if arguments[0] == "maintenance" else primary
        node.dyad(*arguments)
        assert has(node, expected), (arguments, trail(node))
    scene.pair.settle()
    old, new = scene.pair.active, scene.pair.passive
    new.dyad("takeover")
    assert has(new, "take-over asked for") and has(new, "take-over done"), trail(new)
    scene.pair.settle()
    new.dyad("handover")
    assert has(new, "hand-over done"), trail(new)
    scene.pair.settle()
    assert new.dyad("handover", check=False).returncode == 1
    assert has(new, "hand-over refused: "), trail(new)
    assert scene.pair.active is old

    text = scene.text.replace('balance = "first"', 'balance = "wrr"')
    primary.apply(text)
    expected = "~ service dicom (balance: first -> wrr)"
    assert has(primary, expected), trail(primary)
    until(lambda: has(secondary, expected), 2, "the secondary knows who applied it", describe=scene.pair.describe)
    primary.dyad("rollback", "1")
    assert has(primary, "made of 1.1"), trail(primary)

    before = [(e["time"], e["text"], e["who"]) for e in trail(primary)]
    primary.kill()
    primary.wait_gone()
    primary.start()
    assert [(e["time"], e["text"], e["who"]) for e in trail(primary)][:len(before)] == before
    shown = primary.dyad("events", "--audit").stdout
    assert f"{before[0][1]} (by uid 0 (root))" in shown and "link" not in shown, shown


@pytest.mark.parametrize("uid", [65534])
def test_it_names_the_user_that_the_kernel_saw(scene, uid):
    """Not what the request says: the socket's credentials."""
    node = scene.pair.primary
    socket = os.path.join(node.run_dir, "dyad.sock")
    for path, mode in ((scene.lab.directory, 0o711), (node.base, 0o711), (node.run_dir, 0o711), (socket, 0o666)):
        os.chmod(path, mode)
    script = ("import os,sys,socket\n"
              f"os.setuid({uid})\n"
              "s = socket.socket(socket.AF_UNIX)\n"
              f"s.connect({socket!r})\n"
              "body = b'{\"action\":\"drain\",\"service\":\"web\",\"server\":\"rs2\",\"who\":\"uid 0 (root)\"}'\n"
              "s.sendall(b'POST /v1/servers HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(body) + body)\n"
              "sys.stdout.write(s.recv(4096).decode())\n")
    done = node.host.run(["/usr/bin/python3", "-c", script])
    assert " 200 " in done.stdout, done
    assert trail(node)[-1]["who"] == f"uid {uid} (nobody)", trail(node)

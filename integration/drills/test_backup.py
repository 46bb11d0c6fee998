# SPDX-License-Identifier: Apache-2.0
"""A machine that was lost comes back from its backup as the node it was."""

import os
import shutil

import pytest
from lab.wait import until


def arguments(node, *more):
    password = os.path.join(node.base, "passphrase")
    if not os.path.exists(password):
        with open(password, "w") as file:
            file.write("a long passphrase\n")
    return [os.path.join(node.base, "saved"), "--config-dir", node.config_dir, "--state-dir", node.state_dir,
            "--password-file", password, *more]


@pytest.mark.parametrize("which", ["primary", "secondary"])
def test_a_lost_machine_comes_back_from_its_backup(scene, which):
    pair = scene.pair
    lost = getattr(pair, which)
    other = pair.other(lost)
    pair.make_active(lost)
    lost.dyad("backup", *arguments(lost))
    saved = os.path.join(lost.base, "saved")
    pair.primary.apply(scene.text.replace('balance = "first"', 'balance = "wrr"'))  # comes back from the peer
    pair.settle()
    assert os.stat(saved).st_mode & 0o777 == 0o600
    with open(saved, "rb") as file:
        assert lost.read("cluster.key").strip().encode() not in file.read(), "the key is not to be read in it"
    refused = lost.dyad("restore", *arguments(lost, "--force"), check=False)
    assert refused.returncode == 1 and "stop it first" in refused.stderr, refused

    lost.kill()
    until(lambda: other.state == "active", 5, "the other node takes over", describe=other.describe)
    lost.wait_gone()
    epoch = other.status()["node"]["epoch"]
    generation = other.status()["config"]["generation"]
    for directory in (lost.config_dir, lost.state_dir):
        shutil.rmtree(directory)
    said = lost.dyad("restore", *arguments(lost)).stdout
    assert f"restored to {lost.config_dir}" in said and f"restored to {lost.state_dir}" in said, said
    lost.start()
    pair.settle()
    assert other.state == "active" and other.status()["node"]["epoch"] == epoch, "it takes nothing"
    status = lost.status()
    assert status["config"]["generation"] == generation and status["config"]["in_sync"], status["config"]
    assert status["node"]["role"] == which, status["node"]

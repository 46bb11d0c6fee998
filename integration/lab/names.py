# SPDX-License-Identifier: Apache-2.0
"""Names of namespaces, and the sweeping of those whose makers died.

A name is dl<pid>-<n>-<host>: the pid keeps parallel runs apart and tells a sweeper whom to ask whether it is still needed.
"""

import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

NETNS_DIR = "/run/netns"
_pattern = re.compile(r"^dl(\d+)-\d+(-.+)?$")
_serial = itertools.count()


def fresh_prefix():
    return f"dl{os.getpid()}-{next(_serial)}"


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def pids_inside(namespaces):
    """Processes whose network namespace is one of these, this one excepted."""
    inodes = set()
    for name in namespaces:
        try:
            inodes.add(os.stat(f"{NETNS_DIR}/{name}").st_ino)
        except FileNotFoundError:
            pass
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            if os.stat(f"/proc/{entry}/ns/net").st_ino in inodes:
                found.append(int(entry))
        except OSError:
            pass  # gone meanwhile
    return found


def kill_inside(namespaces, limit=3.0):
    """Kills every process in these namespaces and waits until they are gone."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        pids = pids_inside(namespaces)
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.005)


def delete(namespaces):
    present = [name for name in namespaces if os.path.exists(f"{NETNS_DIR}/{name}")]
    if present:
        subprocess.run(["ip", "-b", "-"], input="".join(f"netns del {n}\n" for n in present), text=True, check=False,
                       stdout=subprocess.DEVNULL)


def sweep():
    """Removes namespaces, processes and directories that a killed run left behind."""
    if os.path.isdir(NETNS_DIR):
        left = [n for n in os.listdir(NETNS_DIR) if (m := _pattern.match(n)) and not _alive(int(m.group(1)))]
        kill_inside(left)
        delete(left)
    for name in os.listdir(tempfile.gettempdir()):
        if (m := _pattern.match(name)) and not _alive(int(m.group(1))):
            path = os.path.join(tempfile.gettempdir(), name)
            for mounted in _mounted_below(path):
                subprocess.run(["umount", "-l", mounted], check=False)
            shutil.rmtree(path, ignore_errors=True)


def _mounted_below(path):
    with open("/proc/self/mounts") as mounts:
        return [point for point in (line.split()[1] for line in mounts) if point.startswith(path + "/")]

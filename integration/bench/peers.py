# SPDX-License-Identifier: Apache-2.0
"""Programs we are measured against, unpacked from Debian's packages into build/peers and never installed: installing
a daemon would start it on the user's machine."""

import glob
import os
import shutil
import subprocess

from lab import build

ROOT = build.ROOT / "build" / "peers"


def fetch(package, program):
    """(path of the program, environment to run it in). Downloads the package and what it needs and is not installed."""
    installed = shutil.which(program)
    if installed:
        return installed, dict(os.environ)
    path = ROOT / "root" / program.lstrip("/")
    if not path.exists():
        archives = ROOT / "archives"
        (archives / "partial").mkdir(parents=True, exist_ok=True)
        get = ["apt-get", "-qq", "-y", "-d", "--no-install-recommends", "-o", f"Dir::Cache::archives={archives}", "-o",
               "APT::Sandbox::User=root", "install", package]
        try:
            _run(get)
        except RuntimeError:   # the package lists may be old, or not be there
            _run(["apt-get", "-qq", "update"])
            _run(get)
        for archive in glob.glob(str(archives / "*.deb")):
            _run(["dpkg", "-x", archive, str(ROOT / "root")])
    libraries = ":".join(sorted({os.path.dirname(p) for p in glob.glob(str(ROOT / "root/usr/lib/*/*.so*"))}))
    environment = dict(os.environ, LD_LIBRARY_PATH=libraries)
    missing = [line for line in subprocess.run(["ldd", str(path)], env=environment, text=True, capture_output=True).stdout.splitlines()
               if "not found" in line]
    if missing:
        raise RuntimeError(f"{path} lacks {missing[0].split()[0]}: remove {ROOT} and run again after apt-get update")
    return str(path), environment


def _run(argv):
    done = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.stdout.strip()[-400:]}")

# SPDX-License-Identifier: Apache-2.0
"""Where the programs under test are. DYAD_BUILD names the build directory; build/release without it."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def directory():
    given = os.environ.get("DYAD_BUILD")
    return (ROOT / given).resolve() if given else ROOT / "build" / "release"


def _program(*candidates):
    for candidate in candidates:
        path = directory() / candidate
        if path.is_file():
            return str(path)
    raise FileNotFoundError(f"{candidates[0]} is not in {directory()}: build it, or name another build with DYAD_BUILD")


def dyadd():
    return _program("daemon/dyadd", "dyadd", "bin/dyadd")


def dyad():
    return _program("daemon/dyad", "dyad", "bin/dyad")


def probe():
    return _program("integration/bench/dyad_lab_probe", "dyad_lab_probe")

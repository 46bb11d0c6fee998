# SPDX-License-Identifier: Apache-2.0
"""Where the programs under test are. DYAD_BUILD names the build directory; build/release without it."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


def directory():
    given = os.environ.get("DYAD_BUILD")
    return (ROOT / given).resolve() if given else ROOT / "build" / "release"


def _program(*candidates, among=None):
    folder = pathlib.Path(among) if among else directory()
    for candidate in candidates:
        path = folder / candidate
        if path.is_file():
            return str(path)
    raise FileNotFoundError(f"{candidates[0]} is not in {folder}: build it, or name another build with DYAD_BUILD")


def dyadd(among=None):
    """`among`: a build directory other than the one under test."""
    return _program("daemon/dyadd", "dyadd", "bin/dyadd", among=among)


def dyad(among=None):
    return _program("daemon/dyad", "dyad", "bin/dyad", among=among)


def probe():
    return _program("integration/bench/dyad_lab_probe", "dyad_lab_probe")

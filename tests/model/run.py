#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Has spin check docs/failover.pml in every order of events, and then without each of its guards: each time it must find
the trace that the guard prevents, and which promise that breaks.

usage: run.py [--jobs N] [--keep DIRECTORY] [NAME...]

NAME is "model", a guard as in -DNO_YIELD, or "crashes", which looks at two disturbances instead of one but of fewer kinds, and
is not run unless it is named. DIRECTORY keeps the verifiers, what they said, and the counterexamples.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MODEL = Path(__file__).resolve().parents[2] / "docs/failover.pml"
MEGABYTES = 1900   # of memory, at most
SECONDS = 900      # for one search; a limit, not an expectation


@dataclass(frozen=True)
class Search:
    name: str
    defines: tuple
    least: int = 0         # states that there are, where none may be left out
    partly: bool = False   # of the model; else each of its statements happens
    by_name: bool = False  # not unless it is asked for
    breaks: str = ""       # the promise that is broken, as the model's comments name it


SEARCHES = [
    Search("model", ("HEAL", "FAULTS=1"), least=10_000_000),
    Search("crashes", ("HEAL", "FAULTS=2", "CRASHES"), least=20_000_000, partly=True, by_name=True),
    Search("NO_YIELD", ("FAULTS=0",), breaks="S1"),
    Search("NO_NODE_ID", ("FAULTS=0",), breaks="S1"),
    Search("NO_DEADTIME", ("FAULTS=0",), breaks="S1"),
    Search("NO_ALL_LINKS", ("FAULTS=0",), breaks="S1"),
    Search("NO_ROLES", ("FAULTS=0",), breaks="S1"),
    Search("NO_SEQUENCE", ("FAULTS=1",), breaks="S1"),
    Search("NO_PAUSE", ("FAULTS=2", "MOVES"), breaks="S1"),
    Search("NO_SETTLE", ("FAULTS=2", "MOVES"), breaks="S1"),
    Search("NO_GO_ABOVE", ("FAULTS=1",), breaks="S4"),
    Search("NO_LISTENING", ("FAULTS=0",), breaks="S6"),
    Search("NO_SLEEP", ("FAULTS=1",), breaks="S6"),
    Search("NO_RELEASE_FIRST", ("FAULTS=1",), breaks="S9"),
    Search("NO_LIFETIME", ("FAULTS=1",), breaks="S9"),
    Search("NO_DRAIN", ("FAULTS=1",), breaks="S12"),
    Search("NO_BEHIND", ("FAULTS=1",), breaks="S12"),
    Search("NO_FIRST", ("FAULTS=0", "HEAL"), breaks="L2"),
]


def build(search, directory):
    defines = [f"-D{d}" for d in search.defines] + ([f"-D{search.name}"] if search.breaks else [])
    (directory / MODEL.name).write_text(MODEL.read_text(encoding="utf-8"), encoding="utf-8")
    said = subprocess.run(["spin", "-a", *defines, MODEL.name], cwd=directory, capture_output=True, text=True, check=False)
    if said.returncode or "rror" in said.stdout:
        raise RuntimeError(said.stdout + said.stderr)
    # NOREDUCE: one process has no orders of its own that could be left out.
    subprocess.run(["gcc", "-w", "-O1" if search.breaks else "-O2", "-DSAFETY", "-DNOREDUCE", "-DVECTORSZ=64",
                    f"-DMEMLIM={MEGABYTES}", "-o", "pan", "pan.c"], cwd=directory, check=True)
    return defines


def promise(directory, defines):
    """Which assertion the trace ends with: the comment on its line says so."""
    said = subprocess.run(["spin", "-t", *defines, MODEL.name], cwd=directory, capture_output=True, text=True, check=False).stdout
    (directory / "trace").write_text(said, encoding="utf-8")
    at = re.search(re.escape(MODEL.name) + r":(\d+), Error: assertion violated", said)
    line = MODEL.read_text(encoding="utf-8").splitlines()[int(at.group(1)) - 1] if at else ""
    return line.rpartition("//")[2].strip()


def judge(search, said, directory, defines):
    """What is wrong with a search, and a few words on it."""
    errors = re.search(r"errors: (\d+)", said)
    states = re.search(r"^\s*([\d.e+]+) states, stored$", said, re.MULTILINE)
    if not errors or not states:
        return "spin did not finish: " + said[-400:], ""
    number = int(float(states.group(1)))
    if search.breaks:
        if errors.group(1) == "0":
            return f"no counterexample in {number} states", ""
        broken = promise(directory, defines)
        names = broken.partition(":")[0].split(", ")
        return "" if search.breaks in names else f"breaks {broken!r} instead of {search.breaks}", f"breaks {search.breaks}"
    wrong = [w for w in ("max search depth too small", "Search not completed", "out of memory") if w in said]
    if errors.group(1) != "0":
        wrong.append("does not hold: " + promise(directory, defines))
    if number < search.least:
        wrong.append(f"only {number} states")
    unreached = re.findall(re.escape(MODEL.name) + r':(\d+), state \d+, "(.*)"', said)
    if unreached and not search.partly:
        wrong.append("never happens: " + "; ".join(f"line {n}: {text}" for n, text in unreached))
    used = re.search(r"([\d.]+)\s+total actual memory usage", said)
    return "; ".join(wrong), f"holds in {number} states, {float(used.group(1)):.0f} MB" if used else ""


def check(search, root):
    begin = time.monotonic()
    directory = root / search.name
    directory.mkdir(parents=True, exist_ok=True)
    defines = build(search, directory)
    said = subprocess.run(["./pan", "-w24", "-m200000"], cwd=directory, capture_output=True, text=True, check=False,
                          timeout=SECONDS).stdout
    (directory / "said").write_text(said, encoding="utf-8")
    wrong, words = judge(search, said, directory, defines)
    return search, wrong, f"{words} in {time.monotonic() - begin:.0f} s"


def checked(search, root):
    try:
        return check(search, root)
    except (subprocess.SubprocessError, OSError) as problem:
        return search, f"the search itself failed: {problem}", ""


def main():
    arguments = argparse.ArgumentParser(usage=__doc__)
    arguments.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments.add_argument("--keep", type=Path)
    arguments.add_argument("names", nargs="*")
    options = arguments.parse_args()
    if not shutil.which("spin"):
        print("spin is missing: apt-get install spin", file=sys.stderr)
        return 2
    unknown = set(options.names) - {s.name for s in SEARCHES}
    if unknown:
        print(f"no such guard: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    chosen = [s for s in SEARCHES if s.name in options.names or not (options.names or s.by_name)]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="dyad-model-") as directory:
        root = options.keep or Path(directory)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for search, wrong, words in pool.map(lambda s: checked(s, root), chosen):
                failed += bool(wrong)
                print(f"{'FAILED' if wrong else 'ok    '} {search.name:18} {wrong or words}", flush=True)
    print(f"{len(chosen) - failed} as they should be, {failed} not")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

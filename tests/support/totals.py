#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up what the stages of ./check left in a results folder, and prints the table and the closing line.

totals.py FOLDER: FOLDER/stages has a line per stage, "NAME EXIT SECONDS TESTS": TESTS is "tests" where a stage must have run
at least one. FOLDER/NAME/*.xml are its JUnit reports. Exit 1 on any failure, in CI also when a test was skipped. What the
first failed tests said comes last: of a long log often only the end is kept.
"""

import os
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

TOLD = 5     # failed tests whose words are shown
LINES = 60   # of each, the last ones


def count(report):
    """(passed, failed, skipped, names of the failed and what they said) of a JUnit file, as ctest and pytest write them."""
    passed = failed = skipped = 0
    names = []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        children = {child.tag for child in case}
        if children & {"failure", "error"} or case.get("status") == "fail":
            failed += 1
            said = "\n".join(part.text or "" for part in case).strip().splitlines()[-LINES:]
            names.append("\n    ".join([case.get("name"), *said]))
        elif "skipped" in children or case.get("status") in ("notrun", "disabled"):
            skipped += 1
            names.append(f"{case.get('name')} (skipped)")
        else:
            passed += 1
    return passed, failed, skipped, names


def stage(folder, name, code, needs_tests):
    passed = failed = skipped = 0
    names = []
    for report in sorted((folder / name).glob("*.xml")):
        try:
            p, f, s, n = count(report)
        except (ElementTree.ParseError, OSError) as e:
            p, f, s, n = 0, 1, 0, [f"{report.name}: {e}"]
        passed, failed, skipped, names = passed + p, failed + f, skipped + s, names + n
    if code and not failed:
        failed, names = 1, [f"stage {name} ended with {code}: {folder / (name + '.log')}"]
    elif needs_tests and not passed + failed:
        failed, names = 1, [f"stage {name} ran no test"]
    return passed, failed, skipped, names


def main():
    folder = pathlib.Path(sys.argv[1])
    total = [0, 0, 0]
    minutes = 0.0
    print(f"\n{'stage':<14} {'passed':>7} {'failed':>7} {'skipped':>8} {'minutes':>8}")
    complaints = []
    for line in (folder / "stages").read_text().splitlines():
        name, code, seconds, kind = line.split()
        *numbers, names = stage(folder, name, int(code), kind == "tests")
        total = [a + b for a, b in zip(total, numbers)]
        minutes += float(seconds) / 60
        complaints += [f"{name}: {n}" for n in names]
        print(f"{name:<14} {numbers[0]:>7} {numbers[1]:>7} {numbers[2]:>8} {float(seconds) / 60:>8.1f}")
    print(f"{'all':<14} {total[0]:>7} {total[1]:>7} {total[2]:>8} {minutes:>8.1f}")
    for i, complaint in enumerate(complaints):
        print(complaint if i < TOLD else complaint.splitlines()[0])
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] or not total[0] or (total[2] and os.environ.get("CI")) else 0


if __name__ == "__main__":
    sys.exit(main())

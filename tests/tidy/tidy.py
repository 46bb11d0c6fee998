#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the rules of rules.py against every file of a tree; prints path:line: complaint, and fails if there is one."""

import os
import subprocess
import sys

import rules


def files(top):
    """What git knows or would add; without git, what is there."""
    try:
        listed = subprocess.run(["git", "-c", f"safe.directory={os.path.abspath(top)}", "-C", top, "ls-files", "-co",
                                 "--exclude-standard", "-z"], capture_output=True, text=True, check=True).stdout
        return [f for f in listed.split("\0") if f and os.path.isfile(os.path.join(top, f))]
    except (OSError, subprocess.CalledProcessError):
        found = []
        for folder, folders, names in os.walk(top):
            folders[:] = [d for d in folders if d not in (".git", "build", ".cache", "__pycache__", ".pytest_cache")]
            found += [os.path.relpath(os.path.join(folder, n), top) for n in names]
        return found


def main():
    top = sys.argv[1] if len(sys.argv) > 1 else "."
    complaints, looked_at = [], 0
    for path in sorted(files(top)):
        try:
            with open(os.path.join(top, path), encoding="utf-8") as file:
                text = file.read()
        except (UnicodeDecodeError, OSError):
            continue  # bytes for a test, or a link that leads nowhere on purpose
        looked_at += 1
        complaints += rules.check(path, text, lambda p: os.path.exists(os.path.join(top, p)))
    for path, line, sentence in complaints:
        print(f"{path}:{line}: {sentence}")
    print(f"{looked_at} files, {len(complaints)} complaints")
    return 1 if complaints or looked_at < 50 else 0


if __name__ == "__main__":
    sys.exit(main())

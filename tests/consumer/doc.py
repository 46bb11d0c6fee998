# SPDX-License-Identifier: Apache-2.0
"""The programs in docs/EMBEDDING.md are those that are compiled and run, to the letter."""

import pathlib
import re
import sys

here = pathlib.Path(__file__).resolve().parent
shown = re.findall(r"```cpp\n(.*?)```", (here.parents[1] / "docs" / "EMBEDDING.md").read_text(), re.S)
wrong = []
for name in ("balance.cpp", "cluster.cpp"):
    program = (here / name).read_text().removeprefix("// SPDX-License-Identifier: Apache-2.0\n")
    if program not in shown:
        wrong.append(f"docs/EMBEDDING.md does not show tests/consumer/{name} as it is: copy it there without its first line")
print("\n".join(wrong) or "docs/EMBEDDING.md shows the programs as they are")
sys.exit(bool(wrong))

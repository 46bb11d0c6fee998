# SPDX-License-Identifier: Apache-2.0
"""The first root file system: busybox, the modules that reach the host's files over 9p, and guest/init."""

import pathlib
import shutil
import subprocess
import tempfile

MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"]
BUSYBOX = pathlib.Path("/bin/busybox")
APPLETS = ["sh", "mount", "mkdir", "insmod", "switch_root", "uname", "poweroff", "cat"]
INIT = pathlib.Path(__file__).parent.parent / "guest" / "init"


def build(kernel, target: pathlib.Path):
    """Writes the archive to `target`; takes half a second."""
    with tempfile.TemporaryDirectory() as scratch:
        root = pathlib.Path(scratch)
        for directory in ("bin", "dev", "proc", "sys", "lower", "over", "modules", "root"):
            (root / directory).mkdir()
        shutil.copy(BUSYBOX, root / "bin" / "busybox")
        for applet in APPLETS:
            (root / "bin" / applet).symlink_to("busybox")
        order = _load_order(kernel)
        for module in order:
            shutil.copy(kernel.modules / module, root / "modules")
        (root / "modules" / "order").write_text("".join(f"{pathlib.Path(m).name}\n" for m in order))
        shutil.copy(INIT, root / "init")
        (root / "init").chmod(0o755)
        with open(target, "wb") as out:
            names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
            subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=names.encode(), stdout=out, check=True)


def _load_order(kernel):
    """The modules and what they depend on, each after what it needs. A module built into the image has no line."""
    needs = {}
    for line in (kernel.modules / "modules.dep").read_text().splitlines():
        module, dependencies = line.split(":")
        needs[module] = dependencies.split()
    by_name = {pathlib.Path(path).stem.replace("-", "_"): path for path in needs}
    order = []

    def add(path):
        for dependency in needs[path]:
            add(dependency)
        if path not in order:
            order.append(path)

    for name in MODULES:
        if name in by_name:
            add(by_name[name])
    return order

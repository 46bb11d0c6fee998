# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel package, unpacked into a cache: an image to boot and its modules, without installing anything."""

import dataclasses
import fcntl
import lzma
import pathlib
import re
import shutil
import struct
import subprocess


@dataclasses.dataclass(frozen=True)
class Kernel:
    release: str              # what `uname -r` says, "6.1.0-56-amd64"
    directory: pathlib.Path   # root of the unpacked package

    @property
    def image(self):
        return self.directory / "boot" / f"vmlinux-{self.release}"

    @property
    def modules(self):
        return self.directory / "lib" / "modules" / self.release


class KernelError(Exception):
    """Says what is missing and what to do about it."""


def ensure(cache: pathlib.Path, say) -> Kernel:
    """The newest kernel in `cache`; downloads and unpacks Debian's when there is none. Safe to call from two runs at once."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        unpacked = sorted(cache.glob("linux-image-*/complete"))
        if not unpacked:
            unpacked = [_fetch(cache, say)]
        return _describe(unpacked[-1].parent)


def _describe(directory):
    releases = [path.name for path in (directory / "lib" / "modules").iterdir()]
    return Kernel(releases[0], directory)


def _fetch(cache, say):
    package = _package_name()
    if package is None:
        say("fetching the package lists")
        _run(["apt-get", "update", "-qq"], "the package lists could not be fetched")
        package = _package_name()
    if package is None:
        raise KernelError("apt knows no package linux-image-amd64: the test machine needs Debian's archive for amd64")
    say(f"downloading {package}")
    download = cache / "download"
    shutil.rmtree(download, ignore_errors=True)
    download.mkdir()
    # apt checks the archive's signature and the package's checksum; without its sandbox user it can write here.
    _run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package], f"{package} could not be downloaded", cwd=download)
    target = cache / package
    shutil.rmtree(target, ignore_errors=True)
    say(f"unpacking {package}")
    _run(["dpkg", "-x", str(next(download.glob("*.deb"))), str(target)], f"{package} could not be unpacked")
    kernel = _describe(target)
    _run(["/sbin/depmod", "-b", str(target), kernel.release], "the modules' dependencies are unknown")
    _decompress(target / "boot" / f"vmlinuz-{kernel.release}", kernel.image)
    shutil.rmtree(download)
    complete = target / "complete"
    complete.touch()
    return complete


def _decompress(compressed: pathlib.Path, image: pathlib.Path):
    """QEMU starts an uncompressed kernel through its PVH entry: that saves the guest 5 s of unpacking it under emulation.

    The offsets are those of the boot protocol's setup header (the kernel's Documentation/x86/boot.rst)."""
    content = compressed.read_bytes()
    setup_sectors = content[0x1F1]
    offset, length = struct.unpack_from("<II", content, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    try:
        image.write_bytes(lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(content[start:start + length]))
    except lzma.LZMAError as reason:
        raise KernelError(f"{compressed.name} is not packed with xz ({reason}): this kernel package is of an unknown kind") from None


def _package_name():
    """linux-image-amd64 is empty and depends on the real one, whose name carries the version."""
    answer = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True, check=False)
    found = re.search(r"Depends: (linux-image-\S+)", answer.stdout)
    return found.group(1) if found else None


def _run(command, what, cwd=None):
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError as missing:
        raise KernelError(f"{what}: {missing.filename} is not installed; see integration/vm/packages.txt") from None
    if done.returncode:
        raise KernelError(f"{what}: {' '.join(command)}: {done.stderr.strip()}")

# SPDX-License-Identifier: Apache-2.0
"""Boots the test machine, follows it and makes sure that it ends."""

import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

QEMU = "qemu-system-x86_64"
BOOT_LIMIT = 120   # seconds; 3 on an idle machine
KVM_LIMIT = 10     # a /dev/kvm that is itself emulated may hang: then TCG
# Emulation keeps what it translated by virtual address: a program that is always at the same one starts three times as fast.
COMMAND_LINE = "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on norandmaps nokaslr"
PROCESSOR = "Nehalem-v1,+rdrand"   # its vector instructions are the widest that emulation does not slow down


class MachineError(Exception):
    """The machine did not come up or did not end by itself."""


class Machine:
    """One boot. `results` is the folder shared with the guest; results/.vm holds what this class and guest/main say to each other."""

    def __init__(self, kernel, initramfs, tree, results, accelerator="tcg", memory=2048, cores=2):
        self.kernel, self.initramfs, self.results = kernel, initramfs, results
        self.accelerator, self.memory, self.cores = accelerator, memory, cores
        self.talk = results / ".vm"
        self.talk.mkdir(parents=True, exist_ok=True)
        for name in ("booted", "exit"):
            (self.talk / name).unlink(missing_ok=True)
        (self.talk / "tree").write_text(str(tree))
        (self.talk / "modules").write_text(str(kernel.modules))
        self.process = None
        self.output = None

    def boot(self) -> float:
        """Starts the machine with the command in results/.vm/command; seconds until its user space ran."""
        began = time.monotonic()
        self._start()
        limit = KVM_LIMIT if self.accelerator == "kvm" else BOOT_LIMIT
        while not (self.talk / "booted").exists():
            if self.process.poll() is not None or time.monotonic() - began > limit:
                self.stop()
                if self.accelerator == "kvm":
                    self.accelerator = "tcg"
                    return self.boot()
                raise MachineError(f"the test machine did not come up within {limit} s; its console said:\n{self._console()}")
            time.sleep(0.02)
        return time.monotonic() - began

    def wait(self, limit: float) -> int:
        """Exit code of the command."""
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            self.stop()
            raise MachineError(f"stopped after its time limit of {limit:g} s") from None
        self.output.join()
        try:
            return int((self.talk / "exit").read_text())
        except (FileNotFoundError, ValueError):
            raise MachineError(f"the test machine broke down; its console said:\n{self._console()}") from None

    def stop(self):
        """Idempotent."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.output is not None:
            self.output.join()

    def _start(self):
        read_end, write_end = os.pipe()
        self.process = subprocess.Popen(self._arguments(write_end), pass_fds=[write_end], stdin=subprocess.DEVNULL,
                                        stdout=sys.stderr.fileno(), preexec_fn=_die_with_parent)
        os.close(write_end)
        self.output = threading.Thread(target=_copy, args=(read_end,), daemon=True)
        self.output.start()

    def _arguments(self, output):
        cpu = "host" if self.accelerator == "kvm" else PROCESSOR
        accelerator = "kvm" if self.accelerator == "kvm" else "tcg,thread=multi"
        share = "local,security_model=none,multidevs=remap"
        return [
            QEMU, "-accel", accelerator, "-cpu", cpu, "-m", str(self.memory), "-smp", str(self.cores),
            "-nic", "none", "-display", "none", "-monitor", "none", "-no-reboot",
            "-kernel", str(self.kernel.image), "-initrd", str(self.initramfs), "-append", COMMAND_LINE,
            "-serial", f"file:{self.talk / 'console'}",
            "-chardev", f"file,id=output,path=/dev/fd/{output}",
            "-device", "virtio-serial", "-device", "virtserialport,chardev=output,name=output",
            "-fsdev", f"{share},id=root,path=/,readonly=on", "-device", "virtio-9p-pci,fsdev=root,mount_tag=root",
            "-fsdev", f"{share},id=results,path={self.results}", "-device", "virtio-9p-pci,fsdev=results,mount_tag=results",
        ]

    def _console(self):
        console = self.talk / "console"
        return console.read_text(errors="replace")[-3000:] if console.exists() else "(nothing)"


def _copy(descriptor):
    """The guest's output, as it comes."""
    with os.fdopen(descriptor, "rb", buffering=0) as source:
        while chunk := source.read(65536):
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()


def _die_with_parent():
    """So that not even kill -9 of the runner leaves a machine behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)

# SPDX-License-Identifier: Apache-2.0
"""The test machine: Debian's kernel under QEMU, with the host's files and the binaries just built."""

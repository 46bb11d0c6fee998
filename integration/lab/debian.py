# SPDX-License-Identifier: Apache-2.0
"""Servers out of Debian's packages as peers of tests: unpacked into a root of their own under build/servers, never installed, so
that nothing of them starts on the user's machine. Each runs in a layer above that root which is gone with it."""

import hashlib
import pathlib
import shutil
import subprocess
import tempfile

from . import build

PACKAGES = ["dash", "grep", "sed", "chrony", "dnsmasq-base", "dovecot-imapd", "dovecot-pop3d", "freeradius", "kamailio", "mariadb-server", "postfix",
            "postgresql", "redis-server", "slapd", "vsftpd", "nginx-light", "orthanc"]
USERS = ["mysql", "postgres", "openldap", "dovecot", "dovenull", "postfix", "postdrop", "ftp", "freerad", "redis", "_chrony",
         "kamailio", "www-data", "orthanc", "dyad"]
ATTEMPTS = 3
FOLDER = build.ROOT / "build" / "servers"


def _sources():
    """Where this machine itself gets Debian's packages from; nothing: mmdebstrap's own choice."""
    files = (pathlib.Path("/etc/apt/sources.list"), pathlib.Path("/etc/apt/sources.list.d/debian.sources"))
    return [str(f) for f in files if f.exists() and "bookworm" in f.read_text()]


def root():
    """The unpacked packages; the first call downloads them (about 150 MB), those after find them there."""
    made = FOLDER / ("root-" + hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:12])
    if made.exists():
        return made
    FOLDER.mkdir(parents=True, exist_ok=True)
    fresh = pathlib.Path(tempfile.mkdtemp(prefix="unpacking-", dir=FOLDER))
    try:
        for attempt in range(1, ATTEMPTS + 1):
            shutil.rmtree(fresh / "root", ignore_errors=True)
            done = subprocess.run(["mmdebstrap", "--quiet", "--mode=root", "--variant=extract", "--aptopt=Acquire::Retries \"5\"",
                                   "--include=" + ",".join(PACKAGES), "bookworm", str(fresh / "root"), *_sources()],
                                  text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
            if done.returncode == 0:
                break
            if attempt == ATTEMPTS:
                raise RuntimeError(f"mmdebstrap, {ATTEMPTS} times: {done.stdout.strip()[-600:]}")
        if not made.exists():   # another run may have been quicker
            (fresh / "root").rename(made)
    finally:
        shutil.rmtree(fresh)
    return made


_LAYERED = """set -e
mount -t tmpfs layer "$1"
mkdir "$1/up" "$1/work" "$1/root"
mount -t overlay root -o "lowerdir=$2,upperdir=$1/up,workdir=$1/work" "$1/root"
mkdir -p "$1/root/proc" "$1/root/run" "$1/root/root"
ln -sf dash "$1/root/bin/sh"
mount -t proc proc "$1/root/proc"
mount --bind /dev "$1/root/dev"
mount -t tmpfs run "$1/root/run"
exec chroot "$1/root" /bin/sh -c "$3"
"""


def _accounts():
    """Debian's packages make their users when they are installed, which these never are."""
    lines = ["root:x:0:0::/root:/bin/sh", "nobody:x:65534:65534::/:/bin/false"]
    lines += [f"{name}:x:{number}:{number}::/:/bin/sh" for number, name in enumerate(USERS, 900)]
    groups = ["root:x:0:", "nogroup:x:65534:", "shadow:x:42:", "ssl-cert:x:800:", "mail:x:8:"]
    groups += [f"{name}:x:{number}:" for number, name in enumerate(USERS, 900)]
    quoted = ["'{}'".format(line) for line in lines], ["'{}'".format(line) for line in groups]
    return f"printf '%s\\n' {' '.join(quoted[0])} > /etc/passwd; printf '%s\\n' {' '.join(quoted[1])} > /etc/group\n"


class DebianServer:
    """A server of the root on one host of a lab. `script` is run by sh as root of the layer and ends with `exec`; ADDRESS is the
    host's."""

    def __init__(self, host, name, script):
        self.host, self.name = host, name
        self.layer = tempfile.mkdtemp(prefix=f"dyad-{name}-")
        self.log = open(f"{host.lab.directory}/{name}.log", "w+")
        host.lab.on_close(self.stop)
        # With process and mount namespaces of its own, nothing of it outlives the first process.
        self.process = host.popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _LAYERED, "sh", self.layer, root(),
                                   f"set -e\nADDRESS={host.address()}\n" + _accounts() + script], stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)

    def said(self):
        """The end of what it wrote."""
        return f"{self.name}: " + pathlib.Path(self.log.name).read_text(errors="replace")[-1500:]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.layer, ignore_errors=True)

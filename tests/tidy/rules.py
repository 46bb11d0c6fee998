# SPDX-License-Identifier: Apache-2.0
"""The rules, each a function from a path and its text to complaints (line, sentence). No file is opened here."""

import re

LONGEST_FILE = 600
LONGEST_README = 150

CODE = re.compile(r"\.(cpp|hpp|h|c|py|sh|cmake)$|(^|/)CMakeLists\.txt$")
CPP = re.compile(r"\.(cpp|hpp|h)$")
_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
_STANDARD = re.compile(r"^[a-z_0-9]+$")

# Folders that time and events go into and actions come out of: what they may include beside the standard library and
# the project's own headers. A codec may include the kernel header that defines its bytes.
PURE = {
    "libbalance/src/core/": (),
    "libbalance/src/doctor/chains": (),
    "libbalance/src/doctor/frames": (),
    "libbalance/src/doctor/inquiry": (),
    "libbalance/src/doctor/judge": (),
    "libbalance/src/doctor/questions": (),
    "libbalance/src/ipvs/codec": ("linux/ip_vs.h", "linux/netlink.h", "linux/genetlink.h", "netinet/in.h"),
    "libbalance/src/conntrack/codec": ("linux/netlink.h", "netinet/in.h", "linux/netfilter/nfnetlink.h",
                                       "linux/netfilter/nfnetlink_conntrack.h", "linux/netfilter/nf_conntrack_common.h",
                                       "linux/netfilter/nf_conntrack_tcp.h"),
    "libbalance/src/conntrack/entry": ("netinet/in.h", "linux/netfilter/nf_conntrack_common.h",
                                       "linux/netfilter/nf_conntrack_sctp.h", "linux/netfilter/nf_conntrack_tcp.h"),
    "libbalance/src/conntrack/message": (),
    "libbalance/src/conntrack/pending": (),
    "libbalance/src/conntrack/restorer": (),
    "libbalance/src/probe/dialogue.hpp": (),
    "libbalance/src/probe/dicom_": (),
    "libbalance/src/probe/hl7_": (),
    "libbalance/src/probe/agent_dialogue": (),
    "libbalance/src/probe/protocols/": (),
    "libcluster/src/failover/": (),
    "libcluster/src/wire/": (),
    "libcluster/src/replicate/": (),
}
_PURE_BOOST = re.compile(r"^boost/(system/.*|intrusive/.*|asio/ip/address\.hpp)$")
_NOT_PURE_STANDARD = {"condition_variable", "fstream", "future", "iostream", "mutex", "random", "shared_mutex", "thread"}
_NOT_PURE_CALL = re.compile(r"(steady|system|high_resolution)_clock::now|\bclock_gettime\b|\bgettimeofday\b|\bgetenv\b|\bspdlog\b")

_PUBLIC_BOOST = re.compile(r"^boost/(system/.*|asio/(ip/address|any_io_executor)\.hpp)$")

# Folders of each library's src/ that a folder must not include: facade -> adapters -> pure core, never back.
FORBIDDEN = {
    "libbalance/src/core/": ("ipvs/", "conntrack/", "firewall/", "doctor/", "probe/", "proxy/", "facade/"),
    "libbalance/src/ipvs/": ("conntrack/", "doctor/", "probe/", "proxy/", "facade/"),
    "libbalance/src/conntrack/": ("firewall/", "doctor/", "probe/", "proxy/", "facade/"),
    "libbalance/src/firewall/": ("ipvs/", "conntrack/", "doctor/", "probe/", "proxy/", "facade/"),
    "libbalance/src/doctor/": ("conntrack/", "probe/", "proxy/", "facade/"),
    "libbalance/src/probe/": ("ipvs/", "conntrack/", "firewall/", "doctor/", "proxy/", "facade/"),
    "libbalance/src/proxy/": ("ipvs/", "conntrack/", "firewall/", "doctor/", "probe/", "facade/"),
    "libcluster/src/failover/": ("wire/", "replicate/", "net/", "facade/"),
    "libcluster/src/wire/": ("net/", "facade/"),
    "libcluster/src/replicate/": ("net/", "facade/"),
    "libcluster/src/net/": ("facade/",),
}


def includes(text):
    """(line number, is it <...>, target) of every include."""
    return [(n, m.group(1) == "<", m.group(2)) for n, line in enumerate(text.splitlines(), 1) if (m := _INCLUDE.match(line))]


def layering(path, text):
    """Dependencies run daemon -> libcluster -> libbalance, and inside a library facade -> adapters -> core."""
    for line, angled, target in includes(text):
        if path.startswith("libbalance/") and (target.startswith("cluster/") or target.startswith("config/")):
            yield line, f"libbalance knows nothing of clusters or the daemon: {target}"
        if path.startswith("libcluster/") and angled and target.split("/")[0] in ("api", "cli", "config", "guardian", "ipc"):
            yield line, f"libcluster knows nothing of the daemon: {target}"
        if target.startswith("toml++") and not path.startswith("daemon/config/"):
            yield line, "toml++ is daemon/config's alone"
        for folder, banned in FORBIDDEN.items():
            if path.startswith(folder) and not angled and target.startswith(banned):
                yield line, f"{folder} must not include {target}"


def private_headers(path, text, exists):
    """A quoted include is of the same library; the others' doors are their public headers. `exists(path)` asks the tree."""
    home = next((h for h in ("libbalance/src/", "libcluster/src/", "daemon/") if path.startswith(h)), None)
    if not home:
        return
    beside = path.rsplit("/", 1)[0] + "/"
    for line, angled, target in includes(text):
        if not angled and not exists(home + target) and not exists(beside + target):
            yield line, f'"{target}" is not in {home}: other libraries are used through their public headers'


def public_headers(path, text):
    """What an embedder includes brings in the standard library, boost/system, addresses and executors, and no more."""
    if "/include/" not in path or not CPP.search(path):
        return
    for line, angled, target in includes(text):
        own = target.startswith(("balance/", "cluster/") if path.startswith("libcluster/") else "balance/")
        if not (angled and (own or _STANDARD.match(target) or _PUBLIC_BOOST.match(target))):
            yield line, f"a public header does not include {target}"


def purity(path, text):
    """PURE folders read no clock, open no socket, log nothing."""
    for folder, kernel in PURE.items():
        if not path.startswith(folder):
            continue
        for line, angled, target in includes(text):
            standard = _STANDARD.match(target) and target not in _NOT_PURE_STANDARD
            project = not angled or target.startswith(("balance/", "cluster/"))
            if not (standard or project or _PURE_BOOST.match(target) or target in kernel):
                yield line, f"{folder} is pure: it does not include <{target}>"
        for n, line_text in enumerate(text.splitlines(), 1):
            if m := _NOT_PURE_CALL.search(line_text.split("//")[0]):
                yield n, f"{folder} is pure: no {m.group(0)}"


def length(path, text):
    lines = text.count("\n")
    if CODE.search(path) and lines > LONGEST_FILE:
        yield lines, f"{lines} lines; a file ends at {LONGEST_FILE}: it holds more than one idea"
    if path == "README.md" and lines > LONGEST_README:
        yield lines, f"{lines} lines; README.md ends at {LONGEST_README}"


def head(path, text):
    """The licence first (after an interpreter line), and headers guard themselves."""
    lines = text.splitlines() or [""]
    script = lines[0].startswith("#!")
    if not (CODE.search(path) or script):
        return
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[: 2 if script else 1]):
        yield 1, "the first line says SPDX-License-Identifier: Apache-2.0"
    if path.endswith(".hpp") and "#pragma once" not in lines[:20] and not any("#pragma once" in x for x in lines):
        yield 1, "a header has #pragma once"


# Put together from pieces, so that this file does not complain of itself.
_WORDS = [
    (re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX")) + r")\b"), "unfinished work belongs in no source"),
    (re.compile(r'"[^"]*\[[' + "." + r"!](hide|mayfail|shouldfail)?\]" + '[^"]*"'), "a test that is hidden or may fail tests nothing"),
    (re.compile(r"\b(GTEST_SK" + r"IP|SK" + r"IP)\(|pytest\.(mark\.)?(sk" + r"ip|xf" + r"ail)|unittest\.sk" + r"ip|SK" + r"IP_RETURN_CODE"),
     "tests are not skipped"),
    (re.compile(r"(^|[^A-Za-z0-9_.])/(wor" + r"k|hom" + r"e/[a-z]+)/|\.librar" + r"y/"), "a path of somebody's machine"),
]


def words(path, text):
    if path == "LICENSE" or path.startswith(("tests/data/", "tests/golden/")):
        return
    for n, line in enumerate(text.splitlines(), 1):
        for pattern, why in _WORDS:
            if m := pattern.search(line):
                yield n, f"{m.group(0).strip()!r}: {why}"


_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


def links(path, text, exists):
    """Relative links in documents lead somewhere."""
    if not path.endswith(".md"):
        return
    folder = path.rsplit("/", 1)[0] if "/" in path else ""
    fenced = False
    for n, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        for m in _LINK.finditer(re.sub(r"`[^`]*`", "", line)):
            target = m.group(1).split("#")[0]
            if target and not re.match(r"[a-z]+:", target) and not exists(_join(folder, target)):
                yield n, f"the link leads nowhere: {m.group(1)}"


def _join(folder, target):
    parts = [] if target.startswith("/") else [p for p in folder.split("/") if p]
    for part in target.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def check(path, text, exists):
    """Every complaint about one file: (path, line, sentence)."""
    found = []
    rules = [length(path, text), head(path, text), words(path, text), links(path, text, exists)]
    if CPP.search(path):
        rules += [layering(path, text), private_headers(path, text, exists), public_headers(path, text), purity(path, text)]
    for rule in rules:
        found += [(path, line, sentence) for line, sentence in rule]
    return found

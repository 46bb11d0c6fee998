#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Breaks the failover machine on purpose, on a copy, and demands that the simulator notices each time.

A simulator that passes a broken machine proves nothing. Each mutant is a textual patch; one that does not apply any more
is a failure too, so that the list keeps up with the code.

usage: mutants.py [--seeds N] [--jobs N] [NAME...]
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

ROOT = Path(__file__).resolve().parents[2]
FAILOVER = "libcluster/src/failover"
CORPUS = ROOT / "tests/sim/corpus"


@dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    old: str
    new: str


MUTANTS = [
    Mutant("no_epoch_check", "machine_events.cpp",
           "if (peer_.epoch > epoch_)\n        adopt(peer_.epoch);", ""),
    Mutant("no_yield_on_heal", "machine_events.cpp",
           'release(pending_ && pending_->request.what == request::stop ? aftermath::stop : aftermath::passive,\n'
           '                    "the peer\'s epoch is greater");', ""),
    Mutant("both_yield_on_heal", "machine_rules.cpp",
           "if (owns(peer_.state)) {\n",
           'if (owns(peer_.state)) {\n        release(aftermath::passive, "mutant");\n        return;\n'),
    Mutant("no_listening_after_start", "machine_rules.cpp",
           "if (alive_ || !due(listen_until_))", "if (!due(since_))"),
    Mutant("no_listening_after_sleep", "machine_events.cpp",
           "if (late <= settings_.timing.deadtime)", "if (late <= settings_.timing.deadtime * 1000)"),
    Mutant("believes_its_buffers_after_sleep", "machine_rules.cpp",
           "if (woken_ && !due(", "if (false && !due("),
    Mutant("dead_before_the_socket_is_drained", "machine_events.cpp",
           "void machine::notice_sleep() {", "void machine::notice_sleep() {\n    watch_silence();"),
    Mutant("dead_too_early", "machine_events.cpp",
           "if (silence < settings_.timing.deadtime)", "if (silence < settings_.timing.warntime)"),
    Mutant("silent_winner", "machine_rules.cpp",
           "doubt_ = doubt::none;\n        out_->push_back(announce_addresses{});", "doubt_ = doubt::none;"),
    Mutant("maintenance_is_ignored", "machine.cpp",
           "return health_.ready && health_.service_ok && !maintenance_;", "return health_.ready && health_.service_ok;"),
    Mutant("maintenance_is_forgotten", "machine_requests.cpp",
           "maintenance_ = on;\n    persist_now();", "persist_now();\n    maintenance_ = on;"),
    Mutant("epoch_is_not_kept", "machine.cpp",
           "persist_now();\n    effect_ = effect::acquiring;", "effect_ = effect::acquiring;"),
    Mutant("epoch_does_not_grow", "machine.cpp",
           "epoch_ = {epoch_.counter + 1, settings_.self};\n    offer_until_", "epoch_ = {epoch_.counter, settings_.self};\n    offer_until_"),
    Mutant("overtaken_reports_count", "machine_events.cpp",
           "bool const overtaken = h.sequence != 0 && h.sequence <= newest_;", "bool const overtaken = false;"),
    Mutant("everybody_claims", "machine_rules.cpp",
           "bool const mine = peer_.offered || settings_.self == node_id::primary;", "bool const mine = true;"),
    Mutant("nobody_offers", "machine_rules.cpp",
           "start_offer(time_point::max());", "return false;"),
    Mutant("offers_before_release", "machine_requests.cpp",
           'pending_ = pending{r, now_ + limits::request};\n    release(aftermath::offer, "an operator asked");',
           'pending_ = pending{r, now_ + limits::request};\n    start_offer(now_ + limits_.offer);'),
    Mutant("always_failback", "machine_rules.cpp",
           "settings_.timing.auto_failback && settings_.self", "settings_.self"),
    Mutant("unsteady_for_ever", "machine_rules.cpp",
           "if (!unsteady_ || !past(damper_.steady_at()))", "if (true)"),
    Mutant("damps_take_overs", "machine_rules.cpp",
           "if (!alive_) {\n        bool const alone", "if (!alive_) {\n        if (unsteady_)\n            return false;\n        bool const alone"),
    Mutant("takes_without_ping_nodes", "machine_rules.cpp",
           "if (alone && settings_.timing.no_takeover_without_ping)", "if (false)"),
    Mutant("believes_old_pings", "machine_rules.cpp",
           "bool const alone = !gone_ && has_peer() && isolated();", "bool const alone = !gone_ && has_peer() && cut_off(report());"),
    Mutant("counts_what_was_asked_before", "machine_pings.cpp",
           " || a.asked < *pinging_since_", ""),
    Mutant("keeps_an_answer_for_ever", "machine_pings.cpp",
           "return !reached_at_ || now_ - *reached_at_ > std::max(settings_.timing.deadtime, 2 * ping_interval());", "return !reached_at_;"),
    Mutant("forgets_no_answer", "machine_pings.cpp",
           "        forget_pings();\n", ""),
    Mutant("ignores_the_witness", "machine_rules.cpp",
           "if (has_peer() && !gone_ && !may_replace_silent_peer())", "if (has_peer() && !gone_ && !may_replace_silent_peer() && false)"),
    Mutant("believes_an_old_witness", "machine_events.cpp",
           "gone_ = false;\n        forget_witness();", "gone_ = false;"),
    Mutant("holds_without_service", "machine_rules.cpp",
           "if (!health_.service_ok) {\n", "if (false) {\n"),
    Mutant("effects_twice", "machine.cpp",
           "asked_release_at_ = now_;\n    out_->push_back(release_addresses{after_ == aftermath::offer && alive_});",
           "asked_release_at_ = now_;\n    out_->push_back(release_addresses{after_ == aftermath::offer && alive_});\n    out_->push_back(release_addresses{});"),
    Mutant("failed_release_is_ignored", "machine_events.cpp",
           "if (r.ok)\n        return released();\n    effect_ = effect::none;", "return released();"),
    Mutant("renews_for_ever", "machine_rules.cpp",
           "bool machine::rule_passive() {\n",
           "bool machine::rule_passive() {\n    if (due(next_refresh_)) {\n        next_refresh_ = now_ + settings_.refresh;\n"
           "        out_->push_back(refresh_addresses{});\n    }\n"),
    Mutant("forgets_the_deadline", "machine_rules.cpp",
           "if (alive_) { if (!late_)", "if (false) { if (!late_)"),
]


def compile_command(root: Path, source: Path, out: Path) -> list[str]:
    compiler = os.environ.get("CXX", "g++")
    launcher = ["ccache"] if shutil.which("ccache") else []
    return launcher + [compiler, "-std=c++20", "-O1", "-c", str(source), "-o", str(out),
                       "-I", str(root / "libcluster/src"), "-I", str(root / "libcluster/include"),
                       "-I", str(ROOT / "libbalance/include"), "-I", str(ROOT / "tests/sim")]


def build(root: Path, sources: list[Path], out: Path) -> list[Path]:
    """Compiles `sources` against the libcluster in `root`; returns the objects."""
    out.mkdir(parents=True, exist_ok=True)
    objects = []
    for source in sources:
        target = out / (source.stem + ".o")
        subprocess.run(compile_command(root, source, target), check=True)
        objects.append(target)
    return objects


def link(objects: list[Path], program: Path) -> None:
    subprocess.run([os.environ.get("CXX", "g++"), *map(str, objects), "-pthread", "-o", str(program)], check=True)


def patched(text: str, mutant: Mutant) -> str:
    """`old` is found whatever its white space, so that a formatter does not break the list."""
    pattern = r"\s+".join(re.escape(word) for word in mutant.old.split())
    new, count = re.subn(pattern, lambda _: mutant.new, text)
    if count != 1:
        raise RuntimeError(f"the patch applies {count} times in {mutant.file}: bring it up to date in {Path(__file__).name}")
    return new


def kept_for(name: str) -> list[int]:
    """The seeds that the corpus keeps because they notice this mutant: "SEED NAME, NAME: what they notice"."""
    lines = [line.partition(" ") for line in CORPUS.read_text().splitlines() if line and line[0] != "#"]
    return [int(seed) for seed, _, claim in lines if name in re.split(r", |: ", claim)]


def simulate(program: Path, first: int, last: int) -> tuple[bool, str]:
    done = subprocess.run([str(program), "--seeds", f"{first}..{last}", "--no-table", "--threads", "1", "--until-failure",
                           "--least", "0"], capture_output=True, text=True, timeout=600)
    words = done.stdout + done.stderr
    rule = re.search(r"^seed (\d+): (.*?) at |broke its own rule: (.*)$", words, re.M)
    found = rule.group(0).removesuffix(" at ") if rule else "nothing found" if done.returncode == 0 else words[-200:]
    return done.returncode != 0, found


def hunt(mutant: Mutant, root: Path, base: dict[str, Path], seeds: int) -> tuple[Mutant, bool, str]:
    place = root / mutant.name
    shutil.copytree(ROOT / "libcluster/src/failover", place / FAILOVER)
    shutil.copytree(ROOT / "libcluster/include", place / "libcluster/include")
    source = place / FAILOVER / mutant.file
    try:
        source.write_text(patched(source.read_text(), mutant))
    except RuntimeError as fault:
        return mutant, False, str(fault)
    objects = dict(base)
    objects[source.stem] = build(place, [source], place / "objects")[0]
    link(list(objects.values()), place / "dyad_sim")
    kept = kept_for(mutant.name)
    for first, last in [(seed, seed) for seed in kept] or [(1, seeds)]:
        caught, words = simulate(place / "dyad_sim", first, last)
        if not caught and kept:
            words = f"seed {first}, which the corpus keeps for it, finds nothing"
        if not caught:
            break
    return mutant, caught, words


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=1000, help="within which a mutant has to be caught for which the corpus keeps none")
    arguments.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments.add_argument("names", nargs="*")
    options = arguments.parse_args()
    chosen = [m for m in MUTANTS if not options.names or m.name in options.names]
    if not chosen:
        print("no such mutant", file=sys.stderr)
        return 2
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dyad-mutants-") as directory:
        root = Path(directory)
        sources = sorted((ROOT / FAILOVER).glob("*.cpp")) + \
            [s for s in sorted((ROOT / "tests/sim").glob("*.cpp")) if not s.name.endswith("_test.cpp")]
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            objects = pool.map(lambda s: build(ROOT, [s], root / "base" / s.parent.name)[0], sources)
            base = {o.parent.name + "/" + o.stem if o.parent.name == "sim" else o.stem: o for o in objects}
            link(list(base.values()), root / "dyad_sim")
            broken, words = simulate(root / "dyad_sim", 1, 100)
            if broken:
                print(f"the machine itself fails: {words}")
                return 1
            results = list(pool.map(lambda m: hunt(m, root, base, options.seeds), chosen))
    failed = 0
    for mutant, caught, words in results:
        failed += not caught
        print(f"{'caught ' if caught else 'MISSED '} {mutant.name:36} {words}")
    print(f"{len(results) - failed} mutants caught, {failed} missed in {time.monotonic() - begin:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: Apache-2.0
"""Figures of a bench: ours beside theirs, held against a bar."""

import json
import statistics
import sys


class Figure:
    """One thing measured several times on both; the maximum counts. `bar` None: only told, never missed."""

    def __init__(self, what, unit, bar=None):
        self.what, self.unit, self.bar = what, unit, bar
        self.ours, self.theirs = [], []

    @property
    def met(self):
        if self.bar is None:
            return None
        return bool(self.ours) and max(self.ours) <= self.bar

    @staticmethod
    def summary(values):
        if not values:
            return None
        return {"n": len(values), "min": min(values), "median": statistics.median(values), "max": max(values)}

    def as_dict(self):
        return {"what": self.what, "unit": self.unit, "ours": self.summary(self.ours), "theirs": self.summary(self.theirs),
                "ratio": self.ratio, "bar": self.bar, "met": self.met}

    @property
    def ratio(self):
        if not self.ours or not self.theirs or max(self.theirs) == 0:
            return None
        return max(self.ours) / max(self.theirs)

    def line(self):
        def show(values):
            s = self.summary(values)
            return "-" if s is None else f"{s['min']:.4g} / {s['median']:.4g} / {s['max']:.4g} (n {s['n']})"
        ratio = "-" if self.ratio is None else f"{self.ratio:.3f}"
        bar = "-" if self.bar is None else f"<= {self.bar:g} {self.unit}"
        verdict = {True: "met", False: "missed", None: "told"}[self.met]
        return f"{self.what:<44} {show(self.ours):<34} {show(self.theirs):<34} {ratio:>8}  {bar:<10} {verdict}"


class Report:
    def __init__(self, title):
        self.title = title
        self.figures = []
        self.notes = []

    def figure(self, what, unit, bar=None):
        self.figures.append(Figure(what, unit, bar))
        return self.figures[-1]

    @property
    def missed(self):
        return sum(1 for f in self.figures if f.met is False)

    def write(self, out, as_json=False):
        met = sum(1 for f in self.figures if f.met)
        if as_json:
            json.dump({"bench": self.title, "figures": [f.as_dict() for f in self.figures], "notes": self.notes, "met": met,
                       "missed": self.missed}, out, indent=1)
            out.write("\n")
            return
        print(f"{self.title}; minimum / median / maximum, the maximum counts", file=out)
        print(f"{'what':<44} {'ours':<34} {'theirs':<34} {'ratio':>8}  {'bar':<10}", file=out)
        for figure in self.figures:
            print(figure.line(), file=out)
        for note in self.notes:
            print(note, file=out)
        print(f"{met} met, {self.missed} missed", file=out)


def progress(text):
    """Where a terminal looks, and not into the figures."""
    print(text, file=sys.stderr, flush=True)

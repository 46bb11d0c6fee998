# SPDX-License-Identifier: Apache-2.0
"""Figures of a bench: ours beside theirs, held against a bar."""

import json
import statistics
import sys

COUNTS = {"maximum": max, "median": statistics.median}


class Figure:
    """One thing measured several times on both. `counts` says which of the values is held against the bar, "maximum" or
    "median". `bar` is for ours, `ratio_bar` for ours over theirs; with neither it is only told, never missed."""

    def __init__(self, what, unit, bar=None, ratio_bar=None, exactly=False, counts="maximum"):
        self.what, self.unit, self.bar, self.ratio_bar, self.exactly = what, unit, bar, ratio_bar, exactly
        self.ours, self.theirs = [], []
        self._one = COUNTS[counts]

    @property
    def met(self):
        if self.bar is None and self.ratio_bar is None:
            return None
        if not self.ours:
            return False
        if self.ratio_bar is not None:
            return self.ratio is not None and self.ratio <= self.ratio_bar
        one = self._one(self.ours)
        return one == self.bar if self.exactly else one <= self.bar

    @staticmethod
    def summary(values):
        if not values:
            return None
        return {"n": len(values), "min": min(values), "median": statistics.median(values), "max": max(values)}

    def as_dict(self):
        return {"what": self.what, "unit": self.unit, "ours": self.summary(self.ours), "theirs": self.summary(self.theirs),
                "ratio": self.ratio, "bar": self.bar, "ratio_bar": self.ratio_bar, "met": self.met}

    @property
    def ratio(self):
        if not self.ours or not self.theirs or self._one(self.theirs) == 0:
            return None
        return self._one(self.ours) / self._one(self.theirs)

    def line(self):
        def show(values):
            s = self.summary(values)
            return "-" if s is None else f"{s['min']:.4g} / {s['median']:.4g} / {s['max']:.4g} (n {s['n']})"
        ratio = "-" if self.ratio is None else f"{self.ratio:.3f}"
        bar = f"ratio <= {self.ratio_bar:g}" if self.ratio_bar is not None else "-" if self.bar is None else f"<= {self.bar:g} {self.unit}"
        verdict = {True: "met", False: "missed", None: "told"}[self.met]
        return f"{self.what:<44} {show(self.ours):<34} {show(self.theirs):<34} {ratio:>8}  {bar:<13} {verdict}"


class Report:
    def __init__(self, title, counts="maximum"):
        self.title, self.counts = title, counts
        self.figures = []
        self.notes = []

    def figure(self, what, unit, bar=None, ratio_bar=None, exactly=False, counts=None):
        self.figures.append(Figure(what, unit, bar, ratio_bar, exactly, counts or self.counts))
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
        print(f"{self.title}; minimum / median / maximum, the {self.counts} counts", file=out)
        print(f"{'what':<44} {'ours':<34} {'theirs':<34} {'ratio':>8}  {'bar':<13}", file=out)
        for figure in self.figures:
            print(figure.line(), file=out)
        for note in self.notes:
            print(note, file=out)
        print(f"{met} met, {self.missed} missed", file=out)


def progress(text):
    """Where a terminal looks, and not into the figures."""
    print(text, file=sys.stderr, flush=True)

# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition with a limit; never for a fixed time."""

import time


def until(condition, within, what, every=0.005, describe=None):
    """Returns the first true value of `condition()`; after `within` seconds fails, saying `what` and `describe()`."""
    end = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            more = f"\n{describe()}" if describe else ""
            raise AssertionError(f"not within {within:g} s: {what}{more}")
        time.sleep(every)


def stays(condition, during, what, every=0.01, describe=None):
    """Fails as soon as `condition()` is false, looked at for `during` seconds."""
    end = time.monotonic() + during
    while time.monotonic() < end:
        if not condition():
            more = f"\n{describe()}" if describe else ""
            raise AssertionError(f"did not stay so for {during:g} s: {what}{more}")
        time.sleep(every)

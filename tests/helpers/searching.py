"""Searches for inputs that break something: short and the same in a test run, as long as wanted in `tox -e fuzz`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("PARIBUS_FUZZ", "1"))
"""How many times as long as in a test run; beyond once, every search draws other inputs."""


def searched(examples: int) -> settings:
    """Return the settings of a search that takes so many examples in a test run."""
    return settings(
        max_examples=examples * TIMES,
        deadline=None,
        derandomize=TIMES == 1,
        database=None,
        suppress_health_check=[*HealthCheck],
        print_blob=True,
    )

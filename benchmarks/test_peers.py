"""One whole comparison by each library, from a cold start to the table; the page is results/latest/peers.md.

``pytest benchmarks`` leaves this file out, because it takes minutes and needs a quiet machine and the libraries:
``tox -e peers`` brings them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.measure import PEERS, measure_peer, missing
from benchmarks.peers.page import write_page
from paribus.frontends.pytest_session import CLOCK


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.benchmark(group="five optimizers, ten seeds, 1000 steps: seconds", timer=CLOCK)
def test_whole_comparison(name: str, pytestconfig: pytest.Config, benchmark: Any) -> None:
    """Seconds from the command to the table, with empty caches."""
    if reason := missing(PEERS[name]):
        pytest.skip(reason)
    measured = measure_peer(name)
    write_page(Path(pytestconfig.getoption("--paribus-out")), name, measured)
    benchmark.pedantic(_show, args=(measured["cold"],), rounds=1, iterations=1)
    benchmark.extra_info |= {"warm": measured["warm"], **measured["means"]}


def _show(seconds: float) -> None:
    with CLOCK.showing() as shown:
        shown.append(seconds)

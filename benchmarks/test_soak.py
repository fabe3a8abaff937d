"""Kill-and-resume soak: a comparison that is killed over and over leaves what an undisturbed one does.

``pytest benchmarks`` leaves this file out; ``tox -e soak`` runs it. ``PARIBUS_SOAK_KILLS`` is the number of kills of
each way (default: 6), ``PARIBUS_SOAK_SEED`` the seed of their moments. The page is results/latest/soak.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.soak.cluster import cluster
from benchmarks.soak.kills import WAYS, Soak
from benchmarks.soak.page import write_page
from benchmarks.soak.processes import left

KILLS = int(os.environ.get("PARIBUS_SOAK_KILLS", "6"))
SEED = int(os.environ.get("PARIBUS_SOAK_SEED", "0"))


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_lost(way: str, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Whatever is killed when, pages and store are those of an undisturbed command, and nothing else is left."""
    soak = Soak(way, tmp_path / way, SEED)
    with _cluster(soak) if way == "dask" else _here(soak):
        tally = soak.run(KILLS)
    write_page(Path(pytestconfig.getoption("--paribus-out")), way, tally, SEED)
    assert tally.faults == []
    assert tally.kills.total() >= KILLS
    assert tally.again == 0


@contextmanager
def _here(_soak: Soak) -> Iterator[None]:
    yield


@contextmanager
def _cluster(soak: Soak) -> Iterator[None]:
    mark, own = f"{soak.mark} cluster", soak.folder / "cluster-tmp"
    own.mkdir()
    environment = soak.environment(mark) | {"TMPDIR": str(own)}
    with cluster(soak.folder / "cluster", environment) as soak.cluster:
        yield
    soak.tally.faults += [f"left {process}" for process in left(mark)]
    soak.tally.faults += [f"left {path}" for path in own.glob("pymp-*")]

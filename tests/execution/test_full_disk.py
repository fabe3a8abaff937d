"""Whole runs whose disk is full or whose names lead elsewhere: one line, finished runs kept, pages of what there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from paribus.execution.orchestrate import run_suites
from paribus.execution.settings import Settings
from paribus.runs.store import Store
from tests.helpers.refusals import refused
from tests.helpers.small_disk import mounted
from tests.helpers.toys import comparison, suite


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "small", 160) as place:
        yield place


def settings(store: Path, out: Path, seeds: int) -> Settings:
    return Settings(
        store=store, out=out, seeds=seeds, device="cpu", engine="loop", arm="default", jobs=1
    )


def test_a_run_whose_store_is_full_keeps_what_it_finished_and_writes_its_pages(
    small_disk: Path, tmp_path: Path
) -> None:
    store, out = small_disk / "runs.sqlite", tmp_path / "out"
    said = refused(run_suites, [suite()], settings(store, out, 30))
    assert said == (
        f"the store of runs: got {store}, which cannot be written any more (database or disk is full), expected room "
        "on a disk that works. Make room, and run the same command again: what the store holds is kept, and not "
        "trained again."
    )
    with Store(store) as opened:
        assert opened._rows("select count(*) from runs")[0][0] > 0
        assert opened._rows("pragma integrity_check") == [("ok",)]
    assert (out / "toys.md").exists()


def test_a_copy_of_a_suite_with_another_name_is_refused_before_anything_is_trained(
    tmp_path: Path,
) -> None:
    """Copies are not checked where they are made."""
    wrong = suite().model_copy(update={"name": "../evil"})
    said = refused(run_suites, [wrong], settings(tmp_path / "s.sqlite", tmp_path / "out", 2))
    assert said.startswith("name of a suite: got '../evil', expected a name for files")
    copy = comparison().model_copy(update={"name": "a/b"})
    wrong = suite().model_copy(update={"comparisons": (copy,)})
    said = refused(run_suites, [wrong], settings(tmp_path / "s.sqlite", tmp_path / "out", 2))
    assert said.startswith("name of a comparison: got 'a/b', expected a name for files")
    assert [*tmp_path.iterdir()] == []

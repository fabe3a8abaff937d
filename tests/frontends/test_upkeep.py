"""Commands for the cache and for stores: what they show, remove, save and refuse."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from paribus.data.cache_limits import DAY, Limits, limits
from paribus.runs.store import Store
from paribus.runs.store_file import WORDS, columns, opened
from paribus.runs.timing import Timing
from tests.helpers.toys import a_run

Command = Callable[..., tuple[int, str, str]]
HASH = "0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a cache with a program that was used ten days ago, and facts of a network."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("PARIBUS_CACHE", str(folder))
    (folder / f"program-{HASH}.npz").write_bytes(bytes(2_000_000))
    (folder / f"network-{HASH}.json").write_text("{}")
    then = time.time() - 10 * DAY
    os.utime(folder / f"program-{HASH}.npz", (then, then))
    return folder


def test_the_cache_is_shown_by_kind(folder: Path, paribus: Command) -> None:
    status, output, _ = paribus("cache")
    assert status == 0
    assert re.sub(r"\d{4}-\d\d-\d\d", "DAY", output) == (
        f"cache folder: {folder}\n"
        "  network: 1 file of 0.0 MB, last used DAY (facts of networks)\n"
        "  program: 1 file of 2.0 MB, last used DAY (steps of networks as programs)\n"
        "in all: 2 files of 2.0 MB\n"
        "limits: 1000 MB, 90 days without use\n"
    )


def test_the_cache_is_cleared(folder: Path, paribus: Command) -> None:
    (folder / "mine.txt").write_text("a user's own")
    assert paribus("cache", "--clear") == (
        0,
        f"removed: 2 files of 2.0 MB\ncache folder: {folder}\nin all: 0 files of 0.0 MB\n"
        "limits: 1000 MB, 90 days without use\n",
        "",
    )
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("words", [["--limit", "1"], ["--days", "9"]])
def test_limits_hold_at_once_and_from_then_on(
    folder: Path, paribus: Command, words: list[str]
) -> None:
    _, output, _ = paribus("cache", *words)
    assert output.startswith("removed: 1 file of 2.0 MB\n")
    assert limits(folder) in (Limits(1, 90), Limits(1000, 9))
    assert (folder / f"network-{HASH}.json").exists()


@pytest.mark.parametrize("value", ["-1", "nan", "inf"])
def test_limits_that_are_none_are_refused(folder: Path, paribus: Command, value: str) -> None:
    status, _, said = paribus("cache", "--limit", value)
    assert status == 2
    assert said == (
        f"paribus: --limit: got {float(value)}, expected a number, at least 0. Use --clear to remove all.\n"
    )
    assert limits(folder) == Limits()


def test_a_cache_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paribus: Command
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path / "file" / "cache"))
    assert paribus("cache")[0] == 0
    assert paribus("cache", "--limit", "3") == (
        2,
        "",
        f"paribus: the cache folder: got {tmp_path / 'file' / 'cache'} (Not a directory), expected a folder that can "
        "be written. Name another by the environment variable PARIBUS_CACHE.\n",
    )


def test_no_home_is_said(monkeypatch: pytest.MonkeyPatch, paribus: Command) -> None:
    for name in ("PARIBUS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def homeless(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    assert paribus("cache") == (
        2,
        "",
        "paribus: the cache folder: got no home folder for the cache: Could not determine home directory., expected a "
        "home folder, or another place. Name one by the environment variable PARIBUS_CACHE.\n",
    )


def test_a_damaged_store_is_saved_by_the_command_that_its_refusal_names(
    tmp_path: Path, paribus: Command
) -> None:
    from tests.runs.test_damaged_store import RECORDS, sql

    path, new = tmp_path / "runs.sqlite", tmp_path / "runs-saved.sqlite"
    with Store(path) as store:
        for seed in range(3):
            store.add(a_run(seed), RECORDS[seed])
    sql(path, "update runs set record = '{' where seed = 1")
    assert paribus("salvage", str(path), str(new)) == (
        0,
        f"runs: 2 kept, 1 lost\npredictions of runs: 3 kept, 0 lost\nnew store: {new}; go on with --store {new}\n",
        "",
    )
    with Store(new) as store:
        assert [*store.get(a_run(seed).key for seed in range(3))] == [a_run(0).key, a_run(2).key]
    assert paribus("salvage", str(path), str(new)) == (
        2,
        "",
        f"paribus: files of paribus salvage: got {new}, which is there, expected a damaged store, and a path for a new "
        "one where nothing is yet. Check both paths.\n",
    )


def test_stores_are_merged_by_a_command(tmp_path: Path, paribus: Command) -> None:
    from tests.runs.test_damaged_store import RECORDS

    paths, new = [tmp_path / "a.sqlite", tmp_path / "b.sqlite"], tmp_path / "all.sqlite"
    for i, path in enumerate(paths):
        with Store(path) as store:
            for seed in (i, i + 1):
                store.add(a_run(seed), RECORDS[seed])
            store.choose("cohort", "loop", f"{i}", 3)
    assert paribus("merge", *map(str, paths), "--into", str(new)) == (
        0,
        "runs: 3 added, 1 there already\npredictions of runs: 3 added, 1 there already\n"
        "choices of engines: 1 added, 0 there already, 1 there already with other values, which stand\n"
        f"store: {new}; go on with --store {new}\n",
        "",
    )


def test_tables_are_told_in_words(tmp_path: Path, paribus: Command) -> None:
    from tests.runs.test_damaged_store import RECORDS, sql

    path, new = tmp_path / "runs.sqlite", tmp_path / "new.sqlite"
    with Store(path) as store:
        store.add(a_run(0), RECORDS[0])
        store.look("comparison", 10)
        store.choose("cohort", "loop", "asked for", 3)
        store.freeze("spaces", {"lr": 1})
        store.seal("suite/comparison", "digest", {"runs": "0"})
        store.add_timing("variant", "baseline", "cpu", Timing([1.0], [1.0]))
    _, shown, _ = paribus("store", str(path))
    held = [line.strip() for line in shown.splitlines()[1:-1]]
    assert [re.sub(r", kept .*", "", line) for line in held] == [
        "runs: 1",
        "predictions of runs: 1",
        "looks taken at results: 1",
        "choices of engines: 1",
        "search spaces that a pilot ended with: 1",
        "declarations sealed before training: 1",
        "step times: 1",
    ]
    sql(path, "update frozen set value = '{'")
    _, checked, _ = paribus("store", str(path), "--check")
    assert checked.splitlines()[-1] == (
        "damaged: 1 of 1 search spaces that a pilot ended with; paribus salvage saves the others"
    )
    assert paribus("merge", str(path), "--into", str(new))[2].startswith(
        f"paribus: the store of runs: got {path}, which is damaged (among its search spaces that a pilot ended with, "
        "spaces: JSONDecodeError: "
    )
    _, saved, _ = paribus("salvage", str(path), str(new))
    assert saved.splitlines()[2:-1] == [
        "looks taken at results: 1 kept, 0 lost",
        "choices of engines: 1 kept, 0 lost",
        "declarations sealed before training: 1 kept, 0 lost",
        "step times: 1 kept, 0 lost",
        "search spaces that a pilot ended with: 0 kept, 1 lost",
    ]


def test_every_table_has_words(tmp_path: Path) -> None:
    with closing(opened(tmp_path / "runs.sqlite")) as db:
        assert columns(db).keys() == WORDS.keys()


def test_a_store_is_shown_and_checked(tmp_path: Path, paribus: Command) -> None:
    from tests.runs.test_damaged_store import RECORDS, sql

    path = tmp_path / "runs.sqlite"
    with Store(path) as store:
        for seed in range(2):
            store.add(a_run(seed), RECORDS[seed])
    status, shown, _ = paribus("store", str(path))
    size = path.stat().st_size / 1e6
    assert (status, re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d)?", "DAY", shown)) == (
        0,
        f"store: {path} of {size:.1f} MB\n  runs: 2, kept DAY\n  predictions of runs: 2\n"
        f"  training of Small on 'toy' with seed 1 (run {a_run(1).key}): completed, DAY\n"
        f"  training of Small on 'toy' with seed 0 (run {a_run(0).key}): completed, DAY\n",
    )
    assert paribus("store", str(path), "--check") == (0, f"{shown}damaged: none\n", "")
    sql(path, "update runs set record = '{' where seed = 1")
    damaged = "damaged: 1 of 2 runs; paribus salvage saves the others\n"
    assert paribus("store", str(path), "--check") == (1, f"{shown}{damaged}", "")

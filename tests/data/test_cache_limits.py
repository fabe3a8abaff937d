"""Cache folder: what is old or too much goes, what is in use or another program's stays."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from paribus.data import cache_limits
from paribus.data.cache import (
    MAX_FAILURES,
    cache_write,
    cached_array,
    cached_text,
    failure,
    note_failure,
)
from paribus.data.cache_limits import (
    DAY,
    Limits,
    clear,
    entries,
    evict,
    limits,
    set_limits,
)

HASH = "0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    monkeypatch.setattr(cache_limits, "_looked", {})
    return tmp_path


def kept(folder: Path, name: str, days: float = 1.0, size: int = 1000) -> Path:
    """Write a file of the cache that was used so many days ago."""
    path = folder / name
    path.write_bytes(bytes(size))
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    return path


def test_what_was_not_used_for_long_is_removed(folder: Path) -> None:
    old = kept(folder, f"program-{HASH}.npz", days=91)
    new = kept(folder, f"network-{HASH}.json", days=89)
    assert [entry.path for entry in evict(folder, Limits())] == [old]
    assert [*folder.iterdir()] == [new]


def test_beyond_its_size_what_was_not_used_for_longest_goes_first(folder: Path) -> None:
    files = [kept(folder, f"program-{i}{HASH}.npz", days=9 - i, size=10**6) for i in range(5)]
    assert {entry.path for entry in evict(folder, Limits(megabytes=2.5))} == {*files[:3]}
    assert {*folder.iterdir()} == {*files[3:]}


def test_what_was_just_used_stays_though_it_is_too_much(folder: Path) -> None:
    """Another process may be about to load it."""
    path = kept(folder, f"steps-{HASH}1234.so", days=0, size=10**6)
    assert evict(folder, Limits(megabytes=0)) == []
    assert path.exists()


def test_files_and_links_of_others_stay(folder: Path) -> None:
    """A folder that a user chose may hold anything."""
    own = kept(folder.parent, f"other-{HASH}.npz", days=999)
    (folder / f"link-{HASH}.npz").symlink_to(own)
    for name in ("notes.txt", "data.npz", "program-12.npz", f"x-{HASH}.csv", "runs.sqlite"):
        kept(folder, name, days=999)
    (folder / f"folder-{HASH}.npz").mkdir()
    before = {*folder.iterdir()}
    evict(folder, Limits(0, 0))
    clear(folder)
    assert {*folder.iterdir()} - {folder / f"folder-{HASH}.npz"} == before - {
        folder / f"folder-{HASH}.npz"
    }
    assert own.exists()


def test_what_an_ended_process_left_unfinished_is_removed(folder: Path) -> None:
    for name, days in (
        ("paribus-unfinished-a", 2.0),
        ("paribus-unfinished-b", 0.0),
        ("tmpabcd1234", 2.0),
    ):
        (folder / name).mkdir()
        kept(folder / name, "whole.so")
        then = time.time() - days * DAY
        os.utime(folder / name, (then, then))
    evict(folder, Limits())
    assert {path.name for path in folder.iterdir()} == {"paribus-unfinished-b", "tmpabcd1234"}


def test_a_read_is_a_use(folder: Path) -> None:
    cached_text(f"suite-{HASH}.json", lambda: "text")
    array = cached_array("digits", [1], lambda: np.zeros(3))
    then = time.time() - 50 * DAY
    for path in folder.iterdir():
        os.utime(path, (then, then))
    assert cached_text(f"suite-{HASH}.json", lambda: "made again") == "text"
    assert cached_array("digits", [1], lambda: np.ones(3)).tolist() == array.tolist()
    assert all(time.time() - entry.used < DAY for entry in entries(folder))
    assert len(entries(folder)) == 2


def test_a_write_makes_room_once_an_hour(folder: Path) -> None:
    old = kept(folder, f"program-{HASH}.npz", days=91)
    with cache_write(f"network-{HASH}.json") as path:
        path.write_text("{}")
    assert not old.exists()
    old = kept(folder, f"program-{HASH}.npz", days=91)
    with cache_write(f"network-{HASH}.json") as path:
        path.write_text("{}")
    assert old.exists()


def test_limits_are_kept_and_damaged_ones_are_the_usual(folder: Path) -> None:
    assert limits(folder) == Limits(1000, 90)
    set_limits(folder, Limits(5, 2))
    assert limits(folder) == Limits(5, 2)
    numbers = [f'{{"megabytes": {size}, "days": {days}}}' for size, days in (("NaN", 1), (1, -1))]
    for text in ("", "{", "[]", '{"megabytes": "x", "days": 1}', *numbers):
        (folder / cache_limits.LIMITS).write_text(text)
        assert limits(folder) == Limits(1000, 90)


def test_what_failed_twice_is_not_tried_again_for_a_day(folder: Path) -> None:
    name = f"steps-{HASH}1234.so"
    note_failure(name, "status 1")
    assert failure(name) == ""
    note_failure(name, "status 2")
    assert MAX_FAILURES == 2
    assert failure(name) == (
        "it failed 2 times, and is not tried again for a day or until paribus cache --clear: status 2"
    )
    assert failure("steps-ffff.so") == ""
    (path,) = folder.iterdir()
    then = time.time() - 1.1 * DAY
    os.utime(path, (then, then))
    assert failure(name) == ""
    note_failure(name, "status 3")
    assert failure(name) == ""


def test_a_failure_is_forgotten_when_the_cache_is_cleared(folder: Path) -> None:
    for _ in range(2):
        note_failure(f"steps-{HASH}1234.so", "status 1")
    clear(folder)
    assert failure(f"steps-{HASH}1234.so") == ""


def test_nothing_is_kept_under_a_name_that_would_never_be_removed(folder: Path) -> None:
    for name in ("program.npz", f"program-{HASH}.bin", f"{HASH}.npz"):
        with (
            pytest.raises(AssertionError, match="would never be shown or removed"),
            cache_write(name),
        ):
            pass
    assert [*folder.iterdir()] == []

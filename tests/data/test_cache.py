"""Files that are written whole, and dictionaries that keep the latest entries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from paribus.data.cache import atomic_write, cached_array, cached_text, keep_latest


def test_a_file_is_replaced_when_all_of_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "numbers.txt"
    for text in ("1 2", "3 4"):
        before = path.read_text(encoding="utf-8") if path.exists() else None
        with atomic_write(path) as whole:
            whole.write_text(text, encoding="utf-8")
            assert (path.read_text(encoding="utf-8") if path.exists() else None) == before
        assert path.read_text(encoding="utf-8") == text
    assert [*path.parent.iterdir()] == [path]


def test_an_error_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("1 2", encoding="utf-8")

    def fail() -> None:
        with atomic_write(path) as whole:
            whole.write_text("3", encoding="utf-8")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text(encoding="utf-8") == "1 2"
    assert [*tmp_path.iterdir()] == [path]


def test_the_oldest_entries_are_dropped() -> None:
    entries = {"a": 1, "b": 2}
    keep_latest(entries, "b", 3, 2)
    assert entries == {"a": 1, "b": 3}
    keep_latest(entries, "c", 4, 2)
    assert entries == {"b": 3, "c": 4}


def test_a_full_disk_or_no_home_costs_the_time_of_making_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.save", full)
    assert cached_array("x", [1], lambda: np.arange(3)).tolist() == [0, 1, 2]
    assert [*tmp_path.iterdir()] == []

    def homeless(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("PARIBUS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert cached_array("x", [1], lambda: np.arange(3)).tolist() == [0, 1, 2]
    assert cached_text("x-0.json", lambda: "text") == "text"

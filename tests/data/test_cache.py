"""Files that are written whole, and dictionaries that keep the latest entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from paribus.data.cache import atomic_write, keep_latest


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

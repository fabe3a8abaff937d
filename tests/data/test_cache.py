"""Files that are written whole, and dictionaries that keep the latest entries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paribus.data.cache import atomic_write, cached_array, cached_text, keep_latest
from tests.helpers.searching import searched


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

    monkeypatch.setattr("numpy.savez", full)
    assert cached_array("x", [1], lambda: np.arange(3)).tolist() == [0, 1, 2]
    assert [*tmp_path.iterdir()] == []

    def homeless(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("PARIBUS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert cached_array("x", [1], lambda: np.arange(3)).tolist() == [0, 1, 2]
    assert cached_text("x-0123456789abcdef.json", lambda: "text") == "text"


def test_any_flipped_bit_of_an_array_is_as_good_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    whole = np.arange(4.0)
    cached_array("x", [1], lambda: whole)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    for place in range(8 * len(content)):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        assert np.array_equal(cached_array("x", [1], lambda: whole), whole)


@searched(60)
@given(
    place=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
    piece=st.binary(max_size=4),
    cut=st.floats(0, 1),
)
@example(place=0.5, bit=0, piece=b"", cut=1.0)
@example(place=0.0, bit=0, piece=b"\x80\x04N.", cut=0.1)
@example(place=0.0, bit=0, piece=b"", cut=0.0)
def test_a_damaged_array_is_made_again(
    tmp_path_factory: pytest.TempPathFactory, place: float, bit: int, piece: bytes, cut: float
) -> None:
    """A flipped bit must not become another number."""
    folder, whole = tmp_path_factory.mktemp("cache"), np.arange(40.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARIBUS_CACHE", str(folder))
        cached_array("x", [1], lambda: whole)
        (path,) = folder.iterdir()
        content = bytearray(path.read_bytes())
        i = int(place * len(content))
        content[i] ^= 1 << bit
        content[i + 1 : i + 1 + len(piece)] = piece
        path.write_bytes(content[: int(cut * len(content))])
        assert cached_array("x", [1], lambda: whole).tolist() == whole.tolist()

"""Archives of arrays: whole ones are known as such, and no damage that would change a number is taken for whole."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import numpy as np
import pytest

from paribus.runs.array_archive import is_whole
from paribus.runs.records import ARRAYS, DamagedError, packed, unpacked
from paribus.runs.run import Predictions

draw = np.random.default_rng(0)
LARGE = Predictions(
    draw.normal(size=(500, 10)).astype(np.float32), np.arange(500), np.zeros((500, 10))
)
SMALL = Predictions(draw.normal(size=(3, 2)), np.arange(3), np.zeros((3, 2), dtype=np.float32))


@pytest.mark.parametrize("predictions", [SMALL, LARGE])
def test_what_a_store_keeps_is_whole(predictions: Predictions) -> None:
    assert is_whole(packed(predictions), ARRAYS)


def _numbers(blob: bytes) -> list[tuple[str, tuple[int, ...], bytes]]:
    with np.load(io.BytesIO(blob), allow_pickle=False) as arrays:
        return [(arrays[n].dtype.str, arrays[n].shape, arrays[n].tobytes()) for n in sorted(arrays)]


def test_a_flipped_bit_is_found_wherever_it_changes_a_number() -> None:
    """What numpy reads of an archive is the oracle; bits that nobody reads, such as of dates, may be others."""
    whole = packed(SMALL)
    numbers, found = _numbers(whole), 0
    for place in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << bit
            if is_whole(bytes(flipped), ARRAYS):
                assert _numbers(bytes(flipped)) == numbers, (place, bit)
            else:
                found += 1
    assert found > 4 * len(whole)  # half of all


def test_any_flipped_bit_is_refused_or_changes_nothing() -> None:
    """Whatever else it says of the archive: that it is encrypted, packed otherwise, or of a later format."""
    whole = Predictions(np.arange(6.0).reshape(3, 2), np.arange(3), np.zeros((3, 2)))
    blob, read = packed(whole), 0
    for place in range(8 * len(blob)):
        flipped = bytearray(blob)
        flipped[place // 8] ^= 1 << place % 8
        try:
            found = unpacked(bytes(flipped))
        except DamagedError:
            continue
        read += 1
        for name in ("outputs", "target", "dummy"):
            assert np.array_equal(getattr(found, name), getattr(whole, name))
    assert 0 < read < 4 * len(blob), "half of all bits are dates and such, which nobody reads"


def test_an_archive_that_was_cut_or_has_more_at_its_end_is_not_whole() -> None:
    whole = packed(SMALL)
    assert not any(is_whole(whole[:end], ARRAYS) for end in range(len(whole)))
    assert not is_whole(whole + b"\0", ARRAYS)


def _archive(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _repeated() -> bytes:
    buffer = io.BytesIO(packed(SMALL))
    with (
        zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as file,
        pytest.warns(match="Duplicate"),
    ):
        file.writestr("target.npy", b"another")
    return buffer.getvalue()


OTHERS: dict[str, Callable[[], bytes]] = {
    "nothing": bytes,
    "an array too few": lambda: _archive(outputs=np.zeros(2), target=np.zeros(2)),
    "an array too many": lambda: _archive(
        outputs=np.zeros(2), target=np.zeros(2), dummy=np.zeros(2), more=np.zeros(2)
    ),
    "an array of objects": lambda: _archive(
        outputs=np.array([{}], dtype=object), target=np.zeros(2), dummy=np.zeros(2)
    ),
    "a name twice": _repeated,
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_archives_are_not_taken(other: str) -> None:
    assert not is_whole(OTHERS[other](), ARRAYS)

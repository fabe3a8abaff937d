"""Any bytes give data or a refusal in a line, never another exception, whatever reads them."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paribus.data.readers.image_folder import read_image_folder
from paribus.data.readers.image_table import read_image_table
from paribus.data.readers.series import read_series
from paribus.data.readers.table import read_table
from paribus.frontends.score_table import sheet_of
from paribus.runs.weights import load_weights
from tests.helpers.damage import damaged, images, tables
from tests.helpers.refusals import perhaps_refused
from tests.helpers.searching import searched

SCORES = Namespace(baseline="a", variant="variant", seed="seed", score="score")
READERS: dict[str, Callable[[Path], object]] = {
    "table": read_table,
    "series": read_series,
    "image table": read_image_table,
    "scores": lambda path: sheet_of(path, SCORES),
    "weights": load_weights,
}
FOUND = sorted((Path(__file__).parent / "found").iterdir())
"""Files that long searches found, each of which ended a reader in another exception once."""


def read(reader: str, content: bytes) -> None:
    """Write bytes beside two images, and read them; a refusal is one line."""
    with tempfile.TemporaryDirectory() as folder:
        for i in (1, 2):
            (Path(folder) / f"{i}.png").write_bytes(images()[0])
        path = Path(folder) / "t.csv"
        path.write_bytes(content)
        said = perhaps_refused(READERS[reader], path)
        assert said is None or "\n" not in said


@pytest.mark.parametrize("reader", READERS)
@searched(60)
@given(content=damaged(tables()))
def test_a_damaged_table_is_read_or_refused(reader: str, content: bytes) -> None:
    read(reader, content)


@pytest.mark.parametrize("reader", READERS)
@searched(60)
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@example(content=b"")
@example(content=b"\xff\xfe")
@example(content=b'a,"b\n')
@example(content=b"PK\x03\x04")
@example(content=b"PAR1PAR1")
@example(content=b"\x80\x04N.")
def test_any_bytes_are_read_or_refused(reader: str, content: bytes) -> None:
    read(reader, content)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
@pytest.mark.parametrize("reader", READERS)
def test_what_a_search_found_is_read_or_refused(reader: str, path: Path) -> None:
    read(reader, path.read_bytes())


@searched(40)
@given(content=damaged(images()))
@example(content=b"")
def test_a_damaged_image_is_read_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label in "ab":
            (folder / label).mkdir()
            for i in range(2):
                (folder / label / f"{i}.png").write_bytes(images()[i])
        (folder / "a" / "0.png").write_bytes(content)
        perhaps_refused(read_image_folder, folder)

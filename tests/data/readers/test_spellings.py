"""Names that are one to a reader and several to a computer: of texts, groups, labels and folders."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from PIL import Image

from paribus.data.readers.image_folder import read_image_folder
from paribus.data.readers.table import read_table

ALONE = "that differ by capital letters, blanks or the coding of accents alone"


def _table(folder: Path, names: list[str]) -> Path:
    path = folder / "t.csv"
    rows = (f"{name},{i * i % 97},{'ab'[i % 2]}" for i, name in enumerate(names * 10))
    path.write_text("\n".join(["sex,x,y", *rows]) + "\n")
    return path


def test_texts_of_a_column(tmp_path: Path) -> None:
    notes = read_table(_table(tmp_path, ["Male", "male", "New  York", "New York"])).notes
    assert f"texts of column 'sex' {ALONE}: 'Male', 'male'; 'New  York', 'New York'" in notes


def test_other_texts_without_a_word(tmp_path: Path) -> None:
    assert not [n for n in read_table(_table(tmp_path, ["m", "f", "n"])).notes if ALONE in n]


def test_groups(tmp_path: Path) -> None:
    path = _table(tmp_path, ["p1", "P1", "p2", "p3"])
    assert f"texts of column 'sex' {ALONE}: 'p1', 'P1'" in read_table(path, group="sex").notes


def test_class_folders(tmp_path: Path) -> None:
    composed = unicodedata.normalize("NFC", "Käse")
    names = [composed, unicodedata.normalize("NFD", composed), "Brot"]
    for k, name in enumerate(names):
        (tmp_path / name).mkdir()
        for i in range(2):
            Image.new("L", (4, 4), 50 * k + i).save(tmp_path / name / f"{i}.png")
    notes = read_image_folder(tmp_path).notes
    assert [n for n in notes if n.startswith(f"classes {ALONE}: ") and "Brot" not in n]

"""Page of what was read: by hand-made readings, through the store, and from real files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas
import pytest
import torch

import paribus as pb
from paribus.data.reading import Reading
from paribus.data.summary import DataSummary
from paribus.execution.data_summary import summarise_file, users_own
from paribus.execution.settings import Settings
from paribus.report import what_was_read, write
from paribus.report.what_was_read import page, page_name, reading_lines, text
from paribus.seeding import Streams
from paribus.suites.tasks.tabular import TABULAR
from tests.helpers.handmade import filled
from tests.helpers.tiny_tasks import table

READINGS = (
    Reading("patients.csv", "CSV", "UTF-8, semicolons, decimal commas; 45 rows"),
    Reading("ph", "number", "43 of 45 cells are numbers, 2 empty"),
    Reading("id", "left out", "numbers the rows"),
)


def summary(readings: Sequence[Reading] = READINGS, **changes: object) -> DataSummary:
    dataset = replace(table(), readings=tuple(readings), notes=("missing values, filled: ph 2",))
    split = TABULAR.make_split(dataset, Streams(0))
    return replace(DataSummary.of("tabular", dataset, split), **changes)


def test_a_page_says_what_each_column_became_and_how_the_samples_are_split() -> None:
    shown = page([summary()])
    assert "- made up; hash tiny" in shown
    assert "- 45 samples, 2 classes" in shown
    assert "- not used: id (numbers the rows)" in shown
    assert "| ph           | number   | 43 of 45 cells are numbers, 2 empty        |" in shown
    assert "- missing values, filled: ph 2" in shown


def test_counts_of_classes_and_groups_are_those_of_the_split() -> None:
    dataset = replace(table(), groups=torch.arange(45) // 3)
    split = TABULAR.make_split(dataset, Streams(0))
    lines = what_was_read.part_lines(DataSummary.of("tabular", dataset, split))
    parts = {"training": split.train, "validation": split.validation, "test": split.test}
    samples, groups, *classes = lines
    for name, index in parts.items():
        assert samples[name] == str(len(index))
        assert groups[name] == str(len(set(dataset.groups[index].tolist())))
        counts = np.bincount(dataset.targets[0][index], minlength=2)
        assert [line[name] for line in classes] == list(map(str, counts))


def test_many_classes_are_a_range_and_values_have_none() -> None:
    many = summary(classes=tuple(map(str, range(13))))
    parts = {name: replace(p, classes=tuple(range(3, 16))) for name, p in many.parts.items()}
    lines = what_was_read.part_lines(replace(many, parts=parts))
    assert lines[1]["training"] == "3 to 15"
    values = replace(table(), classes=(), targets=(torch.rand(45, 1),))
    split = TABULAR.make_split(values, Streams(0))
    assert len(what_was_read.part_lines(DataSummary.of("t", values, split))) == 1


def test_many_columns_are_grouped_by_what_they_became() -> None:
    columns = [Reading(f"x{i}", "number", "45 of 45 cells are numbers") for i in range(60)]
    lines = reading_lines([READINGS[0], *columns, READINGS[2]])
    assert [line["became"] for line in lines] == ["CSV", "number, 60 times", "left out"]
    assert lines[1]["what"].startswith("x0; x1; ")
    assert lines[1]["what"].endswith("; and 48 more")
    assert lines[1]["why"] == "45 of 45 cells are numbers"


def test_names_cannot_break_the_page() -> None:
    odd = [Reading("a|b\nc", "<script>", "`x` *y* _z_ [l](u)")]
    (row,) = (line for line in page([summary(odd)]).splitlines() if "script" in line)
    assert "a\\|b c" in row
    assert "&lt;script&gt;" in row
    assert "\\`x\\` \\*y\\* \\_z\\_ \\[l\\](u)" in row


def test_paths_are_cut_to_their_names() -> None:
    shown = page([summary(origin="the file /home/me/data/patients.csv")])
    assert "/home" not in shown
    assert "the file patients.csv" in shown


def test_a_terminal_shows_the_same() -> None:
    shown = text(summary())
    assert "ph            number    43 of 45 cells are numbers, 2 empty" in shown
    assert "Note: missing values, filled: ph 2" in shown


def test_a_summary_comes_back_from_plain_data(store) -> None:
    first = summary()
    store.freeze(first.key, first.to_plain())
    again = DataSummary.read(store.frozen(first.key))
    assert again == first
    assert list(again.parts) == ["train", "validation", "test"]


def test_a_store_alone_makes_the_page_and_links_to_it(store, tmp_path) -> None:
    """The records of the runs hold the data's hash, and no readings."""
    bench = filled(store)
    read = summary(task="points", digest="d")
    store.freeze(read.key, read.to_plain())
    result = bench.result()
    assert result.read == (read,)
    names = [path.name for path in write([result], tmp_path)]
    assert page_name("points") in names
    first = (tmp_path / "hand.md").read_text(encoding="utf-8")
    assert "[what was read](read-points.md)" in first
    assert "43 of 45 cells" in (tmp_path / "read-points.md").read_text(encoding="utf-8")


def test_embedded_data_have_no_page(store, tmp_path) -> None:
    assert not any("read-" in path.name for path in write([filled(store).result()], tmp_path))
    assert "what was read" not in (tmp_path / "hand.md").read_text(encoding="utf-8")
    assert not users_own(TABULAR)
    assert users_own(TABULAR.model_copy(update={"path": "patients.csv"}))


def test_a_comparison_in_python_shows_it_too(tmp_path) -> None:
    draws = np.random.default_rng(0)
    frame = pandas.DataFrame(draws.normal(size=(60, 2)), columns=["ph", "salt"])
    frame["fit"] = np.arange(60) % 2
    result = pb.compare(
        data=frame,
        target="fit",
        model="paribus.models.mlp:MLP",
        vary={"optimizer.lr": {"low": 0.001, "high": 0.01}},
        seeds=2,
        steps=2,
        metric="f1",
        margin=0.1,
        progress=False,
    )
    assert "60 samples, 2 classes" in result.read
    assert result.results[0].comparison.primary == pb.metric("f1", margin=0.1)
    result.report(tmp_path)
    assert "[what was read](read-data.md)" in (tmp_path / "optimizer-lr.md").read_text()


def test_a_file_that_cannot_be_split_is_shown_all_the_same(tmp_path, monkeypatch) -> None:
    def refuse(*_args: object) -> None:
        raise pb.ParibusError("split", got="one row", expected="more", fix="Add some.")

    monkeypatch.setattr("paribus.data.splits.random_split", refuse)
    path = tmp_path / "few.csv"
    rows = "\n".join(f"{i % 7},{i % 5},{'ab'[i % 2]}" for i in range(30))
    path.write_text(f"x,y,label\n{rows}\n", encoding="utf-8")
    found, problem = summarise_file("tabular", Settings(data={"tabular": str(path)}, out=tmp_path))
    assert str(problem) == "split: got one row, expected more. Add some."
    assert (found.samples, found.parts) == (30, {})
    assert text(found).startswith("few.csv")


@pytest.mark.parametrize("task", ["my data", "täbular", "…"])
def test_names_of_files_are_plain(task: str) -> None:
    assert page_name(task).isascii()

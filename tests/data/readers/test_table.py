"""CSV files with labels: inputs made of their columns, and refusals."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from paribus.data.dataset import Dataset
from paribus.data.readers.table import read_table
from paribus.data.splits import random_split
from tests.helpers.refusals import refused

PLAIN = "x,y\n1,0\n2,0\n3,1\n5,1\n"


def _written(folder: Path, content: str | bytes) -> Path:
    path = folder / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _read(folder: Path, content: str | bytes, target: str | None = None) -> Dataset:
    return read_table(_written(folder, content), target=target)


def _columns(**columns: list[object]) -> str:
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n"


def test_the_last_column_is_the_label_and_the_rest_are_inputs(tmp_path: Path) -> None:
    content = "a,b,y\n1,2.5,0\n3,4,1\n5,6,0\n7,9,1\n"
    data = _read(tmp_path, content)
    assert torch.equal(data.inputs[0], torch.tensor([[1, 2.5], [3, 4], [5, 6], [7, 9]]))
    assert data.inputs[0].dtype == torch.float32
    assert (data.targets[0].tolist(), data.targets[0].dtype) == ([0, 1, 0, 1], torch.int64)
    assert (data.classes, data.features, data.feature_axes) == (("0", "1"), ("a", "b"), (1,))
    assert (data.name, data.origin) == ("t.csv", "the file t.csv, label column 'y'")
    assert data.digest == hashlib.sha256(content.encode()).hexdigest()[:16]
    assert (data.groups, data.declared, data.notes) == (None, None, ())


def test_a_named_label_column_may_stand_anywhere(tmp_path: Path) -> None:
    data = _read(tmp_path, "y,a\nno,1\nyes,2\nno,3\nyes,5\n", target="y")
    assert (data.classes, data.targets[0].tolist(), data.features) == (
        ("no", "yes"),
        [0, 1, 0, 1],
        ("a",),
    )


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        PLAIN.replace(",", ", "),
        PLAIN.rstrip(),
        PLAIN + "\n\n",
    ],
    ids=["CRLF", "byte-order mark", "blanks", "no last line end", "empty lines"],
)
def test_ways_to_write_the_same_table(tmp_path: Path, content: str) -> None:
    data = _read(tmp_path, content)
    assert data.inputs[0].squeeze(1).tolist() == [1, 2, 3, 5]
    assert (data.features, data.classes) == (("x",), ("0", "1"))


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([10, 9, 2], ("2", "9", "10")),
        ([1.0, 0.0, 2.0], ("0", "1", "2")),
        ([0.5, -1.5, 2.5], ("-1.5", "0.5", "2.5")),
        (["b10", "b9", "a"], ("a", "b9", "b10")),
        (["True", "False", "True"], ("False", "True")),
        (["1", "2+", "0"], ("0", "1", "2+")),
        ([" yes", "yes", "no "], ("no", "yes")),
    ],
)
def test_classes_are_named_and_sorted_as_people_do(
    tmp_path: Path, labels: list[object], classes: tuple[str, ...]
) -> None:
    data = _read(tmp_path, _columns(x=[1, 2, 3, 5, 7, 11], y=labels * 2))
    assert data.classes == classes


def test_missing_numbers_stay_missing_and_are_counted(tmp_path: Path) -> None:
    data = _read(tmp_path, "ph,b,c,y\n,2,1,0\n3,?,3,1\nNA,6,2,0\n7,8,5,1\n")
    assert data.inputs[0].isnan().sum(0).tolist() == [2, 1, 0]
    assert data.notes == ("missing values, filled with the median of the training part: ph 2, b 1",)


def test_text_becomes_one_input_a_value_and_none_where_it_is_missing(tmp_path: Path) -> None:
    data = _read(
        tmp_path, _columns(colour=["red ", "blue", "", "red"], x=[1, 2, 3, 5], y=[0, 0, 1, 1])
    )
    assert data.features == ("colour=blue", "colour=red", "x")
    assert data.inputs[0][:, :2].tolist() == [[0, 1], [1, 0], [0, 0], [0, 1]]
    assert data.notes == (
        "missing text, for which none of the column's inputs is set: colour 1",
        "columns of text, one input for each of their values: colour (2)",
    )


def test_a_category_unseen_in_training_is_hidden(tmp_path: Path) -> None:
    data = _read(tmp_path, _columns(c=["a", "b"] * 10 + ["new"], x=range(21), y=[0, 0, 1] * 7))
    for seed in range(20):
        split = random_split(data, torch.Generator().manual_seed(seed))
        if 20 not in split.train:
            break
    column = data.features.index("c=new")
    prepared = torch.cat(
        [split.part(part).inputs[0][:, column] for part in ("train", "validation", "test")]
    )
    assert torch.equal(prepared, torch.zeros(21))


def test_booleans_are_numbers(tmp_path: Path) -> None:
    data = _read(
        tmp_path, _columns(b=["True", "False", "", "True"], x=[1, 2, 3, 5], y=[0, 0, 1, 1])
    )
    assert data.features == ("b", "x")
    torch.testing.assert_close(
        data.inputs[0][:, 0], torch.tensor([1, 0, torch.nan, 1]), equal_nan=True
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([""] * 30, "missing throughout"),
        ([7] * 29 + [""], "one value throughout"),
        (["a"] * 30, "one value throughout"),
        (range(100, 130), "numbers the rows"),
        ([f"name {i}" for i in range(30)], "a different text in each row"),
        ([f"name {i % 29}" for i in range(30)], "29 different texts in 30 rows"),
    ],
)
def test_columns_that_cannot_help_are_left_out_and_named(
    tmp_path: Path, values: list[object], reason: str
) -> None:
    x = [i * 11 % 31 * 0.5 for i in range(30)]
    data = _read(tmp_path, _columns(odd=values, x=x, y=[0, 1] * 15))
    assert data.features == ("x",)
    assert data.notes == (f"columns left out: odd ({reason})",)


def test_a_text_that_only_some_rows_have_is_an_input(tmp_path: Path) -> None:
    """As a mark in a box is."""
    data = _read(tmp_path, _columns(mark=["x", ""] * 8, v=[1.5, 2, 7, 4] * 4, y=[0, 1] * 8))
    assert data.features == ("mark=x", "v")
    assert data.inputs[0][:, 0].tolist() == [1.0, 0.0] * 8


def test_a_column_without_a_name_is_called_after_its_place(tmp_path: Path) -> None:
    """As pandas writes an index."""
    rows = "".join(f"{i},{i * 5 % 13 * 2},{i % 2}\n" for i in range(12))
    data = _read(tmp_path, ",x,y\n" + rows)
    assert data.notes == ("columns left out: column 1 (numbers the rows)",)


def test_rows_without_a_label_are_left_out(tmp_path: Path) -> None:
    data = _read(tmp_path, "x,y\n1,0\n2,\n3,1\n4,0\n6,1\n")
    assert (data.inputs[0].squeeze(1).tolist(), data.classes) == ([1, 3, 4, 6], ("0", "1"))
    assert data.notes == ("rows left out because their label is missing: 1",)


def test_copies_share_a_group_and_conflicting_labels_are_counted(tmp_path: Path) -> None:
    x = [v * 7 % 41 for v in range(2, 22)]
    x += [x[2], x[3]]
    data = _read(tmp_path, _columns(x=x, z=[-0.0] * 21 + [0.0], w=x[::-1], y=[0, 1] * 10 + [0, 0]))
    assert data.notes == ("columns left out: z (one value throughout)",)
    data = _read(tmp_path, _columns(x=x, z=[v + 0.5 for v in x], y=[0, 1] * 10 + [0, 0]))
    assert data.groups is not None
    assert data.groups[2] == data.groups[20]
    assert data.groups[3] == data.groups[21]
    assert len(data.groups.unique()) == 20
    assert data.notes == (
        "2 rows repeat the inputs of an earlier row; 2 rows have the same inputs as a row with another label; "
        "copies stay on one side of a split",
    )


def test_one_copy_is_told_in_the_singular(tmp_path: Path) -> None:
    data = _read(tmp_path, _columns(x=[1, 2, 3, 5, 8, 1], y=[0, 1, 1, 0, 1, 0]))
    assert data.notes == (
        "1 row repeats the inputs of an earlier row; copies stay on one side of a split",
    )


def test_missing_values_are_equal_among_copies(tmp_path: Path) -> None:
    content = _columns(x=[1, 2, 3, 4, 9, 1], z=["", 4, 5, 6, 7, ""], y=[0, 1, 1, 0, 1, 0])
    data = _read(tmp_path, content)
    assert data.groups is not None
    assert data.groups[0] == data.groups[5]


def test_rows_that_repeat_because_columns_take_few_values_are_no_copies(tmp_path: Path) -> None:
    data = _read(tmp_path, _columns(a=[0, 1] * 10, b=[0, 0, 1, 1] * 5, y=[0, 1, 1, 0] * 5))
    assert data.groups is None
    assert data.notes == (
        "16 rows repeat the inputs of an earlier row; as most rows do, copies are split like any other row",
    )


def test_a_table_scaled_before_it_was_read_is_noticed(tmp_path: Path) -> None:
    content = _columns(a=[0, 0.2, 0.7, 1], b=[1, 0.3, 0.1, 0], c=[0.1, 0.2, 0.5, 1], y=[0, 1, 0, 1])
    data = _read(tmp_path, content)
    assert data.notes == (
        "most columns of numbers span 0 to 1 exactly: they look min-max scaled before they were read, so the "
        "scale may rest on test rows",
    )


def test_columns_of_zeros_and_ones_are_no_sign_of_scaling(tmp_path: Path) -> None:
    data = _read(tmp_path, _columns(a=[0, 1, 0, 1], b=[4, 5, 7, 9], y=[0, 1, 0, 1]))
    assert data.notes == ()


def test_whole_numbers_may_be_many_classes_where_each_has_rows(tmp_path: Path) -> None:
    data = _read(tmp_path, _columns(x=[i**2 for i in range(250)], y=[i % 25 for i in range(250)]))
    assert len(data.classes) == 25


LABELS = "Name another label column, or add or leave out rows."
CLASSES = "Name the column that holds classes; values to predict are not read from a table yet."
FINITE = (
    "expected a finite number, or nothing where it is missing. Mend the value, or leave it empty."
)
INPUTS = (
    "expected at least one that tells rows apart. Give a table with measurements beside the label."
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "x,y\n1,0\n2,0\n",
            f"label column 'y' of t.csv: got the single class '0', expected at least two classes. {LABELS}",
        ),
        (
            "x,y\n1,0\n2,0\n3,1\n",
            "label column 'y' of t.csv: got class '1' in one row, expected at least two rows of each class, one "
            f"to learn from and one to judge by. {LABELS} Values to predict are asked for by --problem regression.",
        ),
        (
            "x,y\n1,\n2,\n",
            "label column 'y' of t.csv: got missing values alone, expected a label in at least two rows of each "
            "class. Name the column that holds the labels.",
        ),
        ("x,y\n1,0\n\n-inf,1\n3,0\n4,1\n", f"column 'x' of t.csv, line 4: got '-inf', {FINITE}"),
        ("x,y\n1,0\n1e39,1\n3,0\n4,1\n", f"column 'x' of t.csv, line 3: got '1e39', {FINITE}"),
        ("x,y\n1,0\n2,1\n3,inf\n4,1\n", f"column 'y' of t.csv, line 4: got 'inf', {FINITE}"),
        (
            "x,y\n1,0\n2,1\n3,0\n4 mg,1\n",
            "column 'x' of t.csv, line 5: got '4 mg', expected a number without a unit, like most of that column. "
            "Mend the value, or leave it empty.",
        ),
        (
            "x,z,y\n1,,0\n1,,0\n1,,1\n1,,1\n",
            f"columns of t.csv besides 'y': got x (one value throughout), z (missing throughout), {INPUTS}",
        ),
    ],
)
def test_what_is_no_table_of_classes_is_refused(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    assert refused(_read, tmp_path, content) == message


@pytest.mark.real_data
def test_the_real_table_of_water_samples(real_data: Path) -> None:
    data = read_table(real_data / "water" / "water_potability.csv")
    assert data.inputs[0].shape == (3276, 9)
    assert data.targets[0].bincount().tolist() == [1998, 1278]
    assert data.notes == (
        "missing values, filled with the median of the training part: ph 491, Sulfate 781, Trihalomethanes 162",
    )


@pytest.mark.real_data
def test_the_real_table_that_was_scaled_before_it_was_split(real_data: Path) -> None:
    data = read_table(real_data / "water_scaled" / "water_train.csv")
    assert len(data) == 1508
    assert any("min-max scaled" in note for note in data.notes)

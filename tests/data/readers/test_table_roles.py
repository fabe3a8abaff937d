"""What columns of a table become: values to predict, groups, identifiers, a test part."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from paribus.data.dataset import Dataset
from paribus.data.readers.table import read_table
from paribus.data.splits import random_split
from tests.helpers.csv_tables import CLASSES, X, written
from tests.helpers.refusals import refused


def shuffled(values: object, seed: int = 1) -> list[int]:
    made = list(values)  # type: ignore[call-overload]
    random.Random(seed).shuffle(made)
    return made


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("order", range(60), "numbers the rows"),
        ("order", range(60, 0, -1), "numbers the rows"),
        ("order", range(0, 120, 2), "numbers the rows"),
        ("order", shuffled(range(60)), "numbers the rows, in another order"),
        ("order", sorted(shuffled(range(80))[:60]), "numbers the rows, with gaps"),
        ("Unnamed: 0", shuffled(range(100))[:60], "an index without a name"),
        ("index", [*range(20)] * 3, "an index without a name"),
        ("", [*range(20)] * 3, "an index without a name"),
        (
            "patient_id",
            shuffled(range(1000, 9000, 7))[:60],
            "a different number in each row, and an identifier by its name",
        ),
        (
            "when",
            [f"2024-01-{i % 28 + 1:02}" for i in range(60)],
            "dates or times, which are no measurements: give a number such as the month or an age to use them",
        ),
        (
            "when",
            [20240101 + i % 28 for i in range(60)],
            "dates or times, which are no measurements: give a number such as the month or an age to use them",
        ),
    ],
)
def test_a_column_that_tells_the_row_is_left_out(
    tmp_path: Path, name: str, values: list[int], reason: str
) -> None:
    data = read_table(written(tmp_path, **{name: values, "x": X, "y": CLASSES}))
    column = name or "column 1"
    assert data.features == ("x",)
    assert f"columns left out: {column} ({reason})" in data.notes
    assert next(r for r in data.readings if r.name == column).became == "left out"


def test_an_index_is_left_out_though_labels_are_missing(tmp_path: Path) -> None:
    labels = ["", *CLASSES[1:30], "", *CLASSES[31:]]
    data = read_table(written(tmp_path, n=range(60), x=X, y=labels))
    assert data.features == ("x",)


@pytest.mark.parametrize(
    ("values", "doubt"),
    [
        (
            shuffled(range(20_000, 90_000, 31))[:60],
            "has a different whole number in each row, as an identifier would",
        ),
        (
            sorted(shuffled(range(0, 9000, 3))[:60]),
            "rises from row to row, so that it may tell a row's place in the file",
        ),
    ],
)
def test_a_column_that_may_tell_the_row_stays_with_a_warning(
    tmp_path: Path, values: list[int], doubt: str
) -> None:
    data = read_table(written(tmp_path, income=values, x=X, y=CLASSES))
    assert data.features == ("income", "x")
    assert (
        f"column 'income' {doubt}: leave it out of the file if it is no measurement" in data.notes
    )


def test_measurements_stay_without_a_word(tmp_path: Path) -> None:
    data = read_table(written(tmp_path, age=[20 + i * 7 % 50 for i in range(60)], x=X, y=CLASSES))
    assert data.features == ("age", "x")
    assert data.notes == ()


# Values to predict


def test_numbers_of_many_values_are_values_to_predict(tmp_path: Path) -> None:
    price = [round(1e6 + x, 2) for x in X]
    data = read_table(written(tmp_path, a=CLASSES, x=X[::-1], price=price))
    assert (data.kind, data.classes, data.standardise_targets, data.outputs) == (
        "regression",
        (),
        True,
        1,
    )
    split = random_split(data, torch.Generator().manual_seed(0))
    y = torch.tensor(price, dtype=torch.float64)
    wanted = (y[split.test] - y[split.train].mean()) / y[split.train].std(correction=0)
    assert torch.allclose(split.part("test").targets[0][:, 0].double(), wanted, atol=1e-5)
    assert data.readings[1].became == "target: values"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3, 4, 5, 5] * 10, "classification"),
        ([0.5, 1.5] * 30, "classification"),
        (shuffled(range(60)), "regression"),
        ([i // 2 for i in range(60)], "regression"),
        (X, "regression"),
        ([f"{x} EUR" for x in X], "regression"),
    ],
)
def test_the_target_decides_unless_it_is_said(
    tmp_path: Path, values: list[object], kind: str
) -> None:
    path = written(tmp_path, x=X, y=values)
    assert read_table(path).kind == kind
    assert read_table(path, problem="regression").kind == "regression"
    assert read_table(path, problem="regression").targets[0].shape == (60, 1)


def test_several_targets_are_values(tmp_path: Path) -> None:
    data = read_table(written(tmp_path, x=X, u=X[::-1], v=[x * x for x in X]), "u, v")
    assert data.targets[0].shape == (60, 2)
    assert data.features == ("x",)
    assert torch.allclose(data.targets[0][:, 0], torch.tensor(X[::-1]))


def test_text_is_no_value_to_predict(tmp_path: Path) -> None:
    assert refused(read_table, written(tmp_path, x=X, y=CLASSES), problem="regression") == (
        "column 'y' of t.csv: got text, such as 'a', expected numbers to predict. "
        "Name a column of numbers, or leave the problem out to predict classes."
    )


def test_codes_with_leading_zeros_are_classes_of_their_own(tmp_path: Path) -> None:
    assert read_table(written(tmp_path, x=X, y=["1", "01", "001"] * 20)).classes == (
        "001",
        "01",
        "1",
    )
    assert read_table(written(tmp_path, x=X, y=["1", "1.0", "-1"] * 20)).classes == ("-1", "1")


@pytest.mark.parametrize(
    ("labels", "classes", "notes"),
    [
        (
            ["1", "1.0", "0"],
            ("0", "1"),
            ("labels written in several ways and taken for one class: 1 (1, 1.0)",),
        ),
        (
            ["yes", "Yes", "no"],
            ("no", "Yes", "yes"),
            (
                "classes that differ by capital letters, blanks or the coding of accents alone: 'yes', 'Yes'",
            ),
        ),
        (["e\u0301t", "\u00e9t", "x"], ("x", "\u00e9t"), ()),
        ([str(2**60), str(2**60 + 1), "5"], ("5", str(2**60), str(2**60 + 1)), ()),
        (
            ["None", "mild", "nan"],
            ("mild", "nan", "None"),
            (
                "classes that may stand for a missing label: 'nan' 20, 'None' 20; leave these cells empty if they do",
            ),
        ),
    ],
)
def test_labels_are_the_classes_that_they_look_like(
    tmp_path: Path, labels: list[str], classes: tuple[str, ...], notes: tuple[str, ...]
) -> None:
    data = read_table(written(tmp_path, x=X, y=labels * 20))
    assert set(data.classes) == set(classes)
    assert data.notes == notes


def test_a_value_to_predict_that_is_written_otherwise_is_named(tmp_path: Path) -> None:
    assert refused(read_table, written(tmp_path, x=X, y=["<0.5", *X[1:]])) == (
        "column 'y' of t.csv, line 2: got '<0.5', expected a number without a sign such as < before it. "
        "Mend the value, or leave it empty."
    )


def test_whole_numbers_that_float64_lacks_are_held_as_differences(tmp_path: Path) -> None:
    far = shuffled([2**60 + i * i for i in range(60)])
    data = read_table(written(tmp_path, x=far, z=X, y=CLASSES))
    assert data.inputs[0][:, 0].tolist() == [v - 2**60 for v in far]
    assert data.readings[2].reason.endswith(
        "held as differences from the least, as float64 has not all of them"
    )
    target = read_table(written(tmp_path, z=X, y=far))
    assert target.kind == "regression"
    assert (target.targets[0][:, 0] - target.targets[0].min()).tolist() == [v - 2**60 for v in far]


# Groups


def visits(folder: Path) -> Path:
    """Write 60 rows of 20 patients, each of one label."""
    return written(
        folder,
        patient=[i // 3 for i in range(60)],
        x=X,
        y=["ill" if i // 3 % 2 else "well" for i in range(60)],
    )


def test_rows_of_one_group_stay_on_one_side(tmp_path: Path) -> None:
    data = read_table(visits(tmp_path), group="patient")
    assert data.features == ("x",)
    assert "rows of one 'patient' stay on one side of a split: 20 values" in data.notes
    for seed in range(20):
        split = random_split(data, torch.Generator().manual_seed(seed))
        sides = [
            {int(i) // 3 for i in split.indices(part)} for part in ("train", "validation", "test")
        ]
        assert sum(map(len, sides)) == 20
        assert all(sides)


def test_a_column_that_repeats_like_a_patient_is_told(tmp_path: Path) -> None:
    assert (
        "each value of 'patient' has about 3 rows and always one label: if they are rows of one subject, keep them on "
        "one side of a split by --group patient"
    ) in read_table(visits(tmp_path)).notes


def test_copies_join_groups(tmp_path: Path) -> None:
    """A row that stands in two groups ties them together."""
    path = written(
        tmp_path,
        g=[0, 0, 1, 1, 2, 2],
        x=[1.5, 2.5, 2.5, 3.5, 4.5, 5.5],
        y=["a", "b", "b", "a", "a", "b"],
    )
    groups = read_table(path, group="g").groups
    assert groups is not None
    assert len(groups[:4].unique()) == 1
    assert len(groups.unique()) == 2


# A test file


def test_a_test_file_is_the_test_part(tmp_path: Path) -> None:
    train = written(tmp_path, "train.csv", x=X, y=CLASSES)
    test = written(tmp_path, "test.csv", y=["c", "a", "b", "a"], x=[9.5, 8.5, X[5], 7.5])
    data = read_table(train, test=test)
    assert (
        "training rows left out because the test file has them, or rows of their group, too: 1"
        in data.notes
    )
    split = random_split(data, torch.Generator().manual_seed(0))
    assert data.inputs[0][split.test, 0].tolist() == pytest.approx([9.5, 8.5, X[5], 7.5])
    assert [data.classes[k] for k in data.targets[0][split.test]] == ["c", "a", "b", "a"]
    assert len(split.train) + len(split.validation) == 59


def test_a_test_file_has_the_same_columns(tmp_path: Path) -> None:
    train = written(tmp_path, "train.csv", x=X, y=CLASSES)
    test = written(tmp_path, "test.csv", z=X, y=CLASSES)
    assert refused(read_table, train, test=test) == (
        "columns of test.csv: got no 'x', expected those of train.csv. Give both files the same columns."
    )


def test_values_that_the_test_file_alone_has_are_told(tmp_path: Path) -> None:
    cities = ["Rome", "Oslo"] * 30
    train = written(tmp_path, "train.csv", city=cities, x=X, y=CLASSES)
    test = written(
        tmp_path, "test.csv", city=["Graz", "Wien", "Graz", "Oslo", ""], x=X[:5], y=CLASSES[:5]
    )
    told = (
        "column 'city' of the test file has values that no training row has: Graz, Wien in 3 rows, of which a network "
        "can have learned nothing"
    )
    assert told in read_table(train, test=test).notes
    assert not [n for n in read_table(test, test=train).notes if "no training row has: Graz" in n]


def small_classes(rare: int, groups: list[int] | None) -> Dataset:
    """Make thirty rows of a frequent class and a few of a rare one, perhaps in groups."""
    targets = torch.tensor([0] * 30 + [1] * rare)
    own = None if groups is None else torch.tensor([*range(100, 130), *groups])
    return Dataset(
        "t", "made", (torch.randn(30 + rare, 2),), (targets,), classes=("a", "rare"), groups=own
    )


@pytest.mark.parametrize(
    ("rare", "groups"),
    [
        (2, None),
        (3, None),
        (4, [1, 1, 2, 2]),
        (12, [1] * 4 + [2] * 4 + [3] * 4),
        (5, [1, 1, 2, 2, 3]),
    ],
)
def test_a_rare_class_is_in_training_and_test_for_every_seed(
    rare: int, groups: list[int] | None
) -> None:
    data = small_classes(rare, groups)
    for seed in range(40):
        split = random_split(data, torch.Generator().manual_seed(seed))
        assert (
            {0, 1}
            == set(data.targets[0][split.train].tolist())
            == set(data.targets[0][split.test].tolist())
        )

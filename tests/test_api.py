"""Comparisons from Python: every kind of data is one comparison, and what cannot work is refused before training."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from nbclient import NotebookClient
from torch import nn
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import IterableDataset, TensorDataset

import paribus as pb
from paribus.data.dataset import Dataset, digest_tensors
from paribus.execution.executor import dataset_of
from paribus.runs.run import Run
from paribus.training.loop import train
from tests.helpers.processes import python
from tests.helpers.refusals import refused
from tests.helpers.toys import Small

SGD, ADAM = pb.call(torch.optim.SGD, lr=0.1), pb.call(torch.optim.Adam, lr=0.01)
OPTIMIZERS = {"optimizer": {"sgd": SGD, "adam": ADAM}}
FAST: dict[str, Any] = {"steps": 8, "seeds": 2, "engine": "loop", "progress": False}

X = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] + 0.1 * torch.arange(60) % 2 > 0).long()
VALUES = X[:, 1] * 2 + 3
NAMES = np.array(["absent", "present"])[Y.numpy()]
FRAME = pd.DataFrame(X.numpy(), columns=["a", "b", "c"])


def compare(**changed: Any) -> pb.Result:
    return pb.compare(**{"data": (X, Y), "model": Small, "vary": OPTIMIZERS, **FAST, **changed})


def scores(result: pb.Result) -> dict[str, list[float]]:
    return {row.variant.name: row.scores.tolist() for row in result.results[0].rows}


def points() -> Dataset:
    """Return the samples above as a task's source writes them."""
    return Dataset(
        name="points",
        origin="made for a test",
        inputs=(X,),
        targets=(Y,),
        classes=("absent", "present"),
        digest=digest_tensors((X, Y)),
    )


def values() -> Dataset:
    return Dataset(
        name="values",
        origin="made for a test",
        inputs=(X,),
        targets=(VALUES[:, None],),
        standardise_targets=True,
        digest=digest_tensors((X, VALUES)),
    )


def task(source: Callable[[], Dataset], loss: str, dummy: str) -> pb.Task:
    function = pb.call(f"paribus.metrics:{loss}")
    return pb.Task(
        name="by-hand",
        source=pb.call(source),
        reader=pb.call("paribus.data.readers.table:read_table"),
        split=pb.call("paribus.data.splits:random_split"),
        loss=function,
        metrics=(pb.Metric(name=loss, function=function, higher_is_better=False),),
        dummy={dummy: pb.call(f"paribus.data.dummy:{dummy}")},
    )


def by_hand(of: pb.Task) -> dict[str, list[float]]:
    """Scores of the training loop, run by run, without a comparison."""
    found: dict[str, list[float]] = {}
    for name, optimizer in OPTIMIZERS["optimizer"].items():
        recipe = pb.Recipe(model=pb.call(Small), optimizer=optimizer, steps=8)
        runs = [Run(task=of, recipe=recipe, seed=seed, data_digest="") for seed in range(2)]
        trained = [train(r, of.make_split(dataset_of(of, r.seed), r.streams)) for r in runs]
        found[name] = [record.scores[of.primary.name] for record in trained]
    return found


class Pairs(TorchDataset[Any]):
    """Map-style data set."""

    classes = ("absent", "present")

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return X[i], int(Y[i])


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(zip(X, Y, strict=True))


class Alone(Pairs):
    def __getitem__(self, i: int) -> Any:
        return X[i]


def csv(folder: Path) -> Path:
    path = folder / "points.csv"
    FRAME.assign(label=NAMES).to_csv(path, index=False)
    return path


KINDS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "tensors": lambda _: {"data": (X, Y)},
    "arrays": lambda _: {"data": (X.numpy(), Y.numpy())},
    "lists": lambda _: {"data": (X.tolist(), Y.tolist())},
    "text": lambda _: {"data": (X.numpy(), NAMES)},
    "booleans": lambda _: {"data": (X.numpy(), Y.numpy() == 1)},
    "column": lambda _: {"data": (X, Y[:, None])},
    "frame and series": lambda _: {"data": (FRAME, pd.Series(NAMES))},
    "frame": lambda _: {"data": FRAME.assign(label=NAMES), "target": "label"},
    "categories": lambda _: {"data": (FRAME, pd.Series(NAMES, dtype="category"))},
    "floats as classes": lambda _: {"data": (X, Y.float()), "task": "classification"},
    "file": lambda folder: {"data": csv(folder)},
    "path": lambda folder: {"data": str(csv(folder)), "target": "label"},
    "TensorDataset": lambda _: {"data": TensorDataset(X, Y)},
    "torch data set": lambda _: {"data": Pairs()},
    "Dataset": lambda _: {"data": points()},
    "Task": lambda _: {"data": task(points, "log_loss", "prior")},
}


@pytest.fixture(scope="module")
def expected() -> dict[str, list[float]]:
    return by_hand(task(points, "log_loss", "prior"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_data_scores_as_the_loop_does_by_hand(
    kind: str, expected: dict[str, list[float]], tmp_path: Path
) -> None:
    assert scores(compare(**KINDS[kind](tmp_path))) == expected


def test_values_are_predicted_by_least_squares() -> None:
    assert scores(compare(data=(X, VALUES))) == by_hand(
        task(values, "squared_error", "mean_target")
    )


def test_whole_numbers_may_be_values() -> None:
    result = compare(data=(X, Y), task="regression")
    assert result.results[0].comparison.primary.name == "mse"


def test_a_declared_comparison_scores_the_same(expected: dict[str, list[float]]) -> None:
    declared = pb.Comparison(
        question="Is Adam better?",
        task=task(points, "log_loss", "prior"),
        recipe=pb.Recipe(model=pb.call(Small), optimizer=SGD, steps=8),
        factor=pb.Factor("recipe.optimizer", OPTIMIZERS["optimizer"]),
        baseline="sgd",
    )
    result = pb.compare(declared, seeds=2, engine="loop", progress=False)
    assert scores(result) == expected
    assert result.results[0].comparison.name == "is-adam-better"


def test_both_engines_train_what_this_process_holds() -> None:
    result = compare(engine="stacked", model=pb.call(Small, hidden=4))
    np.testing.assert_allclose(scores(result)["adam"], scores(compare())["adam"], rtol=1e-4)


@pytest.mark.slow
def test_workers_are_sent_the_data() -> None:
    assert scores(compare(jobs=2)) == scores(compare())


def test_two_fields_are_crossed() -> None:
    vary = {"model.hidden": {"2": 2, "4": 4}, "batch_size": {"8": 8, "16": 16}}
    result = compare(model=pb.call(Small, hidden=2), vary=vary, baseline=("4", "8"))
    assert result.results[0].baseline.variant.name == "4 × 8"
    assert list(result) == ["2 × 8", "2 × 16", "4 × 16"]


def test_classes_and_functions_are_levels() -> None:
    result = compare(model=None, vary={"model": {"a": Small, "b": pb.call(Small, hidden=2)}})
    assert [row.variant.recipe.model.label for row in result.results[0].rows] == [
        "Small()",
        "Small(hidden=2)",
    ]


def test_a_result_prints_shows_and_draws_itself(tmp_path: Path) -> None:
    result = compare(seeds=6)
    contrast = result["adam"]
    first, second = (scores(result)[name] for name in ("sgd", "adam"))
    assert contrast.difference.mean == pytest.approx(np.mean(np.subtract(first, second)))
    assert isinstance(contrast, pb.Contrast)
    assert isinstance(contrast.decision, pb.Decision)
    assert (list(result), len(result)) == (["adam"], 1)
    assert "adam" in str(result)
    assert repr(result) == str(result)
    assert "<td>adam</td>" in result._repr_html_()
    frame = result.to_frame().set_index("variant")
    assert frame.loc["adam", "log_loss"] == pytest.approx(np.mean(second))
    assert frame.loc["adam", "difference"] == contrast.difference.mean
    assert frame.loc["adam", "decision"] == contrast.decision
    figure, curves = result.plot(), result.plot("curves")
    assert figure is not None
    assert curves is not None
    assert "difference in test log_loss, nats" in figure.axes[0].get_xlabel()
    assert curves.axes[0].get_xlabel() == "optimizer steps"
    assert refused(result.plot, "x").startswith(
        "what=: got 'x', expected one of contrasts, curves."
    )
    assert result.report(tmp_path) == tmp_path / "README.md"
    assert (tmp_path / "optimizer.md").is_file()


def test_a_result_of_a_suite_has_one_of_each_comparison() -> None:
    base: dict[str, Any] = {
        "task": task(points, "log_loss", "prior"),
        "recipe": pb.Recipe(model=pb.call(Small), optimizer=SGD, steps=4),
    }
    width = pb.Factor("recipe.model.hidden", {"2": 2, "4": 4})
    made = pb.Suite(
        name="both",
        title="Both",
        comparisons=(
            pb.Comparison(
                question="Which optimizer?",
                factor=pb.Factor("recipe.optimizer", OPTIMIZERS["optimizer"]),
                **base,
            ),
            pb.Comparison(question="Which width?", factor=width, **base),
        ),
    )
    result = pb.run_suite(made, seeds=2, engine="loop", jobs=1, progress=False)
    assert list(result["which-width"]) == ["4"]
    assert refused(result.__getitem__, "adam") == (
        "a result of several comparisons: got no choice of one, expected one of which-optimizer, which-width. "
        "Take result['which-optimizer'] first."
    )


def test_an_unknown_suite_is_refused() -> None:
    assert refused(pb.run_suite, "optimisers") == (
        "suite: got 'optimisers', expected the name of a built-in suite, or a Suite. "
        "paribus list names those that are built in."
    )


def test_a_kept_store_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compare(store=tmp_path / "runs.sqlite")
    monkeypatch.setattr("paribus.execution.executor.train", None)
    assert scores(compare(store=tmp_path / "runs.sqlite")) == scores(first)


def test_code_that_cannot_be_hashed_is_said_in_the_result_and_on_the_page(tmp_path: Path) -> None:
    defined: dict[str, Any] = {"__name__": "__main__", "lock": threading.Lock(), "nn": nn}
    exec("def make(inputs, outputs):\n    lock\n    return nn.Linear(inputs[0], outputs)", defined)
    result = compare(model=defined["make"])
    note = (
        "Code of the notebook or script uses lock, which cannot be hashed: its runs are not recognised by another "
        "process, which trains them again."
    )
    assert str(result).endswith(f"\nNote: {note}")
    result.report(tmp_path)
    pages = [page.read_text(encoding="utf-8") for page in tmp_path.glob("optimizer*.md")]
    assert any(note in page for page in pages)


def test_more_seeds_in_a_kept_store_are_a_second_look(tmp_path: Path) -> None:
    store = tmp_path / "runs.sqlite"
    assert not compare(store=store, seeds=6).results[0].exploratory
    assert compare(store=store, seeds=7).results[0].exploratory


def test_more_seeds_in_one_process_are_a_second_look_without_a_store(tmp_path: Path) -> None:
    """In a notebook, where five seeds are looked at first; the same number again is the same look."""
    steps = {"steps": 7}  # of no other test
    assert not compare(seeds=5, **steps).results[0].exploratory
    assert compare(seeds=6, **steps).results[0].exploratory
    assert not compare(seeds=5, **steps).results[0].exploratory
    assert not compare(store=tmp_path / "runs.sqlite", seeds=6, **steps).results[0].exploratory


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = compare()
    assert len(list(tmp_path.iterdir())) == 1
    del result
    assert list(tmp_path.iterdir()) == []


class Wants(nn.Module):
    """Network that asks for other names."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)


def three() -> nn.Module:
    return nn.Linear(3, 3)


class Flat(nn.Module):
    """Network that leaves the last axis out, which would be paired with every target."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).squeeze(-1)


GAPS = X.clone()
GAPS[5, 1] = float("nan")
FIELDS = ", ".join(pb.Recipe.model_fields)
LEVELS = (
    "expected at least two levels by name, one of them the baseline. "
    "Give a mapping, such as {'small': ..., 'large': ...}."
)
FILL = (
    "expected a finite number. Fill or drop what is missing; in a CSV file, given by its path, gaps are filled with "
    "medians of the training part."
)
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "lengths": (
        {"data": (X, Y[:50])},
        "X and y: got 60 and 50 samples, expected one target for each sample. "
        "Give inputs and targets of the same samples, in the same order.",
    ),
    "empty": (
        {"data": (X[:0], Y[:0])},
        "the data: got no samples, expected samples to learn from. Check how they were read.",
    ),
    "no data": (
        {"data": None},
        "data=: got nothing, expected (X, y), a DataFrame, the path of a CSV file, a torch Dataset, or a Task. "
        "Give data=(X, y), or a Comparison.",
    ),
    "another kind": (
        {"data": {"x": X}},
        "the data: got dict, expected (X, y), a DataFrame with target=, the path of a CSV file, a torch Dataset, or a "
        "paribus Task. Give the inputs and the target as a pair, such as data=(X, y).",
    ),
    "one axis": (
        {"data": (X[:, 0], Y)},
        "X: got shape (60,), expected (sample, feature, ...), an axis of samples and at least one of features. "
        "Give a single feature as X.reshape(-1, 1).",
    ),
    "a gap": ({"data": (GAPS, Y)}, f"X, sample 5: got nan, {FILL}"),
    "a gap in a column": (
        {"data": (pd.DataFrame(GAPS.numpy(), columns=["a", "b", "c"]), Y)},
        f"column 'b' of X, sample 5: got nan, {FILL}",
    ),
    "text": (
        {"data": (FRAME.assign(b=[1, "x"] * 30), Y)},
        "column 'b' of X: got values of type object, expected numbers. Turn it into numbers, such as with "
        "pandas.get_dummies, or give the path of a CSV file, whose text is turned into one input for each value.",
    ),
    "objects": (
        {"data": (np.array([[None, "a"]] * 60), Y)},
        "X: got values of type object, expected numbers. "
        "Turn them into numbers, such as by one column for each category.",
    ),
    "no target": (
        {"data": (X, [None, *NAMES[1:]])},
        "y, sample 0: got a missing value, expected a target for each sample. Drop the samples without a target.",
    ),
    "one class": (
        {"data": (X, torch.zeros(60, dtype=torch.long))},
        "y: got the class 0 alone, expected two or more. Give samples of each class.",
    ),
    "one-hot": (
        {"data": (X, nn.functional.one_hot(Y))},
        "y: got classes of shape (60, 2), expected (sample,), one class for each sample. "
        "Give the number or the name of the class, such as y.argmax(1) of one column a class.",
    ),
    "counts": (
        {"data": (X, torch.arange(60))},
        "y: got 60 different numbers in 60 samples, expected classes. "
        "Say task='regression' where they are values to predict.",
    ),
    "no such column": (
        {"data": FRAME, "target": "d"},
        "target=: got 'd', expected one of the columns a, b, c. "
        "Name the column to predict with target=, or give data=(X, y).",
    ),
    "a target beside a pair": (
        {"target": "a"},
        "target=: got 'a' beside a pair (X, y), expected a column of a DataFrame or of a CSV file. "
        "Leave it out; the target is in the data already.",
    ),
    "three tensors": (
        {"data": TensorDataset(X, X, Y)},
        "the data: got a TensorDataset of 3 tensors, expected two: inputs and targets. Give TensorDataset(X, y).",
    ),
    "a stream": (
        {"data": Stream()},
        "the data: got Stream, which has no length, expected a map-style data set, with __len__ and __getitem__. "
        "Collect its samples in tensors and give data=(X, y).",
    ),
    "items alone": (
        {"data": Alone()},
        "items of Alone: got Tensor, expected pairs (x, y). "
        "Have __getitem__ return the inputs and the target of one sample.",
    ),
    "baseline": (
        {"baseline": "rmsprop"},
        "baseline=: got 'rmsprop', expected one of 'sgd', 'adam'. Name the level that the others are held against.",
    ),
    "key": (
        {"vary": {"optimiser": {"a": SGD, "b": ADAM}}},
        f"a key of vary=: got 'optimiser', expected a field of the recipe ({FIELDS}), or a path into one. "
        "Name what varies, such as 'optimizer' or 'model.hidden'.",
    ),
    "one level": (
        {"vary": {"optimizer": {"sgd": SGD}}},
        f"vary={{'optimizer': ...}}: got 1 level, {LEVELS}",
    ),
    "levels without names": (
        {"vary": {"batch_size": [8, 16]}},
        f"vary={{'batch_size': ...}}: got list, {LEVELS}",
    ),
    "nothing varies": (
        {"vary": None},
        "vary=: got nothing, expected what varies, such as {'optimizer': {'sgd': ..., 'adam': ...}}. "
        "Name a field of the recipe and at least two levels of it.",
    ),
    "one seed": (
        {"seeds": 1},
        "seeds=: got 1, expected a whole number, at least 2, to have a difference and its spread. "
        "Give seeds=10 or more for a verdict; 6 are the fewest that can reach one.",
    ),
    "part of a seed": (
        {"seeds": 2.5},
        "seeds=: got 2.5, expected a whole number, at least 2, to have a difference and its spread. "
        "Give seeds=10 or more for a verdict; 6 are the fewest that can reach one.",
    ),
    "no margin": (
        {"margin": 0},
        "margin=: got 0, expected a number above 0, the largest difference that does not matter. "
        "Leave it out for the usual one.",
    ),
    "an unknown kind of task": (
        {"task": "Regression"},
        "task=: got 'Regression', expected one of classification, regression. "
        "Leave it out to go by the target.",
    ),
    "classes or values": (
        {"data": (X, np.asarray(Y, dtype=float))},
        "y: got the numbers 0.0 and 1.0 alone, expected class numbers, or values to predict. "
        "Say task='classification' or task='regression'.",
    ),
    "a field": (
        {"batchsize": 8},
        f"an argument of compare(): got batchsize=, expected a field of the recipe: {FIELDS}. Check the spelling.",
    ),
    "a setting": (
        {"batch_size": 0},
        "recipe.batch_size: got 0, expected input should be greater than or equal to 1. "
        "Change that setting, or the level that has it.",
    ),
    "no model": (
        {"model": None},
        "model=: got nothing, expected a class or function that makes the network. "
        "Give model=Net, or call(Net, hidden=[16]).",
    ),
    "a network": (
        {"model": nn.Linear(3, 1)},
        "model: got an object of Linear, made already, expected a function or class that makes one, because every seed "
        "has its own. Give call(Linear, ...), or a function that returns it.",
    ),
    "other arguments": (
        {"model": Wants},
        "model Wants: got no value for n_inputs, n_outputs, expected arguments inputs (given (3,), the shape of a "
        "sample) and outputs (given 1), or none without a default. "
        "Rename them, or give them: model=call(Wants, n_inputs=...).",
    ),
    "three outputs": (
        {"model": three},
        "output of variant 'sgd': got shape (32, 3) for 32 samples in training, expected (32, 1) or "
        "(32, 2). Have the last layer put out one number a sample, as the argument outputs says.",
    ),
    "flat values": (
        {"model": Flat, "data": (X, VALUES)},
        "output of variant 'sgd': got shape (32,) for 32 samples in training, expected (32, 1). "
        "Have the last layer put out as many numbers a sample as the target has, as the argument outputs says.",
    ),
    "other inputs": (
        {"model": pb.call("paribus.models.cnn:CNN")},
        "variant 'sgd' on data: got ValueError: inputs: got (3,), expected the shape of one sample, (channel, height, "
        "width)., expected a network that takes inputs of shape ((3,),) and puts out 1 number(s) a sample. "
        "Change recipe.model or the task's loss so that they fit the data.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_before_training(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed, message = REFUSED[case]
    monkeypatch.setattr("paribus.execution.session.Session._choose_engines", None)
    assert refused(compare, **changed) == message


def test_a_comparison_and_its_parts_are_refused_together() -> None:
    declared = pb.Comparison(
        question="?",
        task=task(points, "log_loss", "prior"),
        recipe=pb.Recipe(model=pb.call(Small), optimizer=SGD),
        factor=pb.Factor("recipe.optimizer", OPTIMIZERS["optimizer"]),
    )
    beside = {"data": (X, Y), "baseline": "adam", "standardise": False, "steps": 3}
    assert refused(pb.compare, declared, **beside) == (
        "compare(): got data=, baseline=, standardise=, steps= beside a Comparison, expected one of the two. "
        "Write it into the Comparison, or leave it out."
    )
    own = {"data": declared.task, "margin": 9.0, "task": "regression"}
    assert refused(compare, **own) == (
        "compare(): got task=, margin= beside a Task, expected one of the two. "
        "Write it into the Task, or leave it out."
    )


def test_what_is_written_into_data_later_is_no_part_of_them() -> None:
    """Two runs of the same data agree, whatever became of the tensor in between."""
    x, again = X.clone(), X.clone()
    first = compare(data=(x, Y), seeds=2).to_frame()
    x[:] = 0
    pd.testing.assert_frame_equal(compare(data=(again, Y), seeds=2).to_frame(), first)


def test_a_column_of_objects_is_read_by_what_it_holds() -> None:
    """As frames of several types give it."""
    objects = np.asarray([v / 3 for v in range(len(Y))], dtype=object)
    assert "mse" in compare(data=(X, objects), seeds=2).to_frame()
    assert "log_loss" in compare(data=(X, np.asarray(Y, dtype=object)), seeds=2).to_frame()


def test_the_baseline_has_no_contrast() -> None:
    assert refused(compare().__getitem__, "sgd") == (
        "a variant of the result: got 'sgd', the baseline, expected one of adam. "
        "Name a variant that is held against the baseline."
    )


SCRIPT = """
import torch
from sklearn.datasets import load_breast_cancer

import paribus as pb

WIDTH = 8


class Base(torch.nn.Module):
    def forward(self, x):
        return self.layers(x)


class MyNet(Base):
    def __init__(self, inputs, outputs, hidden=WIDTH):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(inputs[0], hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, outputs)
        )


X, y = load_breast_cancer(return_X_y=True)
result = pb.compare(
    data=(X, y),
    model=MyNet,
    steps=20,
    vary={"optimizer": {"sgd": pb.call(torch.optim.SGD, lr=0.1), "adam": pb.call(torch.optim.Adam, lr=1e-3)}},
    baseline="sgd",
    seeds=6,
    jobs=JOBS,
)
"""


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_script_in_an_empty_folder_prints_its_table(jobs: int, tmp_path: Path) -> None:
    (tmp_path / "try.py").write_text(
        SCRIPT.replace("JOBS", str(jobs)) + "print(result)\n", encoding="utf-8"
    )
    done = python("try.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "optimizer on cpu, 6 seeds: Which optimizer does better: sgd, adam?" in done.stdout
    assert "MyNet" not in done.stderr
    assert list(tmp_path.iterdir()) == [tmp_path / "try.py"]


@pytest.mark.slow
def test_a_notebook_shows_the_table_of_its_own_network(tmp_path: Path) -> None:
    cells = [SCRIPT.replace("JOBS", "1"), "result"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = notebook.cells[-1].outputs[-1]["data"]
    assert "<td>adam</td>" in shown["text/html"]
    assert "optimizer on cpu, 6 seeds" in shown["text/plain"]

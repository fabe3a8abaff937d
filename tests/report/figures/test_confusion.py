"""Confusion matrix: against scikit-learn, with names of classes, and only where there is one to draw."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from paribus.report import write
from paribus.report.figures.confusion import confusion, shares
from paribus.runs.run import Predictions
from paribus.runs.store import Store
from paribus.spec import call
from tests.helpers.handmade import Bench, around, comparison

FIGURES = {"Confusion of classes": call("paribus.report.figures.confusion:confusion")}


@pytest.fixture
def bench(tmp_path):
    with Store(tmp_path / "runs.sqlite") as store:
        yield Bench(store, comparison(figures=FIGURES)).put("sgd", around(0.4))


def test_shares_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    outputs, target = random.normal(size=(60, 3)), random.integers(3, size=60)
    runs = [
        Predictions(outputs[:30], target[:30], outputs),
        Predictions(outputs[30:], target[30:], outputs),
    ]
    expected = confusion_matrix(target, outputs.argmax(1), normalize="true")
    np.testing.assert_allclose(shares(runs, 3), expected)


def test_one_logit_tells_two_classes_and_an_absent_class_has_no_shares() -> None:
    outputs = np.array([[1.0], [-1.0], [2.0]])
    runs = [Predictions(outputs, np.array([1, 1, 1]), outputs)]
    np.testing.assert_allclose(shares(runs, 2), [[0, 0], [1 / 3, 2 / 3]])


def test_classes_are_named_and_shares_are_written(bench) -> None:
    bench.predict("sgd", [[2.0, 1.0], [0.0, 1.0], [3.0, 0.0], [0.0, 3.0]], [0, 0, 0, 1])
    figure = confusion(bench.result())
    assert figure is not None
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_xticklabels()] == ["low", "high"]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["low", "high"]
    assert [t.get_text() for t in axes.texts] == ["67", "33", "100"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("taken for", "true class")
    assert axes.get_title() == "sgd"


def test_without_predictions_there_is_nothing_to_draw(bench) -> None:
    assert confusion(bench.result()) is None


def test_a_comparisons_own_figures_are_written_and_shown(bench, tmp_path) -> None:
    bench.predict("sgd", [[2.0, 1.0], [0.0, 1.0]], [0, 1])
    written = write([bench.result()], tmp_path / "out")
    assert "hand-confusion-of-classes.png" in [path.name for path in written]
    page = (tmp_path / "out" / "hand.md").read_text()
    assert "![Confusion of classes of hand](hand-confusion-of-classes.png)" in page

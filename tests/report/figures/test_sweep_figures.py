"""Figures of the score against a setting that is a number."""

from __future__ import annotations

import pytest

from paribus.experiment.factor import Factor
from paribus.experiment.suite import Suite
from paribus.report import write
from paribus.report.figures import sweep_figures
from tests.helpers.handmade import FAILED, LR, LRS, Bench, around, comparison


def swept(store, name: str = "hand", scores: dict | None = None, **fields) -> Bench:
    fields = {"factors": (LR,), "baseline": ("0.01",), "name": name} | fields
    bench = Bench(store, comparison(**fields))
    for variant in bench.comparison.variants():
        bench.put(variant.name, (scores or {}).get(variant.name, around(0.4)))
    return bench


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (LRS, [0.001, 0.01, 0.1, 1.0]),
        ({"2": [8] * 2, "4": [8] * 4, "8": [8] * 8, "16": [8] * 16}, [2, 4, 8, 16]),
        ({"0.1": 0.1, "0.2": 0.2, "0.3": 0.3}, []),
        ({**LRS, "none": None}, []),
        ({"a": True, "b": False, "c": 1, "d": 2}, []),
    ],
)
def test_numbers_are_values_or_names_that_are_numbers(levels, expected) -> None:
    found = sweep_figures.numbers(Factor("recipe.model.hidden", levels))
    assert list(found.values()) == expected


def test_a_line_has_a_point_for_each_setting_in_order_and_failures_at_their_penalty(store) -> None:
    """The dummy predictor scores 0.7, which a run that fails everywhere has for its median."""
    bench = swept(store, scores={"1": [FAILED] * 10, "0.001": around(0.6)})
    ((place, (title, figure)),) = sweep_figures.pictures([bench.result()]).items()
    assert (place, title) == (0, "Score against lr")
    (axes,) = figure.axes
    assert axes.lines[0].get_xdata().tolist() == [0.001, 0.01, 0.1, 1.0]
    assert axes.lines[0].get_ydata().tolist() == pytest.approx([0.6, 0.4, 0.4, 0.7])
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.001", "0.01", "0.1", "1"]
    assert axes.get_xlabel() == "lr"
    assert figure.get_suptitle().startswith("hand on cpu: median of 10 seeds")
    assert "log_loss, nats (lower is better)" in axes.get_ylabel()


def test_an_axis_of_lengths_says_so(store) -> None:
    deep = {str(depth): [8] * depth for depth in (1, 2, 4, 8)}
    factor = Factor("recipe.model.hidden", deep)
    ((_, figure),) = sweep_figures.pictures(
        [swept(store, factors=(factor,), baseline=("1",)).result()]
    ).values()
    assert figure.axes[0].get_xlabel() == "entries of hidden"


def test_a_crossing_has_a_line_for_each_level_of_the_other_factor(store) -> None:
    norm = Factor("recipe.model.norm", {"plain": None, "batch norm": "batch"})
    bench = swept(store, factors=(LR, norm), baseline=("0.01", "plain"))
    ((_, figure),) = sweep_figures.pictures([bench.result()]).values()
    assert [line.get_label() for line in figure.axes[0].lines] == ["plain", "batch norm"]


def test_comparisons_of_one_suite_that_vary_the_same_share_a_figure(tmp_path, store) -> None:
    benches = [swept(store, name, target=t) for name, t in (("one", 0.4), ("two", 0.3))]
    suite = Suite(name="both", title="Both", comparisons=tuple(b.comparison for b in benches))
    results = [bench.result(suite=suite) for bench in benches]
    ((place, (_, figure)),) = sweep_figures.pictures(results).items()
    assert place == 0
    assert [line.get_label() for line in figure.axes[0].lines] == ["one", "two"]
    written = {path.name for path in write(results, tmp_path / "out")}
    assert "both-one-score-against-lr.png" in written
    page = (tmp_path / "out" / "both.md").read_text()
    assert "![Score against lr of one](both-one-score-against-lr.png)" in page


def test_what_is_no_number_or_was_not_run_has_no_figure(store) -> None:
    assert sweep_figures.pictures([Bench(store).put("sgd", around(0.4)).result()]) == {}
    empty = Bench(store, comparison(factors=(LR,), baseline=("0.01",)))
    assert sweep_figures.pictures([empty.result()]) == {}
    assert sweep_figures.pictures([empty.result(skipped="no CUDA device was found")]) == {}

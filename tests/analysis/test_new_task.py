"""What to expect on a new task, from handmade results of eight tasks, and how pages tell it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from paribus import stats
from paribus.analysis.new_task import Prospect, prospects, unpooled
from paribus.analysis.ranking import TaskRanking, standing
from paribus.experiment.suite import Ranking, Suite
from paribus.report import ranking_tables
from paribus.report.figures.task_effects import task_effects
from paribus.report.ranking_answer import new_task, ranking_answer
from paribus.runs.store import Store
from tests.helpers.handmade import TASK, Bench, around, comparison

# Mean log loss of sgd, adam and rmsprop; the margin is 0.02, and learning nothing scores 0.7.
LOSSES = [(0.4, 0.2, 0.4 + x) for x in (0.1, -0.1, 0.06, -0.08, 0.04, -0.02, 0.02, 0.0)]


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> TaskRanking:
    """Return the ranking over eight tasks."""
    tasks = [TASK.model_copy(update={"name": f"t{i}"}) for i in range(8)]
    comparisons = tuple(comparison(name=t.name, task=t) for t in tasks)
    suite = Suite(
        name="hand", title="By hand", comparisons=comparisons, across=Ranking(question="Who?")
    )
    results = []
    with Store(tmp_path_factory.mktemp("eight") / "runs.sqlite") as store:
        for each, losses in zip(comparisons, LOSSES, strict=True):
            bench = Bench(store, each)
            for name, mean in zip(("sgd", "adam", "rmsprop"), losses, strict=True):
                tilt = {"sgd": 0.0, "adam": 0.001, "rmsprop": -0.001}[name]
                bench.put(name, [x + tilt * (i - 4.5) for i, x in enumerate(around(mean))])
            results.append(bench.result(suite=suite))
    found = standing(results)
    assert found is not None
    return found


def test_effects_are_in_margins_and_turned_so_that_more_is_better(eight) -> None:
    adam, rmsprop = prospects(eight)
    assert adam.effects == pytest.approx([10.0] * 8)
    assert rmsprop.effects == pytest.approx([-5, 5, -3, 4, -2, 1, -1, 0], abs=1e-9)
    assert (adam.better_on, rmsprop.better_on) == (8, 3)


def test_probabilities_are_those_of_the_pooled_squeezed_effects() -> None:
    """Two seeds of -1 and 3 margins of 0.1: a mean of one margin, a standard error of two."""
    differences = [np.array([-0.1, 0.3])] * 8
    made = Prospect.of("adam", differences, [0.1] * 8)
    assert made.effects == pytest.approx([1.0] * 8)
    assert made.errors == pytest.approx([2.0] * 8)
    pooled = stats.pool([np.arcsinh(1)] * 8, [2 / 2**0.5] * 8)
    assert made.better == pytest.approx(pooled.chance_above(0))
    assert made.better_by_margin == pytest.approx(pooled.chance_above(np.arcsinh(1)))
    assert made.worse_by_margin == pytest.approx(pooled.chance_below(-np.arcsinh(1)))
    assert made.middle.mean == pytest.approx(np.sinh(pooled.mean.mean))
    assert made.new.high == pytest.approx(np.sinh(pooled.new.high))


def test_below_eight_tasks_nothing_is_said_of_a_new_one(eight) -> None:
    found = replace(eight, units=eight.units[:7])
    assert prospects(found) == ()
    assert (
        unpooled(found) == "7 tasks count, and fewer than 8 say too little of how much tasks differ"
    )
    section = "\n".join(ranking_tables.blocks(found, {}))
    assert "nothing is said, since 7 tasks count, and fewer than 8 say too little" in section
    assert ranking_answer(found).startswith("**Who?** Over 7 tasks ")
    assert task_effects(found) is None


def test_without_a_margin_there_is_no_common_scale(eight) -> None:
    result = eight.units[0].result
    metric = TASK.primary.model_copy(update={"margin": None})
    task = result.comparison.task.with_metric(metric)
    compared = result.comparison.model_copy(update={"task": task})
    without = replace(eight.units[0], result=replace(result, comparison=compared))
    assert unpooled(replace(eight, units=(without, *eight.units[1:]))) == (
        "t0 has no margin, the unit in which tasks are compared"
    )


def test_the_answer_begins_with_a_new_task(eight) -> None:
    found = eight
    text = ranking_answer(found)
    open_still = f"{100 * prospects(found)[1].better:.0f}"
    assert text.startswith(
        "**Who?** On a new task of this kind, within 20 steps, adam (over 99 %) would probably do better than sgd; it "
        f"is open whether rmsprop (better with {open_still} %) would do better than sgd. Over 8 tasks "
    )
    assert 30 < int(open_still) < 55


def test_what_is_probably_worse_is_named_with_the_probability_of_that(eight) -> None:
    adam, _ = prospects(eight)
    turned = Prospect.of("adam", [-np.array([0.1, 0.3, 0.2])] * 8, [0.02] * 8)
    assert new_task([turned], "sgd") == (
        "On a new task of this kind, adam (over 99 %) would probably do worse than sgd. "
    )
    assert new_task([adam], "sgd").endswith("adam (over 99 %) would probably do better than sgd. ")


def test_the_table_has_a_line_a_variant(eight) -> None:
    adam, rmsprop = ranking_tables.new_task_lines(eight)
    assert adam["better on"] == "8 of 8"
    assert adam["better"] == adam["by more than the margin"] == "over 99 %"
    assert adam["worse by more than it"] == "under 1 %"
    assert adam["typical difference"].startswith("10.0")
    assert rmsprop["better on"] == "3 of 8"
    low, high = rmsprop["on a new task, 95 %"].split(" to ")
    assert float(low) < -5 < 5 < float(high)


def test_a_variant_that_never_differs_is_left_out(eight, monkeypatch) -> None:
    monkeypatch.setattr(Prospect, "effects", np.zeros(8))
    assert prospects(eight) == ()
    section = "\n".join(ranking_tables.blocks(eight, {}))
    assert "nothing is said, since none differs from sgd on any." in section


def test_the_figure_has_a_row_a_task_and_the_margin_in_grey(eight) -> None:
    figure = task_effects(eight)
    assert figure is not None
    first, second = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == [
        *(f"t{i}" for i in range(8)),
        "typical task",
        "new task",
    ]
    points = [line.get_xdata()[0] for line in second.lines if line.get_marker() == "o"]
    assert points == pytest.approx([-5, 5, -3, 4, -2, 1, -1, 0], abs=1e-9)
    assert "better on 3 of 8,\non a new one with" in second.get_title()

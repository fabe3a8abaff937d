"""Ranking over the tasks of a suite, from handmade results: which of them count, ranks, and the page's text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from paribus import stats
from paribus.analysis.ranking import missing, standing
from paribus.analysis.results import Result
from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Ranking, Suite
from paribus.report import method, ranking_tables, write
from paribus.report.figures import ranking as ranking_figures
from paribus.report.ranking_answer import ranking_answer
from paribus.runs.run import Outcome
from tests.helpers.handmade import FAILED, TASK, Bench, around, comparison
from tests.helpers.refusals import refused

# Mean log loss of sgd, adam and rmsprop on four tasks; learning nothing scores 0.7.
LOSSES = {
    "first": (0.4, 0.2, 0.3),
    "second": (0.4, 0.2, 0.5),
    "third": (0.4, 0.3, 0.1),
    "fourth": (0.5, 0.2, 0.4),
}


def on(name: str, **changes: object) -> Comparison:
    return comparison(name=name, task=TASK.model_copy(update={"name": name}), **changes)


def suite(*comparisons: Comparison) -> Suite:
    made = comparisons or tuple(map(on, LOSSES))
    return Suite(
        name="hand", title="By hand", comparisons=made, across=Ranking(question="Who ranks first?")
    )


@pytest.fixture
def results(store):
    """Return a function that makes the results of every task; losses of a task may be changed."""

    def make(whole: Suite | None = None, **changed: dict[str, list[float]]) -> list[Result]:
        chosen = whole or suite()
        made = []
        for each in chosen.comparisons:
            bench = Bench(store, each)
            for name, mean in zip(("sgd", "adam", "rmsprop"), LOSSES[each.name], strict=True):
                bench.put(name, changed.get(each.name, {}).get(name, around(mean)))
            made.append(bench.result(suite=chosen))
        return made

    return make


def test_ranks_are_of_mean_scores_one_unit_a_task(results) -> None:
    found = standing(results())
    assert found is not None
    assert found.variants == ("sgd", "adam", "rmsprop")
    assert found.ranks.tolist() == [[3, 1, 2], [2, 1, 3], [3, 2, 1], [3, 1, 2]]
    assert found.mean_ranks.tolist() == [2.75, 1.25, 2.0]
    assert found.friedman == stats.friedman(found.ranks)
    assert found.p == pytest.approx(stats.against_baseline(found.ranks))
    assert found.distance == stats.nemenyi_distance(3, 4)


def test_a_score_is_normalised_between_learning_nothing_and_the_ideal(results) -> None:
    """A log loss of .2 where learning nothing costs .7: (0.7 - 0.2) / 0.7, seed by seed."""
    unit = standing(results()).units[0]
    assert unit.normalised[1] == pytest.approx([(0.7 - x) / 0.7 for x in around(0.2)])
    assert unit.scores == pytest.approx([0.4, 0.2, 0.3])


def test_the_interquartile_mean_is_over_all_runs_of_all_tasks(results) -> None:
    found = standing(results())
    every = np.concatenate([unit.normalised[1] for unit in found.units])
    assert every.size == 40
    assert found.middles[1].mean == stats.interquartile_mean(every)


def test_a_shortfall_is_what_lacks_to_the_tasks_best(results) -> None:
    found = standing(results())
    assert found.shortfalls[0] == pytest.approx([0.2 / 0.7, 0.0, 0.1 / 0.7])
    assert found.shortfalls[2] == pytest.approx([0.3 / 0.7, 0.2 / 0.7, 0.0])


def test_problems_are_tasks_and_seeds_and_a_miss_is_infinite(results) -> None:
    """The target is .4, met at step 20 by whoever ends below it, and by nobody before."""
    found = standing(results())
    assert found.efforts.shape == (40, 3)
    shares = [float(stats.profile(found.efforts[:, i], [1.0])[0]) for i in range(3)]
    # sgd ends at .38 on every second seed of three tasks, rmsprop misses the second and every other of the fourth.
    assert shares == pytest.approx([15 / 40, 1.0, 25 / 40])


def test_a_failed_run_counts_at_its_penalty(results) -> None:
    losses = [FAILED, *around(0.2)[1:]]
    found = standing(results(first={"adam": losses}))
    assert found.units[0].scores[1] == pytest.approx((0.7 + sum(losses[1:])) / 10)
    assert found.units[0].normalised[1][0] == 0.0
    assert found.efforts[0, 1] == np.inf


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"adam": around(0.2)[:9]}, "not all variants have all their runs"),
        (
            {name: around(0.69) for name in ("sgd", "adam", "rmsprop")},
            "no variant beats the predictor that learns nothing by the margin",
        ),
    ],
)
def test_a_task_that_says_nothing_is_left_out_with_its_reason(results, changed, reason) -> None:
    made = results(second=changed)
    assert missing(made[1]) == reason
    found = standing(made)
    assert len(found.units) == 3
    assert found.left_out == (f"second: {reason}",)


def test_a_sequence_of_seeds_is_left_out(results) -> None:
    """Means of seeds that stopped for what they said lean outward, and so would ranks of them."""
    made = results()
    made[1] = replace(made[1], cap=30)
    assert missing(made[1]) == "its seeds are a sequence"
    assert standing(made).left_out == ("second: its seeds are a sequence",)


@pytest.mark.parametrize("outcome", [Outcome.exhausted, Outcome.skipped])
def test_runs_that_were_cut_short_leave_a_task_out(store, outcome) -> None:
    bench = Bench(store, on("first"))
    for name, mean in zip(("sgd", "adam", "rmsprop"), LOSSES["first"], strict=True):
        bench.put(name, around(mean))
    bench.perturb("adam", 3, outcome=outcome)
    assert missing(bench.result()) == f"runs were {outcome.value}"


def test_one_later_look_makes_every_p_exploratory(results) -> None:
    made = results()
    made[2] = replace(made[2], looks=(8, 10))
    found = standing(made)
    assert found.exploratory
    text = ranking_tables.test_line(found)
    assert "against sgd, Holm-adjusted over 2, exploratory. That all rank alike: " in text
    assert "tasks count, exploratory." in text
    assert "Looked at before with other seeds: third." in text
    assert "(exploratory)" in ranking_answer(found)
    assert ranking_tables.variant_lines(found)[0]["p"] == "—"


def test_a_first_look_marks_nothing(results) -> None:
    found = standing(results())
    texts = [
        ranking_answer(found),
        ranking_tables.test_line(found),
        str(ranking_tables.variant_lines(found)),
    ]
    assert not found.exploratory
    assert "exploratory" not in " ".join(texts)


def test_a_page_without_the_section_says_what_withholds_it(results, tmp_path) -> None:
    made = [replace(result, cap=30) for result in results()]
    text = write(made, tmp_path)[1].read_text(encoding="utf-8")
    assert "## Over all tasks: Who ranks first?\n\nWithheld, since fewer than two" in text
    assert "- fourth: its seeds are a sequence.\n" in text
    assert "Mean ranks" not in text


def test_fewer_than_two_tasks_have_no_standing(results) -> None:
    made = results()
    assert standing(made[:1]) is None
    assert standing([]) is None


def test_a_suite_that_asks_nothing_over_its_tasks_has_no_standing(results) -> None:
    plain = Suite(name="hand", title="By hand", comparisons=tuple(map(on, LOSSES)))
    assert standing(results(plain)) is None


@pytest.mark.parametrize(
    ("comparisons", "got"),
    [
        ((on("first"),), "1 comparison"),
        ((on("first"), on("second", baseline=("adam",))), "comparisons with different variants"),
        ((on("first"), comparison(name="b", task=on("first").task)), "the tasks first, first"),
    ],
)
def test_tasks_that_cannot_be_ranked_over_are_refused(comparisons, got) -> None:
    assert refused(suite, *comparisons) == (
        f"suite 'hand', across its tasks: got {got}, expected two or more comparisons, each on a task of its own, with "
        "the same variants and baseline. Make them alike, or leave `across` out."
    )


def test_the_page_begins_with_what_stands_over_all_tasks(results, tmp_path) -> None:
    written = write(results(second={"adam": []}), tmp_path)
    names = [path.name for path in written]
    assert names[4:7] == [
        "hand-mean-ranks.png",
        "hand-interquartile-means.png",
        "hand-steps-to-target.png",
    ]
    text = written[1].read_text(encoding="utf-8")
    assert text.splitlines()[2].startswith(
        "- **Who ranks first?** Over 3 tasks ranks are not tested"
    )
    assert text.index("## Over 3 tasks") < text.index("## first\n")
    assert (
        "N = 3 data sets, one unit each. p below: [ranks](method.md#across-tasks) against sgd"
        in text
    )
    assert "Mean ranks, 1 the best: adam 1.33" in text.splitlines()[2]
    assert (
        "| first  | log_loss (nats, lower is better) | 0.400 (3) | 0.200 (1) | 0.300 (2) |" in text
    )
    assert (
        "Nemenyi's critical difference of any two, 1.91 of 2 ranks, has little power over few tasks. "
        "Normalised scores count 0 where a variant scores what the predictor that learns nothing does, and 1 at a "
        "perfect score of 0." in text
    )
    assert "Left out: second: not all variants have all their runs." in text
    assert "ranks speak of them, and of no others" in method.text()
    assert "Over 3 tasks ranks are not tested" in written[0].read_text(encoding="utf-8")


def test_the_summary_names_who_differs_from_the_baseline(results, monkeypatch) -> None:
    assert "Over 4 tasks ranks are not tested, since fewer than 5 tasks count." in ranking_answer(
        standing(results())
    )
    many = {f"t{i}": (0.5, 0.2, 0.4) for i in range(9)}
    for name, losses in many.items():
        monkeypatch.setitem(LOSSES, name, losses)
    found = standing(results(suite(*map(on, many))))
    assert (
        "Over 9 tasks adam ranks before sgd (p < 0.001) and rmsprop ranks before sgd (p = 0.043)."
        in ranking_answer(found)
    )


def test_the_rank_figure_shows_every_variant_and_the_critical_difference(results) -> None:
    (axes,) = ranking_figures.ranks(standing(results())).axes
    shown = [text.get_text() for text in axes.texts]
    assert {"sgd  2.75", "adam  1.25", "rmsprop  2.00", "critical difference 1.66"} <= set(shown)


def test_the_figure_of_means_has_an_interval_a_variant(results) -> None:
    found = standing(results())
    (axes,) = ranking_figures.middles(found).axes
    spans = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 2]
    assert spans == [pytest.approx([m.low, m.high]) for m in found.middles]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["sgd", "adam", "rmsprop"]


def test_the_profile_ends_at_the_share_that_reached_the_target(results) -> None:
    (axes,) = ranking_figures.profiles(standing(results())).axes
    assert [float(line.get_ydata()[-1]) for line in axes.lines] == pytest.approx([0.375, 1, 0.625])


def test_without_targets_there_is_no_profile(results) -> None:
    found = standing(results(suite(*(on(name, target=None) for name in LOSSES))))
    assert found.efforts is None
    assert list(ranking_figures.pictures(found)) == ["Mean ranks", "Interquartile means"]
    assert "target reached" not in ranking_tables.variant_lines(found)[0]

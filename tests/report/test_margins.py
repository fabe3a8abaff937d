"""Margins in words: reason, three sizes, warning, other margins, and the failure rate that is left open."""

from __future__ import annotations

import pytest

from paribus import Metric, Task, call, metric
from paribus.analysis.verdict import MarginCurve
from paribus.experiment.primary_score import scored_by
from paribus.report import margins
from paribus.report.margins import MarginShares, margin_shares
from paribus.runs.run import Run
from paribus.suites.tasks.metrics import accuracy, log_loss
from tests.helpers.handmade import FAILED, RECIPE, TASK, Bench, comparison, filled


def with_score(store, score: Metric, **task: object) -> Bench:
    changed = TASK.model_copy(update={"metrics": (score, accuracy(0.01)), **task})
    return filled(store, task=changed)


def test_shares_of_an_error_by_hand() -> None:
    """Of .4, with .7 for the dummy predictor: .02/.4, .02/.3, .02/.4."""
    assert margin_shares(log_loss(0.02), 0.4, 0.7) == pytest.approx((0.05, 0.02 / 0.3, 0.05))


def test_shares_of_a_share_by_hand() -> None:
    """Of .9, with .5 for the dummy predictor: .01/.9, .01/.4, and .01/.1 of what is left to 1."""
    assert margin_shares(accuracy(0.01), 0.9, 0.5) == pytest.approx((0.01 / 0.9, 0.025, 0.1))


def test_a_share_that_means_nothing_is_left_out() -> None:
    """No perfect score known; a baseline below the dummy predictor; a negative or a perfect score."""
    psnr = Metric(
        name="psnr", function=call("paribus.metrics:psnr"), higher_is_better=True, margin=1
    )
    assert margin_shares(psnr, 20.0, 10.0) == MarginShares(0.05, 0.1, None)
    assert margin_shares(psnr.model_copy(update={"perfect": 40.0}), 20.0) == (0.05, None, 0.05)
    assert margin_shares(log_loss(0.2), 0.8, 0.5) == MarginShares(0.25, None, 0.25)
    assert margin_shares(metric("r2", margin=0.1), -1.0) == MarginShares(None, None, 0.05)
    assert margin_shares(accuracy(0.01), 1.0) == MarginShares(0.01, None, None)
    assert margin_shares(metric("r2"), 0.5) is None


def test_the_margin_is_told_with_its_reason_and_its_sizes(store) -> None:
    bench = with_score(store, log_loss(0.02, "it is a factor of 1.02"))
    assert margins.margin_lines([bench.result()]) == [
        "A difference of less than 0.02 nats does not matter here: it is a factor of 1.02. It is 5.0 % of sgd's score "
        "(0.400) and of its head-room to a perfect 0, and 6.7 % of the way from `prior` (0.700) to sgd."
    ]


def test_a_margin_without_a_reason_is_the_users(store) -> None:
    (line,) = margins.margin_lines([filled(store).result()])
    assert line.startswith(
        "A difference of less than 0.02 nats does not matter by the margin that was given; no reason was stated with "
        "it. It is 5.0 %"
    )


def test_a_reason_for_other_data_says_so(store) -> None:
    bench = with_score(store, log_loss(0.02, "it is a factor of 1.02"), path="mine.csv")
    (line,) = margins.margin_lines([bench.result()])
    assert "by the margin of task points, which was chosen for other data: it is a factor" in line


def test_no_margin_is_told(store) -> None:
    none = log_loss(0.02).model_copy(update={"margin": None})
    (line,) = margins.margin_lines([with_score(store, none).result()])
    assert line.startswith(
        "No margin was declared, so nothing is called clear, slight or equivalent;"
    )
    assert margins.margin_phrase(with_score(store, none).result()) == ""


def test_a_margin_above_a_quarter_of_the_head_room_is_warned_of(store) -> None:
    """.12 of .4 is 30 %."""
    _, warning = margins.margin_lines([with_score(store, log_loss(0.12)).result()])
    assert warning.startswith(
        "**The margin is large: 30 % of what sgd leaves to a perfect score and 40 % of what sgd gains over `prior`. "
    )


def test_a_margin_above_a_quarter_of_what_was_gained_is_warned_of(store) -> None:
    """.09 of the .3 from the dummy predictor's .7 is 30 %, and of the .4 that are left 22 %."""
    _, warning = margins.margin_lines([with_score(store, log_loss(0.09)).result()])
    assert warning.startswith("**The margin is large: 30 % of what sgd gains over `prior`. What")
    assert len(margins.margin_lines([with_score(store, log_loss(0.07)).result()])) == 1


def test_other_margins_are_told_of_each_contrast(store) -> None:
    found = {line["variant"]: line for line in margins.curve_lines(filled(store).result())}
    assert found["adam"]["clearly better or worse at margins below"] == "0.200"
    assert found["rmsprop"]["clearly better or worse at margins below"] == "—"
    assert margins.curve_text(MarginCurve(None, None)) == "neither at any margin"
    assert margins.curve_text(None) == "—"


def test_the_open_failure_rate_stands_beside_equivalence(store) -> None:
    """1 - .05^(1/10) is 26 %; where a run failed nothing is called equivalent, and nothing is said."""
    (line,) = margins.failure_limit_lines([filled(store).result()])
    assert line.endswith("with 10 seeds that leaves failure rates of up to 26 % open (95 % limit).")
    scores = [FAILED, *[0.4] * 9]
    assert margins.failure_limit_lines([filled(store).put("rmsprop", scores).result()]) == []


def test_reason_and_perfect_score_change_no_key() -> None:
    told = log_loss(0.02, "a reason").model_copy(update={"perfect": 0.1})
    first, second = (
        Run(task=task, recipe=RECIPE, seed=0, data_digest="x")
        for task in (TASK, TASK.with_metric(told))
    )
    assert second.task.primary.margin_reason == "a reason"
    assert first.key == second.key


def test_another_margin_does_not_keep_the_reason() -> None:
    task: Task = TASK.with_metric(log_loss(0.02, "a reason"))
    assert scored_by(task, "log_loss").primary.margin_reason == "a reason"
    assert scored_by(task, "log_loss", 0.01).primary.margin_reason == ""
    assert metric("f1", margin=0.1, margin_reason="so small").margin_reason == "so small"


def test_perfect_scores_are_known_by_themselves() -> None:
    own = Metric(name="x", function=call("math:cos"), higher_is_better=True)
    shares = {"unit": "share of labels"}
    assert own.best_possible is None
    assert own.model_copy(update=shares).best_possible == 1
    assert own.model_copy(update={**shares, "higher_is_better": False}).best_possible == 0
    assert [metric(name).best_possible for name in ("mse", "accuracy", "mae", "auroc")] == [
        0,
        1,
        0,
        1,
    ]


def test_a_comparison_of_sequences_has_no_margin_line(store) -> None:
    bench = Bench(store, comparison())
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, [0.4] * 10)
    assert margins.margin_lines([bench.result(cap=10)]) == []

"""Numbers that claims speak of, from records written by hand and worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from paribus.analysis import measures
from paribus.analysis.hypothesis_tests import RELATIONS, Answer, Inference
from paribus.experiment.factor import Factor
from paribus.experiment.suite import Suite
from paribus.stats import sign_flip_p
from tests.helpers.handmade import FAILED, LR, LRS, Bench, around, comparison


def curve(bench: Bench, name: str, **curves: list[float]) -> None:
    """Set the same curves for every seed of a variant."""
    for seed in range(bench.seeds):
        bench.perturb(name, seed, curves=curves)


def test_parameters_are_those_of_the_runs(store) -> None:
    result = Bench(store).put("adam", around(0.4)).result()
    assert measures.parameters((result,), "adam").tolist() == [17.0] * 10


def test_the_ratio_of_step_times_has_a_number_a_round_and_none_untimed(store) -> None:
    bench = Bench(store).put("adam", around(0.4))
    assert measures.step_ratio((bench.result(),), "adam").size == 0
    bench.time("adam", 1.5)
    assert measures.step_ratio((bench.result(),), "adam") == pytest.approx([1.5] * 3)


def test_over_dummy_is_how_much_better_the_variant_is_in_either_direction(store) -> None:
    """Log loss 0.38 and 0.42 against 0.7, accuracy 0.9 against 0.5; a failed run gains nothing."""
    bench = Bench(store, seeds=3).put("adam", [0.38, 0.42, FAILED])
    lower, higher = (
        measures.over_dummy((bench.result(),), "adam", predictor="prior", metric=metric)
        for metric in ("log_loss", "accuracy")
    )
    assert lower.tolist() == pytest.approx([0.32, 0.28, 0])
    assert higher.tolist() == pytest.approx([0.4, 0.4, 0])


def test_the_area_under_a_curve_is_its_mean_height_over_the_steps(store) -> None:
    """1 to 3 over ten steps and 3 to 3 over thirty: (20 + 90) / 40 = 2.75."""
    bench = Bench(store, seeds=2).put("adam", [0.4, FAILED])
    curve(bench, "adam", step=[0, 10, 40], loss=[1.0, 3.0, 3.0])
    found = measures.area((bench.result(),), "adam", curve="loss")
    assert found[0] == pytest.approx(2.75)
    assert np.isnan(found[1])


def test_late_to_early_compares_the_last_quarter_with_the_first(store) -> None:
    """Eight points besides the one before training: the logarithm of (1 + 1) / (8 + 6)."""
    bench = Bench(store, seeds=2).put("adam", around(0.4, 2))
    points = [float("nan"), 8.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 1.0]
    curve(bench, "adam", step=list(range(9)), effective_step=points)
    found = measures.late_to_early((bench.result(),), "adam", curve="effective_step")
    assert found.tolist() == pytest.approx([np.log(2 / 14)] * 2)


def test_the_slope_of_layers_is_that_of_their_logarithms(store) -> None:
    """Each layer's number is a quarter of the one before: log(1/4) a layer, whatever comes later in training."""
    bench = Bench(store, seeds=2).put("adam", around(0.4, 2))
    layers = {f"variance/{i}": [4.0**-i, 7.0] for i in range(4)}
    curve(bench, "adam", step=[0, 1], **layers)
    found = measures.log_slope((bench.result(),), "adam", layers="variance/")
    assert found.tolist() == pytest.approx([np.log(0.25)] * 2)
    assert np.isnan(measures.log_slope((bench.result(),), "adam", layers="other/")).all()


def test_an_interaction_is_a_difference_of_two_differences(store) -> None:
    bench = Bench(store, seeds=2)
    for name, scores in (("sgd", [0.5, 0.6]), ("adam", [0.3, 0.3]), ("rmsprop", [0.4, 0.1])):
        bench.put(name, scores)
    found = measures.interaction(
        (bench.result(),),
        "sgd",
        metric="log_loss",
        instead="adam",
        other="adam",
        other_instead="rmsprop",
    )
    assert found.tolist() == pytest.approx([0.2 - -0.1, 0.3 - 0.2])


ENDS = {"metric": "log_loss", "worst": "sgd", "best": "rmsprop"}


def test_past_the_midpoint_is_nearer_to_the_best_than_to_the_worst(store) -> None:
    """Half way from .7 to .1 is .4, from .5 to .3 as well: .3 is past it by a tenth, .5 short of it by as much."""
    bench = Bench(store, seeds=2)
    for name, scores in (("sgd", [0.7, 0.5]), ("adam", [0.3, 0.5]), ("rmsprop", [0.1, 0.3])):
        bench.put(name, scores)
    found = measures.past_midpoint((bench.result(),), "adam", **ENDS)
    assert found.tolist() == pytest.approx([0.1, -0.1])


def test_a_failed_run_is_worth_no_more_than_the_worse_of_what_it_is_compared_with(store) -> None:
    """The dummy predictor scores .7: beside .9 a failure scores .9, beside .5 it scores .7."""
    bench = Bench(store, seeds=2)
    for name, scores in (("sgd", [0.9, 0.5]), ("adam", [FAILED] * 2), ("rmsprop", [0.1, 0.1])):
        bench.put(name, scores)
    found = measures.past_midpoint((bench.result(),), "adam", **ENDS)
    assert found.tolist() == pytest.approx([0.5 - 0.9, 0.3 - 0.7])


def test_an_undefined_score_of_a_finished_run_is_not_taken_for_a_failure(store) -> None:
    bench = Bench(store, seeds=2)
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, [0.4, 0.4])
    bench.perturb("adam", 1, scores={"log_loss": float("nan")})
    found = measures.past_midpoint((bench.result(),), "adam", **ENDS)
    assert np.isnan(found).tolist() == [False, True]


def test_a_variant_exactly_half_way_is_seldom_told_from_it_whatever_the_spreads() -> None:
    """Ends at 0 and 1, of which the best is ten times as noisy: about 5 % of 2000 tests reject.

    Of the share of the way, whose gap is estimated from the same seeds, over 30 % would.
    """
    generator = np.random.default_rng(0)
    spreads = np.array([0.05, 0.05, 0.5])[:, None]
    draws = np.array([0.5, 0.0, 1.0])[:, None] + spreads * generator.standard_normal((2000, 3, 10))
    linear = draws[:, 0] - (draws[:, 1] + draws[:, 2]) / 2
    gap = (draws[:, 2] - draws[:, 1]).mean(axis=1, keepdims=True)
    ratio = (draws[:, 0] - draws[:, 1]) / gap - 0.5
    rejected = [np.mean([sign_flip_p(d) <= 0.05 for d in each]) for each in (linear, ratio)]
    assert 0.035 <= rejected[0] <= 0.065  # three standard errors of 5 %
    assert rejected[1] > 0.3


def two_tasks(store, first, second) -> list:
    """Results of two comparisons of one suite, from their log losses by variant; learning nothing scores 0.7."""
    # Another task's name makes other runs of the second.
    one = comparison(name="one")
    task = one.task.model_copy(update={"name": "others"})
    two = comparison(name="two", task=task)
    suite = Suite(name="both", title="Both", comparisons=(one, two))
    found = []
    for compared, scores in ((one, first), (two, second)):
        bench = Bench(store, compared, seeds=2)
        for name, values in scores.items():
            bench.put(name, values)
        found.append(bench.result(suite=suite))
    return found


def test_the_regret_of_a_task_is_what_its_best_variant_is_ahead_by(store) -> None:
    """Adam is .1 behind on the first task, sgd .2 on the second, in units of what the dummy predictor lacks, .7."""
    results = two_tasks(
        store,
        {"sgd": [0.2, 0.2], "adam": [0.3, 0.3], "rmsprop": [0.9, 0.4]},
        {"sgd": [0.5, 0.5], "adam": [0.3, 0.3], "rmsprop": [0.4, 0.4]},
    )
    pair = ["adam", "sgd"]
    regrets = [measures.task_regrets(results, name, pair=pair) for name in pair]
    assert regrets[0].tolist() == pytest.approx([0.1 / 0.7, 0.0])
    assert regrets[1].tolist() == pytest.approx([0.0, 0.2 / 0.7])


def test_failing_is_regretted_as_much_as_learning_nothing_at_least(store) -> None:
    """Beside sgd's .9 a failure of adam scores .9, not the dummy predictor's .7: .7 and .05 behind rmsprop."""
    scores = {"sgd": [0.9, 0.9], "adam": [FAILED, 0.25], "rmsprop": [0.2, 0.2]}
    results = two_tasks(store, scores, scores)
    found = measures.task_regrets(results, "adam", pair=["adam", "sgd"])
    assert found.tolist() == pytest.approx([(0.7 + 0.05) / 2 / 0.7] * 2)


def test_the_best_variant_of_a_seed_is_chosen_by_the_other_seeds() -> None:
    """The first is best on the second and third seed, so the first seed is given its .1, the others the second's .5."""
    scores = np.array([[0.1, 0.9, 0.9], [0.5, 0.5, 0.5]])
    assert measures.best_by_the_others(scores).tolist() == [0.1, 0.5, 0.5]


def test_noise_alone_raises_no_regret_and_supports_nothing() -> None:
    """Equal means on eight tasks, the last variant five times as noisy: 200 claims that the first regrets less.

    The largest regret of each seed against that seed's own best is larger for the noisy variant by noise alone.
    """
    generator = np.random.default_rng(1)
    spreads = np.array([0.1, 0.1, 0.1, 0.5])[:, None]
    supported, kept, naive = 0, [], []
    for _ in range(200):
        scores = spreads * generator.standard_normal((8, 4, 10))
        best = np.array([measures.best_by_the_others(task) for task in scores])
        regrets = (best[:, None] - scores).mean(axis=2)
        worst = (scores.max(axis=1, keepdims=True) - scores).max(axis=0).mean(axis=1)
        kept.append(regrets.mean(axis=0))
        naive.append(worst)
        answer = RELATIONS["better"](regrets[:, -1] - regrets[:, 0], None, Inference()).answer
        supported += answer is Answer.supported
    assert supported <= 0.05 * 200
    assert np.abs(np.mean(kept, axis=0)).max() < 0.03
    assert np.mean(naive, axis=0)[-1] > 1.05 * np.mean(naive, axis=0)[0]


def swept(store, scores: dict[str, list[float]], seeds: int = 1) -> Bench:
    bench = Bench(store, comparison(factors=(LR,), baseline=("0.01",)), seeds=seeds)
    for name, values in scores.items():
        bench.put(name, values)
    return bench


WIDTH = {"path": "recipe.optimizer.lr", "metric": "log_loss"}


def test_the_usable_width_counts_decades_within_the_margin_of_the_best(store) -> None:
    """Best .4, edge .42: the middle decade whole; .5 to .4 crosses at 4/5, .4 to .44 half way: .2 + 1 + .5."""
    bench = swept(store, {"0.001": [0.5], "0.01": [0.4], "0.1": [0.4], "1": [0.44]})
    found = measures.usable_width((bench.result(),), "0.01", **WIDTH)
    assert found.tolist() == pytest.approx([0.2 + 1.0 + 0.5])


def test_a_rate_that_diverges_is_as_bad_as_the_worst_that_does_not(store) -> None:
    """From .4 to 10.4 within .02 of the best is a five-hundredth, on both sides."""
    bench = swept(store, {"0.001": [10.4], "0.01": [0.4], "0.1": [FAILED], "1": [FAILED]})
    found = measures.usable_width((bench.result(),), "0.01", **WIDTH)
    assert found.tolist() == pytest.approx([0.002 + 0.002])


def test_a_score_of_which_more_is_better_is_within_the_margin_below_the_best(store) -> None:
    """Accuracies of .9 everywhere: three decades."""
    bench = swept(store, {name: [0.4] for name in LRS})
    found = measures.usable_width((bench.result(),), "0.01", **(WIDTH | {"metric": "accuracy"}))
    assert found.tolist() == pytest.approx([3.0])


def test_along_a_factor_the_other_levels_stay(store) -> None:
    hidden = Factor("recipe.model.hidden", {"small": [2], "large": [8]})
    crossed = comparison(factors=(LR, hidden), baseline=("0.1", "small"))
    result = Bench(store, crossed, seeds=2).result()
    settings, rows = measures.along(result, "0.01 × large", "recipe.optimizer.lr")
    assert settings.tolist() == [0.001, 0.01, 0.1, 1.0]
    assert [row.variant.name for row in rows] == [f"{lr} × large" for lr in LRS]


def test_the_excess_is_the_primary_score_less_another(store) -> None:
    result = Bench(store, seeds=2).put("adam", [0.3, 0.4]).result()
    found = measures.excess((result,), "adam", metric="accuracy")
    assert found.tolist() == pytest.approx([0.3 - 0.9, 0.4 - 0.9])


def test_weights_a_step_are_those_of_the_matrices(store) -> None:
    """4 x 2 and 1 x 4, biases left out."""
    result = Bench(store, seeds=2).put("adam", [0.3, 0.4]).result()
    assert measures.weights_a_step((result,), "adam").tolist() == [12.0, 12.0]


def test_weights_a_step_of_cells_are_those_of_the_formula(store) -> None:
    """c (h i + h^2) with c = 1, 3, 4, and a linear layer of h."""
    from paribus.models import Recurrent
    from paribus.training.network import weight_digests

    bench = Bench(store, seeds=1)
    for cell, c in (("RNN", 1), ("GRU", 3), ("LSTM", 4)):
        init = weight_digests(Recurrent(inputs=[5, 2], outputs=1, cell=cell, hidden=8, layers=1))
        bench.put("adam", [0.3]).perturb("adam", 0, hashes={"init": init})
        found = measures.weights_a_step((bench.result(),), "adam")
        assert found.tolist() == [c * (8 * 2 + 8 * 8) + 8]

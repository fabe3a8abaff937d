"""Tests of A/A comparisons: repeats share nothing, pairs share data and split, and faults are detected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from paribus import Budget, LogUniform, ParibusError, SearchSpace, Tuning
from paribus.calibration import (
    KnownAnswerRunner,
    Repeats,
    a_a_tests,
    against_itself,
    calibrate,
    repeats,
)
from paribus.calibration.a_a_tests import FIRST_SEED, rates_of
from paribus.calibration.known_answers import KnownAnswer, Measured
from paribus.execution.settings import Settings
from tests.helpers.refusals import refused
from tests.helpers.toys import RECIPE, comparison, score

QUICK = {"quick": Budget(6, 6, 1)}
PLAN = Repeats(repeats=8, seeds=6)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        out=tmp_path, store=tmp_path / "runs.sqlite", device="cpu", engine="stacked", jobs=1
    )


@pytest.fixture
def found(settings: Settings):
    return list(repeats(settings, against_itself(comparison(budgets=QUICK)), PLAN))


def test_a_comparison_against_itself_has_its_baseline_twice_and_nothing_else() -> None:
    made = against_itself(comparison(budgets=QUICK, metric=score()))
    first, second = made.variants()
    assert (first.task, first.metric) == (second.task, second.metric)
    assert first.recipe.model_copy(update={"salt": "b"}) == second.recipe
    assert first.recipe.optimizer == RECIPE.optimizer
    assert made.metric == score()
    assert made.claims == ()


def test_a_comparison_that_has_a_salt_keeps_it() -> None:
    salted = RECIPE.model_copy(update={"salt": "x"})
    made = against_itself(comparison(recipe=salted, budgets=QUICK))
    assert [v.recipe.salt for v in made.variants()] == ["xa", "xb"]


def test_repeats_have_seeds_of_their_own_which_nobody_else_uses(found) -> None:
    seeds = [seed for result in found for seed in result.seeds]
    assert seeds == list(range(FIRST_SEED, FIRST_SEED + 48))


def test_a_pair_shares_data_and_split_and_neither_weights_nor_order(found) -> None:
    for result in found:
        for a, b in zip(*(row.present for row in result.rows), strict=True):
            assert (a.hashes["data"], a.hashes["split"]) == (b.hashes["data"], b.hashes["split"])
            assert a.hashes["order"] != b.hashes["order"]
            assert a.hashes["init"] != b.hashes["init"]
            assert a.scores["log_loss"] != b.scores["log_loss"]


def test_no_repeat_is_a_later_look_at_another(found) -> None:
    assert {result.looks for result in found} == {(6,)}
    assert {c.reason for result in found for c in result.contrasts.values()} <= {"", "floor"}


def test_rates_count_what_the_contrasts_say(found) -> None:
    """Three repeats are made to reject; what equivalence calls them does not matter."""
    for result in found:
        (contrast,) = result.contrasts.values()
        result.contrasts["b"] = replace(
            contrast, p_holm=0.03 if result in found[:3] else 0.4, decision="equivalent"
        )
    rejected, told, held = rates_of("toys", found)
    assert (rejected.hits, rejected.trials, rejected.expected, rejected.n) == (3, 8, 1 / 32, 6)
    assert told.hits == 0
    zero = [c.difference.low <= 0 <= c.difference.high for r in found for c in r.contrasts.values()]
    assert held.hits == sum(zero)


def test_of_new_data_the_corrected_t_may_reject_less_often(found) -> None:
    """Its size is not a multiple of a flip, and on one data set it is too careful."""
    made = against_itself(comparison(budgets=QUICK, inference="population"))
    assert made.inference == "population"
    rejected = rates_of("toys", [replace(result, comparison=made) for result in found])[0]
    assert (rejected.expected, rejected.rule) == (0.05, "at_most")
    plain = rates_of("toys", found)[0]
    assert (plain.expected, plain.rule) == (1 / 32, "equal")


def test_a_search_that_all_seeds_share_is_refused() -> None:
    rates = SearchSpace(ranges={"recipe.optimizer.lr": LogUniform(low=0.01, high=1.0)})
    shared = Tuning(spaces=rates, trials={"quick": 3}, shared=True)
    assert refused(against_itself, comparison(budgets=QUICK, tuning=shared)) == (
        "calibration of comparison 'toys': got a search that all seeds share, by which two names end with two "
        "configurations, expected a search nested in each seed, so that nothing but luck parts the names. Leave "
        "shared=True out of its tuning, or calibrate another comparison."
    )


def scores(found) -> list[list[float]]:
    return [row.scores.tolist() for result in found for row in result.rows]


def test_some_repeats_at_a_time_come_to_the_same_and_none_is_kept(
    settings, found, monkeypatch
) -> None:
    """Three repeats of twelve runs fit into forty, so that eight take three rounds."""
    monkeypatch.setattr(a_a_tests, "RUNS_AT_ONCE", 40)
    again = list(repeats(settings, against_itself(comparison(budgets=QUICK)), PLAN))
    assert [result.seeds for result in again] == [result.seeds for result in found]
    assert np.allclose(scores(again), scores(found), rtol=1e-4)
    assert list(settings.out.iterdir()) == []


def test_a_comparison_that_is_tuned_is_calibrated_in_both_arms(settings) -> None:
    """Each name searches by trials of its own; both have the space of the baseline."""
    rates = SearchSpace(ranges={"recipe.optimizer.lr": LogUniform(low=0.01, high=1.0)})
    spaces = {"sgd": rates, "adam": SearchSpace()}
    tuned = comparison(budgets=QUICK, tuning=Tuning(spaces=spaces, trials={"quick": 3}))
    made = against_itself(tuned)
    assert made.tuning == Tuning(spaces=rates, trials={"quick": 3}, widen=False)
    (one,) = repeats(settings, made, Repeats(repeats=1, seeds=6), arm="tuned")
    # But for the first trial of each search, at the stated settings.
    drawn = [[v for trials in row.searched.search.values for v in trials[1:]] for row in one.rows]
    chosen = [{values["recipe.optimizer.lr"] for values in found} for found in drawn]
    assert all(len(found) == 12 for found in chosen), "nested: a search for every seed"
    assert not chosen[0] & chosen[1], "parted: a search for every name"
    names = {rate.group for rate in calibrate(settings, tuned, Repeats(repeats=2, seeds=6))}
    assert names == {
        "Trained against itself: toys",
        "Trained against itself: toys, tuned by 3 trials nested in the seed",
    }


@pytest.mark.parametrize(("count", "seeds"), [(0, 6), (10, 5)])
def test_a_plan_that_finds_nothing_is_refused(count, seeds) -> None:
    assert refused(Repeats, repeats=count, seeds=seeds) == (
        f"plan of a calibration: got {count} repeats of {seeds} seeds, expected at least one repeat of at least 6 "
        "seeds, which a verdict needs. Use --repeats 200 --seeds 10."
    )


def test_control_that_breaks_is_told(settings) -> None:
    """A network that draws from outside its streams has no two weights alike where nothing but dropout varies."""
    model = {"model": {"target": "tests.helpers.toys:Unpaired", "kwargs": {}}}
    odd = comparison(recipe=RECIPE.model_validate({**RECIPE.model_dump(), **model}), budgets=QUICK)
    with pytest.raises(ParibusError, match=r"^control of comparison 'toys': got init of seed"):
        list(repeats(replace(settings, engine="loop"), odd, PLAN))


def a_known_answer(**changes) -> KnownAnswer:
    fields = {
        "name": "toy",
        "text": "SGD and Adam end within ten nats.",
        "kind": "seen",
        "comparison": comparison(budgets=QUICK),
        "variant": "adam",
        "low": -10.0,
        "high": 10.0,
        "measured": Measured(misses=0, seeds=200),
        "source": "a test",
    }
    return KnownAnswer(**(fields | changes))


def test_a_known_answer_is_trained_on_its_own_data_with_its_own_seeds(settings) -> None:
    """Whatever was asked for elsewhere."""
    asked = replace(settings, seeds=2, data={"water": "patients.csv"}, budget="full")
    found = KnownAnswerRunner(asked).check(a_known_answer())
    assert found.green
    assert found.seen.startswith("6 of 6 seeds")


def test_the_same_bits_come_again_by_the_loop_whatever_engine_is_asked_for(settings) -> None:
    same = a_known_answer(kind="identical", low=None, high=None, measured=None)
    for engine in ("auto", "stacked"):
        assert (
            KnownAnswerRunner(replace(settings, engine=engine)).check(same).seen
            == "6 of 6 runs identical"
        )


def test_bits_that_differ_are_red(settings, monkeypatch) -> None:
    """A second training with another seed behind the same key."""
    from paribus.calibration import run_known_answers

    def moved(runs, *, jobs, keep, **_rest):
        from paribus.execution.executor import execute

        def renamed(run, record):
            keep(run, replace(record, key=replace(run, seed=run.seed - 1).key))

        return execute([replace(run, seed=run.seed + 1) for run in runs], jobs=jobs, keep=renamed)

    monkeypatch.setattr(run_known_answers, "execute", moved)
    found = KnownAnswerRunner(settings).check(
        a_known_answer(kind="identical", low=None, high=None, measured=None)
    )
    assert (found.green, found.seen) == (False, "0 of 6 runs identical")


def test_single_seeds_are_measured_against_what_is_declared(settings) -> None:
    """None misses ten nats, all miss a gap of that size; of a share those are counted that have it."""
    measure = KnownAnswerRunner(settings).measure
    assert (measure(a_known_answer(), 8).hits, measure(a_known_answer(), 8).passed) == (0, True)
    lost = measure(a_known_answer(low=9.0), 8)
    assert (lost.hits, lost.trials, lost.passed) == (8, 8, False)
    share = a_known_answer(
        kind="share", score="failed", against="nothing", measured=None, expected=0.5
    )
    assert (measure(share, 8).hits, measure(share, 8).expected) == (0, 0.5)

"""Tuned arm through a session: nested in the seed, from the store, the same in both engines, piloted, shared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import chain
from math import log10, nan
from typing import Any

import pytest

from paribus.analysis.results import Result
from paribus.execution.cases import Case, cases, selected
from paribus.execution.session import Session
from paribus.experiment.search_space import LogUniform, SearchSpace, space
from paribus.experiment.suite import Suite
from paribus.experiment.tuning import PILOT_SEEDS, SHARED_SEED, Tuning
from paribus.runs.run import Outcome, Run, RunResult
from paribus.runs.trials import PENDING, Pilot
from paribus.spec import call
from paribus.spec import replace as set_at
from tests.helpers import toys
from tests.helpers.refusals import refused
from tests.helpers.tiny_tasks import _task, table
from tests.helpers.toys import ADAM, RECIPE, SGD, comparison, suite

LR = "recipe.optimizer.lr"
SPACES = {
    "sgd": space(lr=LogUniform(low=1e-3, high=1.0)),
    "adam": space(lr=LogUniform(low=1e-4, high=1e-1)),
}
Opener = Callable[..., Session]


def tuned(**settings: Any) -> Suite:
    """SGD against Adam, three trials a seed, in spaces as declared unless told otherwise."""
    fields = {"spaces": SPACES, "trials": {"quick": 3}, "widen": False}
    given = settings.pop("comparison", {})
    return suite(comparison(tuning=Tuning(**{**fields, **settings}), **given))


@pytest.fixture
def opened(opened: Opener) -> Opener:
    """As in other tests, by the loop."""
    return partial(opened, engine="loop")


def _cases(session: Session, made: Suite) -> list[Case]:
    return selected([made], session.settings)


def _train(session: Session, made: Suite) -> dict[str, list[Run]]:
    """Prepare and train the tuned arm; what was trained now, by variant."""
    chosen = [case for case in _cases(session, made) if case.arm == "tuned"]
    session.prepare(chosen)
    return {case.variant: session.train_group(case) for case in chosen}


def _result(session: Session, made: Suite) -> Result:
    (result,) = session.study.results([c for c in _cases(session, made) if c.arm == "tuned"])
    return result


def _winners(result: Result) -> dict[str, list[float]]:
    return {
        row.variant.name: [run.recipe.optimizer.kwargs["lr"] for run in row.runs]
        for row in result.rows
    }


# Trials and winners


def test_each_seed_is_searched_and_its_winner_trained_afresh(opened: Opener) -> None:
    made = tuned()
    session = opened(made)
    trained = _train(session, made)
    assert [(run.seed, run.trial) for run in trained["sgd"]] == [
        *((seed, trial) for seed in (0, 1) for trial in (0, 1, 2)),
        *((seed, None) for seed in (0, 1)),
    ]
    result = _result(session, made)
    for row in result.rows:
        for i, (record, run) in enumerate(zip(row.present, row.runs, strict=True)):
            scores = [r.scores["validation/log_loss"] for r in row.searched.records[i]]
            best = scores.index(min(scores))
            assert run.recipe.optimizer.kwargs["lr"] == row.searched.search.values[i][best][LR]
            assert record.scores["log_loss"] == row.scores[i]
            assert record.curves["validation/log_loss"][-1] not in scores, "trained afresh"


def test_the_same_trials_are_tried_for_every_variant(opened: Opener) -> None:
    """Ranges a decade apart: the same shares of each."""
    made = tuned()
    session = opened(made)
    _train(session, made)
    sgd, adam = (row.searched.search.values for row in _result(session, made).rows)
    for a, b in zip(chain(*sgd), chain(*adam), strict=True):
        assert log10(a[LR]) - log10(b[LR]) == pytest.approx(1.0)


def test_a_seeds_winner_does_not_depend_on_other_seeds(opened: Opener) -> None:
    made = tuned()
    few, many = opened(made, seeds=2), opened(made, store="others", seeds=5)
    for session in (few, many):
        _train(session, made)
    a, b = (_result(session, made) for session in (few, many))
    for name, winners in _winners(a).items():
        assert winners == _winners(b)[name][:2]
    assert [r.scores for row in a.rows for r in row.present] == [
        r.scores for row in b.rows for r in row.present[:2]
    ]


def test_more_trials_keep_those_that_there_are(opened: Opener) -> None:
    made = tuned()
    _train(opened(made), made)
    more = _train(opened(made, trials=5), made)
    assert {run.trial for run in more["sgd"]} <= {3, 4, None}


def test_a_trial_leaves_no_test_score_and_a_winner_does(opened: Opener) -> None:
    made = tuned()
    session = opened(made)
    _train(session, made)
    for row in _result(session, made).rows:
        assert all("log_loss" not in record.scores for record in row.tried)
        assert all("log_loss" in record.scores for record in row.present)


def test_both_engines_choose_the_same_winners(opened: Opener) -> None:
    made = tuned(comparison={"recipe": RECIPE.model_copy(update={"dtype": "float64"})})
    found = []
    for engine in ("loop", "stacked"):
        session = opened(made, store=engine, engine=engine)
        _train(session, made)
        found.append(_result(session, made))
    loop, stacked = found
    assert {run.engine for row in stacked.rows for run in row.runs} == {"stacked"}
    assert _winners(loop) == _winners(stacked)
    for a, b in zip(loop.rows, stacked.rows, strict=True):
        assert a.scores.tolist() == pytest.approx(b.scores.tolist(), abs=1e-10)
        for one, other in zip(a.searched.scores, b.searched.scores, strict=True):
            assert one == pytest.approx(other, abs=1e-10)


def test_a_salt_searches_and_trains_by_itself(opened: Opener) -> None:
    """One variant under two names: another search for each, other winners, the same space."""
    levels = {"a": "a", "b": "b"}
    made = tuned(spaces=SPACES["sgd"], comparison={"path": "recipe.salt", "levels": levels})
    session = opened(made)
    _train(session, made)
    a, b = _result(session, made).rows
    assert a.searched.search.space == b.searched.search.space
    assert not {v[LR] for v in a.searched.chosen} & {v[LR] for v in b.searched.chosen}


# From the store


def test_a_second_session_trains_nothing(opened: Opener) -> None:
    made = tuned(widen=True, pilot=1)
    _train(opened(made), made)
    session = opened(made)
    assert _train(session, made) == {"sgd": [], "adam": []}
    assert session.trained == set()
    assert all(row.complete for row in _result(session, made).rows)


def test_comparisons_that_share_runs_train_them_once(opened: Opener) -> None:
    levels = {"sgd": SGD, "slow": call("torch.optim:SGD", lr=0.02)}
    spaces = {"sgd": SPACES["sgd"], "slow": SPACES["sgd"]}
    one, other = tuned(), tuned(spaces=spaces, comparison={"levels": levels, "name": "rates"})
    _train(opened(one), one)
    again = _train(opened(other), other)
    assert again["sgd"] == []
    # A space that sets all in which they differ makes one variant of two, but for the trials at the stated settings.
    assert {run.trial for run in again["slow"]} <= {0, None}
    assert {run.recipe.optimizer.kwargs["lr"] for run in again["slow"]} == {0.02}


def test_an_interrupted_search_goes_on_where_it_was(opened: Opener) -> None:
    made = tuned()
    session = opened(made)
    chosen = _cases(session, made)[2:]
    session.prepare(chosen)
    add, kept = session.study.store.add, []

    def add_four(run: Run, record: RunResult) -> None:
        add(run, record)
        kept.append(run)
        if len(kept) == 4:
            raise KeyboardInterrupt

    session.study.store.add = add_four
    with pytest.raises(KeyboardInterrupt):
        session.train_group(chosen[0])
    half = _result(session, made)
    assert [row.complete for row in half.rows] == [False, False]
    assert [run.trial for run in half.rows[0].runs] == [None, PENDING]
    assert half.contrasts == {}
    session = opened(made)
    again = _train(session, made)["sgd"]
    assert [(run.seed, run.trial) for run in again] == [(1, 1), (1, 2), (0, None), (1, None)]


def test_fresh_trains_again_and_chooses_the_same(opened: Opener) -> None:
    made = tuned(widen=True, pilot=1)
    _train(opened(made), made)
    known = opened(made)
    known.prepare(_cases(known, made))
    before = _winners(_result(known, made))
    session = opened(made, retrain=True)
    assert len(_train(session, made)["sgd"]) == 8
    assert _winners(_result(session, made)) == before
    assert [session.train_group(case) for case in _cases(session, made) if case.arm == "tuned"] == [
        [],
        [],
    ]


@pytest.mark.usefixtures("unknown_networks")
def test_progress_counts_trials(opened: Opener) -> None:
    """Eight seconds for two variants, two seeds, and three trials with a winner each: half a second a run."""
    made = tuned(seconds={"quick": 8.0})
    session = opened(made)
    chosen = _cases(session, made)[2:]
    session.prepare(chosen)
    assert session.progress.forecast.planned == 8.0
    session.train_group(chosen[0])
    assert session.progress.forecast.done == 4.0


# Failures


def test_failed_trials_lose_and_a_seed_without_a_finisher_is_a_counted_failure(
    opened: Opener,
) -> None:
    """All of the second variant's rates explode."""
    wild = space(lr=LogUniform(low=1e30, high=1e35))
    levels = {"sgd": SGD, "wild": call("torch.optim:SGD", lr=1e30)}
    relu = RECIPE.model_copy(update={"model": call("paribus.models.mlp:MLP", hidden=[4, 4])})
    made = tuned(
        spaces={"sgd": SPACES["sgd"], "wild": wild}, comparison={"levels": levels, "recipe": relu}
    )
    session = opened(made, seeds=6)
    _train(session, made)
    row = _result(session, made).row("wild")
    assert row.searched.failures == 18
    assert row.searched.chosen == []
    assert row.outcomes == ["diverged"] * 6
    contrast = _result(session, made).contrasts["wild"]
    assert contrast.failures == (6, 0)
    assert contrast.difference.mean < 0


def test_of_trials_that_fail_and_one_that_does_not_the_latter_wins(opened: Opener) -> None:
    made = tuned()
    session = opened(made)
    _train(session, made)
    case = _cases(session, made)[2]
    for trial in (0, 2):
        run = session.study.trials(case).search.each[0][trial]
        diverged = RunResult(run.key, run.seed, Outcome.diverged, "not finite")
        session.study.store.add(run, diverged)
    later = opened(made)
    later.prepare(_cases(later, made))
    found = later.study.trials(case)
    assert found.best[0] == 1
    assert str(found.scores[0][0]) == str(nan)


# The pilot


def test_a_space_that_is_capped_on_purpose_is_flagged_and_widening_moves_the_winner_off(
    opened: Opener,
) -> None:
    """Rates up to 0.03 for a task that wants 0.1 or more; SGD, with and without a little momentum."""
    recipe = RECIPE.model_copy(update={"steps": 200, "evaluate_every": 200})
    long = {
        "task": _task(table),
        "recipe": recipe,
        "levels": {"sgd": SGD, "momentum": call("torch.optim:SGD", lr=0.1, momentum=0.3)},
        "budgets": {"quick": toys.Budget(seeds=4, steps=200, seconds=4)},
    }
    low = space(lr=LogUniform(low=1e-3, high=3e-2))
    settings = {"spaces": low, "trials": {"quick": 16}, "comparison": long}
    capped, free = tuned(**settings), tuned(**settings, widen=True)
    session = opened(capped, engine="stacked")
    _train(session, capped)
    for row in _result(session, capped).rows:
        assert [edge.side for edge in row.searched.edges] == ["high"]
        assert row.searched.search.space == low, "as declared"
    session = opened(free, engine="stacked")
    _train(session, free)
    result = _result(session, free)
    assert result.pilot.rounds == 2
    for row in result.rows:
        assert row.searched.search.space.ranges[LR].high == pytest.approx(3.0), "for all alike"
        assert row.searched.edges == []
        assert min(run.recipe.optimizer.kwargs["lr"] for run in row.runs) > 3e-2


def test_a_pilot_uses_seeds_that_never_count_and_its_spaces_are_kept(opened: Opener) -> None:
    made = tuned(widen=True, pilot=2)
    session = opened(made)
    chosen = _cases(session, made)[2:]
    session.prepare(chosen)
    seen: list[int] = []
    execute = session._execute

    def noted(label: str, work: dict[Case, list[Run]], estimate: float) -> None:
        seen.extend(run.seed for run in chain(*work.values()) if "pilot" in label)
        execute(label, work, estimate)

    session._execute = noted
    session.train_group(chosen[0])
    assert set(seen) == {PILOT_SEEDS, PILOT_SEEDS + 1}
    assert session.study.pilot(chosen[0]) == opened_pilot(opened, made)
    assert set(_result(session, made).seeds) == {0, 1}


def opened_pilot(opened: Opener, made: Suite) -> Pilot | None:
    """Return the pilot that a later session reads from the store."""
    later = opened(made)
    chosen = _cases(later, made)[2:]
    later.prepare(chosen)
    return later.study.pilot(chosen[1])


# One search for all seeds


def test_a_shared_search_has_a_seed_of_its_own_and_one_winner(opened: Opener) -> None:
    made = tuned(shared=True)
    session = opened(made, seeds=4)
    trained = _train(session, made)
    assert [(run.seed, run.trial) for run in trained["sgd"]] == [
        *((SHARED_SEED, trial) for trial in range(3)),
        *((seed, None) for seed in range(4)),
    ]
    for winners in _winners(_result(session, made)).values():
        assert len(set(winners)) == 1


# Unequal trials


def test_unequal_trials_are_flagged_in_every_verdict(opened: Opener) -> None:
    made = tuned(trials={"quick": {"sgd": 1, "adam": 3}}, unequal=True)
    session = opened(made, seeds=6)
    trained = _train(session, made)
    assert (len(trained["sgd"]), len(trained["adam"])) == (12, 24)
    result = _result(session, made)
    assert result.unequal
    assert "unequal budgets" in result.contrasts["adam"].label


# What is asked for, and what is held equal


def test_both_arms_are_cells_and_options_choose_among_them(opened: Opener) -> None:
    made = tuned()
    named = [case.name for case in cases([made]) if case.device == "cpu"]
    assert named == ["toys-sgd-cpu", "toys-adam-cpu", "toys-sgd-tuned-cpu", "toys-adam-tuned-cpu"]
    for arm, expected in (("both", named), ("default", named[:2]), ("tuned", named[2:])):
        assert [case.name for case in _cases(opened(made, arm=arm), made)] == expected


def test_a_budget_without_trials_runs_the_default_arm_alone(opened: Opener) -> None:
    budgets = {name: toys.Budget(seeds=2, steps=6, seconds=4) for name in ("quick", "full")}
    made = tuned(trials={"full": 3}, comparison={"budgets": budgets})
    assert [case.arm for case in _cases(opened(made), made)] == ["default"] * 2
    assert [case.arm for case in _cases(opened(made, budget="full"), made)] == ["default"] * 2 + [
        "tuned"
    ] * 2
    assert refused(_cases, opened(made, arm="tuned"), made) == (
        "arm: got 'tuned', and no selected comparison is tuned at budget 'quick', expected a comparison that declares "
        "trials. Use --paribus-arm both, or another budget."
    )


def test_only_the_tuned_paths_may_leave_a_variant(opened: Opener) -> None:
    made = tuned()
    session = opened(made)
    _train(session, made)
    result = _result(session, made)
    assert result.control.broken == ()
    row = result.rows[1]
    other = replace(row.runs[0], recipe=row.runs[0].recipe.model_copy(update={"batch_size": 4}))
    from paribus.analysis.results import check_control

    strayed = replace(row, runs=(other, *row.runs[1:]))
    broken = check_control(result.comparison, (result.rows[0], strayed), (LR,)).broken
    assert broken == ("seed 0 of 'adam' was not trained as stated, at recipe.batch_size",)
    faster = replace(row.runs[0], recipe=set_at(row.runs[0].recipe, "optimizer.lr", 0.3))
    tuned_row = replace(row, runs=(faster, *row.runs[1:]))
    assert check_control(result.comparison, (result.rows[0], tuned_row), (LR,)).broken == ()
    untuned = check_control(result.comparison, (result.rows[0], tuned_row)).broken
    assert "seed 0 of 'adam' was not trained as stated, at recipe.optimizer.lr" in untuned


def test_a_space_that_has_nothing_to_tune_tries_its_luck_as_often(opened: Opener) -> None:
    made = tuned(spaces={"sgd": SPACES["sgd"], "adam": SearchSpace()})
    session = opened(made)
    assert len(_train(session, made)["adam"]) == 8
    assert {run.recipe.optimizer for run in _result(session, made).row("adam").runs} == {ADAM}


def test_the_default_arm_is_as_it_was(opened: Opener) -> None:
    """Both arms of a comparison stand side by side, each with its own family."""
    made = tuned()
    session = opened(made, seeds=6)
    chosen = _cases(session, made)
    session.prepare(chosen)
    for case in chosen:
        session.train_group(case)
    default, arm = session.study.results(chosen)
    assert (default.arm, arm.arm) == ("default", "tuned")
    assert [run.recipe.optimizer for run in default.rows[0].runs] == [SGD] * 6
    assert {*default.contrasts} == {*arm.contrasts} == {"adam"}
    assert default.looks == arm.looks == (6,)

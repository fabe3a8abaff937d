"""Tuned arms as declared, and refusals before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from paribus import (
    Categorical,
    Claim,
    Comparison,
    Factor,
    LogUniform,
    ParibusError,
    SearchSpace,
    Tuning,
    Uniform,
    call,
)
from paribus.experiment.search_space import space
from paribus.experiment.tuning import applied
from tests.helpers.refusals import refused
from tests.helpers.toys import RECIPE, comparison

RATES = space(lr=LogUniform(low=1e-3, high=1.0))


def tuned(**settings: Any) -> Tuning:
    return Tuning(**{"spaces": RATES, "trials": {"quick": 4}, **settings})


def _refused(**settings: Any) -> str:
    fields = settings.pop("comparison", {})
    return refused(comparison, tuning=tuned(**settings), **fields)


def test_one_space_serves_all_and_a_name_its_own() -> None:
    other = space(lr=LogUniform(low=1e-4, high=1e-1))
    assert comparison(tuning=tuned()).tuning.space_of("sgd", ("sgd",)) == RATES
    named = comparison(tuning=tuned(spaces={"sgd": RATES, "adam": other})).tuning
    assert named.space_of("adam", ("adam",)) == other
    assert named.space_of("adam × plain", ("adam", "plain")) == other


def test_trials_are_as_asked_for_unless_declared_unequal() -> None:
    assert (tuned().trials_of("sgd", "quick"), tuned().trials_of("sgd", "quick", 7)) == (4, 7)
    uneven = tuned(trials={"quick": {"sgd": 2, "adam": 8}}, unequal=True)
    assert uneven.trials_of("adam", "quick", 7) == 8
    assert (uneven.is_unequal("quick"), tuned().is_unequal("quick")) == (True, False)
    even = tuned(trials={"quick": {"sgd": 2, "adam": 2}})
    assert not even.is_unequal("quick")
    assert comparison(tuning=even)


def test_values_stand_at_their_paths() -> None:
    made = applied(RECIPE, {"recipe.optimizer.lr": 0.5, "recipe.batch_size": 4})
    assert (made.optimizer, made.batch_size) == (call("torch.optim:SGD", lr=0.5), 4)
    assert RECIPE.diff(made).keys() == {"optimizer.kwargs.lr", "batch_size"}


def test_unequal_trials_are_refused_unless_asked_for() -> None:
    trials = {"quick": {"sgd": 2, "adam": 8}}
    assert _refused(trials=trials) == (
        "trials of comparison 'toys' at 'quick': got 2 for sgd, 8 for adam, expected the same number for every "
        "variant. Whoever tries more looks better. Give one number, or ask for it with unequal=True: every verdict "
        "then says so."
    )
    assert comparison(tuning=tuned(trials=trials, unequal=True)).tuning.unequal


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"spaces": {"sgd": RATES}},
            "spaces of comparison 'toys': got none for adam, expected one for every variant, by its name or a "
            "level's, and for nothing else. Give SearchSpace() to a variant that has nothing to tune.",
        ),
        (
            {"spaces": {"sgd": RATES, "adam": RATES, "adamw": RATES}},
            "spaces of comparison 'toys': got one for adamw, expected one for every variant, by its name or a "
            "level's, and for nothing else. Give SearchSpace() to a variant that has nothing to tune.",
        ),
        (
            {"trials": {"huge": 4}},
            "trials of comparison 'toys': got budget 'huge', expected one of quick. "
            "Name a budget of the comparison.",
        ),
        (
            {"trials": {"quick": 0}},
            "trials of comparison 'toys' at 'quick': got 0, expected at least 1 for each of sgd, adam. "
            "Give one number for all, or one for each.",
        ),
        (
            {"trials": {"quick": {"sgd": 3}}},
            "trials of comparison 'toys' at 'quick': got {'sgd': 3}, expected at least 1 for each of sgd, adam. "
            "Give one number for all, or one for each.",
        ),
        (
            {"spaces": SearchSpace(ranges={"recipe.optimizer": Categorical(values=("a", "b"))})},
            "tuned path of comparison 'toys': got 'recipe.optimizer', which is the factor, expected a path into the "
            "recipe, below or beside the factor, and none of recipe.steps, recipe.time_limit, recipe.salt, "
            "recipe.dtype. Tune what a variant leaves open.",
        ),
        (
            {"spaces": SearchSpace(ranges={"recipe.steps": Categorical(values=(1, 2))})},
            "tuned path of comparison 'toys': got 'recipe.steps', expected a path into the "
            "recipe, below or beside the factor, and none of recipe.steps, recipe.time_limit, recipe.salt, "
            "recipe.dtype. Tune what a variant leaves open.",
        ),
        (
            {"spaces": SearchSpace(ranges={"task.split.imbalance": Uniform(low=1, high=2)})},
            "tuned path of comparison 'toys': got 'task.split.imbalance', expected a path into the "
            "recipe, below or beside the factor, and none of recipe.steps, recipe.time_limit, recipe.salt, "
            "recipe.dtype. Tune what a variant leaves open.",
        ),
        (
            {"spaces": SearchSpace(ranges={"recipe.clip_norm": Uniform(low=-2, high=-1)})},
            "space of variant 'sgd' of comparison 'toys': got recipe.clip_norm = ",
        ),
        (
            {"spaces": SearchSpace(ranges={"recipe.rate": Uniform(low=1, high=2)})},
            "space of variant 'sgd' of comparison 'toys': got recipe.rate = ",
        ),
    ],
)
def test_a_tuned_arm_that_is_not_fair_or_cannot_be_is_refused(settings, message) -> None:
    assert _refused(**settings).startswith(message)


def test_what_is_tuned_is_not_what_varies() -> None:
    levels = {"slow": 0.01, "fast": 0.1}
    assert "got 'recipe.optimizer.lr', which is the factor," in _refused(
        comparison={"path": "recipe.optimizer.lr", "levels": levels}
    )


def test_a_claim_on_an_arm_that_is_not_there_is_refused() -> None:
    claim = Claim(name="C0", text="?", variant="adam", relation="better", arm="tuned")
    with pytest.raises(ParibusError, match="got the tuned arm of a comparison that is not tuned"):
        comparison(claims=(claim,))
    assert comparison(claims=(claim,), tuning=tuned()).claims[0].arm == "tuned"


def test_a_level_of_a_crossing_names_the_space_of_all_its_variants() -> None:
    base = comparison()
    crossed = Comparison(
        **{
            **{name: getattr(base, name) for name in Comparison.model_fields},
            "factors": (base.factors[0], Factor("recipe.batch_size", {"8": 8, "4": 4})),
            "baseline": ("sgd", "8"),
            "tuning": tuned(spaces={"sgd": RATES, "adam": SearchSpace()}),
        }
    )
    spaces = {v.name: crossed.tuning.space_of(v.name, v.levels) for v in crossed.variants()}
    assert spaces == {
        "sgd × 8": RATES,
        "sgd × 4": RATES,
        "adam × 8": SearchSpace(),
        "adam × 4": SearchSpace(),
    }

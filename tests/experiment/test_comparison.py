"""Comparisons: variants differ at the factor's paths and nowhere else, and others are refused."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydantic import ValidationError

from paribus import Budget, Claim, Comparison, Factor, Metric, Recipe, Task, call
from paribus.experiment.variant import Sides, Variant, differences, within
from paribus.spec import canonical, digest, lookup, replace
from tests.helpers.refusals import refused

SGD, ADAM = call("torch.optim:SGD", lr=0.01), call("torch.optim:Adam", lr=0.001)
LOG_LOSS = Metric(
    name="log_loss", function=call("paribus.metrics:log_loss"), higher_is_better=False
)
TASK = Task(
    name="toy",
    source=call("paribus.suites.tasks.images:digits"),
    reader=call("paribus.data.readers.image_folder:read_image_folder"),
    split=call("paribus.data.splits:random_split"),
    loss=LOG_LOSS.function,
    metrics=(LOG_LOSS,),
    dummy={"prior": call("paribus.data.dummy:prior")},
)
RECIPE = Recipe(model=call("paribus.models.mlp:MLP", hidden=[16, 8]), optimizer=SGD)
OPTIMIZER = Factor("recipe.optimizer", {"sgd": SGD, "adam": ADAM})
ACTIVATION = Factor(
    "recipe.model.activation",
    {"relu": "ReLU", "elu": "ELU", "leaky": {"name": "LeakyReLU", "negative_slope": 0.05}},
)
IMBALANCE = Factor("task.split.imbalance", {"even": 1.0, "10:1": 10.0})
RECALL = Metric(
    name="recall",
    function=call("paribus.suites.components.scores:recall", average="micro"),
    higher_is_better=True,
    margin=0.02,
)
AVERAGE = Factor("metric.function.average", {"micro": "micro", "macro": "macro"})


def comparison(*factors: Factor, baseline: tuple[str, ...] = (), **settings: Any) -> Comparison:
    """Declare a comparison of these factors, optimizers if none; the first level of each is the baseline."""
    factors = factors or (OPTIMIZER,)
    return Comparison(
        name="toys",
        question="Which toy is best?",
        task=TASK,
        recipe=RECIPE,
        factors=factors,
        baseline=baseline or tuple(next(iter(f.levels)) for f in factors),
        budgets={"quick": Budget(2, 6, 4)},
        **settings,
    )


def test_a_variant_is_the_base_with_one_place_replaced() -> None:
    for variant in comparison(ACTIVATION).variants():
        expected = replace(RECIPE, "model.activation", ACTIVATION.levels[variant.name])
        assert (variant.recipe, variant.task, variant.metric) == (expected, TASK, LOG_LOSS)


def test_the_baseline_comes_first_and_the_others_as_declared() -> None:
    names = [v.name for v in comparison(ACTIVATION, baseline=("elu",)).variants()]
    assert names == ["elu", "relu", "leaky"]


@pytest.mark.parametrize(
    ("factors", "count", "last"),
    [
        ((OPTIMIZER, ACTIVATION), 6, "adam × leaky"),
        ((OPTIMIZER, ACTIVATION, IMBALANCE), 12, "adam × leaky × 10:1"),
    ],
)
def test_a_crossing_has_every_combination_once(
    factors: tuple[Factor, ...], count: int, last: str
) -> None:
    variants = comparison(*factors).variants()
    assert len({v.levels for v in variants}) == len(variants) == count
    assert variants[-1].name == last
    for variant in variants:
        for factor, level in zip(factors, variant.levels, strict=True):
            value = lookup({"task": variant.task, "recipe": variant.recipe}, factor.path)
            assert canonical(value) == canonical(factor.levels[level])


REMEDIES = Factor(
    "recipe",
    {
        "none": {},
        "clipped": {"clip_norm": 1.0},
        "slower": {"optimizer.lr": 0.001},
        "both": {"clip_norm": 1.0, "optimizer.lr": 0.001},
    },
)


def test_levels_may_change_different_things() -> None:
    made = comparison(REMEDIES, baseline=("none",))
    none, clipped, slower, both = made.variants()
    assert (none.task, none.recipe) == (made.task, made.recipe)
    assert made.paths == ("recipe.clip_norm", "recipe.optimizer.lr")
    assert [list(differences(none, v)) for v in (clipped, slower, both)] == [
        ["recipe.clip_norm"],
        ["recipe.optimizer.lr"],
        ["recipe.clip_norm", "recipe.optimizer.lr"],
    ]
    assert differences(none, both)["recipe.optimizer.lr"] == Sides(0.01, 0.001)


def test_levels_that_change_different_things_can_be_crossed() -> None:
    crossed = comparison(REMEDIES, ACTIVATION, baseline=("none", "relu")).variants()
    assert len({v.name for v in crossed}) == 4 * 3


def test_a_factor_beside_factors_is_refused() -> None:
    """One of the two would have been passed over without a word."""
    both = {"factor": OPTIMIZER, "factors": (ACTIVATION,)}
    assert refused(Comparison, question="?", task=TASK, recipe=RECIPE, **both) == (
        "factors of a comparison: got factor= and factors=, expected one of the two. "
        "Write factor=Factor(...) for one, factors=(...) for up to three."
    )


def test_a_long_question_makes_a_short_name() -> None:
    question = "Does " + "very " * 300 + "much help?"
    short = Comparison(question=question, task=TASK, recipe=RECIPE, factor=OPTIMIZER)
    assert short.name == "does" + "-very" * 9


def test_more_than_three_factors_are_refused() -> None:
    with pytest.raises(ValidationError, match="at most 3 items"):
        comparison(OPTIMIZER, ACTIVATION, IMBALANCE, AVERAGE, metric=RECALL)


def test_a_factor_of_the_metric_shares_task_and_recipe() -> None:
    micro, macro = comparison(AVERAGE, metric=RECALL).variants()
    assert (micro.task, micro.recipe) == (macro.task, macro.recipe)
    assert differences(micro, macro) == {"metric.function.average": Sides("micro", "macro")}


def test_differences_are_named_as_people_write_paths() -> None:
    baseline, *_, leaky = comparison(ACTIVATION).variants()
    assert differences(baseline, leaky) == {
        "recipe.model.activation": Sides("ReLU", {"name": "LeakyReLU", "negative_slope": 0.05})
    }
    sgd, adam = comparison().variants()
    assert differences(sgd, adam) == {
        "recipe.optimizer.lr": Sides(0.01, 0.001),
        "recipe.optimizer.target": Sides("torch.optim:SGD", "torch.optim:Adam"),
    }
    first, *_, last = comparison(OPTIMIZER, IMBALANCE).variants()
    assert set(differences(first, last)) == {
        "recipe.optimizer.lr",
        "recipe.optimizer.target",
        "task.split.imbalance",
    }


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("recipe.optimizer", "recipe.optimizer", True),
        ("recipe.optimizer.lr", "recipe.optimizer", True),
        ("recipe.optimizers", "recipe.optimizer", False),
        ("recipe", "recipe.optimizer", False),
    ],
)
def test_a_path_lies_within_another_step_by_step(path: str, root: str, expected: bool) -> None:
    assert within(path, root) is expected


def test_a_comparison_comes_back_from_its_text_and_hashes_alike() -> None:
    """Levels that name callables, such as optimizers, included."""
    made = comparison(OPTIMIZER, ACTIVATION)
    again = Comparison.model_validate_json(canonical(made))
    assert again == made
    assert digest(again) == digest(made)
    assert {v.name: v for v in again.variants()} == {v.name: v for v in made.variants()}


def test_a_budget_sets_the_steps_and_nothing_else() -> None:
    made = comparison()
    assert made.diff(made.at("quick")) == {"recipe.steps": (1000, 6)}
    assert [v.recipe.steps for v in made.at("quick").variants()] == [6, 6]


# What is refused.


class Careless(Comparison):
    """Comparison whose second variant is also given a smaller batch."""

    def _variant(self, levels: tuple[str, ...]) -> Variant:
        variant = super()._variant(levels)
        if levels == self.baseline:
            return variant
        recipe = replace(variant.recipe, "batch_size", 16)
        return variant.model_copy(update={"recipe": recipe})


def test_a_level_that_changes_something_else_is_refused() -> None:
    fields = {name: getattr(comparison(), name) for name in Comparison.model_fields}
    assert refused(Careless, **fields) == (
        "variant 'adam' of comparison 'toys': got differences from the baseline at recipe.batch_size, "
        "recipe.optimizer.lr, recipe.optimizer.target, expected differences at recipe.optimizer and nowhere else. "
        "Give every level a value of its own, and vary nothing else."
    )


def test_a_level_equal_to_the_baseline_is_refused() -> None:
    twins = Factor("recipe.optimizer", {"sgd": SGD, "again": SGD})
    assert refused(comparison, twins) == (
        "variant 'again' of comparison 'toys': got differences from the baseline at no path, expected differences at "
        "recipe.optimizer and nowhere else. Give every level a value of its own, and vary nothing else."
    )


def test_two_equal_levels_besides_the_baseline_are_refused() -> None:
    """They would count one result twice, and widen the family for nothing."""
    twins = Factor("recipe.optimizer", {"sgd": SGD, "adam": ADAM, "again": ADAM})
    assert refused(comparison, twins) == (
        "variant 'again' of comparison 'toys': got the settings of 'adam', expected settings of its own. "
        "Give every level a value of its own."
    )


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "model.activation",
            "path of a factor: got 'model.activation', expected a dotted path into task, recipe or metric. "
            "Name what varies, such as 'recipe.optimizer'.",
        ),
        (
            "recipe",
            "path of a factor: got 'recipe', expected a dotted path into task, recipe or metric. "
            "Name what varies, such as 'recipe.optimizer'.",
        ),
        (
            "recipe.optimiser",
            "a dotted path: got 'optimiser' in Recipe, expected one of model, optimizer, schedule, init, augment, "
            "start, freeze, batch_size, steps, evaluate_every, clip_norm, keep, early_stopping, time_limit, dtype, "
            "salt. Name a field of the task or recipe, or a keyword argument that it sets.",
        ),
        (
            "recipe.model.hiden.0",
            "a dotted path: got 'hiden' in Call, expected one of hidden. "
            "Name a field of the task or recipe, or a keyword argument that it sets.",
        ),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str, message: str) -> None:
    assert refused(lambda: comparison(Factor(path, {"a": 1, "b": 2}))) == message


@pytest.mark.parametrize(
    ("factors", "baseline", "message"),
    [
        ((OPTIMIZER,), ("sdg",), "got 'sdg', expected one of sgd, adam."),
        ((OPTIMIZER,), ("sgd", "relu"), "got 'sgd × relu', expected one of sgd, adam."),
        ((OPTIMIZER, IMBALANCE), ("sgd",), "got 'sgd', expected one of sgd × even, sgd × 10:1, "),
        ((OPTIMIZER, IMBALANCE), ("adam × even",), "got 'adam × even', expected one of sgd × even"),
    ],
)
def test_an_unknown_baseline_is_refused(
    factors: tuple[Factor, ...], baseline: tuple[str, ...], message: str
) -> None:
    text = refused(comparison, *factors, baseline=baseline)
    assert text.startswith(f"baseline of comparison 'toys': {message}")
    assert text.endswith(" Name one level of each factor.")


@pytest.mark.parametrize(
    "named", [{"variant": "adagrad"}, {"variant": "adam", "reference": "adagrad"}]
)
def test_a_claim_about_an_unknown_variant_is_refused(named: dict[str, str]) -> None:
    claim = Claim(name="C5", text="It is better.", relation="better", **named)
    assert refused(comparison, claims=(claim,)) == (
        "claim C5 of comparison 'toys': got 'adagrad', expected one of sgd, adam. "
        "Name a variant of this comparison."
    )


def test_an_unknown_budget_is_refused() -> None:
    assert refused(comparison().at, "large") == (
        "budget of comparison 'toys': got 'large', expected one of quick. "
        "Choose one of these with --paribus-budget."
    )


def test_a_single_level_is_refused() -> None:
    with pytest.raises(ValidationError, match="at least 2 items"):
        Factor("recipe.optimizer", {"sgd": SGD})


def test_a_level_that_is_a_lambda_is_refused() -> None:
    text = refused(Factor, path="recipe.optimizer", levels={"a": lambda p: p, "b": SGD})
    assert re.match(
        r"a setting: got <function .*<lambda> at 0x\w+> \(function\), expected plain", text
    )
    assert "Name callables as call('module:qualname', ...)" in text


def test_a_level_of_the_wrong_kind_is_refused_by_the_field_that_it_replaces() -> None:
    with pytest.raises(ValidationError) as caught:
        comparison(Factor("recipe.batch_size", {"small": 8, "none": 0}))
    assert caught.value.errors()[0]["loc"] == ("batch_size",)


def test_a_crossing_of_two_has_an_interaction_for_each_pair_of_changed_levels() -> None:
    """Two by three: one times two of them, so that five contrasts make seven."""
    made = comparison(OPTIMIZER, ACTIVATION, interaction_scale="score")
    assert made.interactions() == {
        "adam : elu": ("adam × elu", "adam × relu", "sgd × elu", "sgd × relu"),
        "adam : leaky": ("adam × leaky", "adam × relu", "sgd × leaky", "sgd × relu"),
    }
    assert made.family == 7
    assert {v for four in made.interactions().values() for v in four} == {
        v.name for v in made.variants()
    }


def test_interactions_are_taken_from_the_baseline_whichever_level_it_is() -> None:
    made = comparison(OPTIMIZER, IMBALANCE, baseline=("adam", "10:1"), interaction_scale="log")
    assert made.interactions() == {
        "sgd : even": ("sgd × even", "sgd × 10:1", "adam × even", "adam × 10:1")
    }


def test_a_crossing_that_asks_for_no_interactions_has_none() -> None:
    made = comparison(OPTIMIZER, ACTIVATION)
    assert (made.interactions(), made.family) == ({}, 5)


def test_interactions_of_one_factor_are_refused() -> None:
    assert refused(comparison, interaction_scale="score") == (
        "interaction scale of comparison 'toys': got 1 factor, expected a crossing of two. "
        "Leave it out, or cross two factors."
    )


def test_generated_data_are_new_data_without_a_correction() -> None:
    drawn = TASK.model_copy(update={"redrawn": True})
    assert comparison(inference="population").corrected
    assert not comparison(inference="population").model_copy(update={"task": drawn}).corrected
    assert not comparison().corrected


def test_what_is_left_out_is_filled_in() -> None:
    """The name is the question's words, the baseline the first level, the steps those of the recipe."""
    short = Comparison(question="Is Adam better, here?", task=TASK, recipe=RECIPE, factor=OPTIMIZER)
    steps = Budget(10, RECIPE.steps)
    assert short == Comparison(
        name="is-adam-better-here",
        question="Is Adam better, here?",
        task=TASK,
        recipe=RECIPE,
        factors=(OPTIMIZER,),
        baseline=("sgd",),
        budgets={"quick": steps, "full": steps},
    )


def test_a_baseline_may_be_a_string_and_a_factor_is_written_in_order() -> None:
    width = Factor("recipe.model.hidden", {"16": [16], "64": [64]})
    made = Comparison(question="?", task=TASK, recipe=RECIPE, factor=width, baseline="64")
    assert (made.name, made.baseline) == ("comparison", ("64",))
    assert [v.name for v in made.variants()] == ["64", "16"]

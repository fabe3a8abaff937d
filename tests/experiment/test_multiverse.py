"""A comparison under other choices: values, multiples of what variants declare, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from paribus import Factor, call
from paribus.experiment.multiverse import settings_of
from paribus.spec import lookup
from tests.helpers.refusals import refused
from tests.helpers.toys import ADAM, RECIPE, SGD, comparison

TOYS = comparison()
MLP = RECIPE.model_copy(update={"model": call("paribus.models.mlp:MLP", hidden=[16, 8])})


def values(grid: dict[str, Any], path: str, **changes: Any) -> list[list[Any]]:
    """Return what each variant has at a path, setting by setting."""
    made = settings_of(comparison(**changes), grid, "quick")
    return [[lookup(v, path) for v in at.at("quick").variants()] for at in made]


def test_every_combination_has_its_values_in_every_variant() -> None:
    made = settings_of(TOYS, {"recipe.steps": [2, 3], "recipe.batch_size": [8, 4]}, "quick")
    assert [at.name for at in made] == [
        "toys at steps 2, batch_size 8",
        "toys at steps 2, batch_size 4",
        "toys at steps 3, batch_size 8",
        "toys at steps 3, batch_size 4",
    ]
    pairs = [
        [(v.recipe.steps, v.recipe.batch_size) for v in at.at("quick").variants()] for at in made
    ]
    assert pairs == [[(2, 8)] * 2, [(2, 4)] * 2, [(3, 8)] * 2, [(3, 4)] * 2]
    assert [at.budgets["quick"].seconds for at in made] == pytest.approx([4 / 3, 4 / 3, 2, 2])


def test_a_setting_that_is_the_declared_one_is_the_same_training() -> None:
    (at, _) = settings_of(TOYS, {"recipe.steps": [6, 7]}, "quick")
    declared = TOYS.at("quick").variants()
    assert [v.recipe for v in at.at("quick").variants()] == [v.recipe for v in declared]


def test_multiples_are_of_what_each_variant_declares_even_where_the_factor_does() -> None:
    rates = [call.kwargs["lr"] for call in (SGD, ADAM)]
    found = values({"recipe.optimizer.lr": ["x0.1", "x1"]}, "recipe.optimizer.lr")
    assert found == [pytest.approx([0.1 * rate for rate in rates]), rates]
    assert values({"recipe.optimizer.lr": [0.5, 0.25]}, "recipe.optimizer.lr") == [
        [0.5] * 2,
        [0.25] * 2,
    ]


def test_multiples_of_whole_numbers_stay_whole_and_lists_are_multiplied_one_by_one() -> None:
    found = values({"recipe.model.hidden": ["x0.1", "x4"]}, "recipe.model.hidden", recipe=MLP)
    assert found == [[[2, 1]] * 2, [[64, 32]] * 2]
    assert values({"recipe.steps": ["x0.5", "x2"]}, "recipe.steps") == [[3, 3], [12, 12]]


def test_an_argument_that_is_left_to_its_default_can_be_chosen() -> None:
    found = values({"recipe.model.dropout": [0.1, 0.5]}, "recipe.model.dropout", recipe=MLP)
    assert found == [[0.1] * 2, [0.5] * 2]


def test_levels_that_change_several_paths_keep_them() -> None:
    factor = Factor("recipe", {"as it is": {}, "small": {"batch_size": 4}})
    made = comparison(factors=(factor,), baseline=("as it is",))
    (_, twice) = settings_of(made, {"recipe.optimizer.lr": ["x1", "x2"]}, "quick")
    found = [(v.recipe.batch_size, v.recipe.optimizer.kwargs["lr"]) for v in twice.variants()]
    assert found == [(8, 2 * SGD.kwargs["lr"]), (4, 2 * SGD.kwargs["lr"])]


ANOTHER = (
    "expected a choice that its variants hold equal, or one below the factor. Name another path, such as recipe.steps, "
    "or one below the factor, such as recipe.optimizer.lr=x0.1,x1."
)
LIKE = "Write values of that kind, such as {0}=VALUE,VALUE; a list stands in brackets."


@pytest.mark.parametrize(
    ("grid", "told"),
    [
        (
            {"recipe.optimizer": ["a", "b"]},
            "--paribus-over recipe.optimizer: got the path 'recipe.optimizer', which is the factor of comparison "
            "'toys', " + ANOTHER,
        ),
        (
            {"recipe.salt": ["a", "b"]},
            "--paribus-over recipe.salt: got the path 'recipe.salt', no choice, " + ANOTHER,
        ),
        (
            {"recipe.stepz": [1, 2]},
            "--paribus-over recipe.stepz: got 'stepz' in Recipe, of variant 'sgd', expected one of model, optimizer, ",
        ),
        (
            {"recipe.optimizer.momentum": [0.0, 0.9]},
            "--paribus-over recipe.optimizer.momentum: got 'momentum', which Adam of variant 'adam' does not take, "
            "expected one of params, lr, betas, ",
        ),
        (
            {"recipe.steps": ["many", "few"]},
            "--paribus-over recipe.steps: got 'many', text, expected a number, as 6 of variant 'sgd'. "
            + LIKE.format("recipe.steps"),
        ),
        (
            {"recipe.steps": [0, 5]},
            "--paribus-over recipe.steps: got 0 (Input should be greater than or equal to 1), expected a value like 6. "
            + LIKE.format("recipe.steps"),
        ),
        (
            {"recipe.keep": ["best", "worst"]},
            "--paribus-over recipe.keep: got 'worst' (Input should be 'best' or 'last'), expected a value like 'best'. "
            + LIKE.format("recipe.keep"),
        ),
        (
            {"recipe.model": ["x1", "x2"]},
            "--paribus-over recipe.model: got x1 times ",
        ),
        (
            {"recipe.model.hidden": ["x1", "x2"]},
            "--paribus-over recipe.model.hidden: got x1 times nothing declared of variant 'sgd', expected a number, or "
            "a list of numbers. " + LIKE.format("recipe.model.hidden"),
        ),
    ],
    ids=str,
)
def test_each_choice_that_cannot_be_made_has_one_line(grid: dict[str, Any], told: str) -> None:
    message = refused(settings_of, TOYS, grid, "quick")
    assert message.startswith(told)
    assert "\n" not in message


def test_a_scalar_for_a_list_is_refused() -> None:
    told = refused(settings_of, comparison(recipe=MLP), {"recipe.model.hidden": [8, 16]}, "quick")
    assert told == (
        "--paribus-over recipe.model.hidden: got 8, a number, expected a list, as [16, 8] of variant 'sgd'. "
        + LIKE.format("recipe.model.hidden")
    )

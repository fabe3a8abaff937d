"""Recipes: plain data that prints, hashes, diffs, and refuses wrong values."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from paribus.errors import ParibusError
from paribus.experiment.recipe import EarlyStopping, Recipe
from paribus.runs.fingerprint import calls
from paribus.spec import call, canonical, digest, lookup, replace
from tests.helpers.processes import printed
from tests.helpers.refusals import refused

RECIPE = Recipe(
    model=call("paribus.models.mlp:MLP", hidden=[16, 8]),
    optimizer=call("torch.optim:Adam", lr=0.001, betas=(0.9, 0.999)),
    early_stopping=EarlyStopping(patience=3),
)
TEXT = (
    '{"augment":[],"batch_size":32,"clip_norm":null,"dtype":"float32","early_stopping":{"patience":3},'
    '"evaluate_every":0,"freeze":[],"init":null,"keep":"best","model":{"kwargs":{"hidden":[16,8]},"target":"paribus.models.mlp:MLP"},'
    '"optimizer":{"kwargs":{"betas":[0.9,0.999],"lr":0.001},"target":"torch.optim:Adam"},'
    '"salt":"","start":null,"steps":1000,"time_limit":null}'
)


def test_a_recipe_prints_as_canonical_json_and_comes_back_from_it() -> None:
    assert canonical(RECIPE) == TEXT
    assert Recipe.model_validate_json(TEXT) == RECIPE


def test_its_hash_is_that_of_its_text_in_every_process() -> None:
    """Digests rest on the text alone, and not on Python's hash, which every process salts anew."""
    code = f"from paribus.spec import digest; import json; print(digest(json.loads({TEXT!r})))"
    assert printed("-c", code).strip() == digest(RECIPE)


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("model.hidden", [16, 16], "model.kwargs.hidden"),
        ("optimizer.lr", 0.01, "optimizer.kwargs.lr"),
        ("optimizer.amsgrad", True, "optimizer.kwargs.amsgrad"),
        ("init", call("paribus.models.initialise:uniform_01"), "init"),
        ("batch_size", 16, "batch_size"),
        ("steps", 10, "steps"),
        ("evaluate_every", 5, "evaluate_every"),
        ("clip_norm", 1.0, "clip_norm"),
        ("keep", "last", "keep"),
        ("early_stopping", None, "early_stopping"),
        ("early_stopping.patience", 4, "early_stopping.patience"),
        ("time_limit", 60.0, "time_limit"),
        ("dtype", "float64", "dtype"),
        ("salt", "a", "salt"),
    ],
)
def test_a_diff_names_the_field_and_the_hash_changes_with_it(
    path: str, value: object, named: str
) -> None:
    other = replace(RECIPE, path, value)
    assert list(RECIPE.diff(other)) == [named]
    assert digest(other) != digest(RECIPE)
    assert other != RECIPE


def test_another_callable_differs_in_target_and_arguments() -> None:
    other = replace(RECIPE, "optimizer", call("torch.optim:SGD", lr=0.001))
    assert RECIPE.diff(other) == {
        "optimizer.kwargs.betas": ([0.9, 0.999], "(absent)"),
        "optimizer.target": ("torch.optim:Adam", "torch.optim:SGD"),
    }


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_size": 0},
        {"steps": 0},
        {"evaluate_every": -1},
        {"clip_norm": 0.0},
        {"time_limit": 0.0},
        {"dtype": "float16"},
        {"early_stopping": {"patience": 0}},
        {"learning_rate": 0.1},
    ],
    ids=str,
)
def test_a_setting_out_of_its_range_is_refused_by_name(settings: dict[str, Any]) -> None:
    (name,) = settings
    with pytest.raises(ValidationError) as caught:
        Recipe(model=RECIPE.model, optimizer=RECIPE.optimizer, **settings)
    (error,) = caught.value.errors()
    assert error["loc"][0] == name


def test_a_recipe_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RECIPE.steps = 5


def test_a_lambda_among_the_arguments_is_refused() -> None:
    """Only its address changes from process to process."""
    got = r"^a setting: got <function .*<lambda> at 0x\w+> "
    with pytest.raises(ParibusError, match=got) as caught:
        call("paribus.models.mlp:MLP", activation=lambda x: x)
    assert str(caught.value).endswith(
        "(function), expected plain data: text, finite numbers, booleans, None, lists or mappings of them. "
        "Name callables as call('module:qualname', ...) and pass the rest as numbers or text."
    )


PARTS = {"*.weight": call("torch.optim:Muon", lr=0.02), "*": call("torch.optim:SGD", lr=0.1)}


def test_optimizers_by_pattern_keep_their_order_in_text_and_hash() -> None:
    """The first pattern that fits has a weight, and JSON sorts the keys of a mapping."""
    recipe = replace(RECIPE, "optimizer", PARTS)
    turned = replace(RECIPE, "optimizer", dict(reversed(PARTS.items())))
    assert Recipe.model_validate_json(canonical(recipe)) == recipe
    assert [pattern for pattern, _ in recipe.optimizer] == ["*.weight", "*"]
    assert digest(recipe) != digest(turned)
    assert pickle.loads(pickle.dumps(recipe)) == recipe


def test_a_setting_of_one_of_them_has_a_path_of_its_own() -> None:
    recipe = replace(replace(RECIPE, "optimizer", PARTS), "optimizer.*.lr", 0.5)
    assert recipe.optimizer[1] == ("*", call("torch.optim:SGD", lr=0.5))
    assert recipe.optimizer[0] == ("*.weight", PARTS["*.weight"])
    assert lookup(recipe, "optimizer.*.lr") == 0.5
    assert replace(RECIPE, "optimizer", PARTS).diff(recipe) == {"optimizer.*.kwargs.lr": (0.1, 0.5)}
    assert refused(lookup, recipe, "optimizer.lr") == (
        "a dotted path: got 'lr' in several by name, expected one of *.weight, *. Name a field of the task or recipe, "
        "or a keyword argument that it sets."
    )


def test_a_schedule_is_said_only_where_there_is_one() -> None:
    scheduled = replace(RECIPE, "schedule", call("torch.optim.lr_scheduler:StepLR", step_size=2))
    assert "schedule" not in canonical(RECIPE)
    assert list(RECIPE.diff(scheduled)) == ["schedule"]
    assert Recipe.model_validate_json(canonical(scheduled)) == scheduled


def test_no_pattern_is_no_optimizer() -> None:
    with pytest.raises(ValidationError):
        Recipe(model=RECIPE.model, optimizer={})


def test_the_code_of_every_optimizer_and_schedule_is_found_for_the_fingerprint() -> None:
    recipe = replace(
        replace(RECIPE, "optimizer", PARTS),
        "schedule",
        call("tests.helpers.optimizers:warm_cosine"),
    )
    assert [made.target for made in calls(recipe)] == [
        "paribus.models.mlp:MLP",
        "torch.optim:Muon",
        "torch.optim:SGD",
        "tests.helpers.optimizers:warm_cosine",
    ]

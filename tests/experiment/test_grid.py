"""Grids of choices: what an option says, and what is refused of it before torch is imported."""

from __future__ import annotations

import pytest

from paribus.experiment.grid import check_grid, multiple, parsed
from tests.helpers.refusals import refused


def test_values_are_numbers_lists_words_and_multiples() -> None:
    assert parsed(
        ["recipe.steps=250,1000", "recipe.model.hidden=[8],[16,8]", "recipe.optimizer.lr=x0.1,x1"]
    ) == {
        "recipe.steps": (250, 1000),
        "recipe.model.hidden": ([8], [16, 8]),
        "recipe.optimizer.lr": ("x0.1", "x1"),
    }
    assert parsed(
        ["recipe.keep=best,last", "recipe.clip_norm=null,1e-3", "recipe.a.b=true,false"]
    ) == {
        "recipe.keep": ("best", "last"),
        "recipe.clip_norm": (None, 0.001),
        "recipe.a.b": (True, False),
    }
    calls = '{"target":"torch.nn:ReLU","kwargs":{"a":1,"b":2}},x'
    assert parsed([f"recipe.init={calls}"])["recipe.init"][1] == "x"


def test_a_text_is_a_multiple_only_where_all_of_it_is() -> None:
    assert [multiple(x) for x in ("x10", "x.5", "x1e-3")] == [10.0, 0.5, 0.001]
    assert [multiple(x) for x in ("x", "xavier", "x-1", "x1 ", 3, None)] == [None] * 6


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (
            ["recipe.steps"],
            "--paribus-over: got 'recipe.steps', expected PATH=VALUE,VALUE..., such as recipe.steps=250,1000. Write it "
            "with no spaces round the equals sign and the commas.",
        ),
        (
            ["recipe.steps=1,2", "recipe.steps=3,4"],
            "--paribus-over recipe.steps: got it twice, expected all values of a path in one option. Write "
            "--paribus-over recipe.steps=VALUE,VALUE...",
        ),
        (
            ["optimizer.lr=1,2"],
            "--paribus-over: got 'optimizer.lr', expected a dotted path into recipe or task, such as recipe.steps. "
            "paribus run writes every setting onto a page, with its path.",
        ),
        (
            ["recipe.steps=100"],
            "--paribus-over recipe.steps: got 100, expected two or more values, each once. A choice with one value is "
            "no choice: set it in the suite, or name others.",
        ),
        (
            ["recipe.steps=100,200,100"],
            "--paribus-over recipe.steps: got 100, 200, 100, expected two or more values, each once. A choice with one "
            "value is no choice: set it in the suite, or name others.",
        ),
        (
            ["recipe.steps=1,2,3,4", "recipe.batch_size=1,2,3,4"],
            "number of settings: got 4 x 4 = 16, expected at most 15. Name fewer values, or allow them with "
            "--paribus-max-settings 16.",
        ),
    ],
)
def test_each_mistake_in_a_grid_has_one_line(texts: list[str], told: str) -> None:
    assert refused(lambda: check_grid(parsed(texts), 15)) == told

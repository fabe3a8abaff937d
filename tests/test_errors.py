"""Errors: each helper passes what is right, and refuses the rest in one line."""

from __future__ import annotations

import pickle

import pytest

from paribus.errors import ParibusError, at_least, error_context, none_of, one_of


def test_an_error_is_one_line_and_survives_pickling() -> None:
    error = ParibusError("seeds", got=1, expected="2", fix="Run more.")
    assert str(error) == "seeds: got 1, expected 2. Run more."
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_value_that_is_no_choice_is_refused_with_the_choices() -> None:
    one_of("budget", "quick", {"quick": 1}, fix="Choose.")
    with pytest.raises(ParibusError) as caught:
        one_of("budget", "large", ["quick", "full"], fix="Choose.")
    assert str(caught.value) == "budget: got 'large', expected one of quick, full. Choose."


@pytest.mark.parametrize(
    ("number", "unit", "got"), [(0, "", "0"), (0, "image", "no images"), (1, "image", "1 image")]
)
def test_a_number_below_its_minimum_is_refused(number: int, unit: str, got: str) -> None:
    at_least("class a", 2, 2, unit=unit, fix="Add some.")
    with pytest.raises(ParibusError) as caught:
        at_least("class a", number, 2, unit=unit, fix="Add some.")
    assert str(caught.value) == f"class a: got {got}, expected at least 2. Add some."


def test_the_first_mistake_that_was_made_is_refused() -> None:
    none_of({"a": False}, "claim C1", expected="a claim", fix="Complete it.")
    with pytest.raises(ParibusError) as caught:
        none_of({"a": False, "b": True, "c": True}, "claim C1", expected="none", fix="Mend it.")
    assert str(caught.value) == "claim C1: got b, expected none. Mend it."


def test_an_exception_of_user_code_names_what_was_done() -> None:
    with (
        pytest.raises(ParibusError) as caught,
        error_context("model", expected="a network", fix="Mend it."),
    ):
        raise ValueError("no layers")
    assert str(caught.value) == "model: got ValueError: no layers, expected a network. Mend it."

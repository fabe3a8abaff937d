"""Errors: one line each, from the helpers that refuse what is wrong and from a user's own code."""

from __future__ import annotations

import pickle

import pytest

from paribus.errors import ParibusError, at_least, error_context, none_of, one_of
from tests.helpers.refusals import refused


def test_an_error_survives_the_way_back_from_a_worker() -> None:
    error = ParibusError("a", got=1, expected="b", fix="c.")
    back = pickle.loads(pickle.dumps(error))
    assert (str(error), error.fix) == (str(back), back.fix) == ("a: got 1, expected b. c.", "c.")


def test_a_value_that_is_no_choice_is_refused_with_the_choices() -> None:
    one_of("budget", "quick", {"quick": 1}, fix="Choose.")
    message = refused(one_of, "budget", "large", ["quick", "full"], fix="Choose.")
    assert message == "budget: got 'large', expected one of quick, full. Choose."


@pytest.mark.parametrize(
    ("number", "unit", "got"), [(0, "", "0"), (0, "image", "no images"), (1, "image", "1 image")]
)
def test_a_number_below_its_minimum_is_refused(number: int, unit: str, got: str) -> None:
    at_least("class a", 2, 2, unit=unit, fix="Add some.")
    message = refused(at_least, "class a", number, 2, unit=unit, fix="Add some.")
    assert message == f"class a: got {got}, expected at least 2. Add some."


def test_the_first_mistake_that_was_made_is_refused() -> None:
    none_of({"a": False}, "claim", expected="none", fix="Mend it.")
    message = refused(none_of, {"a": False, "b": True, "c": True}, "claim", expected="d", fix="e.")
    assert message == "claim: got b, expected d. e."


def test_an_exception_of_user_code_is_named() -> None:
    with (
        pytest.raises(ParibusError) as caught,
        error_context("file f.py", expected="a number", fix="Mend it."),
    ):
        raise KeyError("seven")
    assert str(caught.value) == "file f.py: got KeyError: 'seven', expected a number. Mend it."
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_paribus_error_passes_unchanged() -> None:
    own = ParibusError("a", got=1, expected="b", fix="c.")
    with pytest.raises(ParibusError) as caught, error_context("d", expected="e", fix="f."):
        raise own
    assert caught.value is own


def test_a_text_of_millions_of_letters_is_told_by_its_ends() -> None:
    """As an exception has that prints its tensor; a page would hold all of it for each variant."""
    error = ParibusError("a", got="x" * 20_000_000 + "end", expected="b", fix="c.")
    assert len(str(error)) < 10_000
    assert str(error).endswith("xend (20000003 letters), expected b. c.")
    exact = ParibusError("a", got="x" * 10_000, expected="b", fix="c.")
    assert exact.got == "x" * 10_000

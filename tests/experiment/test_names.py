"""Names: what is no file's name, or would lead out of the folder for pages, is refused when it is declared."""

from __future__ import annotations

import pytest

import paribus as pb
from paribus.experiment.names import MAX_BYTES, MAX_TITLE, shortened
from paribus.spec import call
from tests.helpers.refusals import refused
from tests.helpers.toys import TASK, comparison, suite

FILES = (
    "expected a name for files: at most 72 bytes, no slash, no control character, no dot in front. "
    "Rename it; a title or a question may say more."
)
TABLES = "expected a name for tables: at most 72 bytes, no control character. Rename it."
HOSTILE = {
    "": "nothing",
    "  ": "blanks alone",
    "a/b": "'a/b'",
    "a\\b": r"'a\\b'",
    "../evil": "'../evil'",
    "..": "'..'",
    ".hidden": "'.hidden'",
    "/etc/passwd": "'/etc/passwd'",
    "a\0b": r"'a\x00b', which holds the control character '\x00'",
    "a\nb": r"'a\nb', which holds the control character '\n'",
    "\x1b[31mred": r"'\x1b[31mred', which holds the control character '\x1b'",
    "a\udcffb": r"'a\udcffb', which holds the control character '\udcff'",
    "x" * 300: "'xxxxxxxxxxxxxxxxxxxx'... of 300 bytes",
    "8 ": "'8 ', with a blank at an end, which nobody sees",
    "é" * 40: "'éééééééééééééééééééé'... of 80 bytes",
}


@pytest.mark.parametrize(("name", "got"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_a_name_that_is_no_file_name_is_refused_when_it_is_declared(name: str, got: str) -> None:
    assert refused(comparison, name=name) == f"name of a comparison: got {got}, {FILES}"
    said = refused(suite, comparison(), name=name)
    assert said == f"name of a suite: got {got}, {FILES}"
    fields = {field: getattr(TASK, field) for field in type(TASK).model_fields}
    assert refused(pb.Task, **{**fields, "name": name}) == f"name of a task: got {got}, {FILES}"


@pytest.mark.parametrize(
    ("level", "got"),
    [
        ("", "nothing"),
        ("a\0b", r"'a\x00b', which holds the control character '\x00'"),
        ("x" * 300, "'xxxxxxxxxxxxxxxxxxxx'... of 300 bytes"),
        (" 8", "' 8', with a blank at an end, which nobody sees"),
    ],
)
def test_a_level_that_no_table_can_show_is_refused_when_it_is_declared(
    level: str, got: str
) -> None:
    said = refused(comparison, "recipe.batch_size", {"8": 8, level: 16})
    assert said == f"name of a level of recipe.batch_size: got {got}, {TABLES}"


def test_a_title_too_long_for_the_file_of_its_figure_is_refused() -> None:
    said = refused(comparison, figures={"x" * 91: call("builtins:print")})
    assert said == (
        "name of a table or figure of comparison 'toys': got 'xxxxxxxxxxxxxxxxxxxx'... of 91 bytes, "
        "expected a name for tables: at most 90 bytes, no control character. Rename it."
    )


def test_the_longest_names_together_are_no_longer_than_a_file_name_may_be() -> None:
    longest = f"{'s' * MAX_BYTES}-{'c' * MAX_BYTES}-default-cuda-{'t' * MAX_TITLE}.png"
    assert len(longest) <= 255


def test_the_name_that_a_question_makes_is_cut_between_words() -> None:
    words = ["donaudampfschifffahrtsgesellschaft"] * 10
    assert shortened(words) == "-".join(words[:2])
    assert shortened(["x" * 80]) == ""


def test_comparisons_of_one_name_are_refused() -> None:
    """Runs of one would be looked for under the levels of the other."""
    other = comparison("recipe.batch_size", {"8": 8, "16": 16})
    assert refused(suite, comparison(), other) == (
        "comparisons of suite 'toys': got 2 of the name 'toys', expected a name of its own for each, by which its runs "
        "and its figures are told apart. Give each a name."
    )


def test_a_question_or_a_title_of_two_lines_is_refused() -> None:
    """The second line would be a heading of the page."""
    said = "expected a sentence in one line. Write it without line breaks."
    assert refused(comparison, question="Which?\n# Buy") == (
        rf"question of comparison 'toys': got 'Which?\n# Buy'... with the control character '\n', {said}"
    )
    assert refused(pb.Suite, name="toys", title="A\rB", comparisons=(comparison(),)) == (
        rf"title of suite 'toys': got 'A\rB'... with the control character '\r', {said}"
    )

"""Optimizers over several tasks: enough data sets, no two alike, each with the reason why it is there."""

from __future__ import annotations

from paribus.suites.optimizer_ranking import SUITE


def test_there_are_tasks_enough_to_speak_of_a_new_one_and_no_two_share_their_data() -> None:
    sources = [c.task.source.target for c in SUITE.comparisons]
    assert len(SUITE.comparisons) == 12
    assert len(set(sources)) == len(sources)
    assert len({c.task.name for c in SUITE.comparisons}) == len(sources)


def test_each_task_says_what_it_stands_for_and_has_a_margin() -> None:
    reasons = [c.notes[0] for c in SUITE.comparisons]
    assert len(set(reasons)) == len(reasons)
    assert all(c.task.primary.margin for c in SUITE.comparisons)


def test_letters_are_those_of_one_alphabet_without_a_second_input() -> None:
    (letters,) = (c.task.read(seed=0) for c in SUITE.comparisons if c.name == "letters")
    assert letters.input_shapes == ((1, 12, 12),)
    assert (len(letters.classes), len(letters.targets[0])) == (20, 1000)

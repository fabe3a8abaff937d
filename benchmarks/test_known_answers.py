"""Known answers: every one is trained and judged; a red one turns the run red. The page is known_answers.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paribus.calibration import KnownAnswerRunner
from paribus.calibration.known_answers import KnownAnswer, KnownAnswerResult
from paribus.calibration.known_answers_page import write_known_answers
from paribus.frontends.pytest_session import settings_of
from paribus.suites.known_answers import KNOWN_ANSWERS


@pytest.fixture(scope="module")
def judged(pytestconfig: pytest.Config) -> Iterator[list[KnownAnswerResult]]:
    """Yield the list of what has been judged so far; it becomes the page at the end."""
    results: list[KnownAnswerResult] = []
    yield results
    if results:
        write_known_answers(results, Path(pytestconfig.getoption("--paribus-out")))


@pytest.mark.parametrize("known_answer", KNOWN_ANSWERS, ids=lambda known_answer: known_answer.name)
@pytest.mark.benchmark(group="known answers, seconds to train and judge")
def test_known_answer(
    known_answer: KnownAnswer,
    judged: list[KnownAnswerResult],
    pytestconfig: pytest.Config,
    benchmark: Any,
) -> None:
    """Train a comparison and check that its known answer is found."""
    check = KnownAnswerRunner(settings_of(pytestconfig)).check
    result = benchmark.pedantic(check, args=(known_answer,), rounds=1, iterations=1)
    judged.append(result)
    benchmark.extra_info |= {"seen": result.seen, "false alarm": result.false_alarm}
    assert result.green, (
        f"{known_answer.text} Seen: {result.seen}. Red would be: {result.threshold}."
    )

"""Known answers: every control is trained and judged; a red one turns the run red. The page is controls.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paribus.calibration import Controlled
from paribus.calibration.known_answers import KnownAnswer, KnownAnswerResult
from paribus.calibration.known_answers_page import write_controls
from paribus.frontends.pytest_session import settings_of
from paribus.suites.controls import CONTROLS


@pytest.fixture(scope="module")
def judged(pytestconfig: pytest.Config) -> Iterator[list[KnownAnswerResult]]:
    """What has been judged so far; it becomes the page at the end."""
    found: list[KnownAnswerResult] = []
    yield found
    if found:
        write_controls(found, Path(pytestconfig.getoption("--paribus-out")))


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.name)
@pytest.mark.benchmark(group="controls, seconds to train and judge")
def test_control(
    control: KnownAnswer,
    judged: list[KnownAnswerResult],
    pytestconfig: pytest.Config,
    benchmark: Any,
) -> None:
    """An effect that is known is seen, one that cannot be is not."""
    check = Controlled(settings_of(pytestconfig)).check
    found = benchmark.pedantic(check, args=(control,), rounds=1, iterations=1)
    judged.append(found)
    benchmark.extra_info |= {"seen": found.seen, "false alarm": found.flakes}
    assert found.green, f"{control.text} Seen: {found.seen}. Red would be: {found.threshold}."

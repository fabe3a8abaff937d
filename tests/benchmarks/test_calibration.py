"""Calibration and the known answers as benchmarks: what is run by default, and what turns a run red."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import test_calibration as calibration
from benchmarks import test_known_answers as known_answers
from paribus.calibration.rates import Rate
from paribus.execution.settings import OPTIONS
from tests.calibration.test_a_a_tests import a_known_answer

ROOT = Path(__file__).parents[2]


class Once:
    """Benchmark that calls once, and options as they are by default but for the folder."""

    def __init__(self, out: Path) -> None:
        self.out, self.extra_info = out, {}

    def pedantic(self, function: Any, args: tuple[Any, ...], **_rounds: int) -> Any:
        return function(*args)

    def getoption(self, name: str) -> Any:
        mine = {"--paribus-out": self.out, "--paribus-jobs": 1, "--paribus-device": "cpu"}
        arguments = OPTIONS[name.removeprefix("--paribus-")].arguments()
        return mine.get(name, arguments.get("default", False if "action" in arguments else None))


@pytest.fixture
def once(tmp_path: Path) -> Any:
    return Once(tmp_path)


def test_known_answers_run_by_default_and_the_calibration_where_it_is_named(pytester) -> None:
    collect = ("-c", str(ROOT / "pyproject.toml"), "--collect-only", "-q")
    found = pytester.runpytest_subprocess(*collect, str(ROOT / "benchmarks"))
    assert found.ret == 0
    assert any(
        "test_known_answers.py::test_known_answer[born-dead]" in line for line in found.outlines
    )
    assert not any("test_calibration" in line for line in found.outlines)
    named = pytester.runpytest_subprocess(*collect, str(ROOT / "benchmarks/test_calibration.py"))
    for test in ("test_simulated[nulls]", "test_trained", "test_known_answers[clipping]"):
        assert any(test in line for line in named.outlines)


def test_a_green_control_passes(once) -> None:
    judged: list[Any] = []
    known_answers.test_known_answer(a_known_answer(), judged, once, once)
    assert [j.green for j in judged] == [True]
    assert once.extra_info["seen"].startswith("6 of 6 seeds")


def test_a_red_control_turns_the_run_red_and_still_comes_onto_the_page(once) -> None:
    judged: list[Any] = []
    with pytest.raises(AssertionError, match="Seen: 0 of 6 seeds; median "):
        known_answers.test_known_answer(a_known_answer(low=9.0), judged, once, once)
    assert [j.green for j in judged] == [False]


def test_a_rate_outside_its_band_turns_the_run_red_and_still_comes_onto_the_page(
    once, monkeypatch
) -> None:
    bad = Rate("True nulls", "rejected", 30, 200, 0.05, "equal", "a bug", 10)
    monkeypatch.setitem(calibration.PARTS, "nulls", lambda _repeats: [bad])
    with pytest.raises(AssertionError, match=r"rejected \(n = 10\): 0\.1500"):
        calibration.test_simulated("nulls", once, once)
    assert "**FAILED**" in (once.out / "calibration.md").read_text(encoding="utf-8")

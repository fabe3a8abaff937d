"""Rates of a machine: measured once, kept for its processor and torch, and read from there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from paribus.engines.work import Work
from paribus.execution import machine_rates as module
from paribus.execution.machine_rates import LaneRates, MachineRates, lane_rates, machine_rates

RATES = MachineRates(*(float(i) for i in range(1, 10)))


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """List measurements, of which each gives the same rates."""
    found: list[int] = []
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "_measured", lambda: found.append(1) or RATES)
    machine_rates.cache_clear()
    yield found
    machine_rates.cache_clear()


def test_rates_are_read_where_they_were_measured_before(
    measured: list[int], tmp_path: Path
) -> None:
    assert machine_rates() == RATES
    machine_rates.cache_clear()  # as in another process
    (path,) = tmp_path.glob("rates-*.json")
    path.write_text(json.dumps(RATES._replace(number=7.5)._asdict()), encoding="utf-8")
    assert machine_rates().number == 7.5
    assert len(measured) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        json.dumps(RATES._asdict() | {"number": "fast"}),
        json.dumps(RATES._asdict() | {"number": -1.0}),
        json.dumps(RATES._asdict() | {"number": float("nan")}),
        json.dumps(RATES._asdict() | {"unheard of": 1.0}),
    ],
)
def test_a_damaged_file_is_measured_again(measured: list[int], tmp_path: Path, text: str) -> None:
    machine_rates()
    (path,) = tmp_path.glob("rates-*.json")
    path.write_text(text, encoding="utf-8")
    machine_rates.cache_clear()
    assert machine_rates() == RATES
    assert len(measured) == 2
    assert json.loads(path.read_text(encoding="utf-8")) == RATES._asdict()


def test_rates_are_those_of_a_processor_and_a_torch(
    measured: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine_rates()
    for name, value in (("processor", lambda: "another"), ("torch.__version__", "99.0")):
        with monkeypatch.context() as patch:
            patch.setattr(f"paribus.execution.machine_rates.{name}", value)
            machine_rates.cache_clear()
            machine_rates()
    assert len(measured) == 3
    assert len(list(tmp_path.glob("rates-*.json"))) == 3


def test_lanes_are_measured_when_they_are_asked_for(
    measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which builds their library where it is not there yet."""
    known = LaneRates(1.0, 2.0, 3.0)
    monkeypatch.setattr(module, "_measured_lanes", lambda: known)
    lane_rates.cache_clear()
    assert lane_rates() == known
    monkeypatch.setattr(module, "_measured_lanes", lambda: pytest.fail("they were measured again"))
    lane_rates.cache_clear()
    assert lane_rates() == known
    lane_rates.cache_clear()
    assert measured == []


def test_a_rate_is_what_is_left_of_a_step() -> None:
    """Of 10 ms, ten operations take one and 2000 numbers of two replicates four: 5 ms for 5000 multiply-adds."""
    work = Work(10, 1000, 2500, 0)
    assert module._product_rate(0.010, work, 1e-4, 2e-6, 2) == pytest.approx(1e-6)
    # Where noise leaves nothing, a tenth of the step.
    assert module._product_rate(0.004, work, 1e-4, 2e-6, 2) == pytest.approx(8e-8)

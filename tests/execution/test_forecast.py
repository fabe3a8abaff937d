"""Forecast seconds of runs: those of the cost model and of what surrounds the steps, by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from paribus.execution import cost_model, forecast
from paribus.execution.cases import Case
from paribus.execution.cost_model import costs
from paribus.execution.forecast import AROUND_STEPS, ExpectedSeconds, forecast_seconds
from paribus.execution.network_facts import NetworkFacts
from paribus.spec import call
from tests.execution.test_cost_model import FACTS, LANES, RATES
from tests.helpers.toys import a_run

RUN = a_run(steps=1000)


def know(monkeypatch: pytest.MonkeyPatch, facts: NetworkFacts | None) -> None:
    monkeypatch.setattr(cost_model, "known_facts", lambda _run: facts)
    monkeypatch.setattr(forecast, "machine_rates", lambda: RATES)
    monkeypatch.setattr(forecast, "lane_rates", lambda: LANES)
    monkeypatch.setattr(cost_model, "_updates", lambda *_: 3.0)


@pytest.mark.parametrize("engine", ["loop", "stacked", "stacked-compiled"])
def test_runs_take_what_the_cost_model_says_and_a_start_each(
    monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    know(monkeypatch, FACTS)
    training = costs(FACTS, RUN.recipe, 20, RATES, lambda: LANES).seconds[engine]
    expected = training + 20 * AROUND_STEPS * 1e-5
    assert forecast_seconds(replace(RUN, engine=engine), 20) == pytest.approx(expected)


def test_cases_of_one_cohort_share_its_seconds_by_their_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One stack of 40 takes less than two of 10 and 30."""
    know(monkeypatch, FACTS)
    run = replace(RUN, engine="stacked")
    study = SimpleNamespace(untuned_runs=lambda _case: [run], jobs=2)
    expected = ExpectedSeconds(study)
    few, many = (Case("toys", "toys", "cpu", "default", name) for name in ("few", "many"))
    alone = expected.seconds(few, 10) + expected.seconds(many, 30)
    expected.note({few: 10, many: 30})
    together = forecast_seconds(run, 40) / 2
    assert expected.seconds(few, 10) == pytest.approx(together / 4)
    assert expected.seconds(many, 30) == pytest.approx(together * 3 / 4)
    assert together < alone
    assert expected.seconds(few, 0) == 0.0


def test_nothing_is_forecast_of_what_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, None)
    assert forecast_seconds(RUN, 20) is None
    know(monkeypatch, FACTS._replace(counted=False))
    assert forecast_seconds(RUN, 20) is None
    know(monkeypatch, FACTS)
    for optimizer in (
        call("torch.optim:LBFGS", lr=0.1),
        {"*.bias": call("torch.optim:SGD", lr=0.1), "*": call("torch.optim:Adam", lr=0.1)},
    ):
        recipe = RUN.recipe.model_copy(update={"optimizer": optimizer})
        assert forecast_seconds(replace(RUN, recipe=recipe), 20) is None
    know(monkeypatch, FACTS)
    assert forecast_seconds(replace(RUN, device="cuda"), 20) is None

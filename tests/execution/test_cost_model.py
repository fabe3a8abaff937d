"""Seconds of each engine against sums by hand, from works and rates that are given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from paribus.engines.cohorts import MAX_CHUNK
from paribus.engines.simd.trainer import COMPILED
from paribus.engines.work import Work
from paribus.execution import cost_model
from paribus.execution.cost_model import (
    CHUNK_BYTES,
    RECORDING,
    RECORDING_LANES,
    chunk_seconds,
    costs,
    time_limit,
)
from paribus.execution.machine_rates import LaneRates, MachineRates, lanes
from paribus.execution.network_facts import NetworkFacts
from paribus.experiment.recipe import Recipe
from paribus.spec import call
from tests.helpers.toys import RECIPE, a_run

RATES = MachineRates(
    loop_operation=1e-5,
    recorded_operation=4e-6,
    mapped_operation=1e-5,
    number=1e-9,
    loop_product=1e-10,
    stacked_product=2e-10,
    loop_convolved=3e-10,
    stacked_convolved=5e-10,
    sample=0.0,
)
LANES = LaneRates(number=2e-9, product=1e-9, convolved=4e-9)
FACTS = NetworkFacts(
    loop=Work(50, 3000, 20_000, 0),
    stack=Work(80, 6000, 20_000, 0),
    tensors=4,
    parameters=500,
    trained=320,
    validated=0,
    in_lanes=True,
    counted=True,
)
# One evaluation at the end, of nothing, so that steps are all there is besides its dispatch.
PLAIN = RECIPE.model_copy(
    update={
        "optimizer": call("torch.optim:SGD", lr=0.1),
        "batch_size": 32,
        "steps": 3000,
        "evaluate_every": 3000,
    }
)


def seconds(facts: NetworkFacts = FACTS, replicates: int = 10, **settings: Any) -> dict[str, float]:
    recipe = PLAIN.model_copy(update=settings)
    return costs(facts, recipe, replicates, RATES, lambda: LANES).seconds


def test_steps_cost_what_their_parts_do() -> None:
    """The loop's dispatch is 500 µs, its numbers take 3 and its products 2; ten replicates take 3000 steps each."""
    found = seconds()
    evaluation = 50 * 1e-5 / 3
    assert found["loop"] == pytest.approx(10 * (3000 * 505e-6 + evaluation))
    recorded, scored = 80 * 4e-6, 80 * 1e-5 / 3
    moved = 10 * (6000 * 1e-9 + 20_000 * 2e-10)
    assert found["stacked"] == pytest.approx(
        3000 * (recorded + moved) + scored + RECORDING * recorded
    )
    registers = -(-10 // lanes("float32"))
    step = registers * (6000 * 2e-9 + 20_000 * 1e-9)
    assert found[COMPILED] == pytest.approx(3000 * step + scored + RECORDING_LANES * recorded)


def test_few_steps_are_not_recorded() -> None:
    """A hundred are dispatched through vmap, 10 µs an operation."""
    moved = 10 * (6000 * 1e-9 + 20_000 * 2e-10)
    expected = 100 * (80 * 1e-5 + moved) + 80 * 1e-5 / 3
    assert seconds(steps=100, evaluate_every=100)["stacked"] == pytest.approx(expected)


def test_an_optimizer_adds_operations_for_each_tensor_in_the_loop_and_once_in_a_stack() -> None:
    """Momentum takes two more than plain descent; each puts out as many numbers as there are weights."""
    more = seconds(optimizer=call("torch.optim:SGD", lr=0.1, momentum=0.9))
    numbers = 2 * 500 * 1e-9
    in_loop = 3000 * (2 * 4 * 1e-5 + numbers) + 2 * 4 * 1e-5 / 3
    assert more["loop"] - seconds()["loop"] == pytest.approx(10 * in_loop)
    stacked = 3000 * (2 * 4e-6 + 10 * numbers) + 2 * 1e-5 / 3 + RECORDING * 2 * 4e-6
    assert more["stacked"] - seconds()["stacked"] == pytest.approx(stacked)


def test_evaluations_pass_the_validation_part_once_an_epoch() -> None:
    """320 samples are ten batches, so 3000 steps are 300 evaluations, each a third of three steps' numbers."""
    many = seconds(FACTS._replace(validated=96), evaluate_every=0)["loop"]
    evaluations = 300 * (50 * 1e-5 / 3 + 3 * 5e-6 / 3)
    assert many == pytest.approx(10 * (3000 * 505e-6 + evaluations))


def test_convolutions_have_rates_of_their_own() -> None:
    convolved = FACTS._replace(
        loop=FACTS.loop._replace(convolved=1e6), stack=FACTS.stack._replace(convolved=1e6)
    )
    more, plain = seconds(convolved), seconds()
    assert more["loop"] - plain["loop"] == pytest.approx(10 * 3000 * 3e-4)
    assert more["stacked"] - plain["stacked"] == pytest.approx(10 * 3000 * 5e-4)
    registers = -(-10 // lanes("float32"))
    assert more[COMPILED] - plain[COMPILED] == pytest.approx(3000 * registers * 4e-3)


@pytest.mark.parametrize(
    ("change", "settings"),
    [
        ({"in_lanes": False}, {}),
        # A third of these numbers in registers of 64 bytes are more than 32 megabytes.
        ({"stack": FACTS.stack._replace(numbers=3 * 2**19 + 1)}, {}),
        ({}, {"evaluate_every": 1}),
        ({}, {"augment": (call("torch:clone"),)}),
        ({}, {"freeze": ("*",)}),
    ],
    ids=["layers", "memory", "watched", "augmented", "frozen"],
)
def test_lanes_are_not_predicted_where_they_have_no_form(
    change: dict[str, Any], settings: dict[str, Any]
) -> None:
    assert seconds(FACTS._replace(**change), **settings).keys() == {"loop", "stacked"}


def test_without_a_compiler_nothing_is_predicted_of_lanes() -> None:
    found = costs(FACTS, PLAIN, 10, RATES, lambda: LANES._replace(number=0.0))
    assert found.seconds.keys() == {"loop", "stacked"}


def test_how_fast_lanes_are_is_not_asked_where_recording_takes_longer_than_training() -> None:
    """875 steps' dispatch, of a training of 300: measuring them may take building them."""
    recipe = PLAIN.model_copy(update={"steps": 300, "evaluate_every": 300})
    found = costs(FACTS, recipe, 10, RATES, lambda: pytest.fail("they were asked for"))
    assert found.seconds.keys() == {"loop", "stacked"}


def test_a_chunk_holds_as_many_replicates_as_fit_the_cache() -> None:
    """Each has the numbers that are held at once and its weights, four bytes each."""
    each = 4 * (3_000_000 / 3 + 500)
    large = FACTS._replace(stack=FACTS.stack._replace(numbers=3_000_000))
    found = costs(large, PLAIN, 10, RATES, lambda: LANES)
    assert found.chunk_size == int(CHUNK_BYTES / each) == 8
    assert costs(FACTS, PLAIN, 10, RATES, lambda: LANES).chunk_size == MAX_CHUNK
    huge = FACTS._replace(parameters=10**8)
    assert costs(huge, PLAIN, 10, RATES, lambda: LANES).chunk_size == 1
    # Ten replicates are then two chunks, each with dispatch of its own.
    whole = seconds(large, 8)["stacked"]
    moved = 2 * (3_000_000 * 1e-9 + 20_000 * 2e-10)
    more = 3000 * (80 * 4e-6 + moved) + 80 * 1e-5 / 3
    assert seconds(large, 10)["stacked"] - whole == pytest.approx(more)


def test_a_chunk_takes_what_is_predicted_by_its_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a network that nothing is known of yet, a millisecond a step."""
    run = replace(a_run(), recipe=PLAIN, engine="stacked")
    monkeypatch.setattr(cost_model, "machine_rates", lambda: RATES)
    monkeypatch.setattr(cost_model, "lane_rates", lambda: LANES)
    monkeypatch.setattr(cost_model, "known_facts", lambda _run: FACTS)
    assert chunk_seconds([run] * 10) == seconds()["stacked"]
    assert chunk_seconds([replace(run, engine=COMPILED)] * 10) == seconds()[COMPILED]
    monkeypatch.setattr(cost_model, "known_facts", lambda _run: None)
    assert chunk_seconds([run] * 10) == 30.0


def test_a_chunk_is_taken_to_hang_far_beyond_its_predicted_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An hour, and fifty times the prediction, or two and a half seconds for each step of an unknown network."""
    run = replace(a_run(steps=3000), engine="stacked")
    monkeypatch.setattr(cost_model, "machine_rates", lambda: RATES)
    monkeypatch.setattr(cost_model, "lane_rates", lambda: LANES)
    monkeypatch.setattr(cost_model, "known_facts", lambda _run: FACTS)
    assert time_limit([run] * 10) == 3600 + 50 * chunk_seconds([run] * 10)
    monkeypatch.setattr(cost_model, "known_facts", lambda _run: None)
    assert time_limit([run] * 10) == 3600 + 2.5 * 30_000
    # A recurrent cell's kernel hides what it computes: its network would look like one of next to no work.
    monkeypatch.setattr(cost_model, "known_facts", lambda _run: FACTS._replace(counted=False))
    assert time_limit([run] * 10) == 3600 + 2.5 * 30_000


@pytest.mark.parametrize(("capability", "count"), [("AVX512", 16), ("AVX2", 8), ("DEFAULT", 4)])
def test_a_register_holds_as_many_replicates_as_the_processor_has_lanes(
    monkeypatch: pytest.MonkeyPatch, capability: str, count: int
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert (lanes("float32"), lanes("float64")) == (count, count // 2)


def test_an_optimizers_operations_are_counted_once_a_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later sessions read them, because to count them loads torch's compiler; a damaged file is counted again."""
    counted: list[str] = []

    def count(recipe: Recipe) -> float:
        counted.append(recipe.optimizer.target)
        return 9.0

    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    monkeypatch.setattr(cost_model, "update_operations", count)
    recipe = RECIPE.model_copy(update={"optimizer": call("torch.optim:Adam", lr=0.1)})
    for _session in range(2):
        monkeypatch.setattr(cost_model, "_known", {})
        assert cost_model._updates("adam", recipe) == 9.0
    assert counted == ["torch.optim:Adam"]
    (file,) = tmp_path.glob("update-*.json")
    file.write_text('{"operations": "many"}', encoding="utf-8")
    monkeypatch.setattr(cost_model, "_known", {})
    assert cost_model._updates("adam", recipe) == 9.0
    assert len(counted) == 2


def test_updates_of_all_variants_are_counted_ahead_but_of_none_without_a_stacked_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    monkeypatch.setattr(cost_model, "_known", {})
    monkeypatch.setattr(
        cost_model, "update_operations", lambda recipe: counted.append(recipe.optimizer.target) or 1
    )
    optimizers = (call("torch.optim:Adam"), call("torch.optim:LBFGS"), call("torch.optim:Adam"))
    cost_model.count_updates(RECIPE.model_copy(update={"optimizer": each}) for each in optimizers)
    assert counted == ["torch.optim:Adam"]

"""Facts of networks: what is counted, what a network is called by, and that they are found once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from paribus import call
from paribus.execution import network_facts as module
from paribus.execution.executor import split_of
from paribus.execution.network_facts import NetworkFacts, is_counted, kind_of_network, network_facts
from tests.helpers.toys import ADAM, TASK, Small, a_run


class Branching(Small):
    """Looks at its data before it decides."""

    def forward(self, x):
        return super().forward(x if x.sum() > 0 else x * 2)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PARIBUS_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """List the runs whose networks were checked."""
    found: list[Any] = []
    true = module.self_check

    def spy(run: Any, *rest: Any) -> str:
        found.append(run)
        return true(run, *rest)

    monkeypatch.setattr(module, "self_check", spy)
    return found


def test_a_network_is_counted_by_what_it_computes() -> None:
    """Two inputs, four hidden numbers and one output, eight samples at a time: forward, and gradients of both layers.

    The gradient of the inputs, which nobody asks for, is not taken.
    """
    facts = network_facts(a_run(model=call(Small)))
    assert isinstance(facts, NetworkFacts)
    outputs = 1
    products = 8 * (2 * 4 + 4 * outputs) + 8 * (2 * 4) + 2 * 8 * 4 * outputs
    assert facts.loop.products == facts.stack.products == products
    assert (facts.tensors, facts.parameters) == (4, 2 * 4 + 4 + 4 * outputs + outputs)
    assert facts.in_lanes
    assert facts.counted
    assert facts.trained + facts.validated < 60
    assert facts.stack.operations > facts.loop.operations > 20


def test_they_are_found_once_for_a_kind_of_network(cache: Path, checks: list[Any]) -> None:
    """Whatever the seed, the optimizer and its numbers, and however long it is trained."""
    first = network_facts(a_run())
    for other in (a_run(3), a_run(optimizer=ADAM), a_run(steps=9, evaluate_every=1)):
        assert network_facts(other) == first
    assert len(checks) == 1
    network_facts(a_run(model=call(Small, hidden=5)))
    assert len(checks) == 2
    assert len(list(cache.glob("network-*.json"))) == 2


def test_a_few_samples_are_scored_as_they_are_prepared_in_the_split() -> None:
    split = split_of(a_run())
    few = module._briefly_scored(split)
    assert torch.equal(few.train, split.train)
    assert few.input_standardizers is split.input_standardizers
    large = replace(split, validation=split.train.repeat(9), test=split.train.repeat(9))
    few = module._briefly_scored(large)
    assert len(few.validation) == len(few.test) == module.SCORED


OTHERS = {
    "another network": a_run(model=call(Small, hidden=5)),
    "another batch": a_run(batch_size=4),
    "other data": replace(a_run(), data_digest="others"),
    "another loss": a_run(task=TASK.model_copy(update={"loss": call("paribus.metrics:accuracy")})),
    "an initialiser": a_run(init=call("paribus.models.initialise:kaiming_uniform")),
    "another device": replace(a_run(), device="cuda"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_may_change_the_answer_is_another_kind(name: str) -> None:
    assert kind_of_network(OTHERS[name]) != kind_of_network(a_run())


def test_another_version_of_torch_is_another_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    before = kind_of_network(a_run())
    monkeypatch.setattr(module.torch, "__version__", "99.0")
    assert kind_of_network(a_run()) != before


def test_a_refusal_is_found_again(cache: Path, checks: list[Any]) -> None:
    run = a_run(model=call(Branching))
    for _ in range(2):
        assert "data-dependent control flow" in str(network_facts(run))
    assert len(checks) == 2
    assert not list(cache.iterdir())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"loop": [1, 2, 3, 4]}', '{"tensors": 4}'])
def test_a_damaged_file_is_written_anew(cache: Path, checks: list[Any], text: str) -> None:
    first = network_facts(a_run())
    (path,) = cache.glob("network-*.json")
    path.write_text(text, encoding="utf-8")
    assert network_facts(a_run()) == first
    assert len(checks) == 2
    assert network_facts(a_run()) == first
    assert len(checks) == 2


@pytest.mark.parametrize(
    "layer", [nn.GRU(2, 3), nn.LSTMCell(2, 3), nn.MultiheadAttention(4, 2)], ids=repr
)
def test_what_a_kernel_of_its_own_computes_is_not_seen_by_counting(layer: nn.Module) -> None:
    assert not is_counted(nn.Sequential(nn.Linear(2, 2), layer))
    assert is_counted(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))

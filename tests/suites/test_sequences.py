"""Four sequence tasks by hand, and that both engines train their networks alike."""

from __future__ import annotations

import pytest
import torch

from paribus.engines.vmapped.equivalence import self_check
from paribus.execution.executor import split_of
from paribus.execution.pool import one_thread
from paribus.runs.run import Run
from paribus.suites.sequences import SUITE
from paribus.suites.tasks.sequences import count_ones, delay, sequence_reversal, wave


def test_a_delay_gives_back_what_came_three_steps_before() -> None:
    data = delay(0)
    x, y = data.inputs[0][..., 0], data.targets[0]
    assert torch.equal(y[:, 3:], x[:, :-3])
    assert not y[:, :3].any()


def test_a_tally_is_the_share_of_ones() -> None:
    data = count_ones(0)
    assert set(data.inputs[0].unique().tolist()) == {0.0, 1.0}
    assert torch.equal(data.targets[0][:, 0], data.inputs[0].sum((1, 2)) / 16)


def test_a_wave_is_the_sine_of_its_numbers() -> None:
    data = wave(0)
    for (size, periods, phase), y in zip(
        data.inputs[0][:5].double(), data.targets[0], strict=False
    ):
        expected = [size * torch.sin(2 * torch.pi * periods * t / 16 + phase) for t in range(16)]
        torch.testing.assert_close(y.double(), torch.stack(expected), atol=1e-5, rtol=0)


def test_a_reversal_ends_with_what_came_first() -> None:
    data = sequence_reversal(0)
    assert torch.equal(data.targets[0][:, -1], data.inputs[0][:, 0, 0])
    assert torch.equal(data.targets[0].flip(1), data.inputs[0][..., 0])


@pytest.mark.parametrize("comparison", SUITE.comparisons, ids=lambda c: c.name)
def test_all_replicates_can_be_trained_at_once(comparison) -> None:
    """By the engine's own check: three float64 steps of two replicates, against the loop."""
    for variant in comparison.variants():
        run = Run(variant.task, variant.recipe, 0, "")
        with one_thread():
            assert self_check(run, split_of(run)) == ""

"""Dropout by name: the formula of torch's own, with masks that depend on seed, layer and step alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from paribus.seeding import Streams
from paribus.training.dropout import NamedDropout, use_named_dropout


def numbers(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def masks(network: nn.Module, steps: int, *, seed: int = 0, layer: int = 0) -> list[Tensor]:
    """Return what the layer keeps of ones in each of the first steps."""
    named = use_named_dropout(network, Streams(seed))
    kept = []
    for step in range(steps):
        for dropout in named:
            dropout.begin(step)
        kept.append(named[layer](torch.ones(4, 50)) != 0)
    return kept


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_kept_entries_are_what_torch_makes_of_them(p: float) -> None:
    """``x / (1 - p)`` where kept and zero elsewhere, forwards; the same factor for the gradient."""
    ours, x = NamedDropout(p, Streams(0), 0), numbers(40, 50).requires_grad_()
    ours.begin(3)
    y = ours(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    generator = Streams(0).generator("noise", "dropout", 0, 3)
    keep = torch.rand(40, 50, generator=generator) >= p
    torch.testing.assert_close(y, torch.where(keep, x / (1 - p), 0.0), rtol=1e-15, atol=0)
    torch.testing.assert_close(gradient, keep.double() / (1 - p), rtol=1e-15, atol=0)
    torch.manual_seed(0)
    theirs = nn.Dropout(p)(x)
    both = keep & (theirs != 0)
    torch.testing.assert_close(y[both], theirs[both], rtol=1e-15, atol=0)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_the_share_that_is_dropped_is_p(p: float) -> None:
    """Of 100 000 entries, within four standard deviations."""
    dropout = NamedDropout(p, Streams(1), 0)
    dropout.begin(0)
    share = (dropout(torch.ones(1000, 100)) == 0).double().mean().item()
    assert share == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / 100_000))


def test_nothing_is_dropped_in_evaluation_or_with_p_zero() -> None:
    x = numbers(3, 4)
    assert torch.equal(NamedDropout(0.5, Streams(0), 0).eval()(x), x)
    assert torch.equal(NamedDropout(0.0, Streams(0), 0)(x), x)


def test_with_p_one_everything_is_dropped_as_torch_does() -> None:
    x = numbers(3, 4)
    assert torch.equal(NamedDropout(1.0, Streams(0), 0)(x), nn.Dropout(1.0)(x))


def test_layers_steps_and_seeds_have_masks_of_their_own() -> None:
    def net() -> nn.Module:
        return nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5))

    found = [
        mask
        for seed in (0, 1)
        for layer in (0, 1)
        for mask in masks(net(), 3, seed=seed, layer=layer)
    ]
    texts = {str(mask.int().tolist()) for mask in found}
    assert len(texts) == len(found) == 12


def test_masks_are_the_same_with_another_dropout_layer_behind() -> None:
    one = masks(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), 4)
    two = masks(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.Dropout(0.5)), 4)
    assert all(map(torch.equal, one, two))


def test_masks_are_the_same_whatever_was_drawn_in_between() -> None:
    """Neither a pass in evaluation, nor a second one in training, nor the global generator moves them."""
    expected = masks(nn.Sequential(nn.Dropout(0.5)), 3)
    (dropout,) = use_named_dropout(nn.Sequential(nn.Dropout(0.5)), Streams(0))
    for step, mask in enumerate(expected):
        dropout.eval()(torch.ones(7))
        dropout.train()(torch.ones(9, 3))
        torch.manual_seed(step)
        dropout.begin(step)
        assert torch.equal(dropout(torch.ones(4, 50)) != 0, mask)


def test_two_passes_of_one_step_have_different_masks() -> None:
    """A layer that a network uses twice drops twice."""
    dropout = NamedDropout(0.5, Streams(0), 0)
    dropout.begin(0)
    assert not torch.equal(dropout(torch.ones(50)), dropout(torch.ones(50)))


def test_masks_are_the_same_in_either_precision() -> None:
    dropout = NamedDropout(0.5, Streams(0), 0)
    kept = []
    for dtype in (torch.float32, torch.float64):
        dropout.begin(5)
        y = dropout(torch.ones(4, 50, dtype=dtype))
        assert y.dtype == dtype
        kept.append(y != 0)
    assert torch.equal(*kept)


def test_every_dropout_layer_is_replaced_in_order_and_nothing_else() -> None:
    network = nn.Sequential(
        nn.Dropout(0.1),
        nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.2)),
        nn.Dropout2d(0.4),
        nn.Dropout(0.3),
    )
    named = use_named_dropout(network, Streams(0))
    kinds = [type(m).__name__ for m in network.modules() if not list(m.children())]
    assert kinds == ["NamedDropout", "Linear", "NamedDropout", "Dropout2d", "NamedDropout"]
    assert [m.layer for m in named] == list(range(3))
    assert sorted(m.p for m in named) == [0.1, 0.2, 0.3]

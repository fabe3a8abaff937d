"""Steps that are written out, against torch's."""

from __future__ import annotations

import pytest
import torch
from torch.optim import SGD, Optimizer, RMSprop

from paribus.suites.components import byhand


def trained(optimizer: type[Optimizer], steps: int = 30, **settings: float) -> torch.Tensor:
    """Weights after steps on a loss whose gradient has another size for each of them; one never has a gradient."""
    weights = torch.tensor([3.0, -2.0, 0.5], dtype=torch.float64, requires_grad=True)
    unused = torch.ones(1, dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([1.0, 10.0, 0.01], dtype=torch.float64)
    made = optimizer([weights, unused], **settings)
    for _ in range(steps):
        made.zero_grad()
        (scale * weights.square()).sum().backward()
        made.step()
    assert unused.item() == 1.0
    return weights.detach()


@pytest.mark.parametrize(
    ("ours", "torchs", "settings"),
    [
        (byhand.SGD, SGD, {"lr": 0.03}),
        (byhand.RMSprop, RMSprop, {"lr": 0.03}),
        (byhand.RMSprop, RMSprop, {"lr": 0.03, "alpha": 0.9, "eps": 1e-3}),
    ],
)
def test_a_step_by_hand_is_torchs(ours, torchs, settings) -> None:
    assert torch.allclose(trained(ours, **settings), trained(torchs, **settings), rtol=1e-12)


def test_rmsprops_first_step_has_one_size_for_every_gradient() -> None:
    """lr / sqrt(1 - alpha) times the sign, here .01 / sqrt(.1), up to eps."""
    start = torch.tensor([3.0, -2.0, 0.5], dtype=torch.float64)
    moved = start - trained(byhand.RMSprop, steps=1, lr=0.01, alpha=0.9)
    assert moved.tolist() == pytest.approx([0.01 / 0.1**0.5 * s for s in (1, -1, 1)], rel=1e-5)


def test_a_step_without_a_move_cannot_be_made() -> None:
    class Still(byhand.ByHand):
        """Takes nothing off."""

    with pytest.raises(TypeError, match=r"abstract method '?move'?"):
        Still([torch.zeros(3, requires_grad=True)])


def test_a_closure_is_refused() -> None:
    made = byhand.SGD([torch.zeros(3, requires_grad=True)], lr=0.1)
    with pytest.raises(ValueError, match=r"^closure: got one, expected None: no step here asks"):
        made.step(lambda: 0.0)

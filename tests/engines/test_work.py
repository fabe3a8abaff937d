"""Work of a step, counted against arithmetic by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from paribus.engines.work import Work, WorkCounter, update_operations
from paribus.spec import call
from tests.helpers.toys import RECIPE


def counted(function) -> Work:
    with WorkCounter() as counter:
        function()
    return counter.work


def test_a_product_is_counted_by_its_sides() -> None:
    """3x4 times 4x5 puts out 15 numbers of four multiply-adds each; a view is no operation."""
    a, b = torch.ones(4, 3), torch.ones(4, 5)
    assert counted(lambda: a.t() @ b) == Work(1, 15, 60, 0)
    assert counted(lambda: torch.bmm(torch.ones(2, 3, 4), torch.ones(2, 4, 5))).products == 120
    assert counted(lambda: torch.addmm(torch.ones(5), a.t(), b)).products == 60


@pytest.mark.parametrize(
    ("layer", "each"),
    [
        # 6 channels of 5x5 numbers, each of 4 * 3 * 3 multiply-adds; with two groups, of half as many.
        (nn.Conv2d(4, 6, 3, padding=1), 6 * 25 * 4 * 9),
        (nn.Conv2d(4, 6, 3, padding=1, groups=2), 6 * 25 * 2 * 9),
        # Each of the 4 * 25 numbers is spread over 6 * 3 * 3.
        (nn.ConvTranspose2d(4, 6, 3, padding=1), 4 * 25 * 6 * 9),
    ],
    ids=["plain", "groups", "transposed"],
)
def test_a_convolution_is_counted_and_its_two_gradients_as_much_again(
    layer: nn.Module, each: int
) -> None:
    images = torch.ones(2, 4, 5, 5, requires_grad=True)
    assert counted(lambda: layer(images)).convolved == 2 * each
    out = layer(images).sum()
    assert counted(out.backward).convolved == 2 * 2 * each


def test_an_optimizer_is_counted_by_what_it_does_to_a_tensor() -> None:
    """Plain descent adds once; momentum multiplies and adds besides."""
    plain = RECIPE.model_copy(update={"optimizer": call("torch.optim:SGD", lr=0.1)})
    momentum = RECIPE.model_copy(
        update={"optimizer": call("torch.optim:SGD", lr=0.1, momentum=0.9)}
    )
    assert update_operations(plain) == 1
    assert update_operations(momentum) == 3

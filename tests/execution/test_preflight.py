"""Checks before anything long starts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from paribus.execution.preflight import make_optimizer
from tests.helpers.processes import printed
from tests.helpers.toys import comparison


def variant(**settings: object):
    """Return a variant with such settings of SGD."""
    base, *_ = comparison().variants()
    optimizer = base.recipe.optimizer
    changed = optimizer.model_copy(update={"kwargs": {**optimizer.kwargs, **settings}})
    return base.model_copy(update={"recipe": base.recipe.model_copy(update={"optimizer": changed})})


def test_an_optimizer_that_cannot_be_made_says_why() -> None:
    parameters = [torch.zeros(1, requires_grad=True)]
    make_optimizer(variant(), parameters)
    with pytest.raises(ValueError, match=r"Invalid learning rate: -1\.0"):
        make_optimizer(variant(lr=-1.0), parameters)
    with pytest.raises(TypeError, match="momentums"):
        make_optimizer(variant(momentums=0.9), parameters)


def test_torch_s_optimizer_is_left_as_it_was() -> None:
    before = dict(vars(torch.optim.Optimizer))
    make_optimizer(variant(), [torch.zeros(1, requires_grad=True)])
    with pytest.raises(ValueError, match="Invalid"):
        make_optimizer(variant(lr=-1.0), [torch.zeros(1, requires_grad=True)])
    assert dict(vars(torch.optim.Optimizer)) == before


def test_trying_does_not_load_torch_s_compiler() -> None:
    """It takes seconds, and whoever starts a run waits for them."""
    script = """
import sys
from tests.helpers.toys import comparison
from paribus.execution.preflight import try_once
for variant in comparison().variants():
    try_once(variant)
print("torch._dynamo" in sys.modules)
"""
    assert printed("-c", script, cwd=Path(__file__).parents[2]) == "False\n"

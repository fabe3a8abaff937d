"""Checks before anything long starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from paribus import call
from paribus.execution.preflight import refuse_made_losses
from tests.helpers.processes import printed
from tests.helpers.refusals import refused
from tests.helpers.toys import TASK


def test_trying_does_not_load_torch_s_compiler() -> None:
    """It takes seconds, and whoever starts a run waits for them."""
    script = """
import sys
from paribus.execution.preflight import try_once
from tests.execution.test_optimizer_check import TORCH, call, check_optimizer, own, variant
for name, needs in TORCH.items():
    made = variant(**({"optimizer": call(f"torch.optim:{name}")} | (needs or {})))
    try_once(made)
    check_optimizer(made)
for kind in (own.Annealed, own.Sharp):
    check_optimizer(variant(call(kind, lr=0.1)))
print("torch._dynamo" in sys.modules)
"""
    assert printed("-c", script, cwd=Path(__file__).parents[2]) == "False\n"


class Focal(nn.Module):
    """Loss of one's own, as a module."""


@pytest.mark.parametrize("kind", [nn.CrossEntropyLoss, Focal])
def test_a_class_of_losses_is_no_loss(kind: type[nn.Module]) -> None:
    """torch would take outputs and targets for the arguments of its constructor."""
    task = TASK.model_copy(update={"loss": call(kind)})
    name = kind.__name__
    assert refused(refuse_made_losses, task).startswith(
        f"loss {name}(): got the class {name}, which makes a loss, expected a function (outputs, targets) "
    )
    refuse_made_losses(TASK)

"""Checks before anything long starts."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.processes import printed


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

"""Checks before anything long starts."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.processes import printed


def test_trying_does_not_load_torch_s_compiler() -> None:
    """It takes seconds, and whoever starts a run waits for them."""
    script = """
import sys
from tests.helpers.toys import comparison
from paribus.execution.optimizer_check import check_optimizer
from paribus.execution.preflight import try_once
for variant in comparison().variants():
    try_once(variant)
    check_optimizer(variant)
print("torch._dynamo" in sys.modules)
"""
    assert printed("-c", script, cwd=Path(__file__).parents[2]) == "False\n"

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def _seed() -> None:
    """Networks and inputs that a test draws without a generator of its own are the same in every run."""
    torch.manual_seed(0)

from __future__ import annotations

import pytest
import torch

# The plugin is tested from within other pytest runs.
pytest_plugins = ["pytester"]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tensors this small gain nothing from a second thread, and lose much where the machine is busy."""
    torch.set_num_threads(1)

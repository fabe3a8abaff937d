from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
import torch

with suppress(ImportError):
    # Once it is imported it finds packages in the place of Python's own finder, which it turns off. Where a test of
    # `pytester` imports it first, by way of Dask, it is taken away again, and no package is found any more.
    import importlib_metadata  # noqa: F401

# The plugin is tested from within other pytest runs.
pytest_plugins = ["pytester", "tests.helpers.tiny_tasks"]


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give tests a cache of their own, so that a developer's runs change none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PARIBUS_CACHE", str(tmp_path_factory.mktemp("cache")))
        # Runs of pytest within a test are alone, whichever worker makes them: benchmarks would be off in them.
        patch.delenv("PYTEST_XDIST_WORKER", raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tensors this small gain nothing from a second thread, and lose much where the machine is busy."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _short_rounds() -> Iterator[None]:
    """Time steps for a tenth of the usual time, in the process of the tests: none of them looks at a time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paribus.execution.step_time.ROUND_SECONDS", 0.001)
        yield

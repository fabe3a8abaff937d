"""Benchmarks that run only when named: the speed of the engines, other libraries, the calibration, and the soak.

All take minutes.
"""

from __future__ import annotations

import pytest

collect_ignore = [
    *("test_engines.py", "test_calibration.py", "test_peers.py", "test_growth.py", "test_soak.py"),
    "test_large_store.py",
    *("engines", "peers", "growth", "soak", "large_store", "memory", "scale", "parts.py"),
]


def pytest_configure(config: pytest.Config) -> None:
    """Show warnings, which are errors in tests: a library's new one must cost nobody a table."""
    for filtered in ("default", "ignore:CUDA initialization:UserWarning"):
        config.addinivalue_line("filterwarnings", filtered)

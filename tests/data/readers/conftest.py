"""Folder of real data, for tests that read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def real_data() -> Path:
    """Return the folder that ``PARIBUS_DATA`` names."""
    folder = os.environ.get("PARIBUS_DATA")
    if not folder:
        pytest.skip("PARIBUS_DATA names no folder of real data")
    return Path(folder)

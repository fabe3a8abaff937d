"""Measurements that a page is made of: kept beside it part by part, so that one of them can be repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def add_part(file: Path, name: str, measured: Mapping[str, Any]) -> dict[str, Any]:
    """Put a part into a file of JSON, in place of an earlier one of its name; returns all parts of the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    parts = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    parts[name] = measured
    file.write_text(json.dumps(parts, indent=1), encoding="utf-8", newline="\n")
    return dict(parts)

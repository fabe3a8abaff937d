"""Witness in every process of a soak: notes when the training of each run begins, whatever becomes of it.

Python imports this module at its start where its folder is on the path. It does nothing unless it is told a file.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from typing import Any

MODULE, FUNCTION = "paribus.execution.executor", "train_chunk"


def witnessed(train: Callable[[Sequence[Any]], Any], path: str) -> Callable[[Sequence[Any]], Any]:
    """Return a function that trains a chunk, and adds a line for each of its runs to a file before."""

    @functools.wraps(train)
    def noted(chunk: Sequence[Any]) -> Any:
        now = datetime.now(UTC).isoformat()
        lines = "".join(f"{now} {run.key}\n" for run in chunk)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, lines.encode())  # at once: the next moment may be the last
        os.close(file)
        return train(chunk)

    return noted


class _Finder:
    """Finder that puts the witness into one module as soon as that is imported."""

    def __init__(self, path: str) -> None:
        self.path = path

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def executed(module: Any) -> None:
            execute(module)
            setattr(module, FUNCTION, witnessed(getattr(module, FUNCTION), self.path))

        spec.loader.exec_module = executed  # type: ignore[method-assign]
        return spec


if os.environ.get("PARIBUS_SOAK_WITNESS"):
    sys.meta_path.insert(0, _Finder(os.environ["PARIBUS_SOAK_WITNESS"]))

"""Deterministic algorithms of torch: the same bits every time on one machine, or an operation is refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from paribus.errors import ParibusError

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
WORKSPACES = ":4096:8"
"""Two of the sizes of workspaces with which cuBLAS gives the same bits, by NVIDIA's manual: eight of 4 MB each."""
REFUSED = "does not have a deterministic implementation"
"""What torch says of an operation that has no deterministic form."""


@contextmanager
def deterministic_algorithms(what: str, *, wanted: bool) -> Iterator[None]:
    """Have torch use deterministic algorithms, if that is wanted, and refuse what has none.

    Args:
        what: is computed, for the message.
        wanted: whether anything changes.

    Raises:
        ParibusError: an operation has no deterministic form here.
    """
    if not wanted:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    os.environ.setdefault(CUBLAS, WORKSPACES)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    except RuntimeError as error:
        operation, refused, _ = str(error).partition(REFUSED)
        if not refused:
            raise
        raise ParibusError(
            f"{what} with --paribus-deterministic",
            got=f"{operation.strip()}, which torch has no deterministic form of here",
            expected="operations that give the same bits every time",
            fix="Use another operation, or leave --paribus-deterministic out.",
        ) from error
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)

"""Kinds of arrays that read as something else than they are: told apart before any number is taken from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor, strided

from paribus.errors import ParibusError

NUMBERS = "numbers of every sample, in an array or a tensor"


def refuse_other_kinds(values: Any, what: str) -> None:
    """Refuse what holds no plain array of numbers or names.

    Raises:
        ParibusError: values are masked, sparse or without data, or of a kind that has no rows.
    """
    kind = type(values).__name__
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        count = int(np.ma.getmaskarray(values).sum())
        raise ParibusError(
            what,
            got=f"a masked array with {count} masked value{'s' * (count != 1)}",
            expected=NUMBERS,
            fix="Fill or drop what is masked; what lies under a mask would be read as any other number.",
        )
    if isinstance(values, Tensor) and values.is_meta:
        raise ParibusError(
            what,
            got="a tensor on the device meta, which holds no data",
            expected=NUMBERS,
            fix="Give a tensor on the CPU.",
        )
    if isinstance(values, Tensor) and values.layout is not strided:
        raise ParibusError(
            what,
            got=f"a tensor of the layout {str(values.layout).removeprefix('torch.')}",
            expected=NUMBERS,
            fix=f"Give {what}.to_dense().",
        )
    if type(values).__module__.startswith("scipy.sparse"):
        raise ParibusError(
            what,
            got=f"a sparse {kind}",
            expected=NUMBERS,
            fix=f"Give {what}.toarray().",
        )
    if isinstance(values, Mapping | Iterator | set | str):
        raise ParibusError(
            what,
            got=f"a {kind}",
            expected=NUMBERS,
            fix="Give a list, an array, a tensor or a DataFrame.",
        )


def refuse_other_order(inputs: Any, targets: Any) -> None:
    """Refuse a frame and its targets whose rows have the same labels in another order: rows are matched by place.

    Raises:
        ParibusError: names the first label that stands elsewhere.
    """
    rows, others = getattr(inputs, "index", None), getattr(targets, "index", None)
    if rows is None or others is None or callable(rows) or callable(others):
        return
    if len(rows) != len(others) or rows.equals(others):
        return
    if not rows.is_unique or len(rows.difference(others)):
        return
    place = next(i for i, (a, b) in enumerate(zip(rows, others, strict=True)) if a != b)
    raise ParibusError(
        "y",
        got=f"row {others[place]} where X has row {rows[place]}, of the same labels in another order",
        expected="targets in the order of X, because rows are matched by their place",
        fix="Give y.loc[X.index]; where the order is right and the labels are not, y.to_numpy().",
    )

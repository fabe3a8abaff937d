"""Checks of the arguments of every statistic, and the errors that name what is wrong."""

from __future__ import annotations

from math import inf
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from paribus.errors import ParibusError

Floats: TypeAlias = npt.NDArray[np.float64]


def differences_of(values: npt.ArrayLike, *, least: int) -> Floats:
    """Return the differences as checked `(seed,)`."""
    return vector("differences", values, least=least)


def vector(name: str, values: npt.ArrayLike, *, least: int) -> Floats:
    """Return a finite one-dimensional array of at least `least` values, or raise an error that names it."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1:
        raise ParibusError(
            name, got=f"shape {x.shape}", expected="one dimension", fix="Pass one value a seed."
        )
    if bad(x):
        raise ParibusError(
            name,
            got=f"{bad(x)} of {x.size} not finite",
            expected="finite numbers",
            fix="Give failed runs a score with `penalised` first.",
        )
    if x.size < least:
        raise ParibusError(name, got=x.size, expected=f"{least} or more", fix="Run more seeds.")
    return x


def flags(name: str, values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return a one-dimensional boolean array, or raise an error that names it."""
    x = np.asarray(values)
    if x.ndim != 1 or (x.size and x.dtype != np.bool_):
        raise ParibusError(
            name,
            got=f"{x.dtype} of shape {x.shape}",
            expected="booleans in one dimension",
            fix="Pass True where the seed's run failed.",
        )
    return x.astype(np.bool_)


def same_length(**arrays: npt.NDArray[np.generic]) -> None:
    """Refuse arrays that cannot be paired by seed."""
    sizes = {name: x.size for name, x in arrays.items()}
    if len(set(sizes.values())) > 1:
        raise ParibusError(
            " and ".join(sizes),
            got=" and ".join(f"{size}" for size in sizes.values()),
            expected="one length",
            fix="Pair them by seed.",
        )


def per_run(
    name: str, value: npt.ArrayLike, shape: tuple[int, int], *, unknown: bool = False
) -> Floats:
    """Return a finite number, one a seed or one a run, as `(variant, seed)` of this shape.

    Args:
        name: for the error.
        value: the number or numbers.
        shape: `(variant, seed)`.
        unknown: whether some may be NaN.
    """
    x = np.asarray(value, dtype=np.float64)
    right = np.isfinite(x) | (np.isnan(x) & unknown)
    if x.shape not in ((), shape[1:], shape) or not right.all():
        raise ParibusError(
            name,
            got=value if x.ndim == 0 else f"shape {x.shape} with {bad(x)} not finite",
            expected=f"a finite number, or {shape[1]} of them",
            fix="Pass one number, or one for each seed.",
        )
    return np.broadcast_to(x, shape)


def bad(x: Floats) -> int:
    """Return the number of values that are not finite."""
    return int((~np.isfinite(x)).sum())


def fraction(name: str, value: float) -> float:
    """Return a number strictly between 0 and 1, or raise an error."""
    if not 0 < value < 1:
        raise ParibusError(
            name, got=value, expected="between 0 and 1", fix="Pass a fraction such as 0.95 or 0.05."
        )
    return value


def family_size(m: int) -> int:
    """Return a count of contrasts, or raise an error."""
    if m < 1:
        raise ParibusError(
            "family", got=m, expected="1 or more", fix="Count the contrasts against the baseline."
        )
    return m


def check_margin(margin: float) -> float:
    """Return a positive finite margin, or raise an error."""
    if not 0 < margin < inf:
        raise ParibusError(
            "margin",
            got=margin,
            expected="a positive finite number",
            fix="Declare the largest difference that does not matter, in the units of the score.",
        )
    return margin


def check_correction(ratio: float) -> float:
    """Return a Nadeau-Bengio ratio that is finite and not negative, or raise an error."""
    if not 0 <= ratio < inf:
        raise ParibusError(
            "correction",
            got=ratio,
            expected="0, or test size over training size",
            fix="Leave it at 0 to speak of this dataset.",
        )
    return ratio

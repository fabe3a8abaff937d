"""Expected best of n trials, estimated from those that were run."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, fsum, isfinite, nan

from paribus.errors import ParibusError


def best_of(values: Sequence[float], n: int, higher_is_better: bool = True) -> float:
    """Return the unbiased expected best of n of these trials, ``sum v(j) C(j-1, n-1) / C(B, n)``, v ascending.

    It is the mean over all ways to pick n of the B trials (Dodge et al. 2019 estimate it with replacement, which is
    biased; Tang et al. 2020 give this form).

    Raises:
        ParibusError: n is not among 1 to B.

    >>> best_of([1.0, 2.0, 4.0], 2)  # (2 + 4 + 4) / 3
    3.3333333333333335
    """
    count = len(values)
    if not 1 <= n <= count:
        raise ParibusError(
            "n of an expected best of n",
            got=n,
            expected=f"1 to {count}, the trials that there are",
            fix="Ask for no more than were run.",
        )
    ordered = sorted(values, reverse=not higher_is_better)
    if not all(map(isfinite, values)):
        return nan
    return fsum(v * comb(j, n - 1) for j, v in enumerate(ordered)) / comb(count, n)

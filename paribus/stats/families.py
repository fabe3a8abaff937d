"""Several contrasts at once: Holm's adjustment, and the fewest seeds with which one can win."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paribus.errors import ParibusError
from paribus.stats.checks import Floats, family_size, fraction, vector


def holm(p_values: Sequence[float] | Floats, family: int | None = None) -> Floats:
    """Return Holm's step-down adjusted p-values (Scandinavian Journal of Statistics 6, 1979).

    The i-th smallest, from zero, is multiplied by `family - i`, and none is below the one before.
    By hand, because `statsmodels.stats.multitest.multipletests` collects garbage at every call:
    33 ms for four p-values in a bare process.

    Args:
        p_values: `(contrast,)`, each in [0, 1].
        family: number of contrasts declared; those that are not given count as p = 1.

    Returns:
        `(contrast,)` adjusted p-values, in the order given.

    Raises:
        ParibusError: a p-value is outside [0, 1], or more were given than declared.

    >>> holm([0.01, 0.04, 0.03, 0.005]).tolist()
    [0.03, 0.06, 0.06, 0.02]
    """
    p = vector("p_values", p_values, least=0)
    if not ((p >= 0) & (p <= 1)).all():
        raise ParibusError(
            "p_values", got=p.tolist(), expected="each within [0, 1]", fix="Pass probabilities."
        )
    m = p.size if family is None else family_size(family)
    if m < p.size:
        raise ParibusError(
            "family",
            got=m,
            expected=f"at least the {p.size} p-values given",
            fix="Declare the whole family before the run.",
        )
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(p[order] * (m - np.arange(p.size)))
    return np.minimum(adjusted, 1.0)


def min_seeds(family: int, alpha: float = 0.05) -> int:
    """Return the fewest non-zero differences with which one contrast of a family can reach a verdict.

    The smallest n with `2^(1-n) · family <= alpha`: unanimous signs, Holm's first step.

    Raises:
        ParibusError: the family is below 1 or alpha is outside (0, 1).

    >>> [min_seeds(m) for m in (1, 2, 3, 4, 6, 7)]
    [6, 7, 7, 8, 8, 9]
    """
    fraction("alpha", alpha)
    n = 1
    while 2.0 ** (1 - n) * family_size(family) > alpha:
        n += 1
    return n

"""Equivalence seen from the margin: the smallest at which differences pass for equivalent, alone and in a family."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from paribus.stats.checks import Floats, differences_of
from paribus.stats.student import standard_error


def equivalence_margins(
    differences: npt.ArrayLike, levels: npt.ArrayLike, correction: float = 0.0
) -> Floats:
    """Return the smallest margin at which the TOST p is at most each level, `(level,)`, in the units of the score.

    It is `|mean| + t(1 - level, n - 1) · s · sqrt(1/n + correction)`, as `paribus.stats.tost_p` is the one-sided p of
    the nearer edge. Without any spread it is `|mean|`, above which p is zero.

    Args:
        differences: `(seed,)`, two or more, in the units of the score.
        levels: `(level,)`, each above 0 and below .5.
        correction: test size over training size, as in `paribus.stats.paired_t_interval`.

    Raises:
        ParibusError: fewer than two differences, one not finite, or a negative correction.
    """
    from scipy.special import stdtrit

    d = differences_of(differences, least=2)
    quantiles: Floats = -stdtrit(d.size - 1, np.asarray(levels, dtype=float))
    return abs(float(d.mean())) + quantiles * standard_error(d, correction)


def holm_margins(margins: Floats, floors: npt.ArrayLike, family: int | None = None) -> Floats:
    """Return the smallest margin at which each contrast is equivalent under Holm, `(contrast,)`; infinite if none is.

    A contrast passes Holm's step `s` of a family of `m` where its own p is at most `alpha / (m - s)`, which is from one
    margin on. So who passes changes at those margins alone, and they are tried in order.

    Args:
        margins: `(contrast, step)`, the smallest margin at which the p of a contrast is at most `alpha / (1 + step)`;
            infinite where it never is.
        floors: `(contrast,)`, the margin from which on a contrast counts as p = 1; infinite where there is none.
        family: number of contrasts declared; default the number of steps.

    >>> holm_margins(np.array([[1.0, 3.0], [2.0, 9.0]]), [np.inf, np.inf]).tolist()
    [3.0, 3.0]
    """
    limits = np.asarray(floors, dtype=float)
    found = np.full(len(margins), np.inf)
    tried = np.unique(margins[np.isfinite(margins)])
    if not tried.size:
        return found
    steps = margins.shape[1] if family is None else family
    there = tried[:, None] < limits
    passed = np.where(there, (margins <= tried[:, None, None]).sum(axis=-1), 0)
    ordered = -np.sort(-passed, axis=1)
    wanted = steps - np.arange(len(margins))
    rejected = np.cumprod(ordered >= wanted, axis=1).sum(axis=1)
    last = np.take_along_axis(ordered, np.maximum(rejected - 1, 0)[:, None], axis=1)
    equivalent = (passed >= last) & (rejected > 0)[:, None] & there
    any_, first = equivalent.any(axis=0), equivalent.argmax(axis=0)
    found[any_] = tried[first[any_]]
    return found

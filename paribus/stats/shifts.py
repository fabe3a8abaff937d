"""Shifts at which a test first shows a direction, for many sets of differences at once: its power is read from them.

A set of differences that is moved up by more than its shift shows that its mean is positive; by less, it does not. So
the share of drawn sets whose shift lies below an effect is the power at that effect, at every effect at once.
Differences that are zero, where a seed changes nothing, stay where they are.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, inf, log2

import numpy as np
import numpy.typing as npt

from paribus.stats.checks import Floats

BITS = 11
"""Sets of seeds are numbered with so many bits: up to as many seeds all sets are counted, of more a part."""

PART = 50  # draws that share their sets
TAIL_SETS = 5  # in the tail that decides, at least

Changed = npt.NDArray[np.bool_]


def sign_flip_shifts(differences: Floats, changed: Changed, level: float) -> tuple[Floats, Floats]:
    """Return the shifts above which the two-sided sign-flip p of the mean is at most a level, up and down, ``(draw,)``.

    Flipping the signs of a set of seeds leaves a sum at least as large just where the set's own mean is not positive.
    So the p of shifted differences counts the sets whose mean lies below minus the shift, and the shift is minus a
    quantile of the means of all sets (J. A. Hartigan, Journal of the American Statistical Association 64, 1969,
    "typical values").

    Args:
        differences: ``(draw, seed)``.
        changed: ``(draw, seed)``, which of them are moved; the others are zero and are dropped.
        level: of p, two-sided.

    Returns:
        Those of the differences, and those of their negatives; infinite where no shift is enough.

    >>> all_move = np.ones((1, 6), dtype=bool)
    >>> d = np.array([[0.5, -0.3, 0.1, 0.2, -0.4, 0.3]])
    >>> up, down = sign_flip_shifts(d, all_move, 0.05)  # of six seeds all must have one sign
    >>> round(float(up[0]), 3), round(float(down[0]), 3)
    (0.4, 0.5)
    """
    parts = range(0, len(differences), PART)
    found = [
        _shifts(differences[i : i + PART], changed[i : i + PART], level, part)
        for part, i in enumerate(parts)
    ]
    up, down = (np.concatenate(shifts) for shifts in zip(*found, strict=True))
    return up, down


def _shifts(d: Floats, changed: Changed, level: float, part: int) -> tuple[Floats, Floats]:
    """Return the shifts of some draws, up and down."""
    sets = _sets(d.shape[1], level, part)
    most = min(int(level / 2 * sets.shape[1] + 1e-9), sets.shape[1] - 1)
    # float32: a quantile of simulated draws needs no more, and takes half the time.
    sums = np.where(changed, d, 0).astype(np.float32) @ sets
    sizes = sets.sum(axis=0) if changed.all() else changed.astype(np.float32) @ sets
    empty = sizes == 0
    means = sums / np.maximum(sizes, 1)
    low = np.partition(np.where(empty, -inf, means), most, axis=1)[:, most]
    high = np.partition(np.where(empty, inf, means), -1 - most, axis=1)[:, -1 - most]
    return -low.astype(np.float64), high.astype(np.float64)


@lru_cache(maxsize=64)
def _sets(n: int, level: float, part: int) -> npt.NDArray[np.float32]:
    """Return sets of seeds, ``(seed, set)`` of zeros and ones, the empty one first.

    Of more than `BITS` seeds they are the words of a linear code, in which each two seeds go together in a quarter of
    the sets, as they do in all of them; so the sums of each draw have the right spread. Each part has a code of its
    own, of which none errs alike.
    """
    bits = min(n, max(BITS, ceil(log2(2 * TAIL_SETS / level)), n.bit_length()))
    words = np.arange(2**bits) >> np.arange(bits)[:, None] & 1
    spare = np.setdiff1d(np.arange(1, 2**bits), 2 ** np.arange(bits))
    further = np.random.default_rng(part).choice(spare, n - bits, replace=False)
    code = np.concatenate([2 ** np.arange(bits), further])
    mixed = (code[:, None] >> np.arange(bits) & 1) @ words % 2
    return mixed.astype(np.float32)


def t_shifts(
    differences: Floats, changed: Changed, edge: float, tail: float, correction: float = 0.0
) -> Floats:
    """Return the shifts above which the lower t limit of the mean exceeds an edge, ``(draw,)``.

    With k of n differences moved by e, mean and deviation are polynomials of e, and so is
    ``(mean - edge)^2 - t^2 (1/n + correction) deviation^2``: the shift is its larger root.

    Args:
        differences: ``(draw, seed)``, zero where nothing is moved.
        changed: ``(draw, seed)``, which of them are moved.
        edge: in the units of the score, 0 or more.
        tail: chance beyond the limit.
        correction: as in `paired_t_interval`.

    Returns:
        Infinite where no shift is enough.

    >>> d = np.array([[1.0, 2.0, 3.0]])  # its interval is 2 ± 2.484
    >>> t_shifts(d, np.ones((1, 3), dtype=bool), 0.0, 0.025).round(3).tolist()
    [0.484]
    """
    from scipy.special import stdtrit

    n = differences.shape[1]
    wide = float(stdtrit(n - 1, tail)) ** 2 * (1 / n + correction)
    moved, mean = changed.sum(axis=1), differences.mean(axis=1)
    share, above = moved / n, mean - edge
    total, squares = differences.sum(axis=1), (differences**2).sum(axis=1)
    a = (n - 1) * share**2 - wide * (moved - n * share**2)
    b = 2 * (n - 1) * share * above - 2 * wide * (total - n * mean * share)
    c = (n - 1) * above**2 - wide * (squares - n * mean**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = (-b + np.sqrt(np.maximum(b * b - 4 * a * c, 0))) / (2 * a)
    shifts: Floats = np.where(a > 0, roots, inf)
    return shifts

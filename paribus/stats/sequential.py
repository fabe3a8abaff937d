"""Looking after every seed without paying for it: a test by betting on signs, and its confidence sequence.

Under the null every non-zero difference is positive with chance one half, whatever came before. Then
`E_n = 2^n B(S + 1, n - S + 1)`, where S of the first n are positive, is the wealth of a gambler who bets on all
shares of wins alike; it has mean one at any stopping time, and the chance that it ever reaches `1 / alpha` is at most
alpha (J. Ville, Étude critique de la notion de collectif, 1939). The same wealth against any other share gives a
confidence sequence (H. Robbins, Annals of Mathematical Statistics 41, 1970).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from paribus.stats.checks import Floats, differences_of, family_size, fraction


@dataclass(frozen=True, slots=True)
class Followed:
    """Share of wins after a sequence of seeds, up to where it stopped or to its end.

    Attributes:
        n: seeds looked at, ties among them.
        wins, losses, ties: of these.
        evidence: the largest wealth so far; at `family / alpha` the sequence stops.
        stopped: whether it got there.
        low, high: limits of the share of wins, for all seeds looked at and all contrasts of the family at once.
    """

    n: int
    wins: int
    losses: int
    ties: int
    evidence: float
    stopped: bool
    low: float
    high: float

    @property
    def p(self) -> float:
        """Anytime-valid p-value, not adjusted for the family."""
        return min(1.0, 1 / self.evidence)


def sign_evidence(differences: npt.ArrayLike) -> Floats:
    """Return the wealth after each seed, `(seed,)`; a tie leaves it as it was.

    >>> sign_evidence([1.0, 1.0, 0.0, -1.0]).round(3).tolist()
    [1.0, 1.333, 1.333, 0.667]
    """
    from scipy.special import betaln

    d = differences_of(differences, least=0)
    wins, losses = np.cumsum(d > 0), np.cumsum(d < 0)
    evidence: Floats = np.exp((wins + losses) * log(2) + betaln(wins + 1, losses + 1))
    return evidence


def min_seeds_to_stop(family: int, alpha: float = 0.05) -> int:
    """Return the fewest seeds with which a contrast can stop: unanimous, `2^n / (n + 1) >= family / alpha`.

    Raises:
        ParibusError: the family is below 1 or alpha is outside (0, 1).

    >>> min_seeds_to_stop(1), min_seeds_to_stop(4)
    (8, 10)
    """
    wanted = family_size(family) / fraction("alpha", alpha)
    n = 1
    while 2.0**n / (n + 1) < wanted:
        n += 1
    return n


def follow(differences: npt.ArrayLike, family: int = 1, alpha: float = 0.05) -> Followed:
    """Look after every seed, in their order, and stop where the evidence reaches `family / alpha`.

    Args:
        differences: `(seed,)` in the order of the seeds, any number.
        family: contrasts that are looked at in the same way.
        alpha: chance that any of them ever stops wrongly.

    Raises:
        ParibusError: the differences are not a finite one-dimensional array, or an argument is out of its range.
    """
    d = differences_of(differences, least=0)
    wanted = family_size(family) / fraction("alpha", alpha)
    evidence = sign_evidence(d)
    # 1e-9: 2^n B(...) is computed through logarithms
    over = np.flatnonzero(evidence >= wanted * (1 - 1e-9))
    n = int(over[0]) + 1 if over.size else d.size
    wins, losses = int((d[:n] > 0).sum()), int((d[:n] < 0).sum())
    low, high = _limits(d[:n], wanted)
    most = float(evidence[:n].max(initial=1.0))
    return Followed(n, wins, losses, n - wins - losses, most, bool(over.size), low, high)


def _limits(d: Floats, wanted: float) -> tuple[float, float]:
    """Return the shares against which the wealth has stayed below what is wanted at every seed so far."""
    wins, losses = np.cumsum(d > 0), np.cumsum(d < 0)
    seen = {(int(s), int(f)) for s, f in zip(wins, losses, strict=True)} | {(0, 0)}
    limits = [_share_limits(s, f, wanted) for s, f in seen]
    return max(low for low, _ in limits), min(high for _, high in limits)


def _share_limits(wins: int, losses: int, wanted: float) -> tuple[float, float]:
    """Return shares p with `B(S + 1, n - S + 1) / (p^S (1 - p)^(n - S)) < wanted`: an interval round the share seen."""
    from scipy.optimize import brentq
    from scipy.special import betaln, xlog1py, xlogy

    wealth = float(betaln(wins + 1, losses + 1)) - log(wanted)

    def excess(p: float) -> float:
        return wealth - float(xlogy(wins, p) + xlog1py(losses, -p))

    if wins + losses == 0:
        return 0.0, 1.0
    middle = wins / (wins + losses)
    low = float(brentq(excess, 1e-12, middle)) if wins and excess(1e-12) > 0 else 0.0
    high = float(brentq(excess, middle, 1 - 1e-12)) if losses and excess(1 - 1e-12) > 0 else 1.0
    return low, high

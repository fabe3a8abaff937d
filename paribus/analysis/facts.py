"""Facts: claims on numbers that are no sample, such as a count of parameters or the clock of one machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from paribus.analysis.hypothesis_tests import Answer, Tested
from paribus.experiment.claim import Claim

Floats = npt.NDArray[np.float64]


def read_off(claim: Claim, a: Floats, b: Floats, d: Floats) -> Tested:
    """Read the answer off numbers: supported where all say so, refuted where all say the opposite.

    Args:
        claim: that states a fact.
        a: the variant's numbers, ``(unit,)``.
        b: those that they are held against.
        d: their differences, positive where the variant has more, or is better.
    """
    held = span(b) if claim.value is None else f"the value {claim.value:g}"
    evidence = f"{span(a)} against {held}: {claim.fact}, so no test"
    if claim.relation == "identical":
        favour = np.abs(d) <= (claim.margin or 0.0)
        opposite = ~favour
    else:
        turned = -d if claim.relation in ("worse", "below") else d
        favour, opposite = turned > 0, turned < 0
    if favour.all():
        return Tested(Answer.supported, evidence)
    if opposite.all():
        return Tested(Answer.refuted, evidence, 0.0)
    return Tested(Answer.undecided, evidence)


def span(numbers: Floats) -> str:
    """Return the number that all are, or the least and the largest.

    >>> span(np.array([9729.0, 9729.0])), span(np.array([1.8, 0.9]))
    ('9,729', '0.9 to 1.8')
    """
    least, largest = short(np.min(numbers)), short(np.max(numbers))
    return least if least == largest else f"{least} to {largest}"


def short(value: np.floating) -> str:
    """Return three digits, or all of a count's that are before the point.

    >>> short(np.float64(12961)), short(np.float64(0.01234))
    ('12,961', '0.0123')
    """
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.3g}"

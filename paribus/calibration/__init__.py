"""Calibration: this package's own procedures on questions whose answers are known, with their error rates."""

from paribus.calibration.a_a_tests import Repeats, against_itself, calibrate, repeats
from paribus.calibration.run_known_answers import KnownAnswerRunner
from paribus.calibration.simulations import PARTS, REPEATS

__all__ = [
    "PARTS",
    "REPEATS",
    "KnownAnswerRunner",
    "Repeats",
    "against_itself",
    "calibrate",
    "repeats",
]

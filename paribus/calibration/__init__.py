"""Is the yardstick true? The suite's own procedures on questions whose answers are known, with their error rates."""

from paribus.calibration.controlled import Controlled
from paribus.calibration.simulated import PARTS, REPEATS
from paribus.calibration.trained import Plan, against_itself, calibrate, repeats

__all__ = ["PARTS", "REPEATS", "Controlled", "Plan", "against_itself", "calibrate", "repeats"]

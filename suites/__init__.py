"""The comparisons: tables of cases, by suite."""

from __future__ import annotations

from suites.activations import SUITE as ACTIVATIONS
from suites.autoencoders import SUITE as AUTOENCODERS
from suites.averaging import SUITE as AVERAGING
from suites.initialisation import SUITE as INITIALISATION
from suites.leakage import SUITE as LEAKAGE
from suites.optimizers import SUITE as OPTIMIZERS
from suites.recurrent import SUITE as RECURRENT
from suites.regularisation import SUITE as REGULARISATION

SUITES = (
    OPTIMIZERS,
    ACTIVATIONS,
    INITIALISATION,
    AVERAGING,
    RECURRENT,
    LEAKAGE,
    REGULARISATION,
    AUTOENCODERS,
)

"""The comparisons: tables of cases, by suite."""

from __future__ import annotations

from suites.activations import SUITE as ACTIVATIONS
from suites.augmentation import SUITE as AUGMENTATION
from suites.autoencoders import SUITE as AUTOENCODERS
from suites.averaging import SUITE as AVERAGING
from suites.capacity import SUITE as CAPACITY
from suites.classifier import SUITE as CLASSIFIER
from suites.depth import SUITE as DEPTH
from suites.gan import SUITE as GAN
from suites.images import SUITE as IMAGES
from suites.initialisation import SUITE as INITIALISATION
from suites.inversion import SUITE as INVERSION
from suites.leakage import SUITE as LEAKAGE
from suites.optimizers import SUITE as OPTIMIZERS
from suites.ranking import SUITE as RANKING
from suites.recurrent import SUITE as RECURRENT
from suites.regularisation import SUITE as REGULARISATION
from suites.search import SUITE as SEARCH
from suites.sensitivity import SUITE as SENSITIVITY
from suites.sequences import SUITE as SEQUENCES
from suites.tolerance import SUITE as TOLERANCE
from suites.transfer import SUITE as TRANSFER
from suites.two_inputs import SUITE as TWO_INPUTS
from suites.two_outputs import SUITE as TWO_OUTPUTS
from suites.updates import SUITE as UPDATES
from suites.workflow import SUITE as WORKFLOW

SUITES = (
    CLASSIFIER,
    OPTIMIZERS,
    UPDATES,
    SENSITIVITY,
    ACTIVATIONS,
    INITIALISATION,
    TOLERANCE,
    DEPTH,
    AVERAGING,
    RECURRENT,
    LEAKAGE,
    REGULARISATION,
    CAPACITY,
    WORKFLOW,
    SEQUENCES,
    SEARCH,
    AUTOENCODERS,
    IMAGES,
    AUGMENTATION,
    TWO_INPUTS,
    TWO_OUTPUTS,
    RANKING,
    INVERSION,
    TRANSFER,
    GAN,
)

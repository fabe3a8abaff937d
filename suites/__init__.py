"""The comparisons: tables of cases, by suite."""

from __future__ import annotations

from paribus.suites.activations import SUITE as ACTIVATIONS
from paribus.suites.augmentation import SUITE as AUGMENTATION
from paribus.suites.autoencoders import SUITE as AUTOENCODERS
from paribus.suites.averaging import SUITE as AVERAGING
from paribus.suites.capacity import SUITE as CAPACITY
from paribus.suites.classifier import SUITE as CLASSIFIER
from paribus.suites.depth import SUITE as DEPTH
from paribus.suites.gan import SUITE as GAN
from paribus.suites.images import SUITE as IMAGES
from paribus.suites.initialisation import SUITE as INITIALISATION
from paribus.suites.inversion import SUITE as INVERSION
from paribus.suites.leakage import SUITE as LEAKAGE
from paribus.suites.optimizers import SUITE as OPTIMIZERS
from paribus.suites.ranking import SUITE as RANKING
from paribus.suites.recurrent import SUITE as RECURRENT
from paribus.suites.regularisation import SUITE as REGULARISATION
from paribus.suites.search import SUITE as SEARCH
from paribus.suites.sensitivity import SUITE as SENSITIVITY
from paribus.suites.sequences import SUITE as SEQUENCES
from paribus.suites.tolerance import SUITE as TOLERANCE
from paribus.suites.transfer import SUITE as TRANSFER
from paribus.suites.two_inputs import SUITE as TWO_INPUTS
from paribus.suites.two_outputs import SUITE as TWO_OUTPUTS
from paribus.suites.updates import SUITE as UPDATES
from paribus.suites.workflow import SUITE as WORKFLOW

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

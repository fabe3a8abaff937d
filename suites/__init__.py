"""The comparisons: tables of cases, by suite."""

from __future__ import annotations

from paribus.suites.activations import SUITE as ACTIVATIONS
from paribus.suites.augmentation import SUITE as AUGMENTATION
from paribus.suites.autoencoders import SUITE as AUTOENCODERS
from paribus.suites.capacity import SUITE as CAPACITY
from paribus.suites.classifier import SUITE as CLASSIFIER
from paribus.suites.gan import SUITE as GAN
from paribus.suites.images import SUITE as IMAGES
from paribus.suites.initialisation import SUITE as INITIALISATION
from paribus.suites.learning_rate_range import SUITE as TOLERANCE
from paribus.suites.learning_rate_sensitivity import SUITE as SENSITIVITY
from paribus.suites.metric_averaging import SUITE as AVERAGING
from paribus.suites.multi_input import SUITE as TWO_INPUTS
from paribus.suites.multi_output import SUITE as TWO_OUTPUTS
from paribus.suites.optimizer_claims import SUITE as UPDATES
from paribus.suites.optimizer_ranking import SUITE as RANKING
from paribus.suites.optimizers import SUITE as OPTIMIZERS
from paribus.suites.overfit_regularize_tune import SUITE as WORKFLOW
from paribus.suites.recurrent import SUITE as RECURRENT
from paribus.suites.regularisation import SUITE as REGULARISATION
from paribus.suites.search import SUITE as SEARCH
from paribus.suites.search_space_effect import SUITE as INVERSION
from paribus.suites.sequences import SUITE as SEQUENCES
from paribus.suites.time_series_leakage import SUITE as LEAKAGE
from paribus.suites.transfer import SUITE as TRANSFER
from paribus.suites.vanishing_gradients import SUITE as DEPTH

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

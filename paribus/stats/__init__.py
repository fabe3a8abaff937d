"""Statistics of paired runs: pure functions, numbers in and numbers out.

A difference is variant minus baseline on one seed, turned by the caller so that positive means that
the variant is better. Nothing here knows what was trained, and nothing here decides: `paribus.analysis.verdict`
does. scipy and statsmodels are imported where they are used, since a worker never needs them.
"""

from __future__ import annotations

from paribus.stats.aggregate import (
    BOOTSTRAP_DRAWS,
    effort_ratios,
    interquartile_interval,
    interquartile_mean,
    profile,
)
from paribus.stats.bets_on_means import mean_sequence
from paribus.stats.checks import Floats, check_correction, check_margin, per_run
from paribus.stats.components import MIN_DRAWS, Component, Limits, components
from paribus.stats.families import holm, min_seeds
from paribus.stats.margins import equivalence_margins, holm_margins
from paribus.stats.pooling import MIN_UNITS, Pooled, pool, squeeze
from paribus.stats.ranks import (
    Friedman,
    against_baseline,
    friedman,
    nemenyi_distance,
    not_told_apart,
    rank_error,
    ranks_of,
)
from paribus.stats.sequential import Followed, follow, min_seeds_to_stop, sign_evidence
from paribus.stats.signs import (
    EXACT_SEEDS,
    MONTE_CARLO_DRAWS,
    ROUNDING,
    WinShare,
    failure_limit,
    mcnemar_exact_p,
    sign_flip_p,
    sign_flip_p_without_each,
    sign_test_p,
    win_share,
)
from paribus.stats.student import (
    Interval,
    detectable_effect,
    deviation,
    noninferiority_p,
    paired_t_interval,
    t_p,
    tost_p,
)
from paribus.stats.tables import (
    SCORE_ROUNDING,
    failure_scores,
    interaction,
    paired_differences,
    penalised,
)

__all__ = [
    "BOOTSTRAP_DRAWS",
    "EXACT_SEEDS",
    "MIN_DRAWS",
    "MIN_UNITS",
    "MONTE_CARLO_DRAWS",
    "ROUNDING",
    "SCORE_ROUNDING",
    "Component",
    "Floats",
    "Followed",
    "Friedman",
    "Interval",
    "Limits",
    "Pooled",
    "WinShare",
    "against_baseline",
    "check_correction",
    "check_margin",
    "components",
    "detectable_effect",
    "deviation",
    "effort_ratios",
    "equivalence_margins",
    "failure_limit",
    "failure_scores",
    "follow",
    "friedman",
    "holm",
    "holm_margins",
    "interaction",
    "interquartile_interval",
    "interquartile_mean",
    "mcnemar_exact_p",
    "mean_sequence",
    "min_seeds",
    "min_seeds_to_stop",
    "nemenyi_distance",
    "noninferiority_p",
    "not_told_apart",
    "paired_differences",
    "paired_t_interval",
    "penalised",
    "per_run",
    "pool",
    "profile",
    "rank_error",
    "ranks_of",
    "sign_evidence",
    "sign_flip_p",
    "sign_flip_p_without_each",
    "sign_test_p",
    "squeeze",
    "t_p",
    "tost_p",
    "win_share",
]

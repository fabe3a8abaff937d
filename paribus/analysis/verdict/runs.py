"""Scores and outcomes of a comparison's runs, checked, turned so that higher is better, and penalised by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import numpy.typing as npt

from paribus import stats
from paribus.errors import ParibusError
from paribus.stats import Floats

OUTCOMES = ("completed", "diverged", "exhausted", "skipped", "undefined")


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Scores of all runs of a comparison, checked and oriented so that higher is better.

    `scores` (NaN where a run failed), `failure` (what it scores then, NaN where that is not known), `outcomes` and
    `dummy` are `(variant, seed)`; `dummy` may be None.
    """

    names: list[str]
    scores: Floats
    failure: Floats
    outcomes: npt.NDArray[np.str_]
    dummy: Floats | None
    sign: float

    @classmethod
    def read(
        cls,
        scores: Mapping[str, npt.ArrayLike],
        outcomes: Mapping[str, Sequence[str]] | None,
        failure_score: npt.ArrayLike,
        dummy: npt.ArrayLike | None,
        baseline: str,
        higher_is_better: bool,
    ) -> ScoreTable:
        """Check and orient."""
        table = _table(scores, baseline)
        states = _outcomes(scores, outcomes, table)
        table = np.where(states == "completed", table, nan)
        sign = 1.0 if higher_is_better else -1.0
        shape = (table.shape[0], table.shape[1])
        failure = sign * stats.per_run("failure_score", failure_score, shape, unknown=True)
        floor = None if dummy is None else sign * stats.per_run("dummy", dummy, shape)
        return cls(list(scores), sign * table, failure, states, floor, sign)

    def cells(self, names: Sequence[str]) -> ScoreSubset:
        """Return these variants on the seeds on which all of them were run to an end, failures penalised.

        A failed run scores the worse of its failure score and of the worst of these variants that finished, so that no
        other variant has a say; where all failed they are equal.
        """
        rows = [self.names.index(name) for name in names]
        states = self.outcomes[rows]
        kept = np.isin(states, ("completed", "diverged")).all(axis=0)
        dummy = None if self.dummy is None else self.dummy[rows][:, kept]
        failed = states[:, kept] == "diverged"
        scores = np.where(failed, nan, self.scores[rows][:, kept])
        failure = stats.failure_scores(True, self.failure[rows][:, kept], scores)
        failure = np.where(failed.all(axis=0), failure.min(axis=0, initial=np.inf), failure)
        scores = stats.penalised(scores, failure, higher_is_better=True)
        return ScoreSubset(scores, dummy, failed, states, self.sign)


@dataclass(frozen=True, slots=True)
class ScoreSubset:
    """Some variants side by side on the seeds kept; higher is better.

    Attributes:
        scores, failed: ``(variant, kept seed)``.
        dummy: the same, or None where it is not known.
        states: outcomes of all seeds, ``(variant, seed)``.
        sign: what turned the scores, 1 or -1.
    """

    scores: Floats
    dummy: Floats | None
    failed: npt.NDArray[np.bool_]
    states: npt.NDArray[np.str_]
    sign: float

    @property
    def undefined(self) -> int:
        """Seeds on which any of these variants has no score, though its run ended well."""
        return int((self.states == "undefined").any(axis=0).sum())

    @property
    def gains(self) -> Floats:
        """By how much each variant's mean beats the dummy score, ``(variant,)``; infinite where that is not known.

        A variant is at its floor from that margin on.
        """
        if self.dummy is None or not self.scores.size:
            return np.full(len(self.scores), np.inf)
        gains: Floats = (self.scores - self.dummy).mean(axis=1)
        return gains


def _table(scores: Mapping[str, npt.ArrayLike], baseline: str) -> Floats:
    """Return the scores as `(variant, seed)`."""
    if baseline not in scores:
        raise ParibusError(
            "baseline",
            got=repr(baseline),
            expected=f"one of {', '.join(scores) or 'the variants, but there are none'}",
            fix="Name a variant that was run.",
        )
    rows = {name: np.asarray(values, dtype=np.float64) for name, values in scores.items()}
    for name, row in rows.items():
        if row.ndim != 1 or row.size != rows[baseline].size:
            raise ParibusError(
                f"scores[{name!r}]",
                got=f"shape {row.shape}",
                expected=f"({rows[baseline].size},) as the baseline's",
                fix="Pass one score a seed, NaN where a run has none.",
            )
    return np.stack(list(rows.values()))


def _outcomes(
    scores: Mapping[str, npt.ArrayLike],
    outcomes: Mapping[str, Sequence[str]] | None,
    table: Floats,
) -> npt.NDArray[np.str_]:
    """Return the outcomes as `(variant, seed)`, checked against the scores."""
    if outcomes is None:
        states = np.where(np.isnan(table), "diverged", "completed")
    else:
        rows = [_row(name, outcomes, table.shape[1]) for name in scores]
        states = np.array(rows, dtype=np.str_).reshape(table.shape)
    for name, row, state in zip(scores, table, states, strict=True):
        wrong = int(((state == "completed") & ~np.isfinite(row)).sum())
        if wrong:
            raise ParibusError(
                f"scores[{name!r}]",
                got=f"{wrong} completed runs without a finite score",
                expected="a finite score for every completed run",
                fix="Record a run whose score is not finite as diverged, or as undefined where it ended well.",
            )
    return states


def _row(name: str, outcomes: Mapping[str, Sequence[str]], n: int) -> list[str]:
    """Return one variant's outcomes."""
    row = [str(state) for state in outcomes.get(name, ())]
    unknown = sorted(set(row) - set(OUTCOMES))
    if len(row) != n or unknown:
        raise ParibusError(
            f"outcomes[{name!r}]",
            got=", ".join(unknown) if unknown else f"{len(row)} outcomes",
            expected=f"{n} of {', '.join(OUTCOMES)}",
            fix="Pass one outcome a seed.",
        )
    return row

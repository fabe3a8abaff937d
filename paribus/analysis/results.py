"""Results of a comparison from the store: its runs in a table, whether control held, contrasts and verdicts.

Nothing is trained here, so a page can be rebuilt from the store at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from paribus import stats
from paribus.analysis.control import Control, check_control
from paribus.analysis.declaration import Declaration, Seal, declare, read_seal
from paribus.analysis.interim_looks import Look, crossed_looks, looks_at
from paribus.analysis.verdict import Contrast, Reason, decide, decide_sequentially
from paribus.data.summary import DataSummary, summary_key
from paribus.engines.vmapped.optimizers import operations_of
from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Suite
from paribus.experiment.tuning import Arm
from paribus.experiment.variant import Variant
from paribus.runs.run import Predictions, Run, RunResult
from paribus.runs.store import Store
from paribus.runs.timing import Timing
from paribus.runs.trials import Pilot, TrialResults
from paribus.spec import digest

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Row:
    """Variant's runs, one a seed.

    Attributes:
        records: what the store holds of each run, or None.
        scores: the primary score of each run, ``(seed,)``; NaN where a run failed or is not there.
        dummy: the primary score of the first dummy predictor, ``(seed,)``; NaN where it is not known.
        failed: why the variant's test failed, or nothing.
        timing: step times against the baseline, if they were taken.
        searched: what is known of the search whose winners the runs are, in the tuned arm.
    """

    variant: Variant
    runs: tuple[Run, ...]
    records: tuple[RunResult | None, ...]
    scores: Floats
    dummy: Floats
    failed: str = ""
    timing: Timing | None = None
    searched: TrialResults | None = None

    @property
    def present(self) -> list[RunResult]:
        """Records that are there."""
        return [record for record in self.records if record is not None]

    @property
    def tried(self) -> list[RunResult]:
        """Records of its trials that are there."""
        return [] if self.searched is None else self.searched.there

    @property
    def complete(self) -> bool:
        """True where every seed has its record and nothing failed."""
        return len(self.present) == len(self.runs) and not self.failed

    @property
    def outcomes(self) -> list[str]:
        """End of each run that is there."""
        return [record.outcome.value for record in self.present]

    @property
    def states(self) -> list[str]:
        """End of each run that is there as verdicts see it: ``undefined`` where it has no finite primary score."""
        pairs = zip(self.records, self.scores, strict=True)
        return [
            "undefined" if record.completed and not np.isfinite(score) else record.outcome.value
            for record, score in pairs
            if record is not None
        ]

    def count(self, outcome: str) -> int:
        """Count the runs that ended so."""
        return self.outcomes.count(outcome)

    def undefined(self, name: str | None = None) -> list[int]:
        """Return the seeds of completed runs whose score is not finite; the primary score where no name is given."""
        scores = self.scores if name is None else self.values(name)
        return [
            record.seed
            for record, score in zip(self.records, scores, strict=True)
            if record is not None and record.completed and not np.isfinite(score)
        ]

    def values(self, name: str) -> Floats:
        """Return a recorded score of each run, ``(seed,)``, as `score_of` names it; NaN where there is none."""
        return np.array([np.nan if r is None else score_of(r, name) for r in self.records])


def score_of(record: RunResult, name: str) -> float:
    """Return a score by name; ``parameters`` counts them.

    Of a curve ``name@0`` is the start, ``name@mean`` the mean and ``name@last`` the end of a run that was finished,
    whichever weights are kept.
    """
    if name == "parameters":
        return float(record.parameters)
    curve, _, which = name.partition("@")
    points = record.curves.get(curve, [])
    if which == "0":
        return points[0] if points else float("nan")
    if which == "last":
        return points[-1] if points and record.completed else float("nan")
    if which == "mean":
        return float(np.nanmean(points)) if points and record.completed else float("nan")
    return record.scores.get(name, float("nan"))


def steps_to_target(record: RunResult, metric: str, target: float, higher_is_better: bool) -> float:
    """Return steps after which the validation score first reached the target; infinite if it never did."""
    curve = record.curves.get(f"validation/{metric}", [])
    sign = 1.0 if higher_is_better else -1.0
    reached = (
        step
        for step, score in zip(record.curves.get("step", []), curve, strict=True)
        if sign * score >= sign * target
    )
    return next(reached, float("inf"))


@dataclass(frozen=True, eq=False)
class Result:
    """One arm of a comparison on one device as the store knows it.

    Attributes:
        rows: one a variant, the baseline first.
        contrasts: each complete variant against the baseline, by variant; empty where they are withheld.
        interactions: those of a crossing that were declared and whose variants are complete, by name.
        skipped: why nothing ran on this device, or nothing.
        correction: test size over training size where it speaks of new data by the corrected t, else zero.
        cap: most seeds of a sequence, where seeds are added until the evidence is there; None where their number was
            fixed.
        looks: numbers of seeds with which this result has been looked at, in order; the last is this one.
        taken: the looks that this result is, one a contrast; `note_looks` writes them.
        predictions: loads what the runs of a variant said of their test parts, one after the other.
        arm: ``default``, each variant as it is stated, or ``tuned``, each the winner of a search.
        pilot: the spaces that were searched, in the tuned arm, once they are known.
        read: what was read of a user's own data, one each of the variants' data sets.
        seal: reads how its declaration was sealed, None where it was not.
        dates: days on which the first and the last of its runs were made, ``2026-01-31``; none where nothing ran.
    """

    suite: Suite
    comparison: Comparison
    budget: str
    device: str
    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    control: Control
    contrasts: Mapping[str, Contrast] = field(default_factory=dict)
    interactions: Mapping[str, Contrast] = field(default_factory=dict)
    skipped: str = ""
    correction: float = 0.0
    cap: int | None = None
    looks: tuple[int, ...] = ()
    taken: tuple[Look, ...] = ()
    predictions: Callable[[Row], Iterator[Predictions]] = lambda _row: iter(())
    arm: Arm = "default"
    pilot: Pilot | None = None
    read: tuple[DataSummary, ...] = ()
    seal: Callable[[], Seal | None] = lambda: None
    dates: tuple[str, ...] = ()

    @property
    def baseline(self) -> Row:
        """Row that the others are held against."""
        return self.rows[0]

    @property
    def exploratory(self) -> bool:
        """True where this is a later look at a result that was looked at before with other seeds."""
        return len(self.looks) > 1

    @property
    def declaration(self) -> Declaration:
        """What is declared of it today."""
        return declare(
            self.suite, self.comparison, arm=self.arm, runs=self.baseline.runs, cap=self.cap
        )

    @property
    def unequal(self) -> bool:
        """True where variants were given different numbers of trials."""
        return self.arm == "tuned" and _unequal_trials(self.comparison, self.budget)

    @property
    def run_keys(self) -> set[str]:
        """Keys of the records that it rests on, trials among them."""
        return {record.key for row in self.rows for record in (*row.present, *row.tried)}

    @cached_property
    def classes(self) -> list[str]:
        """Names of the classes, empty if there are none."""
        return classes_of(self.rows)

    def row(self, variant: str) -> Row:
        """Return the row of a variant."""
        return next(row for row in self.rows if row.variant.name == variant)


def classes_of(rows: Sequence[Row]) -> list[str]:
    """Return names of the classes as the first record that is there has them."""
    records = (record for row in rows for record in row.present)
    names = next((record.data.get("classes") for record in records), None)
    return list(names) if isinstance(names, list) else []


def collect(
    suite: Suite,
    comparison: Comparison,
    *,
    budget: str,
    device: str,
    runs: Mapping[str, Sequence[Run]],
    store: Store,
    failures: Mapping[str, str],
    skipped: str = "",
    arm: Arm = "default",
    searched: Mapping[str, TrialResults] | None = None,
    pilot: Pilot | None = None,
    cap: int | None = None,
) -> Result:
    """Collect everything that the store has of one arm of a comparison on a device.

    Args:
        suite: what the comparison belongs to.
        comparison: with budget and data applied.
        budget: its name.
        device: where the runs were made.
        runs: of each variant, one a seed, in the same order of seeds; in a sequence a variant may have fewer than the
            baseline.
        store: what is known.
        failures: why a variant's test failed, by variant.
        skipped: why nothing ran on this device.
        arm: which arm the runs are of.
        searched: of each variant, the search whose winners its runs are, in the tuned arm.
        pilot: the spaces that were searched, in the tuned arm.
        cap: most seeds of a sequence, None where the number of seeds was fixed.
    """
    rows = tuple(
        _row(v, comparison, runs[v.name], store, failures, runs[comparison.variants()[0].name])
        for v in comparison.variants()
    )
    rows = tuple(replace(row, searched=(searched or {}).get(row.variant.name)) for row in rows)
    tuned = comparison.tuning.paths if arm == "tuned" and comparison.tuning else ()
    control = check_control(comparison, rows, tuned)
    asked = comparison.interactions()
    seeds = tuple(run.seed for run in runs[rows[0].variant.name])
    contrasts: dict[str, Contrast] = {}
    looks: dict[str, tuple[int, ...]] = {}
    taken: dict[str, Look] = {}
    if rows[0].complete and not control.broken and not skipped:
        taken = looks_at(store, rows, sequential=cap is not None)
        looks = crossed_looks(comparison, taken)
        later = [name for name, seen in looks.items() if len(seen) > 1]
        judged = _contrasts(comparison, rows, later, sequential=cap is not None)
        if arm == "tuned" and _unequal_trials(comparison, budget):
            judged = tuple(flagged(contrast, Reason.unequal_budgets) for contrast in judged)
        contrasts = {contrast.variant: contrast for contrast in judged}
        rescored = (
            row.variant.name for row in rows if row.variant.metric != rows[0].variant.metric
        )
        contrasts |= {v: contrasts[v].of_two_scores() for v in rescored if v in contrasts}
    result = Result(
        suite=suite,
        comparison=comparison,
        budget=budget,
        device=device,
        rows=rows,
        seeds=seeds,
        control=control,
        contrasts={name: c for name, c in contrasts.items() if name not in asked},
        interactions={name: c for name, c in contrasts.items() if name in asked},
        skipped=skipped,
        correction=_correction(comparison, rows),
        cap=cap,
        looks=max(looks.values(), key=len, default=()),
        taken=tuple(taken.values()),
        predictions=lambda row: _predictions(row, store),
        arm=arm,
        pilot=pilot,
        read=_what_was_read(rows, store),
        dates=store.dates(record.key for row in rows for record in row.present),
    )
    return replace(result, seal=lambda: read_seal(result.declaration, store, result.run_keys))


def _what_was_read(rows: Sequence[Row], store: Store) -> tuple[DataSummary, ...]:
    runs = [row.runs[0] for row in rows if row.runs]
    keys = dict.fromkeys(summary_key(run.task.name, run.data_digest) for run in runs)
    kept = (store.frozen(key) for key in keys)
    return tuple(DataSummary.read(plain) for plain in kept if plain is not None)


def _unequal_trials(comparison: Comparison, budget: str) -> bool:
    return comparison.tuning is not None and comparison.tuning.is_unequal(budget)


def flagged(contrast: Contrast, reason: Reason) -> Contrast:
    """Return the contrast with a further reason beside its verdict."""
    return replace(contrast, reasons=(*contrast.reasons, reason))


def _row(
    variant: Variant,
    comparison: Comparison,
    runs: Sequence[Run],
    store: Store,
    failures: Mapping[str, str],
    baseline: Sequence[Run],
) -> Row:
    by_key = store.get(run.key for run in runs)
    records = tuple(by_key.get(run.key) for run in runs)
    scores = np.array(
        [_primary(comparison, variant, record, store) for record in records], dtype=float
    )
    timing = store.timing(timing_key(runs[0]), timing_key(baseline[0]), runs[0].device)
    dummy = _dummy(comparison, variant, records, store)
    return Row(variant, tuple(runs), records, scores, dummy, failures.get(variant.name, ""), timing)


def timing_key(run: Run) -> str:
    """Return what the time of a step depends on; runs that differ in a learning rate alone share it."""
    recipe = run.recipe.model_copy(
        update={"optimizer": operations_of(run.recipe.optimizer), "salt": ""}
    )
    timed = replace(run, engine="loop", trial=None, diagnostics=())
    return digest({**timed.identity, "seed": 0, "recipe": recipe})


def _primary(
    comparison: Comparison, variant: Variant, record: RunResult | None, store: Store
) -> float:
    if record is None:
        return float("nan")
    if comparison.metric is None:
        return record.scores.get(variant.metric.name, float("nan"))
    predictions = store.predictions(record.key)
    if predictions is None:
        return float("nan")
    classes = record.data["classes"]
    return float(variant.metric.function(predictions.outputs, predictions.target, classes))


def _predictions(row: Row, store: Store) -> Iterator[Predictions]:
    stored = (store.predictions(record.key) for record in row.present)
    return (predictions for predictions in stored if predictions is not None)


def _dummy(
    comparison: Comparison, variant: Variant, records: Sequence[RunResult | None], store: Store
) -> Floats:
    """Return the primary score of the first dummy predictor, ``(seed,)``; NaN where it is not known."""
    if comparison.metric is None:
        first, name = next(iter(variant.task.dummy)), variant.metric.name
        return np.array([r.dummy[first][name] if r else np.nan for r in records])
    scores = []
    for record in records:
        predictions = store.predictions(record.key) if record else None
        if record is None or predictions is None:
            scores.append(np.nan)
        else:
            score = variant.metric.function(
                predictions.dummy, predictions.target, record.data["classes"]
            )
            scores.append(float(score))
    return np.array(scores)


def _correction(comparison: Comparison, rows: Sequence[Row]) -> float:
    """Return test size over training size, the largest of all runs, where new data are spoken of; else zero."""
    if not comparison.corrected:
        return 0.0
    sizes = [(r.data.get("test"), r.data.get("train")) for row in rows for r in row.present]
    return max((a / b for a, b in sizes if isinstance(a, int) and isinstance(b, int)), default=0.0)


def _contrasts(
    comparison: Comparison, rows: Sequence[Row], exploratory: Sequence[str], *, sequential: bool
) -> tuple[Contrast, ...]:
    complete = [row for row in rows if row.complete]
    outcomes, scores, dummy = _side_by_side(complete)
    variants = [row.variant for row in complete]
    given = rule_of(comparison, variants, outcomes, scores, dummy)
    table = dict(zip([v.name for v in variants], scores, strict=True))
    if sequential:
        bounds = comparison.primary.range
        return decide_sequentially(table, exploratory=exploratory, score_range=bounds, **given)
    correction, new_data = _correction(comparison, rows), comparison.corrected
    return decide(table, exploratory=exploratory, correction=correction, new_data=new_data, **given)


def rule_of(
    comparison: Comparison,
    variants: Sequence[Variant],
    outcomes: npt.NDArray[np.str_],
    scores: Floats,
    dummy: Floats,
) -> dict[str, Any]:
    """Return what `decide` is told beside the scores, as the comparison declares it.

    Args:
        comparison: what is declared.
        variants: those that are complete, the baseline first.
        outcomes: ``(variant, seed)``.
        scores: ``(variant, seed)``.
        dummy: ``(variant, seed)``, scores of the first dummy predictor, NaN where they are not known.
    """
    metric, names = comparison.primary, [variant.name for variant in variants]
    known = stats.failure_scores(metric.higher_is_better, dummy, scores)
    asked = comparison.interactions().items()
    return {
        "baseline": names[0],
        "higher_is_better": metric.higher_is_better,
        "margin": metric.margin,
        "failure_score": dummy,
        "dummy": known if np.isfinite(dummy).any() else None,
        "family_size": comparison.family,
        "outcomes": dict(zip(names, outcomes.tolist(), strict=True)),
        "metric": metric.name,
        "interactions": {name: four for name, four in asked if {*four} <= {*names}},
        "scale": comparison.interaction_scale or "score",
        "rounding": max(rounding(variant) for variant in variants),
    }


def rounding(variant: Variant) -> float:
    """Return the relative difference up to which scores are equal: 8 machine epsilons of what they come from."""
    return 8 * float(np.finfo(variant.recipe.dtype).eps)


def _side_by_side(rows: Sequence[Row]) -> tuple[npt.NDArray[np.str_], Floats, Floats]:
    """Stack outcomes, scores and dummy scores of complete rows, ``(row, seed)``; a seed that a row lacks is skipped."""
    seeds = max((len(row.runs) for row in rows), default=0)
    outcomes = np.full((len(rows), seeds), "skipped", dtype="<U9")
    scores, dummy = np.full((2, len(rows), seeds), np.nan)
    for i, row in enumerate(rows):
        n = len(row.runs)
        outcomes[i, :n], scores[i, :n], dummy[i, :n] = row.states, row.scores, row.dummy
    return outcomes, scores, dummy


def penalised(result: Result) -> tuple[list[Row], Floats, npt.NDArray[np.bool_]]:
    """Return the complete rows, their primary scores with failed runs at their penalty, and which runs count.

    A failed run scores the worse of the failure score and of the baseline's run with its seed, as in its contrast; a
    failed run of the baseline scores the failure score. No third variant has a say.

    Returns:
        Rows, ``(row, seed)`` of scores, and ``(row, seed)`` of whether a run was made to its end or failed.
    """
    rows = [row for row in result.rows if row.complete and not result.skipped]
    if not rows:
        return [], np.empty((0, 0)), np.empty((0, 0), dtype=np.bool_)
    table = np.stack([penalised_beside(result, rows, row, rows[0]) for row in rows])
    outcomes, _, _ = _side_by_side(rows)
    return rows, table, np.isin(outcomes, ("completed", "diverged"))


def penalised_beside(result: Result, rows: Sequence[Row], row: Row, other: Row) -> Floats:
    """Return the primary scores of a complete row, ``(seed,)``, failed runs penalised by their pair with another row.

    Args:
        result: whose rows they are.
        rows: all complete ones.
        row: whose scores.
        other: that it is paired with; the row itself is penalised by the failure score alone.
    """
    higher = result.comparison.primary.higher_is_better
    outcomes, recorded, dummy = _side_by_side(rows)
    scores = np.where(outcomes == "completed", recorded, np.nan)
    pair = [next(i for i, each in enumerate(rows) if each is one) for one in (row, other)]
    pair = pair[:1] if row is other else pair
    penalty = stats.failure_scores(higher, dummy[pair], scores[pair])
    table: Floats = stats.penalised(scores[pair], penalty, higher_is_better=higher)[0]
    return table

"""Sealed declarations: what a comparison asks and by which rule, written to the store before its first run.

A page compares what is declared when it is made with what was sealed, so that a margin, a claim or a number of seeds
that was changed after the runs were seen is told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paribus.analysis.verdict import RULE
from paribus.experiment.comparison import Comparison
from paribus.experiment.suite import Suite
from paribus.experiment.task import Metric
from paribus.experiment.tuning import Arm
from paribus.experiment.variant import Variant
from paribus.runs.run import Run
from paribus.runs.store import Store
from paribus.spec import digest, to_plain


@dataclass(frozen=True)
class Declaration:
    """What is declared of one arm of a comparison.

    Attributes:
        place: name of what is asked about: the comparison, its arm and device, the data, and how the baseline is
            trained. Another learning rate of the baseline is another question.
        parts: digest of each part: variants, scores, margins, claims, tuning, rule, seeds.
    """

    place: str
    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """Hash of all parts."""
        return digest(self.parts)


@dataclass(frozen=True)
class Seal:
    """Declaration as it was sealed.

    Attributes:
        digest: hash of the declaration.
        when: it was sealed, in ISO 8601; nothing where another one was sealed in its place.
        runs: how many runs the result rests on.
        made_before: how many of them had been made by then.
        changed: parts that differ from the declaration that was sealed first, where its runs had been seen by then.
        earlier: when that one was sealed, or nothing.
    """

    digest: str
    when: str
    runs: int
    made_before: int
    changed: tuple[str, ...] = ()
    earlier: str = ""


def declare(
    suite: Suite, comparison: Comparison, *, arm: Arm, runs: Sequence[Run], cap: int | None
) -> Declaration:
    """Return what is declared of an arm of a comparison.

    Args:
        suite: what the comparison belongs to.
        comparison: with budget and data applied.
        arm: which one.
        runs: of the baseline, one a seed.
        cap: most seeds of a sequence, None where the number of seeds was fixed.
    """
    variants, first = comparison.variants(), runs[0]
    place = [suite.name, comparison.name, arm, first.device, first.data_digest]
    metrics = (*comparison.task.metrics, comparison.primary)
    scales = [comparison.target, comparison.interaction_scale, comparison.inference]
    claims = [c for c in (*comparison.claims, *suite.claims) if c.arm == arm]
    seeds = [run.seed for run in runs]
    parts: dict[str, object] = {
        "variants": {v.name: _training(v) for v in variants},
        "scores": [*map(_unmeasured, metrics), comparison.task.dummy, *scales],
        "margins": {metric.name: metric.margin for metric in metrics},
        "claims": claims,
        "tuning": comparison.tuning if arm == "tuned" else None,
        "rule": RULE,
        "seeds": seeds if cap is None else [seeds[0], "at most", cap],
    }
    return Declaration(
        place=digest([*place, _training(variants[0])]),
        parts={name: digest(part) for name, part in parts.items()},
    )


def _training(variant: Variant) -> dict[str, Any]:
    """Return what decides how a variant is trained, without its scores and the path of its file."""
    task = to_plain(variant.task)
    for name in ("path", "metrics", "dummy"):
        del task[name]
    return {"task": task, "recipe": to_plain(variant.recipe)}


def _unmeasured(metric: Metric) -> dict[str, Any]:
    return {name: value for name, value in to_plain(metric).items() if name != "margin"}


def seal(declaration: Declaration, store: Store) -> None:
    """Write a declaration to the store with the time, unless it is there."""
    store.seal(declaration.place, declaration.digest, declaration.parts)


def note_seen(declaration: Declaration, store: Store) -> None:
    """Note that runs of a declaration were seen, unless they were before."""
    store.see(declaration.place, declaration.digest)


def read_seal(declaration: Declaration, store: Store, runs: Collection[str]) -> Seal | None:
    """Return how a declaration was sealed, or None where nothing was in its place.

    Args:
        declaration: of today.
        store: that holds what was sealed.
        runs: keys of the runs that the result rests on.
    """
    sealed = store.seals(declaration.place)
    own = next((each for each in sealed if each.digest == declaration.digest), None)
    if own is None and not sealed:
        return None
    seen = [each for each in sealed if own is None or (each.seen or own.sealed) < own.sealed]
    changed = _differing(seen[0].parts, declaration.parts) if seen else ()
    return Seal(
        digest=declaration.digest,
        when=own.sealed if own else "",
        runs=len(runs),
        made_before=store.made_before(runs, own.sealed) if own else len(runs),
        changed=changed,
        earlier=seen[0].sealed if seen else "",
    )


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> tuple[str, ...]:
    names = dict.fromkeys([*other, *one])
    return tuple(name for name in names if one.get(name) != other.get(name))

"""Control of a comparison: what varied, and whether everything else was equal in every pair of runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paribus.experiment.comparison import Comparison
from paribus.experiment.variant import Sides, differences, within

if TYPE_CHECKING:
    from paribus.analysis.results import Row
    from paribus.runs.run import RunResult


@dataclass(frozen=True)
class Control:
    """Varied paths, and what was held equal, from the recipes and from the hashes that the runs left.

    Attributes:
        varied: dotted paths that differ between variants, with the value of each variant.
        checked: what was compared by hash and found equal in every pair, in words.
        broken: pairs that should have been equal and are not, in words; any of them withholds the verdicts.
        own: weights that the networks draw or set themselves and that differ from the baseline's, by variant: the
            starts are compared then, as part of what a network is.
        fixed: weights that a network sets to the same numbers for every seed, by variant.
    """

    varied: Mapping[str, Mapping[str, object]]
    checked: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    own: Mapping[str, Sequence[str]] = field(default_factory=dict)
    fixed: Mapping[str, Sequence[str]] = field(default_factory=dict)


def check_control(
    comparison: Comparison, rows: Sequence[Row], tuned: Sequence[str] = ()
) -> Control:
    """Compare what the runs left: split, order and initial weights of each pair, unless they are the factor.

    Args:
        comparison: says what varies.
        rows: one a variant, the baseline first.
        tuned: paths at which a run may leave its variant; anywhere else breaks control.
    """
    varied: dict[str, dict[str, object]] = {}
    for row in rows[1:]:
        changed: Mapping[str, Sides] = differences(rows[0].variant, row.variant)
        for path, sides in changed.items():
            varied.setdefault(path, {rows[0].variant.name: sides.baseline})
            varied[path][row.variant.name] = sides.variant
    parts = [
        part for part, roots in CHECKED.items() if not _vary((*comparison.paths, *tuned), roots)
    ]
    broken = [
        text
        for part, roots in CHECKED.items()
        for row in rows[1:]
        if not _vary((*differences(rows[0].variant, row.variant), *tuned), roots)
        for text in _unequal(part, rows[0], row)
    ]
    broken += [text for row in rows for text in _strays(row, tuned)]
    engines = {run.engine for row in rows for run in row.runs}
    if len(engines) > 1:
        broken.append(f"variants were trained by different engines: {', '.join(sorted(engines))}")
    own = (
        {row.variant.name: _own_starts(rows[0], row) for row in rows[1:]} if "init" in parts else {}
    )
    own = {name: found for name, found in own.items() if found}
    fixed = {row.variant.name: found for row in rows if (found := _same_for_every_seed(row))}
    checked = [CHECKED_AS[part] + BUT_OWN * (part == "init" and bool(own)) for part in parts]
    return Control(varied, tuple(checked), tuple(broken), own, fixed)


# What each hash may differ with: a factor at one of these paths, or below it, or above it.
CHECKED = {
    "split": ("task.source", "task.split"),
    "order": ("task.source", "task.split", "recipe.batch_size", "recipe.steps", "recipe.salt"),
    "init": ("recipe.init", "recipe.start", "recipe.salt"),
}
CHECKED_AS = {
    "split": "train, validation and test samples of each seed",
    "order": "the order in which a seed's samples are seen",
    "init": "a seed's initial weights, layer by layer, wherever kind and shape of the layer match",
}
BUT_OWN = ", but for those that the networks start themselves"


def _strays(row: Row, tuned: Sequence[str]) -> list[str]:
    """Return runs that differ from their variant where nothing was tuned, in words."""
    base = row.variant
    strays = []
    for run in row.runs:
        ran = base.model_copy(update={"task": run.task, "recipe": run.recipe})
        changed = [p for p in differences(base, ran) if not any(within(p, t) for t in tuned)]
        if changed:
            paths = ", ".join(changed)
            strays.append(f"seed {run.seed} of {base.name!r} was not trained as stated, at {paths}")
    return strays


def _vary(paths: Iterable[str], roots: Sequence[str]) -> bool:
    """Return whether any path meets any root."""
    return any(within(path, r) or within(r, path) for path in paths for r in roots)


def _unequal(part: str, baseline: Row, row: Row) -> list[str]:
    """Return the seeds whose hashes differ, in words; networks of different models may start weights themselves."""
    other_model = _vary(differences(baseline.variant, row.variant), ("recipe.model",))
    return [
        f"{part} of seed {a.seed} differs between {baseline.variant.name!r} and {row.variant.name!r}"
        for a, b in _pairs(baseline, row)
        if not _agree(
            a.hashes.get(part), b.hashes.get(part), _own(a) | _own(b) if other_model else ()
        )
    ]


def _pairs(baseline: Row, row: Row) -> list[tuple[RunResult, RunResult]]:
    """Return the records of each seed that both have; a sequence may give a row fewer seeds."""
    pairs = zip(baseline.records, row.records, strict=False)
    return [(a, b) for a, b in pairs if a is not None and b is not None]


def _agree(a: object, b: object, own: Collection[str] = ()) -> bool:
    """Return whether hashes are equal; of two collections of hashes, those that both have and no network set itself."""
    if isinstance(a, dict) and isinstance(b, dict):
        return all(a[name] == b[name] for name in a.keys() & b.keys() if name not in own)
    return a == b


def _own(record: RunResult) -> set[str]:
    """Return names of the weights that a network drew or set itself."""
    return set(record.network.get("own", ()))


def _initial(record: RunResult) -> Mapping[str, object]:
    found = record.hashes.get("init")
    return found if isinstance(found, dict) else {}


def _own_starts(baseline: Row, row: Row) -> tuple[str, ...]:
    """Return names of weights that differ from the baseline's because a network draws or sets them itself."""
    found = {
        name: None
        for a, b in _pairs(baseline, row)
        for name, digest in _initial(b).items()
        if name in _own(a) | _own(b) and _initial(a).get(name, digest) != digest
    }
    return tuple(found)


def _same_for_every_seed(row: Row) -> tuple[str, ...]:
    """Return names of weights that a network sets to the same numbers for every seed; constant ones are no news."""
    if len(row.present) < 2:
        return ()
    first, *others = row.present
    return tuple(
        name
        for name, constant in first.network.get("own", {}).items()
        if not (constant or name.startswith("buffer "))
        and all(_initial(r).get(name) == _initial(first).get(name) for r in others)
    )

"""Page of result sets side by side: whether anything got worse, what differs between the sets, and every change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from paribus.analysis.result_set import ORIGIN, ComparisonRuns, VariantRuns
from paribus.analysis.set_changes import ComparisonChange, SetChanges, VariantChange
from paribus.errors import ParibusError
from paribus.report import page_file
from paribus.report.folder import writing_into
from paribus.report.formatting import (
    NOTHING,
    bullets,
    interval,
    listed,
    number,
    over_seeds,
    plural,
    ratio,
)
from paribus.report.tables import Line, markdown

MAX_NAMED = 6  # variants that the first sentence names
RULE = (
    "A variant got worse by more than its margin where the whole interval of its paired differences lies beyond the "
    "margin: 95 % for all variants of a comparison at once, from two seeds on; without a margin, where a difference is "
    "shown at all. Differences are positive where the later set is better. The words of a change are those of every "
    "verdict, now against then; too few seeds for a test are named beside them. A failed run scores what a failure "
    "did in the earlier set. Step times are seconds of a step, later to earlier, median and quartiles: of all pairs of "
    "timed rounds, or seed by seed of whole trainings (marked `trainings`) where no steps were timed. They compare "
    "machines as well, and no time decides."
)


def page(sets: Sequence[SetChanges]) -> str:
    """Return the page of one set against one or several others; its first line says whether anything got worse."""
    parts = [summary(sets)]
    for changes in sets:
        parts += _set(changes, several=len(sets) > 1)
    return "\n\n".join([*parts, "## How a change is judged", RULE]) + "\n"


def write_page(sets: Sequence[SetChanges], path: Path) -> Path:
    """Write the page into a file.

    Raises:
        ParibusError: it is a folder, or cannot be written.
    """
    if path.is_dir():
        raise ParibusError(
            "--out", got=f"{path}, a folder", expected="a file", fix=f"Write --out {path}/sets.md."
        )
    with writing_into(path.parent) as folder:
        folder.mkdir(parents=True, exist_ok=True)
        page_file.write_page(path, page(sets))
    return path


def summary(sets: Sequence[SetChanges]) -> str:
    """Say in a sentence for each later set whether anything got worse by more than its margin, those first."""
    return " ".join(map(_sentence, sorted(sets, key=lambda changes: not changes.worse)))


def _sentence(changes: SetChanges) -> str:
    then, now = changes.names
    variants = [variant for _, variant in changes.variants]
    count = (
        f"{plural(len(variants), 'variant')} of {plural(len(changes.comparisons), 'comparison')}"
    )
    remarks = _remarks(variants)
    if worse := changes.worse:
        named = [f"{each.then.name}, {v.now.name}{_by(v)}" for each, v in worse[:MAX_NAMED]]
        more = [f"{len(worse) - MAX_NAMED} more"] * (len(worse) > MAX_NAMED)
        head = f"{len(worse)} of {count} got worse by more than the margin from {then} to {now}: "
        return head + "; ".join([*named, *more]) + "".join(f"; {text}" for text in remarks) + "."
    if all(v.identical for v in variants) and not any(v.verdict_changed for v in variants):
        return f"Nothing changed from {then} to {now}: {count} are identical, on every seed."
    shown = sum(v.not_worse for v in variants)
    known = f"{shown} of {count} are shown not to have"
    return f"Nothing got worse by more than its margin from {then} to {now}: {'; '.join([known, *remarks])}."


def _by(variant: VariantChange) -> str:
    return f" by {number(-variant.contrast.difference.mean)}" if variant.contrast else ""


def _remarks(variants: Sequence[VariantChange]) -> list[str]:
    """Return what a first sentence must not hide: verdicts that changed, variants that could not be judged."""
    changed = sum(v.verdict_changed for v in variants)
    unjudged = sum(not v.judged for v in variants)
    return [
        *([f"{plural(changed, 'verdict')} changed"] if changed else []),
        *([f"{plural(unjudged, 'variant')} could not be judged"] if unjudged else []),
    ]


def _set(changes: SetChanges, *, several: bool) -> list[str]:
    then, now = changes.names
    level = "###" if several else "##"
    parts = [f"## {then} and {now}"] if several else []
    parts += [f"{level} What differs", *_differences(changes), f"{level} Changes"]
    for each in changes.comparisons:
        lines = [_line(variant, changes.names) for variant in each.variants]
        parts += [f"**{_heading(each)}**", markdown(lines)]
        if each.unpaired:
            parts.append(f"In one of the sets only: {listed(each.unpaired)}.")
    if changes.unpaired:
        parts.append(f"Comparisons in one of the sets only: {listed(changes.unpaired)}.")
    return parts


def _heading(each: ComparisonChange) -> str:
    runs = each.then
    better = "higher" if runs.higher_is_better else "lower"
    unit = f"{runs.unit}, " if runs.unit else ""
    margin = "no margin" if runs.margin is None else f"margin {runs.margin:g}"
    devices = (
        "" if each.then.device == each.now.device else f", {runs.device} and {each.now.device}"
    )
    seeds = plural(len(runs.seeds), "seed")
    return f"{runs.name}{devices}: {runs.metric} ({unit}{better} is better), {margin}, {seeds}"


def _line(variant: VariantChange, names: tuple[str, str]) -> Line:
    """Return what changed of a variant; where either set lacks its runs, why."""
    missing = [f"{n}: {v.missing}" for n, v in zip(names, variant.both, strict=True) if v.missing]
    if variant.contrast is None:
        return {"variant": variant.now.name, "change": "; ".join(missing)}
    ratios = variant.step_ratios
    trainings = "" if variant.timed else " (trainings)"
    return {
        "variant": variant.now.name,
        names[0]: _scores(variant.then),
        names[1]: _scores(variant.now),
        "difference": "0" if variant.identical else interval(variant.contrast.difference),
        "change": change(variant),
        "verdict in its set": _verdict(variant),
        "step time, later to earlier": f"{ratio(ratios)}{trainings}" if ratios else NOTHING,
    }


def change(variant: VariantChange) -> str:
    """Return the words of a change; what the interval decides alone is told as such.

    Where seeds are too few for a test, a whole interval beyond the margin still counts.
    """
    contrast = variant.contrast
    if contrast is None or variant.identical:
        return NOTHING if contrast is None else "identical"
    if contrast.margin is not None and (variant.worse or variant.better):
        word = "clearly worse" if variant.worse else "clearly better"
        return contrast.label if contrast.label.startswith(word) else f"{word} ({contrast.reason})"
    return contrast.label


def _scores(runs: VariantRuns) -> str:
    """Format mean ± deviation of the runs that have a score, and how many failed."""
    scores = np.array(runs.scores, dtype=np.float64)
    shown = over_seeds(scores[np.isfinite(scores)])
    failed = runs.outcomes.count("diverged")
    return f"{shown} ({failed} of {len(runs.outcomes)} diverged)" if failed else shown


def _verdict(variant: VariantChange) -> str:
    """Return the verdict against the comparison's baseline, before and after where it changed."""
    before, after = (runs.verdict or "withheld" for runs in variant.both)
    return f"{before} → {after}" if variant.verdict_changed else after


def _differences(changes: SetChanges) -> list[str]:
    """Return a table of what differs between the sets, and a line of what does not."""
    differ, same = [], []
    for what, read in FACTS.items():
        told = [_told(read, runs) for runs in changes.sides]
        if told[0] == told[1]:
            same.append(f"{what} {told[0]}")
        else:
            line = dict(zip(changes.names, told, strict=True))
            differ.append({"": what, **line})
    parts = [markdown(differ) if differ else "Nothing of where and when they were made."]
    if same:
        parts.append(f"The same in both: {'; '.join(same)}.")
    return [*parts, bullets(_hashes(changes))]


def _told(read: Callable[[ComparisonRuns], Iterable[str]], runs: Sequence[ComparisonRuns]) -> str:
    values = sorted({value for each in runs for value in read(each)})
    return listed(values) if values else NOTHING


def _origin(name: str) -> Callable[[ComparisonRuns], Iterable[str]]:
    return lambda runs: runs.origin.get(name, ())


FACTS: dict[str, Callable[[ComparisonRuns], Iterable[str]]] = {
    **{name: _origin(name) for name in ORIGIN},
    "trained on": lambda runs: [runs.device],
    "days of training": lambda runs: runs.dates,
}
HASHED = {
    "split": "split into parts",
    "start": "initial weights",
    "settings": "settings of recipe and score",
}


def _hashes(changes: SetChanges) -> list[str]:
    """Say of what is hashed whether it is the same, and name the variants where it is not."""
    lines = ["data and seeds: the same, by hash"]
    for field, what in HASHED.items():
        other = [
            f"{each.then.name}, {v.now.name}"
            for each, v in changes.variants
            if v.contrast is not None and getattr(v.then, field) != getattr(v.now, field)
        ]
        count = sum(v.contrast is not None for _, v in changes.variants)
        named = f" ({'; '.join(other[:MAX_NAMED])}{'; …' * (len(other) > MAX_NAMED)})"
        told = (
            f"other in {len(other)} of {plural(count, 'variant')}{named}" if other else "the same"
        )
        lines.append(f"{what}: {told}")
    return lines

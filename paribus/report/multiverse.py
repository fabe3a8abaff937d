"""Page of a multiverse: in how many settings each verdict holds, what it turns with, and every verdict."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from paribus.analysis.multiverse import OUTCOMES, Multiverse, Verdict
from paribus.report.figures import learning_curves
from paribus.report.figures.specification import specification_curve
from paribus.report.folder import writing_into
from paribus.report.formatting import NOTHING, bullets, listed, number, plural, setting, slug
from paribus.report.page_file import write_page
from paribus.report.tables import Line, markdown

if TYPE_CHECKING:
    from pandas import DataFrame

ENDING = "-multiverse.json"
TURNS = 0.5
"""Range over a choice's values of the share better less the share worse, from which a verdict turns with it."""
INTRODUCTION = (
    "A comparison holds every other choice equal, at one value each. Here its question is asked again under every "
    "combination of other values of these choices, with the same rule of verdicts. A verdict that holds throughout can "
    "be carried over to settings like these; one that turns says with which choice."
)


@dataclass(frozen=True)
class MultiverseReport:
    """Verdicts of the comparisons of a suite over their grids: sentences when printed, and a page.

    Attributes:
        title: of the suite.
        parts: one for each comparison.
    """

    title: str
    parts: tuple[Multiverse, ...]

    def __str__(self) -> str:
        return "\n".join(text for part in self.parts for text in (part.question, *sentences(part)))

    __repr__ = __str__

    def to_frame(self) -> DataFrame:
        """Return one row for each contrast in each setting: its choices, difference, interval and verdict."""
        import pandas

        return pandas.DataFrame([row for part in self.parts for row in _rows(part)])

    def report(self, folder: str | Path) -> Path:
        """Write the page, its figures and the numbers behind them into a folder; return the path of the page.

        Raises:
            ParibusError: the folder cannot be made or written.
        """
        with writing_into(folder) as path:
            path.mkdir(parents=True, exist_ok=True)
            numbers = {"title": self.title, "parts": [part.model_dump() for part in self.parts]}
            file = path / f"{self.parts[0].suite}{ENDING}"
            file.write_text(json.dumps(numbers, indent=1), encoding="utf-8", newline="\n")
            return write_again(file, path)


def _rows(part: Multiverse) -> Iterator[dict[str, Any]]:
    for variant, verdicts in part.contrasts.items():
        for verdict in verdicts:
            choices = zip(part.axes.items(), verdict.values, strict=True)
            yield {
                "comparison": part.comparison,
                "variant": variant,
                **{path: values[i] for (path, values), i in choices},
                "difference": verdict.mean,
                "low": verdict.low,
                "high": verdict.high,
                "verdict": verdict.label,
                "outcome": verdict.outcome,
            }


def write_again(file: Path, out: Path) -> Path:
    """Write the page and its figures from the numbers that `MultiverseReport.report` left; return the page's path."""
    kept = json.loads(file.read_text(encoding="utf-8"))
    parts = tuple(Multiverse.model_validate(part) for part in kept["parts"])
    out.mkdir(parents=True, exist_ok=True)
    several = len(parts) > 1
    figures: dict[tuple[int, str], str] = {}
    for i, part in enumerate(parts):
        stem = "-".join([part.suite, *([slug(part.comparison)] if several else []), "multiverse"])
        for k, variant in enumerate(part.contrasts):
            drawn = specification_curve(part, variant)
            if drawn is not None:
                name = f"{stem}-{slug(variant) or k}.png"
                figures[i, variant] = learning_curves.save(drawn, out / name).name
    made = out / file.name.replace(".json", ".md")
    write_page(made, page(kept["title"], parts, figures))
    return made


def page(title: str, parts: Sequence[Multiverse], figures: Mapping[tuple[int, str], str]) -> str:
    """Return the whole page.

    Args:
        title: of the suite.
        parts: of its comparisons.
        figures: file names, by the place of the comparison and the variant.
    """
    blocks = [f"# {title}: multiverse"]
    for part in parts:
        blocks += [f"**{heading(part)}**", bullets(sentences(part))]
    blocks.append(INTRODUCTION)
    for i, part in enumerate(parts):
        blocks += [f"## {part.comparison}"]
        blocks += ["Settings by verdict, for each value of each choice:", markdown(_by_value(part))]
        for variant in part.contrasts:
            if (i, variant) in figures:
                text = f"{variant} against {part.baseline}, by difference"
                blocks.append(f"![{text}]({figures[i, variant]})")
        blocks += [bullets(_facts(part)), "Every verdict:", markdown(_every(part))]
    return "\n\n".join(blocks) + "\n"


def heading(part: Multiverse) -> str:
    """Return what is counted, of the arm that is trained: the stated settings, whatever else the question names."""
    return f"In how many settings does each variant of {part.comparison} beat {part.baseline}?"


def sentences(part: Multiverse) -> list[str]:
    """Return for each variant in how many settings it beats the baseline, and what that turns with."""
    return [
        f"**{variant} {counted(verdicts, part.baseline)}**{_sizes(verdicts)}."
        f"{_turns(part, verdicts)}{_only_at(part, verdicts)}"
        for variant, verdicts in part.contrasts.items()
    ]


def counted(verdicts: Sequence[Verdict], baseline: str) -> str:
    """Return the counts of verdicts in a phrase, such as ``beats sgd in 41 of 54 settings, loses in 3``."""
    counts = Counter(v.outcome for v in verdicts)
    parts = [
        f"beats {baseline} in {counts['better']} of {plural(len(verdicts), 'setting')}",
        f"loses in {counts['worse']}",
        f"equivalent in {counts['equivalent']}" if counts["equivalent"] else "",
        f"undecided in {counts['undecided']}" if counts["undecided"] else "",
    ]
    return ", ".join(filter(None, parts))


def _sizes(verdicts: Sequence[Verdict]) -> str:
    """Return the middle and the ends of the differences, and how many directions are fragile or at the floor."""
    means = [v.mean for v in verdicts if v.there]
    if not means:
        return ""
    low, middle, high = (number(x, 2) for x in (min(means), median(means), max(means)))
    remarks = [
        f"{count} {name}"
        for name, word in (("fragile", "fragile"), ("at the floor", "floor"))
        if (count := sum(word in v.label for v in verdicts))
    ]
    marked = f" ({', '.join(remarks)})" if remarks else ""
    return f"{marked}; difference from {low} to {high}, median {middle}"


def _turns(part: Multiverse, verdicts: Sequence[Verdict]) -> str:
    """Return the choice with which the balance of verdicts changes most, if much; nothing where it does not."""
    ranked = []
    for at, (path, values) in enumerate(part.axes.items()):
        of_value = [[v for v in verdicts if v.values[at] == i] for i in range(len(values))]
        balances = [_balance(found) for found in of_value]
        ranked.append((max(balances) - min(balances), at, path, balances, of_value))
    change, _, path, balances, of_value = max(ranked, key=lambda item: (item[0], -item[1]))
    if change < TURNS:
        return ""
    ends = (balances.index(max(balances)), balances.index(min(balances)))
    name = path.rpartition(".")[2]
    told = [f"at {part.axes[path][i]} it {counted_short(of_value[i])}" for i in ends]
    return f" It depends most on `{name}`: {', '.join(told)}."


def _only_at(part: Multiverse, verdicts: Sequence[Verdict]) -> str:
    """Return the values that all settings of the rarer of two opposite directions share; nothing without both."""
    sides = [[v for v in verdicts if v.outcome == side] for side in ("worse", "better")]
    fewer, more = sorted(sides, key=len)
    if not fewer or len(fewer) == len(more):
        return ""
    shared = [
        f"{path.rpartition('.')[2]} {values[fewer[0].values[at]]}"
        for at, (path, values) in enumerate(part.axes.items())
        if len({v.values[at] for v in fewer}) == 1
    ]
    told = "loses" if fewer[0].outcome == "worse" else f"beats {part.baseline}"
    return f" It {told} only at {listed(shared)}." if shared else ""


def counted_short(verdicts: Sequence[Verdict]) -> str:
    """Return the counts of wins and losses in a few words."""
    counts = Counter(v.outcome for v in verdicts)
    return f"beats in {counts['better']} and loses in {counts['worse']} of {len(verdicts)}"


def _balance(verdicts: Sequence[Verdict]) -> float:
    counts = Counter(v.outcome for v in verdicts)
    return (counts["better"] - counts["worse"]) / len(verdicts)


def _by_value(part: Multiverse) -> list[Line]:
    """Return a line for each value of each choice: how many settings have which verdict, by variant."""
    lines: list[Line] = []
    for at, (path, values) in enumerate(part.axes.items()):
        for i, value in enumerate(values):
            cells = {
                variant: _cell([v for v in verdicts if v.values[at] == i])
                for variant, verdicts in part.contrasts.items()
            }
            lines.append({"choice": f"{path.rpartition('.')[2]} {value}", **cells})
    whole = {variant: _cell(verdicts) for variant, verdicts in part.contrasts.items()}
    return [*lines, {"choice": "all", **whole}]


def _cell(verdicts: Sequence[Verdict]) -> str:
    counts = Counter(v.outcome for v in verdicts)
    return ", ".join(f"{counts[name]} {name}" for name in OUTCOMES if counts[name]) or NOTHING


def _every(part: Multiverse) -> list[Line]:
    """Return a line for each setting: its values, and difference and verdict of each variant."""
    lines: list[Line] = []
    for together in zip(*part.contrasts.values(), strict=True):
        choices = zip(part.axes.items(), together[0].values, strict=True)
        chosen = {path.rpartition(".")[2]: values[i] for (path, values), i in choices}
        found = {
            variant: f"{number(v.mean, 2)}, {v.label}" if v.there else v.label
            for variant, v in zip(part.contrasts, together, strict=True)
        }
        lines.append({**chosen, **found})
    return lines


def _facts(part: Multiverse) -> list[str]:
    """Return how the numbers were had, and what the counts are not."""
    base = part.baseline
    sign = f"variant minus {base}" if part.higher_is_better else f"{base} minus variant"
    direction = "higher" if part.higher_is_better else "lower"
    unit = f", {part.unit}" if part.unit else ""
    grid = "; ".join(f"`{path}`: {', '.join(values)}" for path, values in part.axes.items())
    facts = [
        f"grid: {grid}",
        "counts describe, and are no test: all settings share seeds and data, so that their verdicts are not "
        "independent of one another, and nothing is adjusted for their number",
        f"score: {part.metric}{unit} ({direction} is better), margin {setting(part.margin)}; difference: {sign}, "
        "positive where the variant is better; intervals hold for the contrasts of one setting at once",
        f"{plural(part.seeds, 'paired seed')} in each setting, {part.runs} runs, on {part.device}, engine "
        f"{listed(part.engines)}; everything else as at the budget `{part.budget}`",
    ]
    if any("x" in value for values in part.axes.values() for value in values):
        facts.append("x0.1 and the like multiply what each variant declares itself")
    facts += [
        f"`{path}` has the same value for all variants, which declare their own: {declared}"
        for path, declared in part.unlike.items()
        if not any(value.startswith("x") for value in part.axes[path])
    ]
    return facts

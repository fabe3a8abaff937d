"""Page of the variance by source: what the spread over seeds comes from, and what would make it smaller."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paribus.analysis.variance import Spread, VarianceBySource
from paribus.report.figures import learning_curves
from paribus.report.figures.variance import parts_figure
from paribus.report.folder import writing_into
from paribus.report.formatting import NOTHING, bullets, listed, number, plural, setting, slug
from paribus.report.page_file import write_page
from paribus.report.tables import Line, markdown
from paribus.stats import Component, Limits

if TYPE_CHECKING:
    from pandas import DataFrame

ENDING = "-variance.json"
WHAT = {
    "data": "which data are generated",
    "split": "which samples are in the split",
    "init": "the initial weights",
    "order": "the order in which samples are seen",
    "noise": "the noise of training (dropout, augmentation)",
    "search": "the settings that the search tries",
}
MOST, LIKELY = 0.5, 0.25
"""Share from which a source is most of a spread, and lower limit of it from which that may be said."""
MORE = 4
"""Factor by which sentences enlarge a test part or repeat a source."""
TOGETHER = 1.4
"""Factor by which sources one by one give more than all at once, from which they are said to act together."""
EQUAL = 0.8
"""Share of a part from which another accounts for nearly all of it."""
INTRODUCTION = (
    "Seeds differ in several things at once: the samples of the split, the initial weights, the order of samples. Here "
    "one of them is drawn anew while the others stand, so that the part of each in the spread can be told. Differences "
    "are those of paired runs, which share all of these: their spread is what seeds are spent on."
)


@dataclass(frozen=True)
class VarianceReport:
    """Variance by source of the comparisons of a suite: sentences when printed, and a page.

    Attributes:
        title: of the suite.
        parts: one for each comparison and arm.
    """

    title: str
    parts: tuple[VarianceBySource, ...]

    def __str__(self) -> str:
        return "\n".join(text for part in self.parts for text in (heading(part), *sentences(part)))

    __repr__ = __str__

    def to_frame(self) -> DataFrame:
        """Return one row for each source of each number: its standard deviation and share, with their limits."""
        import pandas

        return pandas.DataFrame(
            [
                {
                    "comparison": part.comparison,
                    "arm": part.arm,
                    "of": spread.name,
                    "source": source,
                    **_limits("sd", found.deviation),
                    **_limits("share", found.share),
                }
                for part in self.parts
                for spread in part.spreads
                for source, found in spread.components.items()
            ]
        )

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


def _limits(name: str, limits: Limits) -> dict[str, float]:
    return {name: limits.value, f"{name}_low": limits.low, f"{name}_high": limits.high}


def write_again(file: Path, out: Path) -> Path:
    """Write the page and its figures from the numbers that `VarianceReport.report` left; return the page's path."""
    kept = json.loads(file.read_text(encoding="utf-8"))
    parts = tuple(VarianceBySource.model_validate(part) for part in kept["parts"])
    out.mkdir(parents=True, exist_ok=True)
    several = len({part.comparison for part in parts}) > 1
    figures = {}
    for i, part in enumerate(parts):
        names = [part.suite, slug(part.comparison) if several else "", part.arm]
        stem = "-".join(name for name in names if name and name != "default")
        if part.spreads:
            figures[i] = learning_curves.save(parts_figure(part), out / f"{stem}-variance.png").name
    made = out / file.name.replace(".json", ".md")
    write_page(made, page(kept["title"], parts, figures))
    return made


def page(title: str, parts: Sequence[VarianceBySource], figures: Mapping[int, str]) -> str:
    """Return the whole page.

    Args:
        title: of the suite.
        parts: of its comparisons and arms.
        figures: file names, by the place of what they show.
    """
    blocks = [f"# {title}: variance by source", INTRODUCTION]
    for i, part in enumerate(parts):
        blocks += [f"## {heading(part)}", bullets(sentences(part))]
        if part.spreads:
            blocks += [f"![Share of each source]({figures[i]})"]
            blocks += ["Share of each source in the variance, with 95 % limits:"]
            blocks += [markdown(_shares(part)), f"Standard deviation{_in_unit(part)}:"]
            blocks += [markdown(_deviations(part))]
        blocks += [bullets(_facts(part))]
    blocks += ["## How to read it", bullets(READING)]
    return "\n\n".join(blocks) + "\n"


READING = (
    "A share is of the sum of all sources' variances, each measured while the others stand. Where sources act "
    "together, such as a split that suits only some initial weights, what they do together counts in each, and the "
    "sources one by one add up to more than all at once.",
    "Limits are wide at ten draws; with `--draws 30` they are narrower by two fifths. They rest on leaving out "
    "each draw in turn.",
    "`test part alone` is the spread that the number of test samples leaves where one network is tested on other "
    "samples of the same kind. It is estimated apart, from the samples of each test part, so that it can be "
    "larger than what was measured of the split or the data; seeds that share a test part do not show it.",
    "Fixing a source makes differences easier to see and answers narrower: they then hold for that one split, or for "
    "those initial weights.",
)


def heading(part: VarianceBySource) -> str:
    """Return what the parts are of."""
    arm = ", tuned" if part.arm == "tuned" else ""
    return f"{part.comparison}{arm} on {part.device}: where does the spread of {part.metric} come from?"


def sentences(part: VarianceBySource) -> list[str]:
    """Return a sentence or two for each number."""
    said = [_sentence(spread, part) for spread in part.spreads]
    return said + [f"{name}: nothing is told, because {why}." for name, why in part.without.items()]


def _sentence(spread: Spread, part: VarianceBySource) -> str:
    """Tell what most of a spread comes from, and what would make it smaller."""
    start = f"**{spread.name}**, standard deviation {number(spread.deviation, 2)}"
    if not any(found.deviation.value for found in spread.components.values()):
        return f"{start}: no source changes it."
    ranked = sorted(spread.components.items(), key=lambda item: -item[1].share.value)
    source, found = ranked[0]
    if found.share.value >= MOST and found.share.low >= LIKELY:
        text = f"most of the spread comes from {WHAT[source]} ({_share(found.share)})."
        return " ".join([f"{start}: {text}", *_remedy(spread, source, found, part)])
    shown = listed(f"{WHAT[s]} ({_share(each.share)})" for s, each in ranked)
    together = (
        f" One by one they add up to {number(added(spread), 2)}: they act together."
        if added(spread) > TOGETHER * spread.deviation
        else ""
    )
    return f"{start}: no source stands out at {plural(part.draws, 'draw')}: {shown}.{together}"


def _remedy(spread: Spread, source: str, found: Component, part: VarianceBySource) -> list[str]:
    """Return what fixing, repeating or enlarging the largest source would do."""
    share = found.share.value
    if source not in ("split", "data"):
        return [
            "Averaging over four draws of it for each seed would leave about "
            f"{_percent((1 - share + share / MORE) ** 0.5)} of the standard deviation."
        ]
    what = "the split" if source == "split" else "the data"
    texts = [
        f"Fixing {what} would leave about {_percent(1 - share)} of the variance, and an answer for that one alone."
    ]
    if spread.test is None or not part.test_drawn:
        return texts
    of_it = min(1.0, (spread.test / found.deviation.value) ** 2)
    size = f"a test part of {part.test_samples} samples"
    much = "Nearly all" if of_it > EQUAL else f"About {_percent(of_it)}"
    left = (1 - share * of_it * (1 - 1 / MORE)) ** 0.5
    return [
        *texts,
        f"{much} of that part is the sampling error of {size}: four times as many would leave about {_percent(left)} "
        "of the standard deviation.",
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _share(limits: Limits) -> str:
    if not limits.high:
        return "0 %"  # no draw changed anything, which has no limits
    return f"{_percent(limits.value)} [{100 * limits.low:.0f}, {100 * limits.high:.0f}]"


def _in_unit(part: VarianceBySource) -> str:
    return f", in {part.unit}" if part.unit else ""


def _shares(part: VarianceBySource) -> list[Line]:
    return [
        {
            "source": WHAT[source],
            **{s.name: _share(s.components[source].share) for s in part.spreads},
        }
        for source in part.sources
    ]


def _deviations(part: VarianceBySource) -> list[Line]:
    """Return the standard deviation of each source with its limits, of all at once, and of the test part alone."""
    lines: list[Line] = [
        {"source": WHAT[s], **{x.name: _deviation(x.components[s].deviation) for x in part.spreads}}
        for s in part.sources
    ]
    lines.append(
        {
            "source": "these one by one, added up",
            **{x.name: number(added(x), 2) for x in part.spreads},
        }
    )
    lines.append(
        {"source": "all at once", **{x.name: number(x.deviation, 2) for x in part.spreads}}
    )
    if any(x.test is not None for x in part.spreads):
        tests = {x.name: NOTHING if x.test is None else number(x.test, 2) for x in part.spreads}
        lines.append({"source": "test part alone", **tests})
    return lines


def added(spread: Spread) -> float:
    """Return the standard deviation that the sources' variances add up to."""
    return float(sum(found.deviation.value**2 for found in spread.components.values()) ** 0.5)


def _deviation(limits: Limits) -> str:
    if not limits.high:
        return "0"
    return f"{number(limits.value, 2)} [{number(limits.low, 2)}, {number(limits.high, 2)}]"


def _facts(part: VarianceBySource) -> list[str]:
    """Return how the numbers were had."""
    sign = f"variant minus {part.baseline}"
    if not part.higher_is_better:
        sign = f"{part.baseline} minus variant"
    direction = "higher" if part.higher_is_better else "lower"
    facts = [
        f"score: {part.metric}{_in_unit(part)} ({direction} is better), margin {setting(part.margin)}; differences are "
        f"{sign}, positive where the variant is better",
        f"{plural(part.draws, 'draw')} of each source, {plural(2 * part.draws, 'run')} a variant in which all vary, "
        f"{part.runs} runs in all; budget `{part.budget}`, {plural(part.steps, 'step')}, engine {listed(part.engines)}",
    ]
    idle = [
        WHAT[source] for source in ("split", "init", "order", "noise") if source not in part.sources
    ]
    if idle:
        facts.append(f"draws nothing here: {listed(idle)}")
    if part.test_samples and not part.test_drawn:
        facts.append(
            f"the test part is the same for every seed ({part.test_samples} samples): what another one would have "
            "scored is in none of these spreads"
        )
    failed = [f"{s.name}: {s.failed}" for s in part.spreads if s.failed]
    if failed:
        facts.append(f"runs that diverged, which count as the failure score: {'; '.join(failed)}")
    return facts

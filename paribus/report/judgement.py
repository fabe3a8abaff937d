"""Verdicts on scores that exist already: a table when printed, a contrast by the name of its variant, a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from paribus import stats
from paribus.analysis.score_sheet import ScoreSheet, as_name, score_sheet
from paribus.analysis.verdict import Contrast, decide
from paribus.errors import ParibusError
from paribus.report import method
from paribus.report.answers import in_order_of_verdicts
from paribus.report.figures import learning_curves
from paribus.report.figures.contrasts import forest
from paribus.report.folder import writing_into
from paribus.report.formatting import (
    NOTHING,
    listed,
    moments,
    number,
    percent,
    plural,
    plus_minus,
    shared_decimals,
    skewed_median,
)
from paribus.report.margins import curve_text
from paribus.report.page_file import write_page
from paribus.report.tables import (
    Line,
    contrast_cells,
    contrast_numbers,
    difference_places,
    frame,
    markdown,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

PAGE = "judgement.md"
FIGURE = "contrasts.png"


@dataclass(frozen=True)
class Judgement:
    """Variants held against a baseline on the same seeds.

    Attributes:
        sheet: the scores.
        contrasts: each variant against the baseline, by variant.
        higher_is_better: direction of the score.
        margin: largest difference that does not matter, or None.
        name: of the score.
    """

    sheet: ScoreSheet
    contrasts: dict[str, Contrast]
    higher_is_better: bool
    margin: float | None
    name: str

    def __getitem__(self, variant: Any) -> Contrast:
        """Return the contrast of a variant with the baseline."""
        name = as_name(variant)
        if name not in self.contrasts:
            raise ParibusError(
                "a variant of the judgement",
                got=repr(variant),
                expected=f"one of {', '.join(self.contrasts)}",
                fix="Name a variant that is held against the baseline.",
            )
        return self.contrasts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.contrasts)

    def __len__(self) -> int:
        return len(self.contrasts)

    def __str__(self) -> str:
        table = frame(self.lines()).to_markdown(
            index=False, tablefmt="simple", disable_numparse=True
        )
        return f"{self._head()}\n{table}\n{self._foot()}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        table: str = frame(self.lines()).to_html(index=False, border=0)
        return f"<p>{escape(self._head())}</p>{table}<p>{escape(self._foot())}</p>"

    def lines(self) -> list[Line]:
        """Return a line for each variant, the baseline first."""
        table = {
            name: np.asarray(values, dtype=float) for name, values in self.sheet.scores.items()
        }
        places = shared_decimals(map(moments, table.values()))
        of_differences = difference_places(self.contrasts.values())
        base = float(table[self.sheet.baseline].mean())
        return [
            {
                "variant": variant,
                self.name: plus_minus(scores, places)
                if scores.size > 1
                else number(float(scores[0])),
                "median": skewed_median(scores, places) or NOTHING,
                **contrast_cells(self.contrasts.get(variant), base, of_differences),
                "at other margins": curve_text(contrast.margin_curve)
                if (contrast := self.contrasts.get(variant))
                else NOTHING,
            }
            for variant, scores in table.items()
        ]

    def to_frame(self) -> DataFrame:
        """Return one row a variant: its mean score and, against the baseline, the difference and verdict in numbers."""
        import pandas

        rows = []
        for variant, values in self.sheet.scores.items():
            row: dict[str, object] = {"variant": variant, self.name: float(np.mean(values))}
            if contrast := self.contrasts.get(variant):
                row |= contrast_numbers(contrast)
            rows.append(row)
        return pandas.DataFrame(rows)

    def report(self, folder: str | Path) -> Path:
        """Write the page and the explanation of the method into a folder; return the path of the page.

        Raises:
            ParibusError: the folder cannot be made or written.
        """
        with writing_into(folder) as path:
            path.mkdir(parents=True, exist_ok=True)
            (path / method.PAGE).write_text(method.text(), encoding="utf-8")
            write_page(path / PAGE, self.page())
            learning_curves.save(self.plot(), path / FIGURE)
            return path / PAGE

    def plot(self) -> Figure:
        """Draw each variant's difference from the baseline with its verdict."""
        judged = {name: (contrast, contrast.label) for name, contrast in self.contrasts.items()}
        return forest(judged, self._head(), f"difference in {self.name}: {self._difference()}")

    def page(self) -> str:
        """Return the page: table, and the facts that the verdicts rest on."""
        family = len(self.contrasts)
        facts = [
            f"- {method.link('pairs', 'pairs')}: {self._seeds()}, the same for every variant; that they share split, "
            "order of samples and initial weights is not known here",
            f"- {method.link('test', 'tests')}: sign-flip permutation, Holm-adjusted over "
            f"{plural(family, 'contrast')} with {self.sheet.baseline}; smallest number of seeds for a verdict: "
            f"{stats.min_seeds(family)}",
            f"- {method.link('equivalence margin', 'equivalence')}: {self._margin()}",
        ]
        parts = [f"# {self.name}", f"**{self._head()}** {self.answer}"]
        parts += [markdown(self.lines()), self._foot(), f"![Contrasts]({FIGURE})"]
        parts += ["\n".join(facts)]
        return "\n\n".join(parts) + "\n"

    @property
    def answer(self) -> str:
        """Verdicts in a sentence, the clear before the open."""
        ordered = sorted(self.contrasts.values(), key=lambda c: (*in_order_of_verdicts(c), c.label))
        groups = groupby(ordered, key=lambda contrast: contrast.label)
        return (
            "; ".join(f"{label}: {listed(c.variant for c in found)}" for label, found in groups)
            + "."
        )

    def _head(self) -> str:
        return f"{self.name}, {self._seeds()}: which variant differs from {self.sheet.baseline}?"

    def _seeds(self) -> str:
        return plural(len(self.sheet.seeds), "seed")

    def _foot(self) -> str:
        better = "higher" if self.higher_is_better else "lower"
        return f"{self.name} ({better} is better); difference: {self._difference()}, positive is better"

    def _difference(self) -> str:
        base = self.sheet.baseline
        return f"variant minus {base}" if self.higher_is_better else f"{base} minus variant"

    def _margin(self) -> str:
        if self.margin is not None:
            return f"±{self.margin:g}, as given; it is {self._share()}"
        return "none, so that nothing is called equivalent, clearly or slightly better"

    def _share(self) -> str:
        """Tell the margin as a share of the baseline's mean score, where that is above zero."""
        base = float(np.mean(self.sheet.scores[self.sheet.baseline]))
        if self.margin is None or not base > 0:
            return "no share of the baseline's score, which is not above zero"
        return f"{percent(self.margin / base)} of {self.sheet.baseline}'s score"


def judge(
    scores: DataFrame,
    baseline: Any,
    *,
    higher_is_better: bool = True,
    margin: float | None = None,
    variant: str = "variant",
    seed: str = "seed",
    score: str = "score",
) -> Judgement:
    """Say which variants differ from a baseline, from scores that exist already.

    Args:
        scores: a row for each variant and seed.
        baseline: the variant that the others are compared with.
        higher_is_better: direction of the score.
        margin: largest difference that does not matter, in units of the score.
        variant: the column of the variants' names.
        seed: the column of what pairs scores: seeds, folds, subjects or data sets.
        score: the column of the scores.

    Raises:
        ParibusError: the table does not hold one finite score for each variant and seed, or there is no such baseline.

    >>> import pandas as pd
    >>> names = ["old"] * 6 + ["new"] * 6
    >>> table = pd.DataFrame({"variant": names, "seed": [*range(6)] * 2})
    >>> table["score"] = [0.70, 0.72, 0.69, 0.71, 0.73, 0.70, 0.80, 0.81, 0.78, 0.83, 0.82, 0.79]
    >>> judge(table, "old", margin=0.01)["new"].label
    'clearly better (fragile)'
    """
    sheet = score_sheet(scores, baseline, variant=variant, seed=seed, score=score)
    return judged(sheet, higher_is_better=higher_is_better, margin=margin, name=score)


def judged(
    sheet: ScoreSheet, *, higher_is_better: bool, margin: float | None, name: str
) -> Judgement:
    """Return the verdicts on a sheet of scores."""
    contrasts = decide(
        sheet.scores,
        baseline=sheet.baseline,
        higher_is_better=higher_is_better,
        margin=margin,
        failure_score=0.0,  # no score is missing
        metric=name,
    )
    by_variant = {contrast.variant: contrast for contrast in contrasts}
    return Judgement(sheet, by_variant, higher_is_better, margin, name)

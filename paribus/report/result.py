"""Result of a comparison as a person has it in Python: printed, shown in a notebook, or taken apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from paribus.analysis.verdict import Contrast
from paribus.errors import ParibusError, one_of
from paribus.report import terminal, what_was_read, write
from paribus.report.figures import contrasts, learning_curves
from paribus.report.folder import writing_into
from paribus.report.tables import by_comparison, contrast_numbers, verdict_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from paribus.analysis import results as analysis

PLOTS = {"contrasts": contrasts.picture, "curves": learning_curves.curves}


class Result:
    """Results of a comparison: a table of verdicts when printed, a contrast by the name of its variant.

    Iteration is over the variants that are held against the baseline.

    Attributes:
        results: one an arm of each comparison, as pages are made of them.
    """

    def __init__(self, results: Sequence[analysis.Result], session: object) -> None:
        self.results = tuple(results)
        # Runs are removed with the session; figures and pages still read some.
        self._session = session

    @property
    def contrasts(self) -> dict[str, Contrast]:
        """Each variant against the baseline, at the settings that it was given."""
        result = self._single()
        return dict(result.contrasts)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes that a reader should know of the comparisons."""
        return tuple(dict.fromkeys(n for r in self.results for n in r.comparison.notes))

    @property
    def read(self) -> str:
        """What was read of your own data: what each column became and why, and the parts of the split of seed 0."""
        summaries = {s.key: s for result in self.results for s in result.read}
        return "\n\n".join(what_was_read.text(summary) for summary in summaries.values())

    def _single(self) -> analysis.Result:
        names = list(dict.fromkeys(result.comparison.name for result in self.results))
        if len(names) > 1:
            raise ParibusError(
                "a result of several comparisons",
                got="no choice of one",
                expected=f"one of {', '.join(names)}",
                fix=f"Take result[{names[0]!r}] first.",
            )
        return self.results[0]

    def __getitem__(self, name: str) -> Any:
        """Return the contrast of a variant with the baseline; of several comparisons, the result of that name."""
        several = {r.comparison.name for r in self.results}
        if len(several) > 1 and name in several:
            return Result([r for r in self.results if r.comparison.name == name], self._session)
        result = self._single()
        if name not in result.contrasts:
            broken = result.control.broken
            if broken:
                raise ParibusError(
                    f"the verdict of {name!r}",
                    got=f"none, because control broke: {broken[0]}",
                    expected="variants that share what does not vary",
                    fix="Mend that; print the result for the whole list.",
                )
            raise ParibusError(
                "a variant of the result",
                got=f"{name!r}, the baseline"
                if name == result.baseline.variant.name
                else repr(name),
                expected=f"one of {', '.join(result.contrasts)}",
                fix="Name a variant that is held against the baseline.",
            )
        return result.contrasts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.contrasts)

    def __len__(self) -> int:
        return len(self.contrasts)

    def __str__(self) -> str:
        notes = [f"Note: {note}" for note in self.notes]
        return "\n".join([terminal(self.results), *notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = []
        for arms in by_comparison(self.results):
            head = f"{arms[0].comparison.question} ({len(arms[0].seeds)} seeds)"
            parts += [f"<p>{escape(head)}</p>", verdict_table(*arms).to_html(index=False, border=0)]
        return "\n".join([*parts, *(f"<p>{escape(note)}</p>" for note in self.notes)])

    def to_frame(self) -> DataFrame:
        """Return one row a variant: its mean score over seeds and, against the baseline, the difference and verdict.

        Differences are positive where the variant is better; ``low`` and ``high`` are the ends of their interval.
        """
        import pandas as pd

        return pd.DataFrame([_line(result, row) for result in self.results for row in result.rows])

    def plot(self, what: Literal["contrasts", "curves"] = "contrasts") -> Figure | None:
        """Draw each variant's difference from the baseline with its verdict, or learning curves.

        Args:
            what: ``"contrasts"``, or ``"curves"``: the validation score over steps. None where there is nothing to
                draw: contrasts are withheld where control broke, and a single step is no curve.

        Raises:
            ParibusError: there is no such figure.
        """
        one_of("what=", what, PLOTS, fix="Name one of these, or write all figures with report().")
        return PLOTS[what](self._single())

    def report(self, folder: str | Path) -> Path:
        """Write the pages, figures and tables into a folder; return the path of the index.

        Raises:
            ParibusError: the folder cannot be made or written.
        """
        with writing_into(folder) as path:
            return write(self.results, path)[0]


def _line(result: analysis.Result, row: analysis.Row) -> dict[str, Any]:
    contrast = result.contrasts.get(row.variant.name)
    found: dict[str, Any] = {
        "comparison": result.comparison.name,
        "arm": result.arm,
        "variant": row.variant.name,
        result.comparison.primary.name: float(row.scores.mean()) if len(row.scores) else None,
        "seeds": len(row.present),
        "failed": len(row.present) - row.count("completed"),
    }
    if missing := len(row.undefined()):
        found["undefined"] = missing
    if contrast is not None:
        found |= contrast_numbers(contrast)
    return found

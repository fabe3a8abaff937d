"""Pages of variance by source and of multiverses: what their sentences say, of numbers written by hand."""

from __future__ import annotations

from math import nan
from typing import Any

import pytest

from paribus.analysis.multiverse import Multiverse, Verdict
from paribus.analysis.variance import Spread, VarianceBySource
from paribus.report import multiverse, variance
from paribus.report.figures.specification import specification_curve
from paribus.report.figures.variance import parts_figure
from paribus.stats import Component, Limits

ABOUT: dict[str, Any] = {
    "suite": "hand",
    "comparison": "hand",
    "question": "Which is best?",
    "device": "cpu",
    "budget": "quick",
    "metric": "log_loss",
    "unit": "nats",
    "higher_is_better": False,
    "margin": 0.02,
    "baseline": "sgd",
    "engines": ("stacked",),
}


def component(variance: float, whole: float, low: float, high: float) -> Component:
    deviation = variance**0.5
    limits = Limits(deviation, deviation / 2, 2 * deviation)
    return Component(limits, Limits(variance / whole, low, high))


def spread(split: float, init: float, low: float = 0.3, **changes: Any) -> Spread:
    """Return a spread of two sources of these variances, in thousandths."""
    whole = split + init
    parts = {
        "split": component(split / 1000, whole / 1000, low, 0.95),
        "init": component(init / 1000, whole / 1000, low, 0.6),
    }
    fields: dict[str, Any] = {
        "name": "adam against sgd",
        "variant": "adam",
        "difference": True,
        "mean": 0.1,
        "deviation": 0.1,
        "components": parts,
        "test": None,
        "failed": 0,
    }
    return Spread(**(fields | changes))


def parts(*spreads: Spread, **changes: Any) -> VarianceBySource:
    fields = {
        "arm": "default",
        "steps": 100,
        "draws": 10,
        "runs": 80,
        "sources": ("split", "init"),
        "test_samples": 100,
        "test_drawn": True,
        "spreads": spreads,
        "without": {},
    }
    return VarianceBySource(**(ABOUT | fields | changes))


FIXED = (
    "most of the spread comes from which samples are in the split (80 % [30, 95]). Fixing the split would leave about "
    "20 % of the variance, and an answer for that one alone."
)
START = "**adam against sgd**, standard deviation 0.10: "


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            spread(8, 2),
            FIXED,
        ),
        # Half of the split's variance of .008 is that of the test part: a quarter of .004 stays, .007 of .010.
        (
            spread(8, 2, test=0.004**0.5),
            FIXED
            + " About 50 % of that part is the sampling error of a test part of 100 samples: four times as many would "
            "leave about 84 % of the standard deviation.",
        ),
        # More than all of it cannot be: .008 falls to .002, and .004 of .010 is left.
        (
            spread(8, 2, test=0.009**0.5),
            FIXED
            + " Nearly all of that part is the sampling error of a test part of 100 samples: four times as many would "
            "leave about 63 % of the standard deviation.",
        ),
        # Of .006 a quarter stays: .0055 of .010.
        (
            spread(4, 6),
            "most of the spread comes from the initial weights (60 % [30, 60]). Averaging over four draws of it for "
            "each seed would leave about 74 % of the standard deviation.",
        ),
        (
            spread(6, 4, low=0.1),
            "no source stands out at 10 draws: which samples are in the split (60 % [10, 95]) and the initial weights "
            "(40 % [10, 60]).",
        ),
        (
            spread(12, 8, low=0.1),
            "no source stands out at 10 draws: which samples are in the split (60 % [10, 95]) and the initial weights "
            "(40 % [10, 60]). One by one they add up to 0.14: they act together.",
        ),
    ],
)
def test_a_sentence_names_the_largest_source_and_what_would_help(found: Spread, told: str) -> None:
    assert variance.sentences(parts(found)) == [START + told]


def test_where_nothing_varies_a_sentence_says_so_and_a_variant_without_scores_has_a_reason() -> (
    None
):
    nothing = Component(Limits(0, 0, 0), Limits(0, 0, 0))
    same = spread(1, 1, deviation=0.0, components={"split": nothing, "init": nothing})
    assert variance.sentences(parts(same, without={"gru": "every run diverged"})) == [
        "**adam against sgd**, standard deviation 0: no source changes it.",
        "gru: nothing is told, because every run diverged.",
    ]


def test_a_page_tells_what_no_spread_shows() -> None:
    page = variance.page("Hand", [parts(spread(8, 2, failed=3), test_drawn=False)], {0: "a.png"})
    assert "the test part is the same for every seed (100 samples)" in page
    assert (
        "draws nothing here: the order in which samples are seen and the noise of training" in page
    )
    assert "which count as the failure score: adam against sgd: 3" in page
    assert "`test part alone`" in page
    assert "can be larger than what was measured of the split" in page
    assert "It is part of" not in page
    rows = [" ".join(line.split()) for line in page.splitlines()]
    assert "| these one by one, added up | 0.10 |" in rows
    assert "| all at once | 0.10 |" in rows


def test_a_figure_has_a_panel_for_each_number_and_a_bar_for_each_source() -> None:
    figure = parts_figure(parts(spread(8, 2), spread(1, 1, name="sgd")))
    assert [axes.get_title() for axes in figure.axes] == [
        "adam against sgd (sd 0.1)",
        "sgd (sd 0.1)",
    ]
    assert [bar.get_width() for bar in figure.axes[0].patches] == pytest.approx([80, 20])


# Multiverse


def verdict(values: tuple[int, int], label: str, mean: float = 0.1) -> Verdict:
    outcome = next((w for w in ("better", "worse", "equivalent") if w in label), "undecided")
    low, high = (mean - 0.05, mean + 0.05)
    return Verdict(values=values, label=label, outcome=outcome, mean=mean, low=low, high=high)


def grid(*labels: str, means: tuple[float, ...] = (0.1,) * 4) -> Multiverse:
    """Return a grid of two rates and two numbers of steps with these verdicts."""
    places = [(0, 0), (0, 1), (1, 0), (1, 1)]
    verdicts = tuple(verdict(p, x, m) for p, x, m in zip(places, labels, means, strict=True))
    axes = {"recipe.optimizer.lr": ("x1", "x10"), "recipe.steps": ("100", "4000")}
    return Multiverse(
        **ABOUT, axes=axes, unlike={}, seeds=10, runs=80, contrasts={"adam": verdicts}
    )


def test_verdicts_are_counted_and_the_choice_that_they_depend_on_is_named() -> None:
    made = grid(
        "clearly better",
        "worse (fragile)",
        "slightly better",
        "clearly worse",
        means=(0.3, -0.1, 0.01, -0.2),
    )
    assert multiverse.sentences(made) == [
        "**adam beats sgd in 2 of 4 settings, loses in 2** (1 fragile); difference from -0.20 to 0.30, median -0.045. "
        "It depends most on `steps`: at 100 it beats in 2 and loses in 0 of 2, at 4000 it beats in 0 and loses in 2 of "
        "2."
    ]


def test_what_all_settings_of_the_rarer_direction_share_is_told() -> None:
    (told,) = multiverse.sentences(grid("better", "worse", "better", "undecided"))
    assert told.endswith(" It loses only at lr x1 and steps 4000.")
    (told,) = multiverse.sentences(grid("worse", "better", "worse", "better (fragile)"))
    assert "only" not in told
    (told,) = multiverse.sentences(grid("worse", "worse", "worse", "better (fragile)"))
    assert told.endswith(" It beats sgd only at lr x10 and steps 4000.")


def test_a_verdict_that_holds_throughout_depends_on_nothing() -> None:
    made = grid("better", "clearly better", "better", "clearly better")
    assert multiverse.sentences(made) == [
        "**adam beats sgd in 4 of 4 settings, loses in 0**; difference from 0.10 to 0.10, median 0.10."
    ]


def test_equivalence_floors_and_missing_results_are_counted_apart() -> None:
    made = grid(
        "equivalent", "undecided (floor)", "undecided", "no result", means=(0.0, 0.0, 0.1, nan)
    )
    (told,) = multiverse.sentences(made)
    assert told.startswith(
        "**adam beats sgd in 0 of 4 settings, loses in 0, equivalent in 1, undecided in 3** (1 at the floor); "
        "difference from 0 to 0.10, median 0."
    )


def test_the_page_counts_by_value_and_says_that_counts_are_no_test() -> None:
    page = multiverse.page("Hand", [grid("better", "worse", "better", "undecided")], {})
    rows = [" ".join(line.split()) for line in page.splitlines()]
    for row in (
        "| lr x1 | 1 better, 1 worse |",
        "| steps 4000 | 1 undecided, 1 worse |",
        "| all | 2 better, 1 undecided, 1 worse |",
        "| x10 | 4000 | 0.10, undecided |",
    ):
        assert row in rows
    assert "counts describe, and are no test: all settings share seeds and data" in page
    assert "x0.1 and the like multiply what each variant declares itself" in page


def test_the_page_of_a_multiverse_begins_with_every_answer() -> None:
    two = grid("better", "better", "better", "better").model_copy(update={"comparison": "two"})
    page = multiverse.page("Hand", [grid("worse", "worse", "better", "undecided"), two], {})
    blocks = page.split("\n\n")
    assert blocks[:2] == [
        "# Hand: multiverse",
        "**In how many settings does each variant of hand beat sgd?**",
    ]
    assert blocks[2].startswith(
        "- **adam beats sgd in 1 of 4 settings, loses in 2, undecided in 1**"
    )
    assert blocks[3] == "**In how many settings does each variant of two beat sgd?**"
    assert blocks[4].startswith("- **adam beats sgd in 4 of 4 settings")
    assert blocks[5] == multiverse.INTRODUCTION
    assert blocks[6] == "## hand"
    assert "## two" in blocks
    assert page.count("beats sgd in 4 of 4") == 1


def test_a_curve_is_sorted_and_coloured_by_verdict_with_a_dot_for_each_choice() -> None:
    made = grid("better", "worse", "equivalent", "undecided", means=(0.3, -0.1, 0.0, 0.1))
    figure = specification_curve(made, "adam")
    assert figure is not None
    top, bottom = figure.axes
    points = {
        line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in top.lines
    }
    assert points["better (1)"] == ([3], [0.3])
    assert points["worse (1)"] == ([0], [-0.1])
    assert [label.get_text() for label in bottom.get_yticklabels()] == [
        "lr x1",
        "lr x10",
        "steps 100",
        "steps 4000",
    ]
    first = [line.get_ydata()[0] for line in bottom.lines if line.get_xdata()[0] == 0]
    assert first == pytest.approx([bottom.get_yticks()[0], bottom.get_yticks()[3]])


def test_no_curve_is_drawn_without_results() -> None:
    made = grid(*["no result"] * 4, means=(nan,) * 4)
    assert specification_curve(made, "adam") is None
    assert "difference from" not in multiverse.sentences(made)[0]

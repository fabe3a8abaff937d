"""Figure of contrasts: a row each with interval, verdict and seeds; an axis that a few would stretch is cut."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from paribus import Factor
from paribus.analysis.verdict import Contrast, decide
from paribus.report.figures.contrasts import forest, picture
from tests.helpers.handmade import FAILED, Bench, around, comparison, filled

CROSSED = {
    "factors": (
        Factor("recipe.optimizer.lr", {"low": 0.1, "high": 0.3}),
        Factor("recipe.batch_size", {"8": 8, "4": 4}),
    ),
    "baseline": ("low", "8"),
    "interaction_scale": "score",
}
SPREAD = np.linspace(-0.01, 0.01, 10)


def judged(margin: float | None = 0.05, **means: float) -> list[Contrast]:
    base = np.full(10, 1.0)
    scores = {"base": base, **{name: base + mean + SPREAD for name, mean in means.items()}}
    rule: dict[str, Any] = {"higher_is_better": True, "failure_score": 0.0, "baseline": "base"}
    return list(decide(scores, margin=margin, **rule))


def drawn(contrasts: list[Contrast]) -> Any:
    figure = forest({c.variant: (c, c.label) for c in contrasts}, "title", "difference")
    (axes,) = figure.axes
    figure.draw_without_rendering()
    return figure, axes


def test_each_contrast_has_a_row_with_its_verdict_and_interval() -> None:
    contrasts = judged(up=0.2, same=0.0, down=-0.1)
    _, axes = drawn(contrasts)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["up", "same", "down"]
    assert [text.get_text() for text in axes.texts] == [c.label for c in contrasts]
    lines = {tuple(np.round(line.get_xdata(), 9)) for line in axes.lines}
    for contrast in contrasts:
        ends = contrast.difference
        assert tuple(np.round((ends.low, ends.high), 9)) in lines


def test_the_interval_of_the_equivalence_test_stands_beside_it() -> None:
    up, same = judged(up=0.2, same=0.0)
    _, axes = drawn([up, same])
    thick = [line.get_xdata() for line in axes.lines if line.get_linewidth() == 5]
    assert same.tost is not None
    assert np.array(thick).tolist() == [[same.tost.low, same.tost.high]]


def test_seeds_are_dots_and_the_margin_a_band() -> None:
    (contrast,) = judged(up=0.2)
    figure, axes = drawn([contrast])
    dots = [line.get_xdata() for line in axes.lines if line.get_alpha() == 0.25]
    assert np.sort(dots[0]) == pytest.approx(np.sort(contrast.differences))
    (band,) = axes.patches
    assert (band.get_x(), band.get_width()) == pytest.approx((-0.05, 0.1))
    assert "grey: margin of ±0.05" in figure.texts[1].get_text()
    assert not drawn(judged(margin=None, up=0.2))[1].patches


def test_an_axis_that_one_contrast_would_stretch_is_cut() -> None:
    contrasts = judged(a=0.1, b=-0.1, c=0.2, far=-5000.0)
    figure, axes = drawn(contrasts)
    low, high = axes.get_xlim()
    assert -1 < low < -0.2 < 0.2 < high < 1
    assert "  −5000  " in [text.get_text() for text in axes.texts]
    assert "the axis is cut" in figure.texts[1].get_text()
    assert "cut" not in drawn(contrasts[:3])[0].texts[1].get_text()


def test_a_seed_far_from_all_others_is_told_and_not_drawn() -> None:
    base = np.full(10, 1.0)
    scores = {"base": base, "near": base + SPREAD, "far": base + np.array([*SPREAD[:9], 50.0])}
    rule: dict[str, Any] = {"higher_is_better": True, "failure_score": 0.0, "baseline": "base"}
    near, far = decide(scores, margin=0.05, **rule)
    key = drawn([near, far])[0].texts[1].get_text()
    assert "dots: seeds, some of which lie outside" in key.replace("\n", " ")
    assert drawn([near])[0].texts[1].get_text().endswith("dots: seeds")


def test_long_names_and_many_contrasts_stay_inside() -> None:
    """Every text lies within the figure, and no name touches the next one."""
    names = {f"variant number {i} of a rather long name that wraps": i / 10 for i in range(14)}
    figure, axes = drawn(judged(**names))
    boxes = [text.get_window_extent() for text in (*axes.get_yticklabels(), *axes.texts)]
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)
    labels = boxes[:14]
    assert all(a.y0 >= b.y1 for a, b in pairwise(labels))


def test_a_variant_that_never_finished_has_no_mean(store) -> None:
    bench = filled(store).put("adam", [FAILED] * 10)
    figure = picture(bench.result())
    assert figure is not None
    (axes,) = figure.axes
    assert " diverged 10 of 10" in [text.get_text() for text in axes.texts]
    assert len([line for line in axes.lines if line.get_marker() == "o"]) == 2  # of rmsprop alone


def test_an_interaction_is_negative_and_not_worse(store) -> None:
    bench = Bench(store, comparison(**CROSSED))
    for name, mean in (("low × 8", 0.6), ("high × 8", 0.4), ("low × 4", 0.4), ("high × 4", 0.5)):
        bench.put(name, around(mean))
    result = bench.result()
    figure = picture(result)
    assert figure is not None
    verdicts = [text.get_text() for text in figure.axes[0].texts]
    assert verdicts[:3] == [c.label for c in result.contrasts.values()]
    assert verdicts[3] == "clearly negative"


def test_a_result_without_contrasts_has_no_figure(store) -> None:
    assert picture(filled(store).result()) is not None
    broken = filled(store).perturb("adam", 4, hashes={"order": "x"}).result()
    assert picture(broken) is None


def test_a_sequence_has_means_and_seeds_and_no_interval(store) -> None:
    bench = Bench(store)
    for name, mean in (("sgd", 0.4), ("adam", 0.2), ("rmsprop", 0.3)):
        bench.put(name, [mean] * 10)
    figure = picture(bench.result(cap=10))
    assert figure is not None
    assert "interval" not in figure.texts[1].get_text()

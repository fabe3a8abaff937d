"""Margin curves: by hand, against the rule itself at many margins, and where there is none."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest

from paribus.analysis.verdict import Contrast, Decision, MarginCurve, Size, decide

BASE = np.full(10, 0.7)
NOISE = np.array([3.0, -2.0, 1.0, -3.0, 2.0, -1.0, 2.5, -2.5, 0.5, -0.5]) / 1000


def judge(*differences: Any, **rule: Any) -> tuple[Contrast, ...]:
    """Decide on variants that are the baseline plus these differences."""
    rows = {f"v{i}": BASE + np.asarray(d) for i, d in enumerate(differences)}
    given = {"higher_is_better": True, "margin": 0.01, "failure_score": 0.5, "baseline": "base"}
    return decide({"base": BASE, **rows}, **{**given, **rule})


def test_the_curve_by_hand() -> None:
    """Mean .05, standard error .0022/sqrt(10): t(.975, 9) = 2.262 below it for clear, t(.95, 9) = 1.833 above it."""
    (contrast,) = judge(NOISE + 0.05)
    error = NOISE.std(ddof=1) / sqrt(10)
    assert contrast.margin_curve is not None
    assert contrast.margin_curve.clear == pytest.approx(0.05 - 2.2621572 * error)
    assert contrast.margin_curve.within == pytest.approx(0.05 + 1.8331129 * error)
    assert contrast.margin_curve.clear == contrast.difference.low


def test_a_worse_variant_has_the_same_curve() -> None:
    up, down = (judge(sign * (NOISE + 0.05))[0].margin_curve for sign in (1, -1))
    assert up is not None
    assert down is not None
    assert (up.clear, up.within) == pytest.approx((down.clear, down.within))


def test_it_is_there_without_a_margin() -> None:
    """Whoever declares none can still read at which margin it would matter."""
    assert judge(NOISE + 0.05, margin=None)[0].margin_curve == judge(NOISE + 0.05)[0].margin_curve


def test_nothing_is_clear_where_the_interval_holds_zero() -> None:
    (contrast,) = judge(NOISE)
    assert contrast.margin_curve is not None
    assert contrast.margin_curve.clear is None
    assert contrast.margin_curve.within == pytest.approx(contrast.tost.high if contrast.tost else 0)


def test_nothing_is_within_where_a_run_failed() -> None:
    (contrast,) = judge(NOISE + 0.05 + np.array([0.0] * 9 + [np.nan]), margin=0.0001)
    assert contrast.margin_curve == MarginCurve(clear=None, within=None)


@pytest.mark.parametrize(
    ("differences", "rule"),
    [
        (np.zeros(10), {}),  # identical at every margin
        (NOISE + 0.05, {"family_size": 40}),  # ten seeds are too few at every margin
        (NOISE + 0.05, {"outcomes": {"base": ["exhausted"] * 10, "v0": ["completed"] * 10}}),
    ],
)
def test_there_is_none_where_no_margin_gives_a_verdict(differences: Any, rule: Any) -> None:
    assert judge(differences, **rule)[0].margin_curve is None


def test_there_is_none_on_another_scale_than_the_score() -> None:
    crossing = {"a : b": ("v2", "v0", "v1", "base")}
    found = judge(NOISE + 0.01, NOISE + 0.02, NOISE + 0.05, interactions=crossing, scale="log")
    assert [c.margin_curve is None for c in found] == [False, False, False, True]


def test_a_contrast_at_its_floor_has_one_below_it() -> None:
    """Both beat the dummy score of .72 by .03 at most: at larger margins nobody learned anything."""
    (contrast,) = judge(NOISE + 0.05, dummy=0.72, margin=0.2)
    assert contrast.label == "undecided (floor)"
    assert contrast.margin_curve is not None
    assert contrast.margin_curve.clear == pytest.approx(0.03)
    assert contrast.margin_curve.within is None


@pytest.mark.parametrize("seed", range(4))
def test_the_rule_turns_at_the_margins_of_the_curve(seed: int) -> None:
    """Three variants, floors and failures among them; the rule is asked at many margins, and close to both ends."""
    generator = np.random.default_rng(seed)
    means = generator.choice([0.0, 0.02, 0.05, -0.04], 3)
    rows = [mean + generator.normal(0, 0.01, 10) for mean in means]
    if seed % 2:
        rows[0][3] = np.nan
    dummy = 0.5 if seed < 2 else 0.66

    def at(margin: float) -> tuple[Contrast, ...]:
        return judge(*rows, margin=margin, dummy=dummy, family_size=4)

    for i, contrast in enumerate(at(0.01)):
        curve = contrast.margin_curve
        assert curve is not None
        limit = 1.0 if curve.within is None else curve.within
        grid = [*np.linspace(0.0005, 0.12, 25), *(_near(curve.clear)), *(_near(curve.within))]
        for margin in grid:
            found = at(margin)[i]
            beyond, within = found.size is Size.beyond, found.size is Size.within
            assert beyond == (curve.clear is not None and margin < curve.clear)
            if margin < limit or curve.within is None:
                assert not within
            elif margin == pytest.approx(limit, rel=1e-5):
                assert within
                assert found.decision is not Decision.undecided


def _near(margin: float | None) -> list[float]:
    return [] if margin is None else [margin * (1 - 1e-6), margin * (1 + 1e-6)]

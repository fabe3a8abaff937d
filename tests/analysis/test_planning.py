"""Plans of seeds: kept by the rule, in words, and from the runs that a folder lists."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import paribus as pb
from paribus.analysis.pilot import pilot_arms
from paribus.analysis.planning import Planned, fewest, plan_contrasts
from paribus.analysis.verdict import Contrast, decide
from paribus.report import runs_csv
from paribus.runs.store import Store
from tests.helpers.handmade import FAILED, Bench, around, filled
from tests.helpers.refusals import refused


def bell(n: int) -> np.ndarray:
    """Return quantiles of the normal distribution with a sample deviation of one."""
    x = norm.ppf((np.arange(n) + 0.5) / n)
    return x / x.std(ddof=1)


def contrasts(*differences: Any, margin: float | None = 1.0, **rule: Any) -> tuple[Contrast, ...]:
    """Return contrasts of variants `v0`, `v1`, ... with these differences from a baseline of zeros."""
    scores = {f"v{i}": np.asarray(d, dtype=float) for i, d in enumerate(differences)}
    base = {"base": np.zeros(len(differences[0]))}
    given = {"higher_is_better": True, "failure_score": -1.0, "baseline": "base", **rule}
    return decide(base | scores, margin=margin, **given)


def of(*differences: Any, effect: float | None = None, **rule: Any) -> list[Planned]:
    found = contrasts(*differences, **rule)
    return list(plan_contrasts(found, title="", effect=effect).contrasts)


def test_the_seeds_of_a_plan_do_what_they_promise() -> None:
    """For 0.8 deviations and a margin of one: 80 % of 300 comparisons with so many seeds, give or take 7 %."""
    (planned,) = of(bell(12), effect=0.8)
    assert planned.spread == pytest.approx(1.0)
    generator = np.random.default_rng(1)

    def labels(seeds: float, effect: float) -> list[str]:
        draws = generator.standard_normal((300, int(seeds))) + effect
        return [contrasts(d)[0].word for d in draws]

    told = labels(planned.to_tell, 0.8)
    assert np.mean([word.endswith("better") for word in told]) == pytest.approx(0.8, abs=0.07)
    bound = labels(planned.to_bound, 0.0)
    inside = ("equivalent", "slightly better", "slightly worse")
    assert np.mean([word in inside for word in bound]) == pytest.approx(0.8, abs=0.07)


def test_half_the_effect_needs_four_times_the_seeds_and_more_contrasts_need_more() -> None:
    """Sixteen and sixty-three at five percent, by (1.96 + .84)^2 / e^2 and what t adds."""
    (one,), (half,) = of(bell(20), effect=0.75), of(bell(20), effect=0.375)
    assert half.to_tell == pytest.approx(4 * one.to_tell, rel=0.15)
    assert of(bell(20), effect=0.75, family_size=4)[0].to_tell > one.to_tell


@pytest.mark.parametrize(("family", "least"), [(1, 6), (2, 7), (3, 7), (4, 8), (6, 8)])
def test_no_plan_is_below_the_least_seeds(family: int, least: int) -> None:
    """An effect of a hundred deviations needs no more than that all seeds have one sign."""
    (planned,) = of(bell(10), effect=100.0, family_size=family)
    assert planned.to_tell == least


def test_a_pilot_may_be_a_look() -> None:
    """Four seeds reach no verdict, and have a spread."""
    (planned,) = of([0.5, -0.5, 0.4, -0.4], effect=1.0)
    assert planned.to_tell == pytest.approx(8, abs=3)


def test_what_has_no_spread_has_no_plan_and_says_why() -> None:
    d = bell(8)
    rows = of(d, np.zeros(8), np.full(8, 0.25), effect=1.0)
    assert [row.remark for row in rows] == [
        "",
        "identical on every seed",
        "no spread: the seeds that differ do so by the same",
    ]
    assert [isnan(row.to_tell) for row in rows] == [False, True, True]
    (floored,) = contrasts(d, dummy=100.0)
    message = refused(plan_contrasts, [floored], title="", effect=1.0)
    assert message == (
        "pilot of a plan: got v0: floor, expected a variant whose differences from the baseline have a spread. Change "
        "what is compared, or run a pilot with other seeds."
    )


def test_beside_failures_nothing_is_planned_to_be_within_a_margin() -> None:
    scores = bell(10)
    scores[0] = nan
    (planned,) = of(scores)
    assert isnan(planned.to_bound)
    assert planned.to_tell >= 10
    assert planned.remark.startswith("1 of 20 runs failed")
    found = plan_contrasts(contrasts(scores, bell(10)), title="").to_frame().set_index("variant")
    assert isnan(found["seeds to bound"]["all of them"])


def test_failures_of_an_interaction_are_counted_by_seed() -> None:
    crossed = {"interactions": {"a : b": ("both", "a", "b", "base")}}
    scores = {name: bell(10) * k for name, k in {"base": 1, "a": 2, "b": 3, "both": 6}.items()}
    scores["both"][0] = nan
    given = {"higher_is_better": True, "failure_score": -9.0, "baseline": "base", "margin": 1.0}
    found = plan_contrasts(decide(scores, **given, **crossed), title="").contrasts
    remarks = {row.variant: row.remark for row in found}
    assert remarks["both"].startswith("1 of 20 runs failed; beside")
    assert remarks["a : b"].startswith("on 1 of 10 seeds a run failed; beside")


def test_a_table_has_a_row_a_contrast_and_one_for_all_of_them() -> None:
    """Seconds are of a pair in each row, and of all three variants in the last."""
    found = plan_contrasts(
        contrasts(bell(10), 3 * bell(10)),
        title="How many?",
        effect=1.5,
        seconds={"base": 1.0, "v0": 2.0, "v1": 3.0},
    )
    frame = found.to_frame().set_index("variant")
    assert list(frame.index) == ["v0", "v1", "all of them"]
    few, many = frame["seeds to tell"]["v0"], frame["seeds to tell"]["v1"]
    assert few < many == frame["seeds to tell"]["all of them"]
    assert list(frame["seconds to tell"]) == [3 * few, 4 * many, 6 * many]
    lines = str(found).splitlines()
    assert lines[0] == "How many?"
    assert lines[1].split("  ")[0] == "variant"
    assert (
        "score: with these seeds 80 % of comparisons tell the direction of a difference of 1.5, or show of two equal "
        "variants that they differ by less than 1. At least 7 seeds must differ, for 2 contrasts."
    ) in str(found)
    assert "<td>all of them</td>" in found._repr_html_()


def test_what_needs_too_many_seeds_says_over() -> None:
    (planned,) = of(bell(10), effect=0.01, margin=None)
    assert planned.to_tell == inf
    found = plan_contrasts(contrasts(bell(10), margin=None), title="", effect=0.01)
    assert "over 300" in str(found)
    assert "bound" not in str(found)


def test_no_effect_and_no_margin_is_refused() -> None:
    found = contrasts(bell(8), margin=None)
    assert refused(plan_contrasts, found, title="") == (
        "effect of a plan: got none, and no margin, expected a positive number, the difference in the score that is to "
        "be told. Give it by --effect, or effect= in Python."
    )
    assert plan_contrasts(found, title="", margin=0.5).effect == 0.5


def test_few_are_enough_by_halving() -> None:
    asked: list[int] = []
    assert fewest(lambda n: asked.append(n) or n >= 37, 6) == 37
    assert len(asked) <= 9


def test_a_folder_of_pages_is_a_pilot(store: Store, tmp_path: Path) -> None:
    """Its list of runs gives the same contrasts as the records do, a failed run among them, and median seconds."""
    bench = filled(store)
    losses = [0.4 + 0.05 * (-1) ** (i // 3) for i in range(10)]
    bench.put("adam", [*losses[:-1], FAILED], seconds=3.0)
    result = bench.result()
    runs_csv.runs([result]).to_csv(tmp_path / "hand.csv", index=False)
    (arm,) = pilot_arms(result.suite, tmp_path)
    assert (arm.title, arm.seeds) == ("hand", 10)
    for mine, theirs in zip(arm.contrasts, result.contrasts.values(), strict=True):
        assert mine.differences == pytest.approx(theirs.differences)
        assert (mine.label, mine.failures, mine.family) == (
            theirs.label,
            theirs.failures,
            theirs.family,
        )
    assert arm.seconds == {"sgd": 2.0, "adam": 3.0, "rmsprop": 2.0}


def test_a_variant_that_was_not_run_is_left_out(store: Store, tmp_path: Path) -> None:
    bench = Bench(store).put("sgd", around(0.4)).put("adam", around(0.3)).put("rmsprop", [0.3] * 4)
    result = bench.result()
    runs_csv.runs([result]).to_csv(tmp_path / "hand.csv", index=False)
    (arm,) = pilot_arms(result.suite, tmp_path)
    assert [c.variant for c in arm.contrasts] == ["adam"]
    assert arm.contrasts[0].family.size == 2


def test_a_folder_without_the_suite_or_its_score_is_refused(store: Store, tmp_path: Path) -> None:
    result = filled(store).result()
    assert refused(lambda: [*pilot_arms(result.suite, tmp_path)]) == (
        f"pilot of suite 'hand': got no hand.csv in {tmp_path}, expected the folder of pages of a run. Run paribus run "
        "hand --seeds 6 first, or name its folder with --pilot."
    )
    path = tmp_path / "hand.csv"
    runs_csv.runs([result]).drop(columns="log_loss").to_csv(path, index=False)
    assert refused(lambda: [*pilot_arms(result.suite, tmp_path)]) == (
        f"pilot of hand: got no log_loss in {path}, expected the score that the suite declares. For other "
        f"data or scores plan from the table itself: --pilot {path} --score COLUMN --baseline NAME."
    )


def test_a_plan_from_python_takes_what_is_there() -> None:
    """A judgement: of Student's table of sleep, whose deviation is 1.23 hours."""
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    table = pd.DataFrame(
        {
            "variant": ["first"] * 10 + ["second"] * 10,
            "seed": [*range(10)] * 2,
            "score": first + second,
        }
    )
    found = pb.plan(pb.judge(table, "first"), effect=1.0)
    assert found.contrasts[0].spread == pytest.approx(1.23, abs=0.005)
    assert found.contrasts[0].to_tell == pytest.approx(15, abs=3)
    assert replace(found, title="").seeds == 10

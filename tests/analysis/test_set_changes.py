"""Two result sets: what got worse by more than its margin, what changed, and what cannot be held side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scipy import stats as oracle

from paribus.analysis.result_set import FILE, ComparisonRuns, ResultSet, VariantRuns, read_sets
from paribus.analysis.set_changes import SetChanges, VariantChange, compare_sets
from tests.helpers.refusals import refused

THEN = [0.40, 0.42, 0.38, 0.41, 0.39, 0.43, 0.37, 0.40]
HARM = [0.10, 0.12, 0.09, 0.11, 0.10, 0.08, 0.13, 0.11]
NAMES = ("old", "new")


def runs(scores: list[Any], name: str = "adam", **changes: Any) -> VariantRuns:
    """Return runs of a loss; None is a run that diverged."""
    fields: dict[str, Any] = {
        "name": name,
        "scores": tuple(scores),
        "outcomes": tuple("diverged" if x is None else "completed" for x in scores),
        "failure": (0.7,) * len(scores),
        "verdict": "better",
        "word": "better",
        "size": "open",
        "data": "d",
    }
    return VariantRuns(**(fields | changes))


def compared(*variants: VariantRuns, **changes: Any) -> ComparisonRuns:
    """Return a comparison by log-loss with a margin of 0.05."""
    fields: dict[str, Any] = {
        "suite": "optimizers",
        "comparison": "optimizers",
        "arm": "default",
        "device": "cpu",
        "metric": "log_loss",
        "unit": "nats",
        "higher_is_better": False,
        "margin": 0.05,
        "rounding": 1e-6,
        "seeds": tuple(range(len(variants[0].scores))),
        "steps": 100,
        "origin": {},
        "dates": (),
        "variants": variants,
    }
    return ComparisonRuns(**(fields | changes))


def sets(then: ComparisonRuns, now: ComparisonRuns) -> SetChanges:
    return compare_sets(ResultSet(comparisons=(then,)), ResultSet(comparisons=(now,)), NAMES)


def changed(then: list[Any], now: list[Any], **changes: Any) -> VariantChange:
    """Return the change of one variant."""
    found = sets(compared(runs(then), **changes), compared(runs(now), **changes))
    ((_, variant),) = found.variants
    return variant


def harmed(scores: list[float], by: float = 1.0) -> list[float]:
    return [score + by * harm for score, harm in zip(scores, HARM, strict=True)]


def test_a_planted_regression_is_worse_by_more_than_its_margin() -> None:
    """The differences are the harm, so their interval is the one of a t test of it."""
    variant = changed(THEN, harmed(THEN))
    expected = oracle.ttest_1samp([-x for x in HARM], 0).confidence_interval(0.95)
    assert variant.contrast is not None
    ends = variant.contrast.difference
    assert (ends.mean, ends.low, ends.high) == pytest.approx((-0.105, *expected))
    assert variant.contrast.label == "clearly worse"
    assert (variant.worse, variant.better, variant.not_worse) == (True, False, False)
    back = changed(harmed(THEN), THEN)
    assert (back.worse, back.better, back.not_worse) == (False, True, True)


def test_a_harm_within_the_margin_is_no_regression() -> None:
    variant = changed(THEN, harmed(THEN, by=0.1))
    assert variant.contrast is not None
    assert variant.contrast.label == "slightly worse"
    assert (variant.worse, variant.not_worse) == (False, True)


def test_the_interval_is_for_all_variants_of_the_comparison_at_once() -> None:
    then = compared(runs(THEN), runs(THEN, "sgd"))
    now = compared(runs(harmed(THEN)), runs(THEN, "sgd"))
    ((_, adam), (_, sgd)) = sets(then, now).variants
    expected = oracle.ttest_1samp([-x for x in HARM], 0).confidence_interval(0.975)
    assert adam.contrast is not None
    assert adam.contrast.difference.low == pytest.approx(expected.low)
    assert (adam.worse, sgd.identical) == (True, True)


def test_three_seeds_are_too_few_for_a_test_and_enough_for_a_gate() -> None:
    variant = changed(THEN[:3], harmed(THEN)[:3])
    assert variant.contrast is not None
    assert variant.contrast.label == "undecided (few seeds: a look, 3 of 6 needed)"
    assert variant.worse
    assert not changed(THEN[:1], [9.0]).judged


def test_runs_that_diverge_now_count_as_the_predictor_that_learns_nothing() -> None:
    variant = changed(THEN, [None, *THEN[1:]])
    assert variant.contrast is not None
    assert variant.contrast.differences[0] == pytest.approx(0.40 - 0.70)
    assert not variant.worse
    assert changed(THEN, [None] * 8).worse


def test_what_was_no_better_than_learning_nothing_can_still_get_worse() -> None:
    assert changed([0.8, 0.81, 0.8], [1.8, 1.81, 1.9]).worse


def test_what_failed_on_every_seed_then_and_now_is_identical() -> None:
    variant = changed([None] * 8, [None] * 8)
    assert (variant.identical, variant.judged, variant.worse) == (True, True, False)


def test_a_score_that_is_undefined_now_cannot_be_judged() -> None:
    now = runs([None, *THEN[1:]], outcomes=("undefined", *["completed"] * 7))
    ((_, variant),) = sets(compared(runs(THEN)), compared(now)).variants
    assert (variant.identical, variant.judged, variant.worse) == (False, False, False)


def test_without_a_margin_any_shown_direction_counts() -> None:
    assert changed(THEN, harmed(THEN, by=0.1), margin=None).worse
    assert not changed(THEN, THEN[::-1], margin=None).worse


def test_seeds_that_a_sequence_did_not_come_to_are_left_out() -> None:
    short = runs(THEN[:6], "sgd")
    then = compared(runs(THEN), short)
    now = compared(runs(THEN), runs(harmed(THEN)[:6], "sgd"))
    ((_, _adam), (_, sgd)) = sets(then, now).variants
    assert sgd.contrast is not None
    assert (sgd.contrast.n, sgd.worse) == (6, True)


def test_rounding_is_no_change() -> None:
    variant = changed(THEN, [x * (1 + 1e-8) for x in THEN])
    assert (variant.identical, variant.not_worse, variant.verdict_changed) == (True, True, False)


def test_a_verdict_changes_in_word_or_size() -> None:
    other = {"word": "clearly better", "size": "beyond"}
    found = sets(compared(runs(THEN)), compared(runs(THEN, verdict="clearly better", **other)))
    assert [variant.verdict_changed for _, variant in found.variants] == [True]


def test_step_times_are_of_all_pairs_of_rounds_or_of_trainings_by_seed() -> None:
    timed = VariantChange(runs(THEN, timed=(1.0, 2.0)), runs(THEN, timed=(3.0,)), None)
    assert (timed.timed, timed.step_ratios) == (True, (3.0, 1.5))
    trained = VariantChange(
        runs(THEN, step_seconds=(1.0, 2.0)), runs(THEN, step_seconds=(3.0, 4.0)), None
    )
    assert (trained.timed, trained.step_ratios) == (False, (3.0, 2.0))
    assert VariantChange(runs(THEN), runs(THEN, step_seconds=(1.0,)), None).step_ratios == ()


def test_a_variant_without_runs_is_told_and_not_judged() -> None:
    missing = VariantRuns(name="adam", missing="failed: no memory")
    ((_, variant),) = sets(compared(runs(THEN)), compared(missing, seeds=tuple(range(8)))).variants
    assert (variant.judged, variant.worse, variant.contrast) == (False, False, None)


def test_comparisons_are_paired_across_devices_where_each_set_has_one() -> None:
    cpu, cuda = compared(runs(THEN)), compared(runs(THEN), device="cuda")
    assert len(sets(cpu, cuda).comparisons) == 1
    both = ResultSet(comparisons=(cpu, cuda))
    pairs = compare_sets(both, both, NAMES).comparisons
    assert [(each.then.device, each.now.device) for each in pairs] == [
        ("cpu", "cpu"),
        ("cuda", "cuda"),
    ]


def test_variants_and_comparisons_of_one_set_alone_are_named() -> None:
    other = compared(runs(THEN, "relu"), suite="activations", comparison="activations", arm="tuned")
    then = ResultSet(comparisons=(compared(runs(THEN)),))
    now = ResultSet(comparisons=(compared(runs(THEN), runs(THEN, "lion")), other))
    found = compare_sets(then, now, NAMES)
    assert found.unpaired == ("activations, tuned",)
    assert found.comparisons[0].unpaired == ("lion",)


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (
            compared(runs(THEN[:6])),
            "seeds of optimizers: got 0 to 7 (8 seeds) in old and 0 to 5 (6 seeds) in new, expected the same seeds in "
            "both: scores are compared seed by seed. Run both with the same --seeds and --budget.",
        ),
        (
            compared(runs(THEN, data="e")),
            "data of optimizers, adam: got hash d in old and e in new, expected the same data in both. Run both on the "
            "same data, or store a new set to compare with.",
        ),
        (
            compared(runs(THEN), metric="accuracy", higher_is_better=True),
            "score of optimizers: got log_loss (lower is better) in old and accuracy (higher is better) in new, "
            "expected the same score in both. Run both with the same --metric.",
        ),
        (
            compared(runs(THEN), suite="activations", comparison="activations"),
            "result sets old and new: got no comparison that both hold, but optimizers and activations, expected at "
            "least one in common. Run the same suites into both.",
        ),
    ],
    ids=["seeds", "data", "score", "nothing in common"],
)
def test_what_cannot_be_paired_is_refused(now: ComparisonRuns, message: str) -> None:
    assert refused(sets, compared(runs(THEN)), now) == message


def test_folders_that_hold_no_set_are_refused(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    expected = f"expected a folder that paribus run or the benchmarks wrote, with its {FILE}. "
    assert refused(read_sets, [a]).startswith(f"paribus compare: got one folder, {a}, expected two")
    twice = f"paribus compare: got {a} twice, expected different folders. Name each once."
    assert refused(read_sets, [a, tmp_path / "b" / ".." / "a"]) == twice
    assert refused(read_sets, [b, a]) == (
        f"result set: got {b}, which is no folder, {expected}Run the suites with --out first."
    )
    assert refused(read_sets, [a, b]) == (
        f"result set: got {a} without {FILE}, {expected}Make its pages again: paribus run SUITE --out FOLDER trains "
        "nothing that is stored, and paribus rebuild FOLDER --out NEW reads its evidence."
    )
    (a / FILE).write_text('{"format": 7}')
    assert refused(read_sets, [a, b]) == (
        f"result set: got {a / FILE}, which does not read as format 1, {expected}Another version of paribus wrote it: "
        "make the pages again with this one."
    )


def test_sets_are_named_by_their_folders_or_by_paths_where_these_are_alike(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a/set", "b/set", "c")]
    for path in paths:
        path.mkdir(parents=True)
        (path / FILE).write_text(ResultSet(comparisons=()).model_dump_json())
    assert read_sets(paths[1:])[1] == ["set", "c"]
    assert read_sets(paths)[1] == [str(path) for path in paths]

"""Tables of a comparison, on records written by hand."""

from __future__ import annotations

import pandas
import pytest

from paribus.report import runs_csv, secondary_tables, tables, terminal, verdict_table
from paribus.report.formatting import pathless
from tests.helpers.handmade import FAILED, Bench, around, comparison, filled

DASH = "—"


def line(result, variant: str, lines=tables.score_lines) -> dict[str, str]:
    return dict(next(found for found in lines(result) if found["variant"] == variant))


def test_the_main_table_shows_score_difference_wins_p_and_verdict(store) -> None:
    """The differences of adam are 0.2 throughout; two of 2^10 flips are as extreme, times m = 2."""
    result = filled(store).result()
    assert [x["variant"] for x in tables.score_lines(result)] == ["sgd", "adam", "rmsprop"]
    assert line(result, "sgd") == {
        "variant": "sgd",
        "log_loss (nats, lower is better)": "0.400 ± 0.021",
        **dict.fromkeys(
            ("median", "difference", "relative", "wins", "ties", "share of wins", "p", "visible"),
            DASH,
        ),
        "verdict": "baseline",
    }
    assert line(result, "adam") == {
        "variant": "adam",
        "log_loss (nats, lower is better)": "0.200 ± 0.021",
        "median": DASH,
        "difference": "0.20000 [0.20000, 0.20000]",
        "relative": "+50 %",
        "wins": "10 of 10",
        "ties": DASH,
        "share of wins": DASH,
        "p": "0.004",
        "verdict": "clearly better",
        "visible": DASH,
    }
    assert line(result, "rmsprop")["verdict"] == "equivalent"


def test_a_p_that_nobody_looks_at_is_a_dash(store) -> None:
    """At the floor, no better than the prior's 0.7, a contrast counts as p = 1 whatever its differences say."""
    bench = (
        Bench(store).put("sgd", [0.75] * 10).put("adam", around(0.72)).put("rmsprop", [0.3] * 10)
    )
    found = line(bench.result(), "adam")
    assert (found["p"], found["wins"]) == (DASH, "10 of 10")
    assert found["verdict"].startswith("undecided (floor)")


def test_the_smallest_visible_effect_stands_beside_undecided(store) -> None:
    bench = filled(store)
    bench.put("adam", [0.4 + 0.1 * (-1) ** (i // 3) for i in range(10)])
    result = bench.result()
    seen = f"{result.contrasts['adam'].detectable:.2g}"
    assert line(result, "adam")["verdict"] == "undecided"
    assert line(result, "adam")["visible"] == seen
    assert verdict_table(result).set_index("variant").loc["adam", "visible"] == seen


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("failed", "failed: boom in a.py, at b|c"),
        ("missing", "not run"),
        ("partial", "not run (7 of 10 seeds)"),
    ],
)
def test_a_row_without_a_result_never_shows_a_number(store, why, told) -> None:
    bench = Bench(store).put("sgd", around(0.4)).put("rmsprop", around(0.3))
    bench.put("adam", around(0.2)[: {"failed": 10, "missing": 0, "partial": 7}[why]])
    bench.time("adam", 1.5)
    failures = {"adam": "boom in /home/me/a.py,\n at b|c"} if why == "failed" else {}
    result = bench.result(failures=failures)
    assert line(result, "adam")["verdict"] == told
    for lines in (tables.score_lines, secondary_tables.other_lines):
        shown = line(result, "adam", lines)
        assert {v for k, v in shown.items() if k not in ("variant", "verdict")} == {DASH}
    row = verdict_table(result).set_index("variant").loc["adam"]
    assert set(row.drop("verdict")) == {DASH}
    assert line(result, "rmsprop")["verdict"] == "clearly better"


def test_without_a_baseline_scores_are_shown_and_verdicts_are_not(store) -> None:
    result = Bench(store).put("adam", around(0.2)).put("rmsprop", around(0.3)).result()
    found = line(result, "adam")
    assert found["log_loss (nats, lower is better)"] == "0.200 ± 0.021"
    assert (found["difference"], found["verdict"]) == (DASH, "none: no baseline")


def test_broken_control_withholds_verdicts(store) -> None:
    result = filled(store).perturb("adam", 0, hashes={"split": "x"}).result()
    assert line(result, "rmsprop")["verdict"] == "withheld: control broke"


def diverging(store) -> Bench:
    """Two of ten runs of adam diverge; the others end at 0.2."""
    bench = filled(store)
    return bench.put("adam", [FAILED, FAILED, *around(0.2)[2:]])


def test_a_third_variant_has_no_say_in_a_mean(store) -> None:
    """It ends at 50 on the seed on which adam fails: adam scores what the dummy predictor does, .7."""
    bench = Bench(store).put("sgd", around(0.4)).put("adam", [FAILED, *around(0.2)[1:]])
    bench.put("rmsprop", [50.0, *around(0.3)[1:]])
    shown = line(bench.result(), "adam")["log_loss (nats, lower is better)"]
    assert shown == "0.252 ± 0.159"


def test_a_variant_that_never_finished_has_no_mean(store) -> None:
    """What failures score is no score of the variant."""
    bench = Bench(store).put("sgd", around(0.4)).put("rmsprop", around(0.4))
    bench.put("adam", [FAILED] * 10)
    shown = line(bench.result(), "adam")
    assert shown["log_loss (nats, lower is better)"] == "diverged 10 of 10"
    assert (shown["difference"], shown["verdict"]) == ("—", "clearly worse")


def test_failures_are_counted_beside_both_scores(store) -> None:
    """A failed run scores 0.7, as the dummy predictor does, because no finisher is worse."""
    result = diverging(store).result()
    found = line(result, "adam", secondary_tables.failure_lines)
    assert found["failed"] == "2 of 10 diverged"
    # By hand: (1 - p)^10 + 10 p (1 - p)^9 + 45 p^2 (1 - p)^8 = .05 at p = .507.
    assert found["failure rate at most (95 %)"] == "51 %"
    assert found["score of those that finished"] == "0.200 ± 0.021"
    assert found["score, failures penalised"] == "0.300 ± 0.212"  # (2 x 0.7 + 8 x 0.2) / 10
    assert found["p against baseline's failures (McNemar)"] == "0.50"  # 2 / 2^2
    assert found["difference where both finished"] == "0.200 [0.200, 0.200]"
    assert line(result, "adam")["log_loss (nats, lower is better)"] == "0.300 ± 0.212"
    assert [x["variant"] for x in secondary_tables.failure_lines(result)] == ["adam"]


def test_the_table_of_other_scores_tells_time_twice(store) -> None:
    result = filled(store).time("sgd", 1.0).time("adam", 1.5).result()
    assert line(result, "adam", secondary_tables.other_lines) == {
        "variant": "adam",
        "accuracy (share, higher is better)": "0.900 ± 0",
        "steps to validation log_loss ≤ 0.4": "20",
        "reached": "10 of 10",
        "step, µs": "150",
        "step, ratio to baseline": "1.50 [1.50, 1.50]",
        "training, seconds a run": "2.00",
    }
    assert line(result, "rmsprop", secondary_tables.other_lines)["step, µs"] == DASH
    # Half of the seeds end at 0.38, the others at 0.42: the median is between a step and a miss.
    shown = line(result, "sgd", secondary_tables.other_lines)
    assert shown["steps to validation log_loss ≤ 0.4"] == "never"
    assert shown["reached"] == "5 of 10"


def test_steps_at_the_first_evaluation_are_an_upper_limit(store) -> None:
    curves = {"step": [0, 10, 20], "validation/log_loss": [0.7, 0.3, 0.2]}
    result = filled(store).put("adam", around(0.2), curves=curves).result()
    shown = line(result, "adam", secondary_tables.other_lines)
    assert shown["steps to validation log_loss ≤ 0.4"] == "at most 10"


def test_the_narrow_table_has_a_ratio_only_where_steps_were_timed(store) -> None:
    bench = filled(store)
    assert "step ratio" not in verdict_table(bench.result())
    timed = verdict_table(bench.time("adam", 1.5).result())
    assert timed["step ratio"].tolist() == [DASH, "1.50", DASH]


def test_the_terminal_shows_verdicts_claims_and_what_was_skipped(store) -> None:
    bench = filled(store)
    text = terminal([bench.result(), bench.result(skipped="no CUDA device was found")])
    first, skipped = text.split("\n\n")
    assert first.startswith("hand on cpu, 10 seeds: Which optimizer is best?\nvariant    log_loss")
    assert (
        "log_loss (nats, lower is better); difference: sgd minus variant, positive is better"
        in first
    )
    assert skipped == "hand on cpu: skipped, no CUDA device was found"
    assert max(map(len, text.splitlines())) <= 100


def test_the_terminal_shouts_where_control_broke(store) -> None:
    text = terminal([filled(store).perturb("adam", 4, hashes={"order": "x"}).result()])
    assert "CONTROL BROKE, verdicts are withheld:\n" in text
    assert "order of seed 4 differs between 'sgd' and 'adam'" in text


def test_the_sheet_has_a_row_a_run_with_its_scores_and_hashes(store) -> None:
    frame = runs_csv.runs([filled(store).result()])
    assert len(frame) == 30
    row = frame[(frame.variant == "adam") & (frame.seed == 3)].iloc[0]
    assert row.log_loss == pytest.approx(0.22)
    assert (row["dummy/prior/log_loss"], row.outcome, row.steps, row.seconds) == (
        0.7,
        "completed",
        20,
        2.0,
    )
    assert (row.hash_split, row.hash_order, row.torch) == ("split3", "order3", "2.11.0")
    assert row.steps_to_target == 20
    assert (
        frame[frame.variant == "adam"].hash_init == frame[frame.variant == "sgd"].hash_init.values
    ).all()


def test_the_sheet_has_no_numbers_of_failed_skipped_or_missing_runs(store) -> None:
    bench = Bench(store).put("sgd", around(0.4)).put("adam", around(0.2)).put("rmsprop", [0.3] * 7)
    failed = runs_csv.runs([bench.result(failures={"adam": "boom"})])
    outcomes = failed.groupby("variant").outcome.agg(list)
    assert set(outcomes["adam"]) == {"failed"}
    assert outcomes["rmsprop"] == ["completed"] * 7 + ["not run"] * 3
    empty = failed[failed.outcome.isin(["failed", "not run"])]
    assert empty[["log_loss", "seconds", "key", "steps"]].isna().all(axis=None)
    assert set(failed[failed.variant == "adam"].reason) == {"boom"}
    skipped = runs_csv.runs([bench.result(skipped="no CUDA device was found")])
    assert set(skipped.outcome) == {"skipped"}
    assert set(skipped.reason) == {"no CUDA device was found"}


def test_a_diverged_run_is_a_row_with_its_reason(store) -> None:
    frame = runs_csv.runs([diverging(store).result()])
    row = frame[(frame.variant == "adam") & (frame.seed == 0)].iloc[0]
    assert (row.outcome, row.reason) == ("diverged", "loss was not finite")
    assert pandas.isna(row.log_loss)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/me/data/x.csv is empty", "x.csv is empty"),
        (r"C:\Users\me\x.csv is empty", "x.csv is empty"),
        ("no such file: '/tmp/a/b'", "no such file: 'b'"),
        ("1/6 and/or 3 km/h", "1/6 and/or 3 km/h"),
        ("see https://pytorch.org/docs/stable", "see https://pytorch.org/docs/stable"),
        ("a\nb", "a b"),
    ],
)
def test_paths_lose_their_folders_and_prose_keeps_its_strokes(text, expected) -> None:
    assert pathless(text) == expected


def test_a_bar_in_a_name_does_not_break_a_table() -> None:
    text = tables.markdown([{"a": "x|y", "b": "two\nlines"}])
    assert text.splitlines()[-1] == r"| x\|y | two lines |"


def test_higher_is_better_turns_the_difference_round(store) -> None:
    task = comparison().task
    turned = comparison(task=task.model_copy(update={"metrics": tuple(reversed(task.metrics))}))
    bench = Bench(store, turned)
    for name, accuracy in (("sgd", 0.8), ("adam", 0.9), ("rmsprop", 0.7)):
        bench.put(name, around(0.4), scores={"log_loss": 0.4, "accuracy": accuracy})
    result = bench.result()
    assert line(result, "adam")["difference"] == "0.100 [0.100, 0.100]"
    assert line(result, "rmsprop")["difference"] == "-0.100 [-0.100, -0.100]"
    assert "difference: variant minus sgd" in terminal([result])


def test_numbers_of_a_column_share_one_notation(store) -> None:
    """A spread of .00006 beside one of .02: three decimals tell both scores; a difference beside it has as many."""
    bench = Bench(store).put("sgd", around(0.162)).put("adam", around(0.2))
    bench.put("rmsprop", [2.30261 + 0.00006 * (-1) ** i for i in range(10)])
    lines = tables.score_lines(bench.result())
    shown = [text.split(" ") for text in (x["log_loss (nats, lower is better)"] for x in lines)]
    assert [mean for mean, *_ in shown] == ["0.162", "0.200", "2.303"]
    assert {len(sd.partition(".")[2]) for _, _, sd in shown} == {3}
    differences = [x["difference"].partition(" ")[0] for x in lines[1:]]
    assert {len(text.partition(".")[2]) for text in differences} == {4}


def test_a_difference_is_told_as_a_share_of_the_baseline(store) -> None:
    """.4 to .2 is half; a share of over ten times is not told, nor one of a score that is not above zero."""
    assert line(filled(store).result(), "adam")["relative"] == "+50 %"
    assert line(filled(store).put("adam", around(5.0)).result(), "adam")["relative"] == "< -1000 %"
    negative = Bench(store)
    for name, mean in (("sgd", -0.4), ("adam", -0.2), ("rmsprop", -0.3)):
        negative.put(name, around(mean))
    assert line(negative.result(), "adam")["relative"] == DASH

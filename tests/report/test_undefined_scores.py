"""Scores that are undefined: their seeds and variants are named everywhere, and no page is lost."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import numpy as np
import pandas
import pytest

from paribus import Claim, LogUniform, Metric, SearchSpace, Suite, call
from paribus.analysis.claims import answer_all
from paribus.analysis.results import Result
from paribus.analysis.verdict import Decision, Reason, decide, decide_sequentially
from paribus.report import terminal, verdict_table, write
from paribus.report.answers import outcome
from paribus.report.result import Result as Shown
from paribus.report.tables import undefined
from paribus.runs.run import Outcome, RunResult
from paribus.runs.trials import TrialPlan, TrialResults
from tests.helpers.handmade import Bench, around, comparison, filled

CLAIMS = (
    Claim(name="C1", text="Adam wins.", variant="adam", relation="better"),
    Claim(
        name="C2",
        text="It is right more often.",
        variant="adam",
        metric="accuracy",
        relation="better",
    ),
)
LABEL = "undecided (score undefined on 2 of 10 seeds)"


def undefine(bench: Bench, variant: str, seeds: tuple[int, ...], score: float = nan) -> Bench:
    """Leave the primary score of some runs undefined, which ended well."""
    for seed in seeds:
        scores = {"log_loss": score, "accuracy": 0.9}
        bench.perturb(variant, seed, scores=scores, outcome=Outcome.completed)
    return bench


@pytest.fixture
def two(store) -> Result:
    """Return a result of which adam has no score on seeds 2 and 5."""
    return undefine(filled(store, claims=CLAIMS), "adam", (2, 5)).result()


def page_of(result: Result, folder) -> str:
    write([result], folder)
    files = (folder / name for name in ("hand.md", "hand-details.md", "README.md"))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


@pytest.mark.parametrize("score", [nan, inf, -inf])
def test_the_verdict_is_withheld_and_the_others_stand(store, score: float) -> None:
    result = undefine(filled(store), "adam", (2, 5), score).result()
    adam, rmsprop = result.contrasts["adam"], result.contrasts["rmsprop"]
    assert (adam.label, adam.n, adam.undefined) == (LABEL, 8, 2)
    assert adam.p_holm == 1.0
    assert adam.detectable is None
    assert rmsprop.decision is Decision.equivalent
    assert result.row("adam").undefined() == [2, 5]
    assert outcome(result) == (
        "rmsprop is equivalent to sgd (no difference beyond the margin of 0.02 nats); no verdict on adam, because "
        "log_loss is undefined on 2 of 10 seeds"
    )


def test_a_baseline_without_a_score_withholds_every_verdict(store) -> None:
    result = undefine(filled(store), "sgd", (0,)).result()
    assert {c.label for c in result.contrasts.values()} == {
        "undecided (score undefined on 1 of 10 seeds)"
    }


def test_pages_name_seeds_and_say_of_how_many_means_are(two, tmp_path) -> None:
    page = page_of(two, tmp_path)
    table = page[page.index("### Scores that are undefined") :]
    assert "| log_loss | adam      | 2 and 5 |" in table
    (row,) = (
        line
        for line in page.splitlines()
        if line.startswith("| adam") and "±" in line and LABEL in line
    )
    assert "0.200 ± 0.021 (8 of 10 seeds)" in row
    assert "nan" not in page.replace("finance", "")
    rows = pandas.read_csv(tmp_path / "hand.csv")
    missing = rows[(rows["variant"] == "adam") & rows["log_loss"].isna()]
    assert list(missing["seed"]) == [2, 5]
    assert set(missing["outcome"]) == {"completed"}


def test_terminal_and_python_name_them_too(two) -> None:
    assert "undefined: log_loss of adam (seeds: 2 and 5)" in terminal([two]).splitlines()
    assert "undefined: log_loss of adam (seeds: 2 and 5)" in str(Shown([two], None))
    assert LABEL in list(verdict_table(two)["verdict"])
    frame = Shown([two], None).to_frame()
    assert list(frame["undefined"].fillna(0)) == [0, 2, 0]
    assert frame.loc[1, "decision"] == "undecided"


def test_claims_of_the_score_are_withheld_and_those_of_others_answered(two) -> None:
    first, second = answer_all(two)
    assert first.evidence == "withheld: undefined"
    assert second.evidence.startswith("accuracy 0.9 against 0.9")


def test_all_seeds_of_all_variants_undefined_is_a_page(store, tmp_path) -> None:
    bench = filled(store)
    for variant in ("sgd", "adam", "rmsprop"):
        undefine(bench, variant, tuple(range(10)))
        for seed in range(10):
            bench.perturb(
                variant,
                seed,
                dummy={"prior": {"log_loss": nan, "accuracy": 0.5}},
                curves={"step": [0, 10, 20], "validation/log_loss": [nan, nan, nan]},
            )
    result = bench.result()
    page = page_of(result, tmp_path)
    assert {c.label for c in result.contrasts.values()} == {
        "undecided (score undefined on 10 of 10 seeds)"
    }
    assert "| log_loss | sgd       | all 10  |" in page
    assert "nan" not in page
    assert terminal([result])


def test_a_secondary_score_says_of_how_many_seeds_it_is_the_mean(store, tmp_path) -> None:
    bench = filled(store)
    bench.perturb("adam", 3, scores={"log_loss": 0.2, "accuracy": nan})
    page = page_of(bench.result(), tmp_path)
    assert "0.900 ± 0 (9 of 10 seeds)" in page
    assert "| accuracy | adam      | 3       |" in page


def test_a_failed_run_has_no_undefined_score(store, tmp_path) -> None:
    """It is counted as failed, and other scores are means of those that finished, as before."""
    bench = filled(store).put("adam", [nan, *around(0.2)[1:]])
    result = bench.result()
    assert result.row("adam").undefined() == []
    page = page_of(result, tmp_path)
    assert "1 of 10 diverged" in page
    assert "undefined" not in page


def test_all_runs_of_all_variants_diverged_is_a_page(store, tmp_path) -> None:
    bench = Bench(store, comparison())
    for variant in ("sgd", "adam", "rmsprop"):
        bench.put(variant, [nan] * 10)
    page = page_of(bench.result(), tmp_path)
    assert "no run of any variant completed" in page
    assert "nan" not in page


def undefined_of_one(outputs: np.ndarray, _target: np.ndarray, _classes: list[str]) -> float:
    return nan if outputs[0, 0] > 2 else 0.5


def test_a_score_of_stored_predictions_may_be_undefined(store, tmp_path) -> None:
    """One comparison's own score costs neither its page nor another's."""
    metric = Metric(name="own", function=call(undefined_of_one), higher_is_better=True)
    bench = filled(store, metric=metric, target=None)
    for variant, first in (("sgd", 1.0), ("adam", 3.0), ("rmsprop", 1.0)):
        bench.predict(variant, [[first, 0.0], [0.0, 1.0]], [0, 1])
    result = bench.result()
    assert result.contrasts["adam"].label == "undecided (score undefined on 10 of 10 seeds)"
    assert "| own     | adam      | all 10  |" in page_of(result, tmp_path)


def test_a_ranking_leaves_the_task_out(store) -> None:
    from paribus.analysis.ranking import missing

    assert missing(undefine(filled(store), "adam", (1,)).result()) == (
        "its score is undefined on some seeds"
    )


def test_a_sequence_of_seeds_ends_without_a_verdict() -> None:
    """More seeds could not decide it."""
    scores = {"sgd": [0.7] * 8, "adam": [0.8] * 7 + [nan]}
    outcomes = {"sgd": ["completed"] * 8, "adam": ["completed"] * 7 + ["undefined"]}
    rule = {"baseline": "sgd", "higher_is_better": True, "failure_score": 0.5, "outcomes": outcomes}
    (contrast,) = decide_sequentially(scores, family_size=1, **rule)
    assert contrast.reasons == (Reason.undefined,)
    assert not contrast.open
    (fixed,) = decide(scores, margin=0.01, **rule)
    assert fixed.reasons == (Reason.undefined,)


def test_an_interaction_with_an_undefined_cell_is_withheld() -> None:
    names = ("both", "first", "second", "neither")
    scores = {name: [0.5 + 0.1 * i + 0.01 * k for k in range(8)] for i, name in enumerate(names)}
    outcomes = {name: ["completed"] * 8 for name in names}
    scores["first"][3], outcomes["first"][3] = nan, "undefined"
    *_, crossed = decide(
        scores,
        baseline="neither",
        higher_is_better=True,
        failure_score=0.1,
        margin=0.01,
        outcomes=outcomes,
        interactions={"a : b": names},
    )
    assert crossed.label == "undecided (score undefined on 1 of 8 seeds)"


def test_other_suites_keep_their_pages(store, tmp_path) -> None:
    other = filled(store, name="sound", question="Sound?")
    suite = Suite(name="sound", title="Sound", comparisons=(other.comparison,))
    sound = other.result(suite=suite)
    broken = undefine(filled(store), "adam", tuple(range(10))).result()
    written = {path.name for path in write([broken, sound], tmp_path)}
    assert {"hand.md", "sound.md"} <= written
    assert replace(sound).contrasts["rmsprop"].decision is not None


def test_seeds_whose_search_chose_nothing_are_named(store) -> None:
    result = filled(store).result()
    row = result.row("adam")
    space = SearchSpace(ranges={"recipe.optimizer.lr": LogUniform(low=1e-3, high=1e-1)})
    plan = TrialPlan(row.runs[:2], space, space, trials=2, metric=result.comparison.primary)
    found = [
        RunResult("k", run.seed, Outcome.completed, scores={"validation/log_loss": score})
        for run, score in zip(plan.all, (nan, nan, 0.4, nan), strict=True)
    ]
    trials = TrialResults(plan, ((found[0], found[1]), (found[2], found[3])))
    assert trials.unscored == [0]
    tuned = replace(result, rows=(result.baseline, replace(row, searched=trials)))
    (line,) = undefined(tuned)
    assert line == {
        "score": "validation log_loss of every trial: the first one's settings stand",
        "variant": "adam",
        "seeds": "0",
    }

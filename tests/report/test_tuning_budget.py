"""Pages of a tuned arm: both arms in each table, its budget, how it was tuned, and the figure of its trials."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch

from paribus.analysis.results import Result
from paribus.data.splits import random_split
from paribus.execution import session as module
from paribus.execution.evidence_bundle import FILE
from paribus.execution.orchestrate import rebuild, run_suites
from paribus.execution.settings import Settings
from paribus.experiment.search_space import Categorical, LogUniform, SearchSpace, space
from paribus.experiment.suite import Suite
from paribus.experiment.tuning import Tuning
from paribus.report import terminal
from paribus.report.figures.best_of_n import best_of_trials, expected, limited
from paribus.report.tuning_budget import DECLARED_TEST, saw_test_parts, space_lines
from tests.helpers.toys import comparison, points, suite

RATES = space(lr=LogUniform(low=1e-3, high=1.0))
Maker = Callable[..., Path]


def tuned(**settings: Any) -> Suite:
    fields = {"spaces": RATES, "trials": {"quick": 3}, "pilot": 2}
    return suite(comparison(tuning=Tuning(**{**fields, **settings})))


def trained(out: Path, made: Suite, **settings: Any) -> list[Result]:
    """Every arm trained by the loop at six seeds, unless told otherwise."""
    given = {"seeds": 6, "device": "cpu", "engine": "loop", "jobs": 1, **settings}
    chosen = Settings(out=out, store=out / "runs.sqlite", **given)
    run_suites([made], chosen)
    # Pages and evidence are those of a later session, which trains nothing.
    return run_suites([made], replace(chosen, evidence=True)).results


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Result]]:
    """Pages and results of both arms."""
    out = tmp_path_factory.mktemp("both")
    return out, trained(out, tuned())


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., str]:
    """Return a function that trains a suite at two seeds and reads its page."""

    def read(made: Suite, **settings: Any) -> str:
        trained(tmp_path, made, **{"seeds": 2, **settings})
        return text_of(tmp_path)

    return read


def text_of(out: Path) -> str:
    """Return the page and its details."""
    return (out / "toys.md").read_text() + (out / "toys-details.md").read_text()


def table(text: str, heading: str) -> pandas.DataFrame:
    """Return the table below a heading, cells as text."""
    blocks = text.split(heading, 1)[1].split("\n\n")
    lines = next(block for block in blocks if block.startswith("|")).splitlines()
    rows = [[case.strip() for case in line.strip("|").split("|")] for line in lines]
    return pandas.DataFrame(rows[2:], columns=rows[0])


def test_both_arms_stand_in_each_table(both) -> None:
    out, _ = both
    text = text_of(out)
    pairs = [("sgd", "default"), ("adam", "default"), ("sgd", "tuned"), ("adam", "tuned")]
    for heading in ("## toys\n\n", "### [Other scores", "### [Budget]"):
        found = table(text, heading)
        assert [*zip(found["variant"], found["arm"], strict=True)] == pairs
    main = table(text, "## toys\n\n")
    assert [v == "baseline" for v in main["verdict"]] == [True, False, True, False]
    index = (out / "README.md").read_text()
    assert "Stated settings, test log_loss of the best weights in 6 steps, 6 seeds: " in index
    assert " Tuned: " in index


def test_the_budget_adds_up(both) -> None:
    """Six seeds of three trials and a winner, six steps each."""
    out, results = both
    found = table(text_of(out), "### [Budget]")
    assert found["trials a seed"].tolist() == ["0", "0", "3", "3"]
    assert found["steps"].tolist() == ["36", "36", "144", "144"]
    assert found["failed trials"].tolist() == ["—", "—", "0 of 18", "0 of 18"]
    assert found["failed runs"].tolist() == ["0 of 6"] * 4
    seconds = sum(r.seconds for row in results[1].rows[:1] for r in (*row.tried, *row.present))
    assert float(found["seconds"][2]) == pytest.approx(seconds, rel=0.01)
    spaces = pandas.DataFrame(space_lines(results[1]))
    assert spaces["setting"].tolist() == ["optimizer.lr", "optimizer.lr"]
    assert spaces["searched"][0].startswith("log-uniform in [")
    winners = [run.recipe.optimizer.kwargs["lr"] for run in results[1].rows[0].runs]
    assert float(spaces["median winner"][0]) == pytest.approx(np.median(winners), rel=0.01)
    assert space_lines(results[0]) == []


def test_the_page_says_how_it_was_tuned(both) -> None:
    text = text_of(both[0])
    assert (
        "3 trials a variant, the first at its stated settings and the others at random over optimizer.lr, chosen by "
        "the best validation log_loss; each seed its own" in text
    )
    assert "pilot on 2 seeds that are not counted" in text
    assert "these configurations" not in text
    assert "verdicts speak of tuning under this budget" in (both[0] / "method.md").read_text()


def test_a_row_of_the_table_of_runs_says_what_its_winner_set(both) -> None:
    out, results = both
    found = pandas.read_csv(out / "toys.csv")
    assert found["arm"].tolist() == ["default"] * 12 + ["tuned"] * 12
    winners = [run.recipe.optimizer.kwargs["lr"] for row in results[1].rows for run in row.runs]
    assert found["tuned/optimizer.lr"][12:].tolist() == pytest.approx(winners)
    assert found["tuned/optimizer.lr"][:12].isna().all()


def test_the_terminal_shows_both_arms_in_one_table(both) -> None:
    text = terminal(both[1])
    assert text.count("toys on cpu") == 1
    assert text.count("tuned") == 2


def test_pages_of_both_arms_are_made_again_from_their_evidence(
    both, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "execute", lambda *_a, **_k: pytest.fail("something is trained"))
    rebuild(both[0] / FILE, tmp_path, {"toys": tuned()}.__getitem__)
    for name in ("toys.md", "toys-details.md", "toys.csv", "README.md", "method.md"):
        assert (tmp_path / name).read_text() == (both[0] / name).read_text()


def test_the_figure_shows_what_each_number_of_trials_is_worth(both) -> None:
    """Three points a variant; the first is the stated settings' trial, the last the best of all."""
    out, (default, arm) = both
    assert (out / "toys-tuned-trials.png").read_bytes().startswith(b"\x89PNG")
    assert best_of_trials(default) is None
    (axes,) = best_of_trials(arm).axes
    assert [line.get_label() for line in axes.get_lines()] == ["sgd", "adam"]
    band = expected(arm.rows[0], None)
    scores = arm.rows[0].searched.scores
    assert band.steps.tolist() == [1, 2, 3]
    assert band.middle[0] == pytest.approx(np.median([each[0] for each in scores]))
    assert band.middle[2] == pytest.approx(np.median([min(each) for each in scores]))
    assert band.middle[1] == pytest.approx(
        np.median([np.mean([min(a, b), min(a, c)]) for a, b, c in scores])
    )


@pytest.mark.parametrize(
    ("bound", "higher", "told"),
    [(0.7, False, [0.2, 0.7, 0.7]), (0.3, True, [0.3, 0.3, 5.0]), (None, False, [0.2, 5.0, 5.0])],
)
def test_a_failed_trial_counts_as_learning_nothing(bound, higher, told) -> None:
    assert limited(np.array([0.2, np.nan, 5.0]), bound, higher).tolist() == told


def test_a_shared_search_speaks_of_these_configurations(page) -> None:
    text = page(tuned(shared=True, widen=False))
    assert (
        "chosen by the best validation log_loss; one search for all seeds; speaks of these configurations"
        in text
    )
    assert re.search(r"\| search spaces +\| as declared +\|", text)
    assert table(text, "### [Budget]")["trials a seed"][2] == "3, shared"


def test_a_shared_search_that_saw_the_test_parts_says_so(page, both) -> None:
    """One fixed data set, and a split of its own for the seed of the search; nested searches share their seed's."""
    warning = "**saw samples of the test parts**"
    assert warning in page(tuned(shared=True, widen=False))
    assert warning not in text_of(both[0])


def test_no_test_part_is_seen_where_it_is_declared_or_data_are_new(both) -> None:
    """Six seeds have six splits; that their trials are nested does not matter here."""
    row = both[1][1].rows[0]
    assert saw_test_parts(row)
    noted = tuple(replace(r, notes=(*r.notes, DECLARED_TEST)) for r in row.records)
    assert not saw_test_parts(replace(row, records=noted))
    drawn = row.variant.task.model_copy(update={"redrawn": True})
    anew = row.variant.model_copy(update={"task": drawn})
    assert not saw_test_parts(replace(row, variant=anew))
    own = drawn.model_copy(update={"path": "mine.csv"})
    assert saw_test_parts(replace(row, variant=row.variant.model_copy(update={"task": own}))), (
        "a user's file is not drawn anew"
    )
    fixed = tuple(replace(r, hashes={**r.hashes, "split": "one"}) for r in row.records)
    assert not saw_test_parts(replace(row, records=fixed, searched=None))


def test_a_declared_test_part_is_known_by_the_note_of_its_split() -> None:
    data = replace(points(), declared=torch.tensor([-1] * 40 + [2] * 20))
    assert DECLARED_TEST in random_split(data, torch.Generator()).notes


def test_unequal_budgets_are_flagged_wherever_a_verdict_stands(page, tmp_path) -> None:
    trials = {"quick": {"sgd": 1, "adam": 2}}
    text = page(tuned(trials=trials, unequal=True, widen=False), arm="tuned", seeds=6)
    assert "unequal budgets" in table(text, "## toys\n\n")["verdict"][1]
    assert "(unequal numbers of trials)" in text.splitlines()[2]
    assert "**unequal between variants, as was asked for**" in text
    assert "tries more\nlooks better" in (tmp_path / "method.md").read_text()
    assert "(unequal numbers of trials)" in (tmp_path / "README.md").read_text()
    assert table(text, "### [Budget]")["trials a seed"].tolist() == ["1", "2"]


def test_values_without_an_order_are_counted(page) -> None:
    choices = SearchSpace(ranges={"recipe.batch_size": Categorical(values=(8, 8))})
    text = page(tuned(spaces=choices, widen=False), arm="tuned")
    assert re.search(r"\| sgd +\| batch_size +\| one of 8, 8 +\| the same +\| 8 +\| 8 to 8 ", text)


def test_the_command_names_the_arm_and_trials_that_were_asked_for(both, page) -> None:
    assert "--arm" not in text_of(both[0])
    text = page(tuned(widen=False), arm="tuned", trials=2)
    assert "--device cpu --engine loop --arm tuned --trials 2\n" in text
    assert "2 trials a variant, the first at its stated settings" in text


def test_where_there_is_no_tuned_arm_the_page_says_so(page) -> None:
    assert re.search(r"\(method.md#tuned-arm\) +\| none declared +\|", page(suite()))


def test_an_arm_that_was_left_out_is_named(page) -> None:
    text = page(tuned(), arm="default")
    assert re.search(r"\(method.md#tuned-arm\) +\| not asked for +\|", text)
    assert "arm " not in text.partition("Without any network")[0]

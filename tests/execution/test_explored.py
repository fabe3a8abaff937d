"""Variance by source and multiverse, trained: ordinary runs are found again, and pages are made again from numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import paribus as pb
from paribus import Comparison
from paribus.execution.cases import Case
from paribus.execution.multiverse import multiverse, unlike
from paribus.execution.orchestrate import rebuild, run_suites
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.execution.study import Study
from paribus.execution.variance import variance_by_source
from paribus.report import multiverse as multiverse_page
from paribus.report import variance as variance_page
from paribus.report.multiverse import MultiverseReport
from paribus.report.variance import VarianceReport
from paribus.runs.run import Run
from paribus.runs.store import Store
from tests.helpers.refusals import refused
from tests.helpers.toys import comparison, suite
from tests.report.test_explored_pages import grid, parts, spread

SUITE = suite()
GRID = {"recipe.steps": [4, 6], "recipe.optimizer.lr": ["x0.1", "x1"]}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        store=tmp_path / "runs.sqlite", out=tmp_path, device="cpu", jobs=1, engine="loop"
    )


def ordinary(settings: Settings, made: Comparison, seeds: int) -> set[str]:
    """Return keys of the runs of a comparison's variants, and that the store holds them."""
    study = Study(replace(settings, seeds=seeds), [suite(made)])
    names = [variant.name for variant in made.variants()]
    with study.store:
        runs = [
            run
            for name in names
            for run in study.runs(Case("toys", made.name, "cpu", "default", name))
        ]
        keys = {run.key for run in runs}
        assert study.store.get(keys).keys() == keys
    return keys


def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the runs that sessions train from now on."""
    counts: list[int] = []
    execute = Session._execute

    def counting(self: Session, label: str, work: dict[Case, list[Run]], estimate: float) -> None:
        counts.append(sum(map(len, work.values())))
        execute(self, label, work, estimate)

    monkeypatch.setattr(Session, "_execute", counting)
    return counts


def test_each_source_has_its_draws_and_the_runs_that_stand_are_ordinary(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = trained(monkeypatch)
    (found,) = variance_by_source(SUITE, settings, 4)
    assert (found.sources, found.draws, found.runs, sum(counts)) == (
        ("split", "init", "order"),
        4,
        40,
        40,
    )
    assert [spread.name for spread in found.spreads] == ["adam against sgd", "sgd"]
    assert all(part.deviation.value > 0 for s in found.spreads for part in s.components.values())
    assert (found.test_samples, found.test_drawn, found.engines) == (12, True, ("loop",))
    assert all(spread.test for spread in found.spreads)
    assert len(ordinary(settings, comparison(), 8)) == 16
    with Store(settings.store) as store:
        kept = store.tables([], [])
        assert (kept["seals"], kept["looks"]) == ([], [])  # no declared question was answered
    (again,) = variance_by_source(SUITE, settings, 4)
    assert again == found
    assert sum(counts) == 40


def test_the_search_is_a_source_where_it_is_tuned(settings: Settings) -> None:
    from paribus import LogUniform, Tuning
    from paribus.experiment.search_space import space

    tuning = Tuning(
        spaces=space(lr=LogUniform(low=1e-3, high=1.0)), trials={"quick": 2}, widen=False
    )
    tuned = replace(settings, arm="tuned")
    (found,) = variance_by_source(suite(comparison(tuning=tuning)), tuned, 4)
    assert (found.arm, found.sources) == ("tuned", ("split", "init", "order", "search"))
    assert found.runs == 2 * (8 + 4 * 4) * 3
    assert found.spreads[-1].components["search"].deviation.value > 0


def test_stacked_and_loop_tell_the_same_parts(settings: Settings) -> None:
    (loop,) = variance_by_source(SUITE, settings, 4)
    (stacked,) = variance_by_source(SUITE, replace(settings, engine="auto"), 4)
    assert stacked.engines == ("stacked",)
    for a, b in zip(loop.spreads, stacked.spreads, strict=True):
        for source, part in a.components.items():
            assert b.components[source].deviation.value == pytest.approx(
                part.deviation.value, rel=1e-3
            )


def test_a_page_of_variance_is_made_again_from_its_numbers(
    settings: Settings, tmp_path: Path
) -> None:
    report = VarianceReport("Toys", tuple(variance_by_source(SUITE, settings, 4)))
    page = report.report(tmp_path / "a")
    text = page.read_text(encoding="utf-8")
    again = variance_page.write_again(tmp_path / "a" / "toys-variance.json", tmp_path)
    assert again.read_text(encoding="utf-8") == text
    assert "![Share of each source](toys-variance.png)" in text
    assert (tmp_path / "a" / "toys-variance.png").stat().st_size > 5000
    assert len(report.to_frame()) == 6


def test_a_multiverse_asks_the_same_question_in_every_setting(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = trained(monkeypatch)
    (found,) = multiverse(SUITE, replace(settings, seeds=2), GRID)
    assert (found.seeds, found.runs, sum(counts)) == (2, 16, 16)
    assert found.axes == {"recipe.steps": ("4", "6"), "recipe.optimizer.lr": ("x0.1", "x1")}
    assert [v.values for v in found.contrasts["adam"]] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert len(ordinary(settings, comparison(), 2)) == 4
    assert multiverse(SUITE, replace(settings, seeds=2), GRID) == [found]
    assert sum(counts) == 16


def test_seeds_are_more_than_a_verdict_takes_and_a_suite_may_declare_its_grid(
    settings: Settings,
) -> None:
    declared = suite(comparison(multiverse={"recipe.keep": ("best", "last")}))
    (found,) = multiverse(declared, settings)
    assert (found.seeds, found.axes) == (10, {"recipe.keep": ("best", "last")})
    assert all(verdict.there for verdict in found.contrasts["adam"])


def test_settings_that_differ_in_numbers_of_the_optimizer_are_trained_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = trained(monkeypatch)
    (found,) = multiverse(SUITE, replace(settings, seeds=2, engine="auto"), GRID)
    assert found.engines == ("stacked",)
    # Both variants and both rates of each number of steps: Adam and SGD are two cohorts.
    assert [count for count in counts if count] == [4, 4, 4, 4]


def test_a_suite_without_a_grid_is_refused(settings: Settings) -> None:
    assert refused(multiverse, SUITE, settings) == (
        "multiverse of suite 'toys': got no --paribus-over, and no grid that it declares, expected choices to vary. "
        "Write --paribus-over recipe.steps=250,1000, or name other paths."
    )


def test_what_variants_declare_apart_is_told() -> None:
    made = comparison()
    rates = {v.name: v.recipe.optimizer.kwargs["lr"] for v in made.variants()}
    told = ", ".join(f"{name} {rate:g}" for name, rate in rates.items())
    assert unlike(made, ["recipe.optimizer.lr", "recipe.steps"]) == {"recipe.optimizer.lr": told}
    assert unlike(made, ["recipe.steps"]) == {}


def test_a_page_of_a_multiverse_is_made_again_from_its_numbers(
    settings: Settings, tmp_path: Path
) -> None:
    report = MultiverseReport("Toys", tuple(multiverse(SUITE, replace(settings, seeds=2), GRID)))
    page = report.report(tmp_path / "a")
    text = page.read_text(encoding="utf-8")
    again = multiverse_page.write_again(tmp_path / "a" / "toys-multiverse.json", tmp_path)
    assert again.read_text(encoding="utf-8") == text
    assert "(toys-multiverse-adam.png)" in text
    assert (tmp_path / "a" / "toys-multiverse-adam.png").stat().st_size > 5000
    assert len(report.to_frame()) == 4


def test_rebuilding_a_folder_makes_these_pages_again_too(tmp_path: Path) -> None:
    made = suite()
    first = tmp_path / "first"
    chosen = Settings(
        seeds=2, device="cpu", engine="loop", out=first, store=first / "s", jobs=1, evidence=True
    )
    run_suites([made], chosen)
    for report in (
        VarianceReport("Toys", (parts(spread(8, 2)),)),
        MultiverseReport("Toys", (grid(*["better"] * 4),)),
    ):
        report.report(first)
    written = rebuild(first, tmp_path / "again", {"toys": made}.__getitem__)
    pages = {page.name for page in written}
    assert written[0].name == "README.md"
    for name in ("hand-variance.md", "hand-multiverse.md"):
        assert name in pages
        assert (tmp_path / "again" / name).read_bytes() == (first / name).read_bytes()


def test_numbers_that_cannot_be_read_cost_none_of_the_other_pages(tmp_path: Path) -> None:
    made, first, again = suite(), tmp_path / "first", tmp_path / "again"
    chosen = Settings(
        seeds=2, device="cpu", engine="loop", out=first, store=first / "s", jobs=1, evidence=True
    )
    run_suites([made], chosen)
    (first / "toys-variance.json").write_text("{}")
    assert refused(rebuild, first, again, {"toys": made}.__getitem__).startswith(
        f"numbers of a page, {first / 'toys-variance.json'}: "
    )
    assert {"README.md", "toys.md"} <= {page.name for page in again.iterdir()}


def test_both_are_asked_for_in_python_and_keep_their_runs_where_they_are_told(
    tmp_path: Path,
) -> None:
    options = {"progress": False, "engine": "loop", "jobs": 1}
    store = tmp_path / "runs.sqlite"
    report = pb.multiverse(comparison(), GRID, seeds=2, store=store, **options)
    assert (report.title, report.parts[0].runs) == ("Which toy is best?", 16)
    assert str(report).startswith("Which toy is best?\n**adam beats sgd in ")
    assert list(tmp_path.iterdir()) == [store]
    found = pb.variance(SUITE, draws=4, **options)
    assert str(found).startswith(
        "toys on cpu: where does the spread of log_loss come from?\n**adam against sgd**"
    )


def test_too_few_draws_are_refused_before_anything_is_trained() -> None:
    assert refused(pb.variance, SUITE, draws=3) == (
        "draws=: got 3, expected at least 4. Draw each source more often."
    )

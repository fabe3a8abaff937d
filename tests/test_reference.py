"""Pages of results/reference are what their evidence says, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.engines.page import page_text
from benchmarks.growth import page as growth
from benchmarks.peers import page as peers
from paribus.analysis import result_set
from paribus.analysis.set_changes import compare_sets
from paribus.calibration import page as calibration
from paribus.execution import orchestrate
from paribus.execution.evidence_bundle import FILE
from paribus.execution.orchestrate import rebuild
from paribus.report import set_changes
from paribus.report.figures import learning_curves, saving
from paribus.suites import SUITES

REFERENCE = Path(__file__).parents[1] / "results" / "reference"
# Measured by commands of their own, not made from runs that the store keeps.
APART = {"engines.md", "calibration.md", "known_answers.md", "peers.md", "growth.md"}
VERSIONS = sorted(REFERENCE.glob("torch-*-against-*.md"))


@pytest.mark.slow
def test_every_page_is_made_again_from_the_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text and tables; figures are left out, because fonts differ from machine to machine."""
    monkeypatch.setattr(orchestrate, "MANY_RESULTS", 10**6)
    monkeypatch.setattr(saving, "save", lambda _figure, path: path)
    monkeypatch.setattr(learning_curves, "save", lambda _figure, path: path)
    rebuild(REFERENCE / FILE, tmp_path, {suite.name: suite for suite in SUITES}.__getitem__)
    kept = {p.name for p in REFERENCE.iterdir() if p.suffix in (".md", ".csv")} - APART
    kept -= {page.name for page in VERSIONS}
    suites = [p.stem for p in REFERENCE.glob("*.csv")]
    of_suites = {
        f"{suite}{ending}" for suite in suites for ending in (".md", "-details.md", ".csv")
    }
    assert len(suites) == 25
    explored = {
        f"{p.stem}.md" for e in ("variance", "multiverse") for p in REFERENCE.glob(f"*-{e}.json")
    }
    assert kept == {"README.md", "claims.md", "method.md"} | of_suites | explored
    assert {p.name for p in tmp_path.iterdir()} == kept | {result_set.FILE}
    for name in sorted(kept | {result_set.FILE}):
        assert (tmp_path / name).read_bytes() == (REFERENCE / name).read_bytes(), name


def test_what_turns_between_the_budgets_is_told_and_nothing_else() -> None:
    """``quick`` holds what the main job found: a variant ahead there and behind here is named by its comparison."""
    full = result_set.read_set(REFERENCE).comparisons
    few = {
        (c.suite, c.comparison, c.arm): c
        for c in result_set.read_set(REFERENCE / "quick").comparisons
    }
    told = {(s.name, c.name, "default") for s in SUITES for c in s.comparisons if c.turns}
    turned = set()
    for runs in full:
        key = (runs.suite, runs.comparison, runs.arm)
        then = {variant.name: variant.word for variant in few[key].variants}
        if any({_ahead(v.word), _ahead(then[v.name])} == {1, -1} for v in runs.variants):
            turned.add(key)
    assert turned == told


def _ahead(word: str) -> int:
    return word.endswith("better") - word.endswith("worse")


def test_the_page_of_the_calibration_is_what_was_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "save", lambda _figure, path: path)
    page, *_ = calibration.write_again(REFERENCE / "calibration.json", tmp_path)
    assert page.read_bytes() == (REFERENCE / page.name).read_bytes()


def test_the_page_of_the_engines_is_what_was_measured() -> None:
    parts = json.loads((REFERENCE / "engines.json").read_text(encoding="utf-8"))
    assert page_text(parts) == (REFERENCE / "engines.md").read_text(encoding="utf-8")


def test_the_page_of_the_other_libraries_is_what_was_measured() -> None:
    parts = json.loads((REFERENCE / "peers.json").read_text(encoding="utf-8"))
    assert peers.page_text(parts) == (REFERENCE / "peers.md").read_text(encoding="utf-8")


def test_the_page_of_growth_is_what_was_measured() -> None:
    measured = json.loads((REFERENCE / "growth.json").read_text(encoding="utf-8"))
    assert growth.page_text(measured) == (REFERENCE / "growth.md").read_text(encoding="utf-8")


def test_the_page_of_two_versions_is_what_their_sets_say() -> None:
    """``torch-A-against-B.md`` is made of the sets ``torch-A`` and ``torch-B``."""
    assert len(VERSIONS) == 1
    then, now = VERSIONS[0].stem.removeprefix("torch-").split("-against-")
    folders = [REFERENCE / f"torch-{version}" for version in (then, now)]
    (first, other), (a, b) = result_set.read_sets(folders)
    written = set_changes.page([compare_sets(first, other, (a, b))])
    assert VERSIONS[0].read_text(encoding="utf-8") == written

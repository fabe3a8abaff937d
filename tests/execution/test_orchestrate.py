"""Whole course of a comparison: what is shown, and when."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from paribus import Suite, Tuning, call
from paribus.analysis.results import Result
from paribus.errors import ParibusError, StoreError
from paribus.execution.orchestrate import run_suites
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.experiment.search_space import space
from tests.helpers.toys import Raises, comparison, suite


def test_results_are_shown_before_their_pages_are_written(tmp_path: Path) -> None:
    """Pages and figures take longer than the table, which nobody has to wait for."""
    settings = Settings(seeds=2, device="cpu", engine="loop", out=tmp_path / "out", jobs=1)
    page, shown = tmp_path / "out" / "README.md", list[tuple[object, bool]]()

    def show(results: Sequence[Result]) -> None:
        shown.append(([row.variant.name for row in results[0].rows], page.exists()))

    def wrote(pages: Sequence[Path]) -> None:
        shown.append((pages[0], page.exists()))

    finished = run_suites([suite()], settings, show=show, wrote=wrote)
    names = [row.variant.name for row in finished.results[0].rows]
    assert shown == [(names, False), (page, True)]


def _tuned(**settings: object) -> Suite:
    tuning = Tuning(spaces={"sgd": space(), "adam": space()}, trials={"quick": 2}, widen=False)
    return suite(comparison(tuning=tuning, **settings))


def _arms_shown(suites: list[Suite], out: Path, **settings: object) -> list[list[str]]:
    """Return the arms of what was shown, first and last."""
    fields = {"seeds": 2, "device": "cpu", **settings}
    chosen = Settings(engine="loop", out=out, jobs=1, **fields)
    shown = list[list[str]]()

    def show(results: Sequence[Result]) -> None:
        shown.append([result.arm for result in results])

    run_suites(suites, chosen, show=show, show_first=show)
    return shown


def test_stated_settings_are_shown_before_others_are_tuned(tmp_path: Path) -> None:
    assert _arms_shown([_tuned()], tmp_path) == [["default"], ["default", "tuned"]]
    # What is in the store already needs no waiting.
    assert _arms_shown([_tuned()], tmp_path) == [["default", "tuned"]]


def test_what_cannot_run_here_is_shown_once(tmp_path: Path) -> None:
    """A device that is not there is told of at the end."""
    shown = _arms_shown([_tuned()], tmp_path, device="auto")
    assert shown[0] == ["default"] * len(shown[0])
    assert len(shown[0]) == 1 + torch.cuda.is_available()


def test_nothing_is_shown_first_where_there_is_one_arm_or_a_sequence_of_seeds(
    tmp_path: Path,
) -> None:
    assert _arms_shown([_tuned()], tmp_path / "a", arm="default") == [["default"]]
    assert _arms_shown([_tuned()], tmp_path / "b", seeds=None, sequential=True, cap=8) == [
        ["default", "tuned"]
    ]


def test_steps_are_timed_before_the_table_is_shown(tmp_path: Path) -> None:
    settings = Settings(seeds=2, device="cpu", engine="loop", out=tmp_path, jobs=1)
    timed = list[list[bool]]()

    def show(results: Sequence[Result]) -> None:
        timed.append([row.timing is not None for row in results[0].rows])

    finished = run_suites([suite()], settings, show=show)
    assert timed == [[True, True]]
    assert all(row.timing is not None for row in finished.results[0].rows)


def test_what_fails_costs_the_others_neither_times_nor_pages(tmp_path: Path) -> None:
    settings = Settings(seeds=2, device="cpu", engine="loop", out=tmp_path, jobs=1)
    failing = suite(
        comparison(
            "recipe.model", {"sound": call("tests.helpers.toys:Small"), "raises": call(Raises)}
        )
    )
    pages = list[Path]()
    with pytest.raises(ParibusError, match="the third step is one too many"):
        run_suites([failing], settings, wrote=pages.extend)
    table = (tmp_path / "toys-details.md").read_text().partition("step, ratio to baseline")[2]
    sound, fails = (line.split("|") for line in table.splitlines()[2:4])
    column = -4  # microseconds; behind it the ratio, seconds of a run, and nothing
    assert sound[1].strip() == "sound"
    assert float(sound[column]) > 0
    assert fails[1].strip() == "raises"
    assert fails[column].strip() == "—"


def test_times_that_cannot_be_kept_cost_no_page_and_hide_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_session: Session) -> None:
        raise StoreError("store", got="a full disk", expected="room", fix="Make room.")

    monkeypatch.setattr(Session, "time_planned", full)
    settings = Settings(seeds=2, device="cpu", engine="loop", out=tmp_path, jobs=1)
    pages = list[Path]()
    with pytest.raises(StoreError, match="a full disk"):
        run_suites([suite()], settings, wrote=pages.extend)
    assert pages[0] == tmp_path / "README.md"
    failing = suite(
        comparison("recipe.model", {"a": call("tests.helpers.toys:Small"), "b": call(Raises)})
    )
    with pytest.raises(ParibusError, match="the third step is one too many"):
        run_suites([failing], settings)


def test_without_a_folder_for_temporary_files_nothing_is_timed_and_all_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def unwritable(_session: Session) -> None:
        raise PermissionError(13, "Permission denied", "/tmp/x")

    monkeypatch.setattr(Session, "time_planned", unwritable)
    settings = Settings(seeds=2, device="cpu", engine="loop", out=tmp_path, jobs=1)
    assert run_suites([suite()], settings).pages
    assert (
        "Steps were not timed: [Errno 13] Permission denied: '/tmp/x'.\n" in capfd.readouterr().err
    )

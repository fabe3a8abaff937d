"""Figures saved by workers: the same files as one by one, and one that cannot be saved costs no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from paribus.execution import figure_saving
from paribus.execution.executors import Failure, WorkerDiedError
from paribus.execution.figure_saving import SavingByWorkers
from paribus.report import write
from paribus.report.figures.learning_curves import plot_figure
from paribus.report.figures.saving import FigureSaving
from tests.helpers.handmade import filled


def figure(label: str = "y") -> Figure:
    made = plot_figure(2.0, 1.5)
    made.subplots().plot([1, 2, 3], label=label)
    return made


def saved(saving: FigureSaving, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    for name in ("a", "b", "c"):
        saving.save(figure(name), folder / f"{name}.png")
    assert saving.finish() == {}
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_are_the_same_to_the_byte(tmp_path: Path) -> None:
    here = saved(FigureSaving(), tmp_path / "here")
    assert here.keys() == {"a.png", "b.png", "c.png"}
    assert saved(SavingByWorkers(2), tmp_path / "there") == here


@pytest.mark.parametrize("kind", [FigureSaving, lambda: SavingByWorkers(1)])
def test_what_cannot_be_saved_is_told_and_costs_no_other(tmp_path: Path, kind: Any) -> None:
    saving = kind()
    saving.save(figure(), tmp_path / "missing" / "a.png")
    saving.save(figure(), tmp_path / "b.png")
    (failed,) = saving.finish().items()
    assert failed[0] == tmp_path / "missing" / "a.png"
    assert "No such file or directory" in failed[1]
    assert (tmp_path / "b.png").stat().st_size > 0


class Alone(Figure):
    """Figure that no other process can have."""

    def __reduce__(self) -> Any:
        raise TypeError("it stays here")


def test_a_figure_that_cannot_be_packed_is_saved_here(tmp_path: Path) -> None:
    saving = SavingByWorkers(1)
    saving.save(Alone(), tmp_path / "a.png")
    assert saving.finish() == {}
    assert (tmp_path / "a.png").stat().st_size > 0


@pytest.mark.parametrize("raised", [False, True])
def test_what_lost_workers_leave_is_saved_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: bool
) -> None:
    class Lost:
        def __init__(self, jobs: int) -> None:
            assert jobs == 1

        def spread(self, _function: object, pieces: Any) -> Any:
            for piece in pieces:
                if raised:
                    raise OSError("no memory for another process")
                yield piece, Failure(WorkerDiedError("ended by SIGKILL"))

    monkeypatch.setattr(figure_saving, "LocalExecutor", Lost)
    monkeypatch.setattr("threading.excepthook", lambda _args: None)
    assert saved(SavingByWorkers(1), tmp_path / "out").keys() == {"a.png", "b.png", "c.png"}


def test_a_page_shows_the_figures_that_could_be_saved(store, tmp_path: Path) -> None:
    """The other one is warned of."""

    class Fragile(FigureSaving):
        def finish(self) -> dict[Path, str]:
            return {tmp_path / "hand-contrasts.png": "no room"}

    with pytest.warns(UserWarning, match="hand-contrasts.png could not be drawn: no room"):
        written = write([filled(store).result()], tmp_path, saving=Fragile())
    text = (tmp_path / "hand.md").read_text(encoding="utf-8")
    assert "(hand.png)" in text
    assert "hand-contrasts.png" not in text
    assert "hand-contrasts.png" not in {path.name for path in written}

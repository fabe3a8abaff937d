"""The benchmark of the engines: what it compares, how it counts, and what its page says; no time is asserted."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.engines import clock, end_to_end, memory, page, remote, rows, sweep
from benchmarks.engines.clock import (
    Patience,
    Processors,
    Sample,
    interleaved,
    ratio,
    sample,
    spread,
)
from benchmarks.engines.figure import draw, lines_of
from benchmarks.engines.measure import compared, learned
from benchmarks.engines.ours import Ours
from benchmarks.engines.textbook import Taken, Textbook
from benchmarks.engines.workloads import NAMED, WORKLOADS
from benchmarks.peers.jax_peer import _call_length
from paribus.experiment.comparison import Suite

ROOT = Path(__file__).parents[2]
MLP = NAMED["MLP"]


@pytest.mark.slow
def test_the_textbook_the_loop_and_the_stacked_engine_learn_the_same() -> None:
    """The loop and the stacked engine from the same weights in the same order, the textbook from others."""
    textbook = learned(lambda seeds: Textbook(MLP, seeds[0]), MLP)
    loop = learned(lambda seeds: Ours(MLP, seeds[:1], "loop"), MLP)
    stacked = learned(lambda seeds: Ours(MLP, seeds, "stacked"), MLP)
    start = Textbook(MLP, 0).take(1).losses[0]
    assert max(textbook) < start / 2, "they learn"
    assert not compared(textbook, loop, start).apart
    assert stacked == pytest.approx(loop, rel=1e-3)


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w.name)
def test_a_workload_is_what_the_table_says(workload: Any) -> None:
    """No batch is left over, two devices share the checked seeds, and every bar has a row."""
    training = len(workload.split.train)
    seeds, steps = workload.checked
    assert training % workload.recipe.batch_size == 0
    assert (seeds % 2, steps % workload.epoch) == (0, 0)
    assert set(workload.bars) <= set(workload.replicates)
    assert workload.epoch % _call_length(workload.epoch) == 0


def test_the_textbooks_loss_is_the_tasks() -> None:
    """Torch's own criterion and the task's loss, averaged over a batch."""
    for workload in WORKLOADS:
        x, y, criterion = workload.plain()
        with torch.no_grad():
            outputs = workload.network(0)(x[:16])
            plain = criterion(outputs, y[:16])
            part = workload.split.part("train", 16)
            assert plain.item() == pytest.approx(
                workload.task.loss(outputs, *part.targets).mean().item(), rel=1e-5
            )


def test_losses_are_compared_with_what_seeds_vary_by() -> None:
    """Textbook 1, 2, 3: mean 2, standard error 1/sqrt(3); three errors of the difference are 3 * sqrt(2/3) = 2.449."""
    near, far = [4.3, 5.3, 3.3], [4.6, 5.6, 3.6]
    assert compared([1.0, 2.0, 3.0], near, start=2.0) == (
        pytest.approx(4.3),
        pytest.approx(3**-0.5),
        "",
    )
    assert compared([1.0, 2.0, 3.0], far, start=2.0).apart == "loss 4.6, the textbook's 2"
    assert not compared([1.0, 2.0, 3.0], far, start=12.0).apart, "0.03 * 10 more is allowed"
    assert compared([1.0, 2.0, 3.0], [math.nan] * 3, start=2.0).apart


def test_ratios_are_taken_within_a_round() -> None:
    textbook, contender = [10.0, 20.0, 30.0, 40.0, 50.0], [1.0, 1.0, 1.0, 1.0, 10.0]
    found = ratio(textbook, contender)
    values = [10.0, 20.0, 30.0, 40.0, 5.0]
    assert found == (np.median(values), *np.quantile(values, [0.25, 0.75]))
    assert spread([3.0]) == (3.0, 3.0, 3.0)


def _proc(folder: Path, busy: int, own: int) -> None:
    """Processor time as Linux tells it, in hundredths of a second, of all and of process 7."""
    (folder / "7").mkdir(exist_ok=True)
    (folder / "stat").write_text(f"cpu  {busy} 0 0 999 55 0 0 0 0 0\ncpu0 1 2 3\n")
    (folder / "7" / "stat").write_text(f"7 (a (b) c) S 1 7 7 0 -1 4 0 0 0 0 {own} 0 0 0 20\n")


def test_others_are_all_processes_but_ours(tmp_path: Path) -> None:
    """1.5 s in all, of which process 7 took 0.5; waiting for disks is no use of a processor."""
    _proc(tmp_path, busy=150, own=50)
    assert Processors({7}, proc=tmp_path).others() == pytest.approx(1.0)
    assert Processors(proc=tmp_path).others() == pytest.approx(1.5)


def test_a_machine_that_does_not_count_has_no_others(tmp_path: Path) -> None:
    assert Processors(proc=tmp_path / "none").others() is None


class Counted:
    """A contender that notes when it is called, each step taking a second of a clock of its own."""

    replicates = 2

    def __init__(self, name: str = "", calls: list[str] | None = None) -> None:
        self.name, self.calls = name, [] if calls is None else calls

    def take(self, steps: int) -> Taken:
        self.calls.append(self.name)
        return Taken(float(steps), steps, np.zeros(2))


class Busy:
    """Processors on which others use so many seconds during each of the next samples."""

    def __init__(self, *seconds: float) -> None:
        self.left, self.used, self.asked = list(seconds), 0.0, 0

    def others(self) -> float:
        self.asked += 1
        if self.asked % 2 == 0:
            self.used += self.left.pop(0) if self.left else 0.0
        return self.used


def test_a_sample_is_taken_again_while_others_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds of five steps of two: a second a replicate-step; 0.8 s of others are tolerated."""
    monkeypatch.setattr(Patience, "wait", lambda _self: None)
    contender = Counted()
    found = sample(contender, 10, Patience(Busy(5.0, 3.0, 0.5)))
    assert found == Sample(0.5, pytest.approx(0.05))
    assert len(contender.calls) == 3


def test_the_quietest_sample_is_kept_where_none_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patience, "wait", lambda _self: None)
    found = sample(Counted(), 10, Patience(Busy(5.0, 2.0, 9.0, 4.0)))
    assert found.others == pytest.approx(0.2)
    assert clock.disturbed([found, Sample(0.5, 0.0)]) == 1


def test_patience_ends() -> None:
    """Without it the first sample is taken as it is."""
    contender = Counted()
    sample(contender, 10, Patience(Busy(5.0, 0.0), seconds=0.0))
    assert len(contender.calls) == 1


def test_contenders_take_turns_and_each_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_length", lambda _contender: 1)
    calls: list[str] = []
    three = {name: Counted(name, calls) for name in "abc"}
    found = interleaved(three, Patience(Busy()), rounds=3)
    assert "".join(calls) == "abc" + "bca" + "cab"
    assert {name: len(samples) for name, samples in found.items()} == {"a": 3, "b": 3, "c": 3}


def test_a_peer_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "find_spec", lambda name: None if name == "jax" else object())
    missing = {row.name: row.missing for row in rows.rows(MLP, cores=2) if row.missing}
    assert set(missing.values()) == {"JAX is not installed; tox -e peers installs it"}
    assert len(missing) == 9, "R of 1, 8, 32, 128, 512 on one device, without 1 on two"


def test_every_workload_has_the_textbook_our_engines_and_the_peers() -> None:
    for workload in WORKLOADS:
        found = rows.rows(workload, cores=2)
        engines = {row.engine for row in found}
        assert {"textbook", "loop", "stacked", "skorch", "Lightning", "JAX, 1 device"} <= engines
        assert len({row.name for row in found}) == len(found)
        stacked = [row for row in found if row.engine == "stacked" and row.processes == 1]
        assert [row.replicates for row in stacked] == list(workload.replicates)


def test_a_process_follows_orders_and_tells_its_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = [
        {"do": "start", "name": "a", "workload": "MLP", "seeds": [3, 4], "engine": "stacked"},
        {"do": "take", "name": "a", "steps": 5},
        {"do": "drop", "name": "a"},
        {"do": "take", "name": "a", "steps": 5},
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(map(json.dumps, orders))))
    monkeypatch.setattr("sys.stdout", said := io.StringIO())
    remote.serve(lambda workload, seeds, engine: Counted(f"{workload.name} {seeds} {engine}"))
    answers = [json.loads(line) for line in said.getvalue().splitlines()]
    assert answers == [{}, {"steps": 5, "losses": [0.0, 0.0]}, {}, {"error": "KeyError: 'a'"}]


def _row(engine: str, replicates: int, middle: float | None = None, **rest: Any) -> dict[str, Any]:
    """A row as `measure` leaves it: the textbook takes 600 microseconds, quartiles lie a tenth off."""
    row = rows.Row(engine, replicates, rest.pop("processes", 1), rest.pop("peer", ""))
    timed: dict[str, Any] = {}
    if middle is not None:
        third = [middle, 0.9 * middle, 1.1 * middle]
        micro = [600 / middle, 540 / middle, 660 / middle]
        timed = {"ratio": third, "microseconds": micro, "rounds": 7, "disturbed": 2}
        timed |= {"loss": 0.125, "error": 0.0125, "apart": ""}
    return {**row._asdict(), "name": row.name, "reason": "", **timed, **rest}


WHERE = {"date": "2026-01-02", "torch": "9.9", "peers": "", "machine": "A machine, 2 cores."}
HANDMADE = {
    "workload": "MLP",
    "where": WHERE,
    "start": 0.693,
    "checked": [8, 405],
    "auto": {"32": "stacked (measured)"},
    "rows": [
        _row("textbook", 1, 1.0),
        _row("stacked", 32, 20.0),
        _row("stacked-compiled", 32, 94.0),
        _row("stacked", 128, 190.0),
        _row("stacked", 512, 100.0),
        _row(
            "skorch", 1, peer="skorch", reason="skorch is not installed; tox -e peers installs it"
        ),
        _row("JAX, 1 device", 32, 221.0, peer="JAX"),
        _row("JAX, 1 device", 128, peer="JAX", reason="loss 4.6, the textbook's 0.13"),
    ],
}


def _cells(text: str, start: str) -> list[list[str]]:
    """Cells of the lines of a table that start so."""
    lines = [line for line in text.splitlines() if line.startswith(f"| {start} |")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_page_holds_what_was_reached_against_what_was_asked() -> None:
    text = page.text({"MLP": HANDMADE})
    first, second, third = _cells(text, "MLP")
    assert first[1:6] == [
        "32",
        "90x (22x without a compiler); 1500x was seen",
        "94x (84.6 to 103)",
        "stacked-compiled, R=32",
        "yes",
    ]
    assert first[6:8] == ["20x (18 to 22)", "within the spread"]
    assert first[8:] == ["221x (199 to 243)", "stacked (measured)"]
    assert second[5] == "within the spread", "209 is its upper quartile, and 200 is asked"
    assert third[5] == "**no**"
    assert _cells(text, "stacked-compiled")[0] == [
        *(
            "stacked-compiled",
            "32",
            "1",
            "6.38 (5.74 to 7.02)",
            "94x (84.6 to 103)",
            "90x",
            "2 of 7",
        ),
        "0.1250 ± 0.0125",
    ]


def test_the_page_names_whoever_has_no_time_and_why() -> None:
    text = page.text({"MLP": HANDMADE})
    ((*_, reason, _, _, loss),) = _cells(text, "skorch")
    assert (reason, loss) == ("skorch is not installed; tox -e peers installs it", "–")
    assert _cells(text, "JAX, 1 device")[1][4] == "loss 4.6, the textbook's 0.13"


def test_the_page_says_where_it_was_measured_and_no_more_than_was() -> None:
    text = page.text({"MLP": HANDMADE})
    assert "A machine, 2 cores." in text
    assert "Measured 2026-01-02 with torch 9.9; no peers." in text
    assert "GRU" not in text
    assert "## Memory" not in text


def test_parts_that_were_measured_before_stay_on_the_page(tmp_path: Path) -> None:
    page.keep(tmp_path, "memory", {"where": WHERE, "text": "512 MB."})
    page.keep(tmp_path, "MLP", HANDMADE)
    text = (tmp_path / "engines.md").read_text()
    assert "512 MB." in text
    assert len(_cells(text, "MLP")) == 3
    assert text.count("A machine, 2 cores.") == 1
    assert (tmp_path / "engines.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_has_a_panel_a_workload_and_a_name_a_line() -> None:
    figure = draw({"MLP": HANDMADE})
    assert figure is not None
    (axes,) = figure.axes
    names = [text.get_text() for text in axes.texts]
    assert {"textbook", "stacked", "JAX, 1 device", "bar 90x", "bar 200x", "bar 290x"} <= set(names)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert list(lines_of(HANDMADE["rows"])) == [
        *("textbook", "stacked", "stacked-compiled", "JAX, 1 device"),
    ]
    assert draw({}) is None


@pytest.mark.parametrize(
    ("middle", "said"), [(10.5, "yes"), (10.0, "within the spread"), (9.0, "**no**")]
)
def test_a_bar_is_reached_or_within_the_spread_or_not(middle: float, said: str) -> None:
    assert page.reached({"ratio": [middle, 0.9 * middle, 1.1 * middle]}, 10.5) == said
    assert page.reached(None, 1.0) == "not measured"


def test_the_sweep_is_800_trainings_of_2000_steps() -> None:
    suite: Suite = sweep.SUITE
    variants = [v for c in suite.comparisons for v in c.variants()]
    assert len(variants) * sweep.SEEDS == 800
    assert {v.recipe.steps for v in variants} == {2000}
    assert (
        len({(v.recipe.optimizer.target, str(v.recipe.optimizer.kwargs)) for v in variants}) == 80
    )
    assert sweep.MULTIPLES[0] == pytest.approx(1 / sweep.MULTIPLES[-1], rel=1e-2)


def test_the_sweep_is_told_with_its_bars() -> None:
    loop = {"runs": 800, "seconds": 480.0, "training": 900.0, "steps": 800.0}
    rounds = [{**loop, "seconds": s, "training": 20.0, "steps": 10.0} for s in (31.0, 29.0, 30.0)]
    stacked = end_to_end.middle(rounds)
    assert stacked["seconds"] == 30.0
    ratios = end_to_end.ratios(loop, stacked)
    assert ratios == {"seconds": 16.0, "training": 45.0, "steps": 80.0}
    text = end_to_end.told(
        {
            "loop": loop,
            "stacked": stacked,
            "ratios": ratios,
            "seconds": [31.0, 29.0, 30.0],
            "same": 63,
            "verdicts": 64,
            "where": WHERE,
        }
    )
    assert "| from end to end | 480.0 | 30.0 | 16.0x | 25x: **not reached** |" in text
    assert "| 800.0 | 10.0 | 80.0x | 60x: reached |" in text
    assert "(from end to end: 29.0, 30.0, 31.0)" in text
    assert "Of 64 verdicts, 63 are the loop's when stacked." in text


def test_memory_is_flat_or_said_not_to_be() -> None:
    peaks = [
        {"steps": n, "before": 300.0, "peak": mb, "seconds": 1.0}
        for n, mb in ((250, 400.0), (4000, 419.0))
    ]
    assert memory.flat(peaks)
    assert "does not grow by more than 5% from 250 to 4000 steps" in memory.told("MLP", peaks)
    peaks[1]["peak"] = 421.0
    assert not memory.flat(peaks)
    assert "**It grows" in memory.told("MLP", peaks)


def test_a_training_in_this_process_has_a_peak() -> None:
    found = memory.train(MLP, steps=3, replicates=2)
    assert 0 < found["before"] <= found["peak"]


def test_the_engines_are_timed_only_where_their_file_is_named(pytester: pytest.Pytester) -> None:
    options = ("-c", str(ROOT / "pyproject.toml"), "--collect-only", "-q")
    some = pytester.runpytest_subprocess(*options, str(ROOT / "benchmarks"))
    assert some.ret == 0
    assert not any("test_engines" in line for line in some.outlines)
    named = pytester.runpytest_subprocess(*options, str(ROOT / "benchmarks" / "test_engines.py"))
    assert any("test_engine[MLP: stacked, R=512]" in line for line in named.outlines)


def test_a_machine_without_a_compiler_has_the_rows_that_need_none() -> None:
    """Steps are compiled for the MLP; of recurrent networks the layers alone are, by our own kernel."""
    for name, compiled in (("MLP", "stacked-compiled"), ("GRU", "stacked")):
        workload = NAMED[name]
        rest = {e for e in workload.engines if page.needs_no_compiler(workload, {"engine": e})}
        assert rest == {*workload.engines} - {compiled}
        assert page.needs_no_compiler(workload, {"engine": "loop"})

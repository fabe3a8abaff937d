"""Benchmark of the engines: what it compares and what its page says; no time is asserted."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.engines import contenders, measure, page, sweep
from benchmarks.engines.arithmetic import multiply_adds, peak_rate
from benchmarks.engines.contenders import Engine, Processes, Row, Taken, Textbook, rows
from benchmarks.engines.measure import learned, losses_by_seed, time_in_turns, timing
from benchmarks.engines.peers import call_length
from benchmarks.engines.workloads import NAMED, WORKLOADS
from paribus.engines.simd.trainer import COMPILED
from paribus.experiment.suite import Suite

ROOT = Path(__file__).parents[2]
MLP = NAMED["MLP"]


@pytest.mark.slow
def test_the_textbook_the_loop_and_the_stacked_engine_learn_the_same() -> None:
    """The loop and the stacked engine from the same weights in the same order, the textbook from others."""
    textbook = losses_by_seed(lambda seeds: Textbook(MLP, seeds), MLP)
    loop = losses_by_seed(lambda seeds: Engine(MLP, seeds, "loop"), MLP)
    stacked = losses_by_seed(lambda seeds: Engine(MLP, seeds, "stacked"), MLP)
    start = Textbook(MLP, [0]).take(1).losses[0]
    assert max(textbook) < start / 2, "they learn"
    assert not learned(loop, textbook, start).reason
    assert stacked == pytest.approx(loop, rel=1e-3)


@pytest.mark.parametrize(
    ("workload", "engine"),
    [pytest.param(w, e, id=f"{w.name}: {e}") for w in WORKLOADS[:3] for e in w.engines],
)
def test_every_engine_of_a_workload_takes_steps(workload: Any, engine: str) -> None:
    """Compiled ones compile in the first, else they raise why not."""
    contender = Engine(workload, range(2), engine)
    taken = contender.take(16)
    assert (taken.steps, taken.losses.shape) == (16, (2,))
    if engine == COMPILED:
        (training,) = contender.trainings
        assert training._compiled is not None


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda w: w.name)
def test_a_workload_is_what_the_table_says(workload: Any) -> None:
    """No batch is left over, two devices share the checked seeds, and every bar has a row."""
    training = len(workload.split.train)
    seeds, steps = workload.checked
    assert training % workload.recipe.batch_size == 0
    assert (seeds % 2, steps % workload.epoch) == (0, 0)
    assert set(workload.bars) <= set(workload.replicates)
    assert workload.epoch % call_length(workload.epoch) == 0


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
    textbook, near, far = [1.0, 2.0, 3.0], [4.3, 5.3, 3.3], [4.6, 5.6, 3.6]
    same = learned(near, textbook, start=2.0)
    assert same == (pytest.approx(4.3), pytest.approx(3**-0.5), "")
    assert learned(far, textbook, start=2.0).reason == "loss 4.6, the textbook's 2"
    assert not learned(far, textbook, start=12.0).reason, "0.03 * 10 more is allowed"
    assert learned([math.nan] * 3, textbook, start=2.0).reason


def test_ratios_are_taken_within_a_round() -> None:
    textbook, seconds = [10.0, 20.0, 30.0, 40.0, 50.0], [1.0, 1.0, 1.0, 1.0, 10.0]
    result = timing(seconds, textbook)
    ratios = [10.0, 20.0, 30.0, 40.0, 5.0]
    assert result["ratio"] == [np.median(ratios), *np.quantile(ratios, [0.25, 0.75])]
    assert result["microseconds"] == [1e6, 1e6, 1e6]
    assert timing([0.5], [1.5])["ratio"] == [3.0, 3.0, 3.0]


class Counted:
    """Contender that notes when it is called, each step taking a second of its own."""

    replicates = 2

    def __init__(self, name: str = "", calls: list[tuple[str, int]] | None = None) -> None:
        self.name, self.calls = name, [] if calls is None else calls

    def take(self, steps: int) -> Taken:
        self.calls.append((self.name, steps))
        return Taken(float(steps), steps, np.zeros(2))


def test_contenders_take_turns_and_each_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of two replicates in a second is half a second for one of them."""
    monkeypatch.setattr(measure, "SAMPLE_SECONDS", 20.0)
    calls: list[tuple[str, int]] = []
    seconds = time_in_turns({name: Counted(name, calls) for name in "abc"}, rounds=3)
    assert seconds == {name: [0.5, 0.5, 0.5] for name in "abc"}
    warm_up, turns = calls[:6], calls[6:]
    assert warm_up == [(name, steps) for name in "abc" for steps in (24, 8)]
    assert turns == [(name, 16) for name in "abc" + "bca" + "cab"], "a multiple of eight"


def test_a_peer_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "find_spec", lambda name: None if name == "jax" else object())
    missing = {row.name: row.missing for row in rows(MLP, cores=2) if row.missing}
    assert set(missing.values()) == {"JAX is not installed; tox -e peers installs it"}
    assert len(missing) == 9, "R of 1, 8, 32, 128, 512 on one device, without 1 on two"


def test_every_workload_has_the_textbook_our_engines_and_the_peers() -> None:
    for workload in WORKLOADS:
        found = rows(workload, cores=2)
        engines = {row.engine for row in found}
        assert {"textbook", "loop", "stacked", "skorch", "Lightning", "JAX, 1 device"} <= engines
        assert len({row.name for row in found}) == len(found)
        stacked = [row for row in found if row.engine == "stacked" and row.processes == 1]
        assert [row.replicates for row in stacked] == list(workload.replicates)


@pytest.mark.slow
def test_replicates_in_several_processes_train_as_in_one() -> None:
    """Two processes hold two replicates each; an error in one is raised here."""
    with Processes() as processes:
        row = Row("stacked", 4, processes=2)
        there = processes.start(MLP, row, range(4)).take(5)
        here = processes.start(MLP, Row("stacked", 4), range(4)).take(5)
        with pytest.raises(KeyError, match="another library"):
            processes.start(MLP, row._replace(peer="another library"), range(4))
    assert (there.steps, there.losses.shape) == (5, (4,))
    assert there.losses == pytest.approx(here.losses, rel=1e-4)


def _row(engine: str, replicates: int, middle: float | None = None, **rest: Any) -> dict[str, Any]:
    """Return a row as `measure` leaves it: the textbook takes 600 microseconds, quartiles lie a tenth off."""
    row = Row(engine, replicates, rest.pop("processes", 1), rest.pop("peer", ""))
    timed: dict[str, Any] = {}
    if middle is not None:
        third = [middle, 0.9 * middle, 1.1 * middle]
        micro = [600 / middle, 540 / middle, 660 / middle]
        timed = {"ratio": third, "microseconds": micro, "rounds": 7}
        timed |= {"loss": 0.125, "error": 0.0125}
    return {**row._asdict(), "name": row.name, "reason": "", **timed, **rest}


WHERE = {
    "date": "2026-01-02",
    "torch": "9.9",
    "peers": "",
    "load": "0.1",
    "machine": "A machine, 2 cores.",
}
PEAKS = [
    {"steps": steps, "before": 300.0, "peak": peak, "seconds": 1.0}
    for steps, peak in ((250.0, 400.0), (4000.0, 419.0))
]
HANDMADE = {
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
    lines = [line.strip("|").split("|") for line in text.splitlines()]
    return [[cell.strip() for cell in line] for line in lines if line[0].strip() == start]


def test_the_page_holds_what_was_reached_against_what_was_asked() -> None:
    text = page.page_text({"MLP": HANDMADE})
    first, second, third = _cells(text, "MLP")
    assert first[1:6] == [
        "32",
        "90x (22x without a compiler)",
        "94.0x (84.6 to 103)",
        "stacked-compiled, R=32",
        "yes",
    ]
    assert first[6:8] == ["20.0x (18.0 to 22.0)", "within the spread"]
    assert first[8:] == ["221x (199 to 243)", "stacked (measured)"]
    assert second[5] == "within the spread", "209 is its upper quartile, and 200 is asked"
    assert third[5] == "**no**"
    assert _cells(text, "stacked-compiled")[0] == [
        *("stacked-compiled", "32", "1", "6.38 (5.74 to 7.02)", "94.0x (84.6 to 103)", "90x"),
        *("—", "0.1250 ± 0.0125"),
    ]


def test_the_page_says_how_near_to_the_machines_arithmetic_a_step_comes() -> None:
    """By hand: 20 000 multiply-adds take 1 µs of one core's 20 in a nanosecond; 6.38 µs are 16 % of the peak."""
    rates = {"1": 20e9, "2": 30e9}
    counted = {**HANDMADE, "multiply_adds": 20_000.0, "peak": rates, "threads": 2}
    text = page.page_text({"MLP": counted})
    assert _cells(text, "stacked-compiled")[0][-2] == "16%"
    assert _cells(text, "textbook")[0][-2] == "0.1%", (
        "20 000 / 30 of 600 µs, by torch's two threads"
    )
    assert _cells(text, "skorch")[0][-2] == "—"
    assert _cells(text, "JAX, 1 device")[0][-2] == "37%"
    assert (
        "A step has 0.02 million multiply-adds; at the machine's peak, measured in the same run by products of large "
        "matrices (20.0 on 1 core, 30.0 on 2 cores; in 10^9 a second), they take 1 µs on 1 core. 7 rounds."
    ) in text
    two = _row("JAX, 2 devices", 32, 10.0, peer="JAX")
    assert page.share_of_peak(two, counted) == "1.1%"


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("MLP", 32 * (2 * (9 * 16 + 16 * 8 + 8) + 16 * 8 + 8) / 1e6),
        # Forth and back to weights: gates x (inputs and hidden) of two layers; back to inputs: all but the first's.
        ("RNN", 96 * 32 * (3 * (32 + 3 * 32 * 32) - 32) / 1e6),
        ("GRU", 96 * 32 * 3 * (3 * (32 + 3 * 32 * 32) - 32) / 1e6),
        ("LSTM", 96 * 32 * 4 * (3 * (32 + 3 * 32 * 32) - 32) / 1e6),
    ],
)
def test_multiply_adds_are_those_counted_by_hand(name: str, millions: float) -> None:
    assert multiply_adds(NAMED[name]) / 1e6 == pytest.approx(millions, rel=0.02)


def test_the_peak_is_a_rate_and_threads_stay_as_they_are() -> None:
    before = torch.get_num_threads()
    assert peak_rate(1) > 1e8
    assert torch.get_num_threads() == before


def test_the_page_names_whoever_has_no_time_and_why() -> None:
    text = page.page_text({"MLP": HANDMADE})
    ((*_, reason, _, _, loss),) = _cells(text, "skorch")
    assert (reason, loss) == ("skorch is not installed; tox -e peers installs it", "—")
    assert _cells(text, "JAX, 1 device")[1][4] == "loss 4.6, the textbook's 0.13"


def test_the_page_says_where_it_was_measured_and_no_more_than_was() -> None:
    text = page.page_text({"MLP": HANDMADE})
    assert "A machine, 2 cores." in text
    assert "Measured 2026-01-02 with torch 9.9; load average before it: 0.1." in text
    assert "GRU" not in text
    assert "## Memory" not in text


def test_parts_that_were_measured_before_stay_on_the_page(tmp_path: Path) -> None:
    page.write_page(tmp_path, "memory", {"where": WHERE, "peaks": PEAKS})
    page.write_page(tmp_path, "MLP", HANDMADE)
    text = (tmp_path / "engines.md").read_text()
    assert "400 MB for 250 steps (1.0 s)" in text
    assert len(_cells(text, "MLP")) == 3
    assert text.count("A machine, 2 cores.") == 1
    assert (tmp_path / "engines.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_has_a_panel_a_workload_and_a_name_a_line() -> None:
    figure = page.draw({"MLP": HANDMADE})
    assert figure is not None
    (axes,) = figure.axes
    names = [text.get_text() for text in axes.texts]
    assert {"textbook", "stacked", "JAX, 1 device", "bar 90x", "bar 200x", "bar 290x"} <= set(names)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert list(page.bands_of(HANDMADE["rows"], 512)) == [
        *("textbook", "stacked", "stacked-compiled", "JAX, 1 device")
    ]
    assert page.draw({}) is None


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


def test_the_sweep_has_its_bars_and_what_was_decided() -> None:
    loop = {"runs": 800, "seconds": 480.0, "training": 900.0, "steps": 800.0}
    stacked = {**loop, "seconds": 30.0, "training": 20.0, "steps": 10.0}
    counts = {"same": 63, "verdicts": 64, "rounds": [31.0, 29.0, 30.0]}
    text = page.sweep_text({"loop": loop, "stacked": stacked, **counts, "where": WHERE})
    assert _cells(text, "from end to end")[0][1:] == [
        "480.0",
        "30.0",
        "16.0x",
        "60x: **not reached**",
    ]
    (steps,) = _cells(text, "training steps alone, sum over processes")
    assert steps[1:] == ["800.0", "10.0", "80.0x", "60x: reached"]
    assert "median of 3 rounds (from end to end: 29.0, 30.0, 31.0)" in text
    assert "Of 64 verdicts, 63 are the same by both." in text


def test_memory_is_flat_or_said_not_to_be() -> None:
    assert page.is_flat(PEAKS)
    text = page.memory_text({"where": WHERE, "peaks": PEAKS})
    assert "does not grow by more than 5% from 250 to 4000 steps" in text
    grown = [PEAKS[0], {**PEAKS[1], "peak": 421.0}]
    assert not page.is_flat(grown)
    assert "**It grows" in page.memory_text({"where": WHERE, "peaks": grown})


def test_a_training_in_this_process_has_a_peak() -> None:
    peaks = measure.peak_of_training("MLP", steps=3, replicates=2)
    assert 0 < peaks["before"] <= peaks["peak"]


def test_the_engines_are_timed_only_where_their_file_is_named(pytester: pytest.Pytester) -> None:
    options = ("-c", str(ROOT / "pyproject.toml"), "--collect-only", "-q")
    some = pytester.runpytest_subprocess(*options, str(ROOT / "benchmarks"))
    assert some.ret == 0
    assert not any("test_engines" in line for line in some.outlines)
    named = pytester.runpytest_subprocess(*options, str(ROOT / "benchmarks" / "test_engines.py"))
    assert any("test_engine[MLP: stacked, R=512]" in line for line in named.outlines)


def test_a_machine_without_a_compiler_has_the_rows_that_need_none() -> None:
    """Steps are compiled for the MLP, recurrent layers for recurrent networks, and nothing for convolutions."""
    assert [NAMED[n].needs_compiler for n in ("MLP", "GRU", "CNN 8x8")] == [
        *("stacked-compiled", "stacked", "")
    ]
    assert all({w.needs_compiler} <= {"", *w.engines} for w in WORKLOADS)

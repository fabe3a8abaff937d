"""Result sets from results, their page, and the command that prints it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from paribus.analysis.result_set import FILE, ResultSet, read_sets
from paribus.analysis.set_changes import SetChanges, compare_sets
from paribus.frontends import cli
from paribus.report.result_set import result_set
from paribus.report.set_changes import page, summary, write_page
from paribus.runs.store import Store
from tests.helpers.handmade import Bench, around, filled
from tests.helpers.processes import printed
from tests.helpers.refusals import refused

ORIGIN = {"torch": "2.11.0", "threads": 1, "commit": "abc", "dirty": True}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Store(tmp_path / "runs.sqlite") as store:
        yield filled(store)


def made(bench: Bench) -> ResultSet:
    return result_set([bench.result()])


def changes(then: ResultSet, now: ResultSet) -> SetChanges:
    return compare_sets(then, now, ("old", "new"))


def worse(bench: Bench) -> ResultSet:
    """Return the set after adam lost 0.1 on every seed, with a newer torch."""
    torch = {**ORIGIN, "torch": "2.15.0"}
    return made(bench.put("adam", around(0.3), provenance=torch).time("adam", 3.0))


def test_a_set_holds_what_the_pages_say(bench: Bench) -> None:
    bench.put("adam", [float("nan"), *around(0.2)[1:]], provenance=ORIGIN).time("adam", 2.0)
    (runs,) = made(bench).comparisons
    sgd, adam, _ = runs.variants
    assert (runs.name, runs.metric, runs.margin, runs.seeds) == (
        "hand",
        "log_loss",
        0.02,
        tuple(range(10)),
    )
    assert runs.origin["commit"] == ("abc", "abc with uncommitted changes")
    assert len(runs.dates) == 1
    assert adam.scores == (None, *around(0.2)[1:])
    assert adam.outcomes[:2] == ("diverged", "completed")
    assert adam.failure == (0.7,) * 10
    contrast = bench.result().contrasts["adam"]
    assert (adam.verdict, adam.word, adam.size) == (contrast.label, contrast.word, contrast.size)
    assert sgd.verdict == "baseline"
    assert (adam.timed, adam.step_seconds) == ((2e-4,) * 3, (1 / 20,) * 10)
    assert (adam.data, adam.split, adam.start) == (sgd.data, sgd.split, sgd.start)
    assert adam.settings != sgd.settings


def test_a_set_reads_as_it_was_written(bench: Bench, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / FILE).write_text(made(bench).model_dump_json())
    assert read_sets([tmp_path / "a", tmp_path / "b"])[0] == [made(bench)] * 2


def test_devices_on_which_nothing_ran_are_left_out(bench: Bench) -> None:
    assert result_set([bench.result(skipped="no CUDA device was found")]).comparisons == ()


def test_the_first_line_says_whether_anything_got_worse(bench: Bench) -> None:
    then = made(bench)
    assert summary([changes(then, then)]) == (
        "Nothing changed from old to new: 3 variants of 1 comparison are identical, on every seed."
    )
    close = made(bench.put("adam", [x + 0.001 for x in around(0.2)]))
    assert summary([changes(then, close)]) == (
        "Nothing got worse by more than its margin from old to new: 3 of 3 variants of 1 comparison are shown not to "
        "have."
    )
    lost = changes(then, worse(bench))
    assert page([lost]).partition("\n")[0] == (
        "1 of 3 variants of 1 comparison got worse by more than the margin from old to new: hand, adam by 0.100."
    )
    assert summary([changes(then, then), lost]).startswith("1 of 3 variants")


def test_what_could_not_be_judged_is_not_hidden(bench: Bench) -> None:
    then = made(bench)
    failed = result_set([bench.result(failures={"rmsprop": "no memory"})])
    assert summary([changes(then, failed)]) == (
        "Nothing got worse by more than its margin from old to new: 2 of 3 variants of 1 comparison are shown not to "
        "have; 1 variant could not be judged."
    )
    assert "new: failed: no memory" in page([changes(then, failed)])


def test_the_page_shows_what_differs_and_every_change(bench: Bench) -> None:
    text = page([changes(made(bench.time("adam", 2.0)), worse(bench))])
    for part in (
        "| torch | 2.11.0 | 2.11.0 and 2.15.0 |",
        "The same in both: ",
        "- data and seeds: the same, by hash\n- split into parts: the same\n",
        "**hand: log_loss (nats, lower is better), margin 0.02, 10 seeds**",
        "| adam | 0.200 ± 0.021 | 0.300 ± 0.021 | -0.100",
        "| clearly worse | clearly better | 1.50 [1.50, 1.50] |",
        "| sgd | 0.400 ± 0.021 | 0.400 ± 0.021 | 0 | identical | baseline | 1.00 [1.00, 1.00] (trainings) |",
    ):
        assert part in " ".join(text.replace("\n", "~").split()).replace("~", "\n"), part


def test_settings_that_differ_are_named(bench: Bench) -> None:
    then = made(bench)
    (runs,) = then.comparisons
    other = tuple(v.model_copy(update={"settings": v.name}) for v in runs.variants[:1])
    now = runs.model_copy(update={"variants": (*other, *runs.variants[1:])})
    text = page([changes(then, ResultSet(comparisons=(now,)))])
    assert "- settings of recipe and score: other in 1 of 3 variants (hand, sgd)\n" in text


def test_a_page_is_a_file(bench: Bench, tmp_path: Path) -> None:
    same = [changes(made(bench), made(bench))]
    written = write_page(same, tmp_path / "new" / "sets.md")
    assert written.read_text(encoding="utf-8") == page(same)
    assert refused(write_page, same, tmp_path) == (
        f"--out: got {tmp_path}, a folder, expected a file. Write --out {tmp_path}/sets.md."
    )


# The command

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def compare(
    bench: Bench,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    """Return a function that compares two of the folders ``old``, ``same`` and ``worse``."""
    monkeypatch.chdir(tmp_path)
    for name, found in {"old": made(bench), "same": made(bench), "worse": worse(bench)}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / FILE).write_text(found.model_dump_json())

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            cli.main(["compare", *words])
        return (ended.value.code, *capsys.readouterr())

    return run


def test_a_planted_regression_turns_the_status_to_one(compare: Command) -> None:
    status, output, _ = compare("old", "worse")
    assert status == 1
    assert output.startswith("1 of 3 variants of 1 comparison got worse by more than the margin")
    assert compare("worse", "old")[0] == 0


def test_identical_sets_are_identical(compare: Command) -> None:
    status, output, _ = compare("old", "same", "--out", "page.md")
    assert (status, output) == (
        0,
        "Nothing changed from old to same: 3 variants of 1 comparison are identical, on every seed.\n"
        "page: page.md\n",
    )
    assert "| sgd | 0.400" in " ".join(Path("page.md").read_text(encoding="utf-8").split())


def test_several_sets_are_held_against_the_first(compare: Command) -> None:
    status, output, _ = compare("old", "same", "worse")
    assert status == 1
    first = output.partition("\n")[0]
    assert first.startswith(
        "1 of 3 variants of 1 comparison got worse by more than the margin from old to worse"
    )
    assert first.endswith(
        "Nothing changed from old to same: 3 variants of 1 comparison are identical, on every seed."
    )


def test_sets_are_read_and_refused_without_torch() -> None:
    code = "import sys, paribus.analysis.set_changes as _; print('torch' in sys.modules)"
    assert printed("-c", code) == "False\n"


def test_a_mistake_has_status_two(compare: Command) -> None:
    status, output, errors = compare("old", "old")
    assert (status, output) == (2, "")
    assert errors == (
        "paribus: paribus compare: got old twice, expected different folders. Name each once.\n"
    )

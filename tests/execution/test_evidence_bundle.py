"""Evidence: pages are made again from it, byte for byte, by other code and without training."""

from __future__ import annotations

import json
import lzma
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from paribus import Claim, ParibusError, Suite, call
from paribus.analysis.results import Result
from paribus.execution import engine_selection, evidence_bundle, session
from paribus.execution.cases import selected
from paribus.execution.engine_choice import EngineChoice
from paribus.execution.evidence_bundle import FILE
from paribus.execution.orchestrate import finish, rebuild, run_suites, train_all
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.frontends.cli import main
from paribus.runs import fingerprint
from paribus.runs.store import Store
from tests.helpers.toys import comparison, score, suite

CLAIM = Claim(name="C5", text="Adam wins.", variant="adam", relation="better")


def made(tmp_path: Path, *names: str) -> Suite:
    """Return a suite with its pages and evidence in ``first``, made by the loop on the CPU, with others beside it."""
    # Of one's predictions a score is made, so they are part of the evidence.
    first = suite(
        comparison(name="points", claims=(CLAIM,)), comparison(name="right", metric=score())
    )
    others = [
        suite(comparison("recipe.batch_size", {"5": 5, "6": 6}, name=n), name=n) for n in names
    ]
    out = tmp_path / "first"
    settings = Settings(seeds=2, device="cpu", engine="loop", out=out, store=out / "s", jobs=1)
    opened = Session(settings, (first, *others))
    with opened.study.store:
        chosen = selected((first, *others), settings)
        opened.prepare(chosen)
        train_all(opened, chosen)
    run_suites([first], replace(settings, evidence=True))
    return first


def same(first: Path, second: Path) -> None:
    """Equal text in every page and table."""
    pages = sorted(p.name for p in first.iterdir() if p.suffix in (".md", ".csv"))
    assert pages
    for name in pages:
        assert (second / name).read_bytes() == (first / name).read_bytes(), name


def finder(made: Suite) -> Callable[[str], Suite]:
    """Return a function that finds one suite."""
    return {made.name: made}.__getitem__


def test_pages_are_made_again_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine with another torch and another GPU, after the code has changed; and nothing is trained."""
    first = made(tmp_path)
    monkeypatch.setattr(fingerprint, "_of", lambda _modules: "changed since")
    monkeypatch.setattr("torch.__version__", "9.9.0")
    monkeypatch.setattr(session, "execute", lambda *_a, **_k: pytest.fail("something is trained"))
    written = rebuild(tmp_path / "first", tmp_path / "second", finder(first))
    same(tmp_path / "first", tmp_path / "second")
    assert "Adam wins." in (tmp_path / "second" / "claims.md").read_text()
    assert "before its first run" in (tmp_path / "second" / "toys-details.md").read_text()
    assert written[0] == tmp_path / "second" / "README.md"


def test_an_engine_that_was_chosen_for_one_session_is_in_its_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of its runs depend on it, and its store does not hold it."""
    lost = EngineChoice("loop", "lost", lasting=False)
    monkeypatch.setattr(engine_selection, "resolve_each", lambda *_: [(0, lost), (1, lost)])
    out, store = tmp_path / "first", tmp_path / "s.sqlite"
    toys = suite()
    run_suites([toys], Settings(out=out, store=store, device="cpu", engine="auto", evidence=True))
    with Store(store) as kept:
        assert kept._rows("select * from choices") == []
    monkeypatch.setattr(engine_selection, "resolve_each", lambda *_: pytest.fail("asked again"))
    rebuild(out, tmp_path / "second", finder(toys))
    same(out, tmp_path / "second")


def test_pages_of_evidence_without_its_seal_or_of_other_claims_say_so(tmp_path: Path) -> None:
    """What was written before declarations were sealed, and a suite that claims something else since."""
    first, file = made(tmp_path), tmp_path / "first" / FILE
    other = first.comparisons[0].model_copy(update={"claims": ()})
    asked = first.model_copy(update={"comparisons": (other, first.comparisons[1])})
    rebuild(file, tmp_path / "asked", finder(asked))
    assert "claims differ from what was sealed" in (tmp_path / "asked" / "toys.md").read_text()
    evidence = json.loads(lzma.decompress(file.read_bytes()))
    del evidence["tables"]["seals"]
    file.write_bytes(lzma.compress(json.dumps(evidence).encode()))
    rebuild(file, tmp_path / "bare", finder(first))
    assert "not sealed before its runs" in (tmp_path / "bare" / "toys-details.md").read_text()
    assert "sealed" not in (tmp_path / "bare" / "toys.md").read_text()


def made_untrained(tmp_path: Path, device: str) -> Suite:
    """Return a suite with its pages and evidence in ``first``, of which no run was finished."""
    first, out = suite(), tmp_path / "first"
    settings = Settings(
        seeds=2, device=device, engine="loop", out=out, store=out / "s", jobs=1, evidence=True
    )
    opened = Session(settings, [first])
    with opened.study.store:
        finish(opened.study, selected([first], settings), [first])
    return first


@pytest.mark.parametrize(("device", "then"), [("auto", False), ("cuda", True)])
def test_pages_are_made_again_whatever_devices_there_are_by_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, then: bool
) -> None:
    """Nothing is trained, so no device is needed, and what was not there is told as then."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: then)
    first = made_untrained(tmp_path, device)
    monkeypatch.setattr("torch.cuda.is_available", lambda: not then)
    rebuild(tmp_path / "first", tmp_path / "second", finder(first))
    same(tmp_path / "first", tmp_path / "second")
    told = "no CUDA device was found" in (tmp_path / "first" / "README.md").read_text()
    assert told is not then


def test_evidence_holds_the_runs_that_are_shown_and_no_others(tmp_path: Path) -> None:
    made(tmp_path, "another")
    evidence = json.loads(lzma.decompress((tmp_path / "first" / FILE).read_bytes()))
    keys = {key for key, *_ in evidence["tables"]["runs"]}
    assert len(keys) == 2 * len(comparison().variants())
    assert {key for key, _ in evidence["tables"]["predictions"]} == keys
    with sqlite3.connect(tmp_path / "first" / "s") as db:
        (stored,) = db.execute("select count(*) from runs").fetchone()
    assert stored == 2 * len(keys), "those of the other suite are left out"
    assert {suite for suite, *_ in evidence["cases"]} == {"toys"}


def test_predictions_that_no_page_reads_are_left_out(tmp_path: Path) -> None:
    """They would be most of the evidence; only scores, tables and figures of a comparison's own are made of them."""
    plain = suite(comparison(name="points"))
    out = tmp_path / "first"
    settings = Settings(seeds=2, device="cpu", engine="loop", out=out, store=out / "s", jobs=1)
    run_suites([plain], replace(settings, evidence=True))
    evidence = json.loads(lzma.decompress((out / FILE).read_bytes()))
    assert len(evidence["tables"]["runs"]) == 2 * len(comparison().variants())
    assert evidence["tables"]["predictions"] == []


def first_of_each(result: Result) -> None:
    """Read what the first run of each variant said, and draw nothing."""
    for row in result.rows:
        assert next(result.predictions(row)).outputs.ndim == 2


def test_of_predictions_that_a_page_reads_in_part_that_part_is_kept(tmp_path: Path) -> None:
    drawn = suite(comparison(name="points", figures={"Nothing": call(first_of_each)}))
    out = tmp_path / "first"
    settings = Settings(seeds=2, device="cpu", engine="loop", out=out, store=out / "s", jobs=1)
    run_suites([drawn], replace(settings, evidence=True))
    evidence = json.loads(lzma.decompress((out / FILE).read_bytes()))
    assert len(evidence["tables"]["predictions"]) == len(comparison().variants())


def test_evidence_of_other_code_is_refused(tmp_path: Path) -> None:
    """A suite whose network has another home since was never trained."""
    first = made(tmp_path)
    moved = first.comparisons[0].model_copy(update={"diagnostics": (call("math:sqrt"),)})
    with pytest.raises(ParibusError) as error:
        rebuild(
            tmp_path / "first",
            tmp_path / "second",
            finder(first.model_copy(update={"comparisons": (moved, first.comparisons[1])})),
        )
    assert "evidence of runs: got none of code in math" in str(error.value)
    assert str(error.value).endswith(
        "The suite has changed since: make the runs again, with --paribus-evidence."
    )


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (None, "No such file or directory"),
        (b"text", "Input format not supported by decoder"),
        (lzma.compress(b"text"), "Expecting value"),
        (lzma.compress(b"[]"), "'list' object has no attribute 'get'"),
        (lzma.compress(b'{"format": 7}'), "of format 7"),
    ],
)
def test_what_is_no_evidence_is_refused(tmp_path: Path, content: bytes | None, got: str) -> None:
    path = tmp_path / FILE
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ParibusError) as error:
        rebuild(tmp_path, tmp_path / "out", finder(suite()))
    assert str(error.value).startswith(f"evidence of runs: got {path} ")
    assert got in str(error.value)
    assert str(error.value).endswith(
        f"expected a file that --paribus-evidence wrote, format 2. Name a folder of results that holds {FILE}."
    )
    assert not (tmp_path / "out").exists()


def test_the_command_makes_pages_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = made(tmp_path)
    monkeypatch.setattr("paribus.frontends.cli.find_suite", finder(first))
    second = tmp_path / "second"
    with pytest.raises(SystemExit, match="0"):
        main(["rebuild", str(tmp_path / "first"), "--out", str(second)])
    assert capsys.readouterr().out == f"pages: {second / 'README.md'}\n"
    same(tmp_path / "first", second)
    assert evidence_bundle.FILE not in {p.name for p in second.iterdir()}

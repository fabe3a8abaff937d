"""Study: what the store holds, read without writing anything."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from paribus.analysis.interim_looks import note_looks
from paribus.execution.cases import selected
from paribus.execution.orchestrate import train_all
from paribus.execution.session import Session
from paribus.execution.settings import Settings
from paribus.execution.study import Study
from paribus.runs.environment import Environment
from tests.helpers.toys import suite


def settings(folder: Path) -> Settings:
    return Settings(
        seeds=6, device="cpu", engine="loop", jobs=1, out=folder, store=folder / "runs.sqlite"
    )


def trained(folder: Path) -> Session:
    """Return a session that has trained two variants at six seeds."""
    session = Session(settings(folder), [suite()])
    cases = selected([suite()], session.settings)
    session.prepare(cases)
    train_all(session, cases)
    return session


def looks(folder: Path) -> int:
    with sqlite3.connect(folder / "runs.sqlite") as db:
        (count,) = db.execute("select count(*) from looks").fetchone()
    db.close()
    return count


def test_reading_results_notes_no_look_and_noting_them_notes_each_once(tmp_path: Path) -> None:
    session = trained(tmp_path)
    cases = selected([suite()], session.settings)
    with session.study.store:
        (result,) = session.study.results(cases)
        assert (result.looks, [look.seeds for look in result.taken]) == ((6,), [6])
        assert looks(tmp_path) == 0
        for _ in range(2):
            note_looks([result], session.study.store)
            assert looks(tmp_path) == 1


def test_what_is_asked_is_sealed_before_the_first_run(tmp_path: Path) -> None:
    session = Session(settings(tmp_path), [suite()])
    cases = selected([suite()], session.settings)
    with session.study.store as store:
        session.prepare(cases)
        (result,) = session.study.results(cases)
        (sealed,) = store.seals(result.declaration.place)
        assert (store.empty, sealed.digest, sealed.seen) == (True, result.declaration.digest, None)
        train_all(session, cases)
        (result,) = session.study.results(cases)
        assert (result.seal().made_before, result.seal().when) == (0, sealed.sealed)


def test_a_result_tells_the_keys_that_it_rests_on(tmp_path: Path) -> None:
    session = trained(tmp_path)
    with session.study.store:
        (result,) = session.study.results(selected([suite()], session.settings))
    assert result.run_keys == session.trained


def test_keys_are_those_of_the_environment(tmp_path: Path) -> None:
    """Fingerprints are remembered by the environment that they are asked of, and by no other."""
    keys = []
    for torch in ("2.11", "9.9"):
        environment = Environment(torch=torch, skipped={})
        study = Study(settings(tmp_path), [suite()], environment=environment)
        with study.store:
            run = study.runs(selected([suite()], study.settings)[0])[0]
        assert environment.sources == {}
        keys.append(run.key)
        assert list(environment.sources.values()) == [run.identity["source"]]
    assert keys[0] != keys[1]

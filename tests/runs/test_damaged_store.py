"""Stores that are damaged, locked or out of room: one line each, nothing that was kept is lost, and a way out."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paribus.runs import store_file
from paribus.runs.contents import check, contents
from paribus.runs.run import Outcome, Predictions, RunResult
from paribus.runs.salvage import Salvaged, salvage
from paribus.runs.store import Store
from paribus.runs.timing import Timing
from tests.helpers.refusals import perhaps_refused, refused
from tests.helpers.searching import searched
from tests.helpers.small_disk import mounted
from tests.helpers.toys import a_run

RUNS = [a_run(seed) for seed in range(40)]
NOISE = np.random.default_rng(0)
RECORDS = [
    RunResult(
        key=run.key,
        seed=run.seed,
        outcome=Outcome.completed,
        scores={"log_loss": 0.25 + run.seed, "accuracy": 0.5},
        curves={"step": [0, 3, 6], "validation/log_loss": [*NOISE.normal(size=30)]},
        predictions=Predictions(NOISE.normal(size=(9, 2)), np.arange(9), np.zeros((9, 2))),
    )
    for run in RUNS
]
PAGE = 4096


def filled(path: Path) -> None:
    """Write a store of forty runs, whose log is written back to its file."""
    with Store(path) as store:
        for run, record in zip(RUNS, RECORDS, strict=True):
            store.add(run, record)
        store.look("contrast", 10)
        store.freeze("spaces", {"sgd": 1})
        store.add_timing("a", "b", "cpu", Timing([1.0], [2.0]))
        store.seal("place", "digest", {"part": "x"})
        store.choose("cohort", "loop", "it is the faster", 3)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "runs.sqlite"
    filled(path)
    return path


@pytest.fixture(scope="module")
def content(whole: Path) -> bytes:
    return whole.read_bytes()


@pytest.fixture
def path(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "runs.sqlite"
    path.write_bytes(content)
    return path


def everything(path: Path) -> None:
    """Read all that a store holds, as a session and its pages do."""
    with Store(path) as store:
        store.get(run.key for run in RUNS)
        for run in RUNS:
            store.predictions(run.key)
        store.looks("contrast")
        store.frozen("spaces")
        store.timing("a", "b", "cpu")
        store.seals("place")
        store.choice("cohort")
        store.dates(run.key for run in RUNS)
        store.tables({run.key for run in RUNS}, set())


def sql(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement, values)


def way_out(path: Path) -> str:
    saved = path.with_name("runs-saved.sqlite")
    return (
        f"expected a whole file. Save what can be read by: paribus salvage {path} {saved}. "
        "Then go on with --paribus-store and the new file: only what was lost is trained again."
    )


def _set_record(text: object) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        sql(path, "delete from checksums")  # as in a store that was made before there were any
        sql(path, "update runs set record = ? where seed = 3", text)

    return damage


def _flip_in_a_number(path: Path) -> None:
    """Make the number of a score another one: only the checksum can tell."""
    sql(path, "update runs set record = replace(record, '3.25', '7.25') where seed = 3")


def _record_of(old: str, new: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        sql(path, "delete from checksums")
        sql(path, "update runs set record = replace(record, ?, ?) where seed = 3", old, new)

    return damage


def _pickled() -> str:
    """Return what this version of NumPy says of a pickle."""
    with pytest.raises(ValueError, match="pickled") as caught:
        np.load(io.BytesIO(b"\x80\x04N."), allow_pickle=False)
    return str(caught.value)


def _too_deep() -> str:
    """Return what this version of Python says of too many brackets."""
    with pytest.raises(RecursionError) as caught:
        json.loads("[" * 200_000)
    return f"RecursionError: {caught.value}"


RUN, TOO_DEEP, PICKLED = f"run {RUNS[3].key}: ", _too_deep(), _pickled()
DAMAGED_ROWS: dict[str, tuple[Callable[[Path], None], str]] = {
    "no JSON": (
        _set_record("{"),
        RUN + "JSONDecodeError: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1)",
    ),
    "a list": (_set_record("[]"), RUN + "TypeError: its text is one of type list"),
    "bytes": (
        _set_record(b"\xff\xfe\x00"),
        RUN + "TypeError: its text is of type bytes",
    ),
    "a number": (
        _set_record("5"),
        RUN + "TypeError: its text is one of type int",
    ),
    "deep brackets": (
        _set_record("[" * 200_000),
        RUN + TOO_DEEP,
    ),
    "an unknown field": (
        _record_of('"seed"', '"sown": 1, "seed"'),
        RUN + "TypeError: RunResult.__init__() got an unexpected keyword argument 'sown'",
    ),
    "a missing field": (
        _record_of('"seed": 3, ', ""),
        RUN + "TypeError: RunResult.__init__() missing 1 required positional argument: 'seed'",
    ),
    "no notes": (_record_of('"notes"', '"nodes"'), RUN + "KeyError: 'notes'"),
    "an unknown outcome": (
        _record_of('"completed"', '"complated"'),
        RUN + "ValueError: 'complated' is not a valid Outcome",
    ),
    "a field of another type": (
        _record_of('"steps": 0', '"steps": "0"'),
        RUN + "TypeError: steps is of type str",
    ),
    "a score that is no number": (
        _record_of("3.25", '"3.25"'),
        RUN + "TypeError: a score or a value of a curve is no number",
    ),
    "the record of another run": (
        _record_of(RUNS[3].key, RUNS[4].key),
        RUN + f"ValueError: it says that its key is '{RUNS[4].key}'",
    ),
    "a number that is another one": (
        _flip_in_a_number,
        RUN + "ValueError: its checksum is that of another text",
    ),
    "predictions that are none": (
        lambda path: sql(path, "update predictions set arrays = ? where rowid = 4", b"PK\3\4"),
        f"predictions of {RUN}BadZipFile: File is not a zip file",
    ),
    "predictions that would be unpickled": (
        lambda path: sql(path, "update predictions set arrays = ? where rowid = 4", b"\x80\x04N."),
        f"predictions of {RUN}ValueError: {PICKLED}",
    ),
    "a space that is no JSON": (
        lambda path: sql(path, "update frozen set value = '{'"),
        "search spaces that a pilot ended with: "
        "JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
    ),
    "a timing of one": (
        lambda path: sql(path, "update timings set timing = '[[1.0]]'"),
        "step times: TypeError: Timing.__new__() missing 1 required positional argument: 'baseline'",
    ),
    "a timing of text": (
        lambda path: sql(path, 'update timings set timing = \'["ab", "cd"]\''),
        "step times: TypeError: it is not two lists",
    ),
    "a timing of uneven rounds": (
        lambda path: sql(path, "update timings set timing = '[[1.0, 2.0], [1.0]]'"),
        "step times: ValueError: its lists are empty or of different lengths",
    ),
    "a timing of no rounds": (
        lambda path: sql(path, "update timings set timing = '[[], []]'"),
        "step times: ValueError: its lists are empty or of different lengths",
    ),
    **{
        f"a timing of {value}": (
            lambda path, value=value: sql(
                path, "update timings set timing = ?", f"[[1.0], [{value}]]"
            ),
            "step times: ValueError: a step time is not a positive number",
        )
        for value in ("0.0", "0", "-1.0", "NaN", "Infinity", "true", "null", '"1"')
    },
    "a seal of no parts": (
        lambda path: sql(path, "update seals set parts = '3'"),
        "declarations sealed before training: TypeError: 'int' object is not iterable",
    ),
}


@pytest.mark.parametrize("damage", DAMAGED_ROWS)
def test_a_row_that_is_damaged_is_refused_with_its_place_and_the_way_out(
    path: Path, damage: str
) -> None:
    make, said = DAMAGED_ROWS[damage]
    make(path)
    assert refused(everything, path) == (
        f"the store of runs: got {path}, which is damaged ({said}), {way_out(path)}"
    )


@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        (_record_of('"seed": 3, ', ""), {"runs": 39, "predictions": 40}),
        (_flip_in_a_number, {"runs": 39, "predictions": 40}),
        # A run without its predictions would be held to be there, and never be trained again.
        (DAMAGED_ROWS["predictions that are none"][0], {"runs": 39, "predictions": 39}),
    ],
)
def test_all_but_the_damaged_row_is_saved_to_the_digit(
    path: Path, damage: Callable[[Path], None], kept: dict[str, int]
) -> None:
    damage(path)
    new = path.with_name("new.sqlite")
    others = dict.fromkeys(["looks", "choices", "frozen", "seals", "timings"], 1)
    lost = {name: 1 for name, n in kept.items() if n == 39}
    assert salvage(path, new) == Salvaged({**kept, **others}, lost)
    everything(new)
    with Store(new) as store:
        found = store.get(run.key for run in RUNS)
        assert all(repr(found[r.key].scores) == repr(r.scores) for r in RECORDS if r.key in found)
        assert len(found) == kept["runs"]
        assert integrity(store) == "ok"


def as_written(store: Store) -> None:
    """Assert that the scores of runs that are there are those that were written."""
    for key, record in store.get(run.key for run in RUNS).items():
        (own,) = (r for r in RECORDS if r.key == key)
        assert record.scores == own.scores


def integrity(store: Store) -> str:
    (said,) = store._db.execute("pragma integrity_check").fetchone()
    return str(said)


@pytest.mark.parametrize("damage", [name for name in DAMAGED_ROWS if "timing" in name])
def test_step_times_that_are_none_are_found_by_a_check_and_left_out_by_salvage(
    path: Path, damage: str
) -> None:
    DAMAGED_ROWS[damage][0](path)
    assert check(path, lambda: None) == {"timings": 1}
    saved = salvage(path, path.with_name("new.sqlite"))
    assert (saved.kept["runs"], saved.lost) == (40, {"timings": 1})


@pytest.mark.parametrize("identity", ["{}", b"\xff", 5])
def test_a_run_of_another_identity_than_its_key_says_is_found_by_a_check(
    path: Path, identity: object
) -> None:
    sql(path, "update runs set identity = ? where seed = 3", identity)
    assert check(path, lambda: None) == {"runs": 1}
    assert salvage(path, path.with_name("new.sqlite")).kept["runs"] == 39


@pytest.mark.parametrize("index", ["sqlite_autoindex_runs_1", "sqlite_autoindex_predictions_1"])
def test_a_bit_in_an_index_is_damage_as_one_in_a_table_is(
    path: Path, content: bytes, index: str
) -> None:
    """By it a run that is kept is not found: it would be trained again, or judged without its predictions."""
    with closing(sqlite3.connect(path)) as db:
        (root,) = db.execute(
            "select rootpage from sqlite_master where name = ?", (index,)
        ).fetchone()
    place = page(content, root - 1).find(RUNS[7].key.encode())
    assert place > 0
    changed = bytearray(content)
    changed[(root - 1) * PAGE + place + 3] ^= 1
    path.write_bytes(changed)
    assert re.match(
        rf"the store of runs: got {re.escape(str(path))}, which is damaged \(.*index",
        refused(everything, path),
    )
    new = path.with_name("new.sqlite")
    assert salvage(path, new).kept["runs"] == 40
    everything(new)


def test_a_time_that_is_no_text_is_found_by_a_check(path: Path) -> None:
    sql(path, "update runs set created = ? where seed = 39", b"\xff")
    assert check(path, lambda: None) == {"runs": 1}
    assert contents(path).latest[0].endswith(r"completed, b'\xff'")


@pytest.mark.parametrize(
    ("added", "told"),
    [
        (
            "create trigger gone after insert on looks begin delete from runs; end",
            "gone",
        ),
        (
            "create trigger 'two words' before update on runs begin select 1; end",
            "two words",
        ),
    ],
)
def test_a_store_that_would_do_more_than_keep_runs_is_refused(
    path: Path, added: str, told: str
) -> None:
    """Whoever opens it has all of its runs deleted at the next look."""
    sql(path, added)
    before, saved = path.read_bytes(), path.with_name("runs-saved.sqlite")
    assert refused(everything, path) == (
        f"the store of runs: got {path}, with the trigger {told!r} of another program, which may change what is kept, "
        "expected a store without triggers. Save its runs by: "
        f"paribus salvage {path} {saved}. Then go on with --paribus-store and the new file."
    )
    assert path.read_bytes() == before
    assert salvage(path, saved).kept["runs"] == 40
    everything(saved)


def test_a_view_of_the_runs_is_nobodys_harm(path: Path) -> None:
    sql(path, "create view shown as select key, seed from runs")
    everything(path)


def _overwrite(first: int, count: int = 1) -> Callable[[bytes], bytes]:
    return lambda b: b[: first * PAGE] + b"\xa5" * count * PAGE + b[(first + count) * PAGE :]


PAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut to a half": lambda b: b[: len(b) // 2],
    "cut by a byte": lambda b: b[:-1],
    "cut to a page": lambda b: b[:PAGE],
    "cut within the header": lambda b: b[:60],
    "without its header": lambda b: b"\0" * 100 + b[100:],
    "a page of zeros": lambda b: b[: 20 * PAGE] + bytes(PAGE) + b[21 * PAGE :],
    "the last page": lambda b: b[:-PAGE] + b"\xff" * PAGE,
    "the second half": lambda b: b[: len(b) // 2] + b"\x5a" * (len(b) - len(b) // 2),
    **{f"page {n}": _overwrite(n) for n in (0, 1, 2, 3, 5, 8, 12, 20, 25)},
    "five pages": _overwrite(18, 5),
}


@pytest.mark.parametrize("damage", PAGES)
def test_damaged_pages_are_refused_in_a_line_and_what_can_be_read_is_saved(
    path: Path, content: bytes, damage: str
) -> None:
    """Which rows are lost is SQLite's affair; whatever is kept is what was written."""
    path.write_bytes(PAGES[damage](content))
    before = path.read_bytes()
    said = refused(everything, path)
    start = f"the store of runs: got {path}"
    none = f"{start} (file is not a database), expected {store_file.EXPECTED}. {store_file.AWAY}"
    assert "\n" not in said
    assert said == none or re.fullmatch(
        rf"{re.escape(start)}, which is damaged \(.+\), {re.escape(way_out(path))}", said
    )
    new = path.with_name("new.sqlite")
    lost = perhaps_refused(salvage, path, new)
    if lost is None:
        everything(new)
        with Store(new) as store:
            assert integrity(store) == "ok"
            as_written(store)
    else:
        assert lost.startswith(
            f"the store to be saved: got {path}, in which no table of runs can be found ("
        )
        assert lost.endswith(
            "expected a store that paribus made, of which a part can be read. Restore it from a copy, or train again "
            "with another --paribus-store."
        )
    assert path.read_bytes() == before


def test_runs_of_whole_pages_beside_a_damaged_one_are_saved(path: Path, content: bytes) -> None:
    """A page in the middle of the table of runs costs its own runs alone."""
    (leaf,) = [
        n
        for n in range(len(content) // PAGE)
        if RUNS[20].key.encode() + b'{"data"' in page(content, n)
    ][:1]
    path.write_bytes(_overwrite(leaf)(content))
    new = path.with_name("new.sqlite")
    saved = salvage(path, new)
    assert 30 <= saved.kept["runs"] < 40
    assert saved.kept["runs"] + saved.lost["runs"] == 40


def page(content: bytes, n: int) -> bytes:
    return content[n * PAGE : (n + 1) * PAGE]


@searched(20)
@given(
    edits=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7), st.binary(max_size=3)),
        min_size=1,
        max_size=4,
    )
)
@example(edits=[(0.0, 3, b"")])
@example(edits=[(0.0015, 3, b"")])
@example(edits=[(0.015625, 0, b"\x80")])
@example(edits=[(0.4578176518404438, 0, b"")])  # a bit that says that predictions are encrypted
def test_any_bytes_in_a_store_give_data_or_a_line(
    tmp_path_factory: pytest.TempPathFactory,
    whole: Path,
    edits: list[tuple[float, int, bytes]],
) -> None:
    """Flip bits and overwrite bytes; numbers of a run that is read are those that were written."""
    path = tmp_path_factory.mktemp("any") / "runs.sqlite"
    changed = bytearray(whole.read_bytes())
    for place, bit, piece in edits:
        i = int(place * len(changed))
        changed[i] ^= 1 << bit
        changed[i + 1 : i + 1 + len(piece)] = piece
    path.write_bytes(changed)
    said = perhaps_refused(everything, path)
    if said is None:
        with Store(path) as store:
            as_written(store)
    else:
        assert said.startswith(f"the store of runs: got {path}")
        assert "\n" not in said
    perhaps_refused(salvage, path, path.with_name("new.sqlite"))


def test_a_store_without_checksums_is_read_and_gets_them_for_new_runs(path: Path) -> None:
    sql(path, "drop table checksums")
    with Store(path) as store:
        assert len(store.get(run.key for run in RUNS)) == 40
        store.add(RUNS[0], RECORDS[0])
        assert store._rows("select count(*) from checksums") == [(1,)]


# Locked


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_file, "OPENING_SECONDS", 0.05)
    monkeypatch.setattr(store_file, "WRITING_SECONDS", 0.05)


FREE = (
    "expected a file that is free within seconds. Wait for the other process or end it, and run the same command "
    "again: what the store holds is kept, and not trained again."
)


@pytest.mark.usefixtures("hasty")
def test_a_store_that_another_process_holds_is_refused_when_it_is_opened(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("pragma locking_mode = exclusive")
        other.execute("begin exclusive")
        got = f"{path}, which another process holds (database is locked)"
        assert refused(Store, path) == f"the store of runs: got {got}, {FREE}"
    everything(path)


@pytest.mark.usefixtures("hasty")
def test_a_run_that_cannot_be_kept_for_another_process_leaves_all_others(path: Path) -> None:
    run = a_run(seed=50)
    with Store(path) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        got = f"{path}, which another process holds (database is locked)"
        said = refused(store.add, run, replace(RECORDS[0], key=run.key))
        assert said == f"the store of runs: got {got}, {FREE}"
        other.execute("rollback")
        store.add(run, replace(RECORDS[0], key=run.key))
        assert len(store.get([run.key, *(r.key for r in RUNS)])) == 41


# Out of room


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "small", 256) as place:
        yield place


def test_a_full_disk_keeps_what_is_in_the_store(small_disk: Path) -> None:
    path, kept = small_disk / "runs.sqlite", []
    with Store(path) as store:

        def fill() -> None:
            for seed in range(1000):
                run = a_run(seed)
                store.add(run, replace(RECORDS[0], key=run.key, reason="x" * 2000))
                kept.append(run.key)

        assert refused(fill) == (
            f"the store of runs: got {path}, which cannot be written any more (database or disk is full), expected "
            "room on a disk that works. Make room, and run the same command again: what the store holds is kept, and "
            "not trained again."
        )
        assert len(store.get(kept)) == len(kept) > 2
        assert integrity(store) == "ok"
    with Store(path) as store:
        assert len(store.get(kept)) == len(kept)


@pytest.mark.parametrize(
    ("error", "got", "rest"),
    [
        (
            sqlite3.OperationalError("database or disk is full"),
            ", which cannot be written any more (database or disk is full)",
            "room on a disk that works. Make room, and run the same command again: what the store holds is kept, and "
            "not trained again.",
        ),
        (
            OSError(28, "No space left on device"),
            ", which cannot be written any more ([Errno 28] No space left on device)",
            "room on a disk that works. Make room, and run the same command again: what the store holds is kept, and "
            "not trained again.",
        ),
        (
            sqlite3.OperationalError("attempt to write a readonly database"),
            " (attempt to write a readonly database)",
            f"{store_file.EXPECTED}. {store_file.AWAY}",
        ),
        (
            sqlite3.OperationalError("unable to open database file"),
            " (unable to open database file)",
            f"{store_file.EXPECTED}. {store_file.AWAY}",
        ),
    ],
)
def test_what_the_system_says_is_said_in_a_line(
    error: Exception, got: str, rest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(sqlite3, "connect", connect)
    assert refused(Store, Path("runs.sqlite")) == (
        f"the store of runs: got runs.sqlite{got}, expected {rest}"
    )


@pytest.mark.usefixtures("hasty")
def test_a_store_in_a_folder_that_is_read_only_is_refused(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "closed"
    place.mkdir()
    path = place / "runs.sqlite"
    path.write_bytes(content)
    commands = (["mount", "--bind", place, place], ["mount", "-o", "remount,bind,ro", place])
    if os.geteuid() or any(
        subprocess.run(c, capture_output=True, check=False).returncode for c in commands
    ):
        pytest.skip("no file system can be mounted here")
    try:
        said = refused(Store, path)
    finally:
        subprocess.run(["umount", place], check=True)
    assert said == (
        f"the store of runs: got {path}, in a folder that cannot be written (unable to open database file), expected "
        f"{store_file.EXPECTED}. {store_file.AWAY}"
    )
    everything(path)


# Saving


def test_a_store_is_saved_to_a_path_where_nothing_is(path: Path) -> None:
    def said(got: str) -> str:
        return (
            f"files of paribus salvage: got {got}, expected a damaged store, and a path for a new one where nothing is "
            "yet. Check both paths."
        )

    nowhere = path.with_name("nowhere.sqlite")
    assert refused(salvage, nowhere, path) == said(f"nothing at {nowhere}")
    assert refused(salvage, path, path) == said(f"{path}, which is there")


def test_the_way_out_can_be_pasted_into_a_shell(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "a folder; rm -rf x"
    folder.mkdir()
    path = folder / "runs.sqlite"
    path.write_bytes(content[: len(content) // 2])
    said = refused(everything, path)
    words = shlex.split(said.partition("by: ")[2].partition(". Then")[0])
    assert words == ["paribus", "salvage", str(path), str(folder / "runs-saved.sqlite")]

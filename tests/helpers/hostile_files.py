"""Files that no command should take: damaged, foreign, endless, closed, or named to lead elsewhere."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image

from paribus.runs.store import Store

ROWS = "a,b,y\n" + "".join(f"{i * 37 % 101},{i * 71 % 103}.5,{'pq'[i % 2]}\n" for i in range(40))
TIMES = "t,v\n" + "".join(
    f"2024-01-{1 + i // 24:02} {i % 24:02}:00,{i * 37 % 101}\n" for i in range(96)
)
SCORES = "variant,seed,score\n" + "".join(
    f"{v},{s},{s * 0.1 + len(v)}\n" for v in ("a", "bb") for s in range(6)
)
LINES = ROWS.splitlines(keepends=True)
SUITE = "from tests.helpers.toys import comparison, suite\n"
LETTERS = "x" * 300

TABLES: dict[str, str | bytes] = {
    "good.csv": ROWS,
    "nothing.csv": "",
    "blanks.csv": " \n\n \n",
    "head.csv": "a,b,y\n",
    "quote.csv": ROWS + '1,"2,p\n' + ROWS,
    "quote-first.csv": '"' + ROWS,
    "quote-big.csv": 'a,b,y\n1,"2,p\n' + "0.1,0.2,p\n" * 30_000,
    "long-cell.csv": f"{LINES[0]}1,{'9' * 200_000},p\n{''.join(LINES[1:])}",
    "ragged.csv": ROWS + "1,2\n",
    "wide.csv": ROWS + "1,2,3,p\n",
    "one-column.csv": "y\n" + "p\nq\n" * 20,
    "one-class.csv": "a,y\n" + "".join(f"{i},p\n" for i in range(20)),
    "twice.csv": ROWS.replace("a,b,y", "a,a,y"),
    "no-names.csv": ROWS.partition("\n")[2],
    "zero-byte.csv": ROWS.replace("37", "3\0", 1),
    "binary.csv": bytes(range(256)) * 20,
    "utf16-odd.csv": ROWS.encode("utf-16")[:-1],
    "two-encodings.csv": (ROWS + "ünü,ö,p\n" * 5).encode() + b"\xe9,1,p\n",
    "words.csv": ROWS.replace("37,71", "37 kg,71", 1),
    "infinite.csv": ROWS.replace("37,", "1e999,", 1),
    "missing-label.csv": "a,y\n" + "1,\n" * 20,
    "page.csv": "<!doctype html><html><table><tr><td>1</td></tr></table></html>",
    "object.csv": '{"a": [1, 2], "y": ["p", "q"]}',
    "pickle.csv": b"\x80\x04\x95\x1b\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "numpy.csv": b"\x93NUMPY\x01\x00v\x00",
    "database.csv": b"SQLite format 3\0" + bytes(84),
    "pointer.csv": "version https://git-lfs.github.com/spec/v1\noid sha256:1234\nsize 12345\n",
    "cut.csv.gz": gzip.compress(ROWS.encode())[:-20],
    "flipped.csv.gz": gzip.compress(ROWS.encode())[:30] + b"\xff" * 40,
    "nested.csv.gz": gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"a,y\n1,p\n")))),
    "broken.parquet": b"PAR1" + bytes(50) + b"PAR1",
    "broken.zip": b"PK\x03\x04" + bytes(60),
    "total.csv": ROWS + "total,99,p\n",
    "names-again.csv": ROWS + "a,b,y\n",
    "title.csv": "My measurements\n" + ROWS,
}
SERIES: dict[str, str | bytes] = {
    "times.csv": TIMES,
    "few-times.csv": "".join(TIMES.splitlines(keepends=True)[:4]),
    "no-times.csv": ROWS,
    "backwards.csv": "t,v\n" + "".join(reversed(TIMES.splitlines(keepends=True)[1:])),
    "time-twice.csv": TIMES + "2024-01-04 23:00,5\n",
    "no-such-day.csv": TIMES + "2024-02-30 01:00,5\n",
    "missing-value.csv": TIMES + "2024-01-05 00:00,\n",
    "word-value.csv": TIMES + "2024-01-05 00:00,broken\n",
    "constant.csv": "t,v\n" + "".join(f"2024-01-{1 + i:02},1\n" for i in range(30)),
    "infinite-value.csv": TIMES + "2024-01-05 00:00,inf\n",
}
SCORE_FILES: dict[str, str | bytes] = {
    "scores.csv": SCORES,
    "unpaired.csv": SCORES + "a,7,0.5\n",
    "score-twice.csv": SCORES + "a,5,0.5\n",
    "score-word.csv": SCORES + "a,6,good\nbb,6,0.1\n",
    "score-underscore.csv": SCORES + "a,6,1_0.3\nbb,6,0.1\n",
    "score-missing.csv": SCORES + "a,6,\nbb,6,0.1\n",
    "score-infinite.csv": SCORES + "a,6,inf\nbb,6,0.1\n",
    "score-nan.csv": SCORES + "a,6,nan\nbb,6,0.1\n",
    "no-variant.csv": SCORES + ",6,0.1\n",
    "no-seed.csv": SCORES + "a,,0.1\n",
    "alone.csv": "variant,seed,score\n" + "".join(f"a,{s},{s}\n" for s in range(6)),
    "one-seed.csv": "variant,seed,score\na,0,1\nbb,0,2\n",
    "reserved.csv": SCORES.replace("score", "verdict"),
}
SUITES: dict[str, str | bytes] = {
    "empty_suite.py": "",
    "syntax_suite.py": "SUITE = (",
    "zero_suite.py": b"SUITE = 1\0",
    "utf16_suite.py": b"\xff\xfeS\0",
    "latin_suite.py": b"SUITE = '\xe9'",
    "list_suite.py": "SUITE = []",
    "class_suite.py": "class SUITE: pass",
    "lost_suite.py": "import a_module_that_is_not_there",
    "zero_division_suite.py": "1 / 0",
    "lines_suite.py": "raise ValueError('one\\n\\n  two\\x1b[31m')",
    "exit_suite.py": "import sys; sys.exit(0)",
    "base_suite.py": "class Own(BaseException): pass\nraise Own('by itself')",
    "interrupt_suite.py": "class Own(KeyboardInterrupt): pass\nraise Own('by itself')",
    "generator_suite.py": "raise GeneratorExit",
    "memory_suite.py": "raise MemoryError",
    "endless_suite.py": "def f(): f()\nf()",
    "skip_suite.py": "import pytest\npytest.skip('not today', allow_module_level=True)",
    "slash_suite.py": SUITE + "SUITE = suite(comparison(name='a/b'))",
    "above_suite.py": SUITE + "SUITE = suite(comparison(name='../evil'))",
    "absolute_suite.py": SUITE + "SUITE = suite(comparison(name='/tmp/evil'))",
    "nul_suite.py": SUITE + "SUITE = suite(comparison(name='a\\0b'))",
    "long_suite.py": SUITE + "SUITE = suite(comparison(name='x' * 300))",
    "title_suite.py": SUITE + "SUITE = suite(comparison(), name='../evil')",
    "level_suite.py": SUITE
    + "SUITE = suite(comparison('recipe.steps', {'a\\0b': 1, 'x' * 300: 2}))",
    "long_level_suite.py": SUITE
    + "SUITE = suite(comparison('recipe.steps', {'x' * 300: 2, 'a': 1}))",
}
JOBS = "jobqueue: {slurm: {jobs: 2, cores: 4, memory: 8 GB, "
JOB_FILES = {
    "open.yaml": JOBS,
    "python.yaml": "jobqueue: !!python/object/apply:os.system [exit 1]\n",
    "unknown.yaml": f"{JOBS} quota: short}}}}\n",
    "time.yaml": f"{JOBS} walltime: 12:00:00}}}}\n",
}


def write_hostile_files(folder: Path) -> None:
    """Write every hostile file into a folder."""
    for name, content in (TABLES | SERIES | SCORE_FILES | SUITES | JOB_FILES).items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(data)
    with zipfile.ZipFile(folder / "two.zip", "w") as archive:
        for name in ("a.csv", "b.csv"):
            archive.writestr(name, ROWS)
    for name in ("pipe", "pipe.csv", "pipe.py"):
        os.mkfifo(folder / name)
    for name, place in {
        "endless.csv": "/dev/zero",
        "circle.csv": "circle.csv",
        "dangling.csv": "nowhere",
        "endless.sqlite": "/dev/zero",
    }.items():
        (folder / name).symlink_to(place)
    for name in ("folder.csv", "folder.py", "empty"):
        (folder / name).mkdir()
    _write_images(folder)
    _write_stores(folder)


def _write_images(folder: Path) -> None:
    """Write folders of images, each with one fault."""
    good = folder / "images"
    for place, label in enumerate("ab"):
        (good / label).mkdir(parents=True)
        for i in range(4):
            Image.new("RGB", (8, 8), (40 * i, 90 * place, 0)).save(good / label / f"{i}.png")
    content = (good / "a" / "0.png").read_bytes()
    buffer = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8)).save(buffer, "PNG")
    for name, file, data in (
        ("cut-image", "a/0.png", content[:40]),
        ("text-image", "a/0.png", b"no image"),
        ("empty-image", "a/0.png", b""),
        ("deep-image", "a/0.png", buffer.getvalue()),
    ):
        shutil.copytree(good, folder / name)
        (folder / name / file).write_bytes(data)
    for name in ("one-class", "one-image", "foreign-name", "foreign-folder", "linked", "named"):
        shutil.copytree(good, folder / name)
    shutil.rmtree(folder / "one-class" / "b")
    for i in range(3):
        (folder / "one-image" / "b" / f"{i}.png").unlink()
    # A byte that is no text in UTF-8, which Python shows as a surrogate.
    (folder / "foreign-name/a/0.png").rename(folder / "foreign-name/a/\udcff.png")
    (folder / "foreign-folder/a").rename(folder / "foreign-folder/\udcff")
    (folder / "linked" / "a" / "0.png").unlink()
    (folder / "linked" / "a" / "0.png").symlink_to(folder / "good.csv")
    (folder / "texts").mkdir()
    for label in "ab":
        (folder / "texts" / label).mkdir()
        (folder / "texts" / label / "x.txt").write_text("x")


def _write_stores(folder: Path) -> None:
    """Write files that are no stores of this version, or damaged ones."""
    for name, statement in {
        "later": "pragma user_version = 99",
        "earlier": "pragma user_version = 1",
        "columns": "alter table runs rename column record to records",
    }.items():
        path = folder / f"{name}.sqlite"
        Store(path).close()
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(statement)
    with closing(sqlite3.connect(folder / "browser.sqlite")) as db, db:
        db.execute("create table moz_places (id integer)")
        db.execute("pragma user_version = 3")
    Store(folder / "cut.sqlite").close()
    content = (folder / "cut.sqlite").read_bytes()
    (folder / "cut.sqlite").write_bytes(content[: len(content) // 2])
    (folder / "odd.sqlite").write_bytes(content[:-7])
    (folder / "pages.sqlite").write_bytes(content[:4096] + b"\xa5" * 4096 + content[8192:])
    (folder / "text.sqlite").write_text("seed,score\n")

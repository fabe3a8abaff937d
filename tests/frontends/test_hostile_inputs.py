"""Hostile files and options: each is refused in one line that says what, got, expected, and what to do."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paribus.frontends import cli
from paribus.frontends.discovery import suite_locations
from tests.helpers.hostile_files import write_hostile_files

TABLE = Path(__file__).with_name("hostile_inputs.txt")
STANDS_FOR = {"L300": "x" * 300, "D6000": "d/" * 3000}


def cases() -> Iterator[tuple[str, str]]:
    """Yield each command of the table with the line that it ends in."""
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    for i, line in enumerate(lines):
        if line.startswith("$ paribus "):
            yield line.removeprefix("$ paribus "), lines[i + 1]


CASES = dict(cases())


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    write_hostile_files(folder)
    return folder


@pytest.mark.parametrize("command", CASES)
def test_what_cannot_be_used_is_refused_in_one_line(
    command: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("COLUMNS", "200")
    words = shlex.split(command)
    for short, long in STANDS_FOR.items():
        words = [word.replace(short, long) for word in words]
    there = {path.name for path in here.iterdir()}
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    suites = ", ".join(suite_locations())
    expected = CASES[command].replace("{here}", str(here)).replace("{suites}", suites)
    assert capsys.readouterr() == ("", f"{expected}\n")
    assert ended.value.code == 2
    made = {path.name for path in here.iterdir()} - there
    assert made <= {"__pycache__", "results"}  # the folder for pages, where a store is opened first


def test_there_are_many_of_them_of_each_kind() -> None:
    text = TABLE.read_text(encoding="utf-8")
    kinds = {part.partition("\n")[0]: part.count("$ paribus ") for part in text.split("\n# ")[1:]}
    assert kinds.keys() == {
        *("tables", "series", "images", "suite files", "score files", "stores", "options"),
    }
    assert min(kinds.values()) > 10
    assert sum(kinds.values()) == len(CASES) > 200

"""Pages and tables of runs: what names hold is shown, and is no markup, formula, cell or link of its own."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from paribus import Factor
from paribus.report import write
from paribus.report.formatting import table_cell
from paribus.report.page_file import escaped, plain_cell, writing_pages
from paribus.report.tables import markdown
from tests.helpers.handmade import Bench, around, comparison
from tests.helpers.refusals import refused
from tests.helpers.toys import ADAM, SGD


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("<img src=x onerror=y>", "&lt;img src=x onerror=y>"),
        ("<!-- hidden -->", "&lt;!-- hidden -->"),
        ("<?php ?>", "&lt;?php ?>"),
        ('<a id="claims-x-cpu"></a>', '<a id="claims-x-cpu"></a>'),
        ('<a id="claims-x" onclick="y"></a>', '&lt;a id="claims-x" onclick="y">&lt;/a>'),
        ("[x](javascript:alert(1))", r"[x]\(javascript:alert(1))"),
        ("[x]( JavaScript:alert(1))", r"[x]\( JavaScript:alert(1))"),
        ("[x](<data:text/html,y>)", r"[x]\(&lt;data:text/html,y>)"),
        ("p < 0.001, [method](method.md)", "p < 0.001, [method](method.md)"),
    ],
)
def test_only_the_markup_of_pages_is_left(text: str, shown: str) -> None:
    assert escaped(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a|b", r"a\|b"), ("a\nb\r\n c", "a b c"), ("a\\|b", "a\\&#124;b"), ("a||b", r"a\|\|b")],
)
def test_a_cell_stays_one_cell(text: str, shown: str) -> None:
    assert table_cell(text) == shown
    table = markdown([{"name": text, text: "x"}])
    head, _, row = table.splitlines()
    assert len(re.findall(r"(?<!\\)\|", head)) == len(re.findall(r"(?<!\\)\|", row)) == 3


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_formula_is_written_as_text(start: str) -> None:
    assert plain_cell(f"{start}1+1") == f"'{start}1+1"
    assert plain_cell(f"a{start}1") == f"a{start}1"


def test_numbers_stay_numbers() -> None:
    assert [plain_cell(x) for x in (-1.5, 0, None, True)] == [-1.5, 0, None, True]


def test_names_of_variants_are_shown_as_they_are(store, tmp_path: Path) -> None:
    """No tag, no further cell, no formula, and nothing beside the folder."""
    hostile = "=cmd|' /C calc'!A0 <b>"
    levels = {"sgd": SGD, hostile: ADAM}
    bench = Bench(store, comparison(factors=(Factor("recipe.optimizer", levels),)))
    for name in levels:
        bench.put(name, around(0.4))
    write([bench.result()], tmp_path / "out")
    for page in (tmp_path / "out").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        assert "<b>" not in text
        assert re.search(r"(?<!\\)\| ' /C", text) is None
    assert "&lt;b>" in (tmp_path / "out" / "hand.md").read_text(encoding="utf-8")
    with (tmp_path / "out" / "hand.csv").open(newline="", encoding="utf-8") as file:
        assert {line["variant"] for line in csv.DictReader(file)} == {"sgd", f"'{hostile}"}
    made = {path.name for path in tmp_path.iterdir()}
    assert {name for name in made if not name.startswith("runs.sqlite")} == {"out"}


def test_a_full_disk_under_pages_is_said_in_a_line_with_the_way_on(tmp_path: Path) -> None:
    def fail() -> None:
        with writing_pages(Path("out"), Path("out/runs.sqlite")):
            raise OSError(28, "No space left on device", "out/README.md")

    assert refused(fail) == (
        "pages: got out/README.md, which cannot be written (No space left on device), expected a folder with room at "
        "out. Make room, or name another with --paribus-out and the same --paribus-store out/runs.sqlite: the runs are "
        "kept, and are not trained again."
    )
    (tmp_path / "README.md").mkdir()
    said = refused(_written_into, tmp_path)
    assert said.startswith(
        f"pages: got {tmp_path / 'README.md'}, which cannot be written (Is a directory), "
    )


def _written_into(folder: Path) -> None:
    with writing_pages(folder, folder / "runs.sqlite"):
        write([], folder)

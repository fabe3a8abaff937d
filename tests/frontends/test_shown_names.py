"""Names from data on the terminal and on pages: shown as they are, whatever they hold."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from paribus.errors import one_line, visible
from paribus.frontends import cli

NAMES = {
    "\x1b[31mred": r"\x1b[31mred",
    "\u202egnp.exe": r"\u202egnp.exe",
    "a|b": "a|b",
    "<b>x</b>": "<b>x</b>",
    "$\\frac{": "$\\frac{",
    "=1+1": "=1+1",
    "x" * 300: "x" * 300,
    "👨\u200d👩": "👨\u200d👩",
}


@pytest.mark.filterwarnings("ignore:Glyph")  # of a font that lacks a sign
@pytest.mark.parametrize(("name", "shown"), NAMES.items(), ids=range(len(NAMES)))
def test_a_variant_of_a_score_file_is_shown_by_its_name(
    name: str,
    shown: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with Path("s.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["variant", "seed", "score"])
        writer.writerows(
            [v, s, s * 0.1 + 0.01 * s**2 * (v == name)] for s in range(6) for v in ("base", name)
        )
    with pytest.raises(SystemExit) as ended:
        cli.main(["judge", "s.csv", "--baseline", "base", "--out", "out"])
    assert ended.value.code == 0
    output = capsys.readouterr().out
    assert shown in output
    assert not {"\x1b", "\u202e"} & {*output}
    text = Path("out/judgement.md").read_text(encoding="utf-8")
    assert not {"\x1b", "\u202e"} & {*text}
    assert "<b>" not in text
    assert {path.name for path in tmp_path.iterdir()} == {"s.csv", "out"}


def test_line_breaks_and_tabs_are_shown_as_such() -> None:
    assert visible("a\tb\nc") == "a\tb\nc"
    assert one_line("a\n\n b") == "a b"

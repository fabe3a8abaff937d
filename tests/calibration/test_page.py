"""Page of the calibration, made of rates that are easy to check."""

from __future__ import annotations

import json
import platform
from dataclasses import replace

from paribus.calibration.page import calibration, coverage_figure, rates_figure, write_calibration
from paribus.calibration.rates import Rate

GOOD = Rate("True nulls", "rejected", 10, 200, 0.05, "equal", "a test that is not exact", 10)
BAD = Rate("True nulls", "rejected", 24, 200, 0.05, "at_most", "a test that is not exact", 29)
WRONG = Rate("Wrong on purpose", "peeking", 56, 200, 0.05, "above", "a blind simulation")
COVERED = [
    Rate("Coverage of 95 % intervals", "t interval", 190, 200, 0.95, "equal", "a quantile", n)
    for n in (6, 10)
]


def cases(text: str, first: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith(f"| {first} ")]
    return [[case.strip() for case in line.strip("|").split("|")] for line in lines]


def test_a_line_holds_the_count_its_limits_the_band_and_what_would_have_failed_it() -> None:
    """Of 200 at 5 % the band is 2 to 21; limits are Clopper and Pearson's."""
    good, bad = cases(calibration([GOOD, BAD], ["Told."], {}), "rejected")
    assert good == [
        *("rejected", "10", "5 % (10 of 200)", "1.37 % to 12.2 %", "5 %", "1 % to 10.5 %"),
        *("within the band", "consistent", "a test that is not exact"),
    ]
    assert bad[-3:] == ["not above the band", "**FAILED**", "a test that is not exact"]
    assert cases(calibration([WRONG], [], {}), "peeking")[0][-3:-1] == [
        "above the band",
        "seen",
    ]


def test_the_page_begins_with_what_failed() -> None:
    text = calibration([GOOD, BAD, WRONG], ["Told."], {})
    counted = "**1 of 2 rates are consistent with what is expected, and 1 of 1 faults made on purpose were seen.**"
    assert counted in text
    assert "must be" not in text.split("## True nulls")[0].replace(
        "must be seen to lie outside", ""
    )
    assert "- **FAILED**: True nulls: rejected (n = 29)" in text
    assert "FAILED" not in calibration([GOOD, WRONG], [], {})


def test_parts_are_kept_so_that_they_can_be_counted_apart(tmp_path) -> None:
    write_calibration("a", [BAD], "Once.", tmp_path)
    write_calibration("b", [WRONG, *COVERED], "Twice.", tmp_path)
    page, *_figures, data = write_calibration("a", [GOOD], "Once.", tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "**3 of 3 rates are consistent with what is expected, and 1 of 1 faults" in text
    sentences = ("Once.", "Twice.", f"Counted with Python {platform.python_version()}, numpy ")
    assert [text.count(f"- {sentence}") for sentence in sentences] == [1, 1, 1]
    assert list(json.loads(data.read_text(encoding="utf-8"))) == ["a", "b"]
    for name in ("calibration-rates.png", "calibration-coverage.png"):
        assert f"]({name})" in text
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_every_label_is_shown_and_those_that_do_not_hold_in_bold() -> None:
    """A rate of which nothing is promised neither fails nor counts."""
    counted = replace(
        GOOD,
        name="lognormal, no effect: a label that does not hold",
        hits=60,
        rule="shown",
        labels={"better": 60, "undecided": 140},
        wrong=("better",),
    )
    text = calibration([counted], [], {})
    assert (
        " 1 more are shown of which nothing is promised; 1 of them lie above their band, the worst at 30 % in place of "
        "5 % (True nulls: lognormal, no effect: a label that does not hold (n = 10))."
    ) in text
    within = calibration([replace(counted, hits=10)], [], {})
    assert "nothing is promised;" not in within
    assert cases(text, "lognormal, no effect  ")[0] == [
        "lognormal, no effect",
        "10",
        "**30**",
        "70",
    ]
    assert (
        cases(text, "lognormal, no effect: a label that does not hold")[0][-2]
        == "shown, nothing is promised"
    )
    assert "**0 of 0 rates" in text
    assert rates_figure([counted]) is None


def test_figures_show_every_rate_and_every_interval() -> None:
    own = replace(GOOD, group="Trained against itself: water")
    figure = rates_figure([GOOD, BAD, WRONG, own, *COVERED])
    assert figure is not None
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        *("rejected (n = 10)", "rejected (n = 29)", "water: rejected (n = 10)", "peeking")
    ]
    covered = coverage_figure([GOOD, *COVERED])
    assert covered is not None
    (line,) = (x for x in covered.axes[0].lines if x.get_label() == "t interval")
    assert list(line.get_ydata()) == [95, 95]
    assert rates_figure(COVERED) is None
    assert coverage_figure([GOOD]) is None

"""Declarations on pages."""

from __future__ import annotations

import pytest

from paribus.analysis.declaration import Seal, seal
from paribus.report import declarations
from paribus.report.details import details
from paribus.report.page import page
from tests.helpers.handmade import filled

WHEN, EARLIER = "2026-11-28T01:20:33.5+00:00", "2026-11-20T09:05:00+00:00"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (None, "not sealed before its runs"),
        (
            Seal("3fa1", WHEN, runs=30, made_before=0),
            "hash `3fa1`, sealed on 2026-11-28 01:20 UTC, before its first run",
        ),
        (
            Seal("3fa1", WHEN, runs=30, made_before=3),
            "hash `3fa1`, sealed on 2026-11-28 01:20 UTC, when 3 of its 30 runs had been made",
        ),
        (
            Seal("3fa1", WHEN, 30, 30, ("margins", "claims"), EARLIER),
            "hash `3fa1`, sealed on 2026-11-28 01:20 UTC, **after its runs were seen**: margins and claims differ "
            "from what was sealed on 2026-11-20 09:05 UTC",
        ),
        (
            Seal("3fa1", "", 30, 30, ("claims",), EARLIER),
            "hash `3fa1`, **not sealed before its runs**: claims differ from what was sealed on 2026-11-20 09:05 UTC",
        ),
        (
            Seal("3fa1", WHEN, 30, 0, ("rule",), EARLIER),
            "hash `3fa1`, sealed on 2026-11-28 01:20 UTC, **after its runs were seen**: rule differs from what was "
            "sealed on 2026-11-20 09:05 UTC",
        ),
    ],
)
def test_a_line_tells_when_it_was_sealed_and_what_was_known_by_then(found, expected) -> None:
    assert declarations.told(found) == expected


def test_the_details_tell_it_in_one_line_and_the_page_only_what_was_changed(
    store, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = filled(store).result()
    seal(result.declaration, store)
    told = details([result])
    assert told.count("sealed on") == told.count("| declaration") == 1
    assert "when 30 of its 30 runs had been made" in told
    assert "Declared after" not in page([result], [{}], "hand.csv")
    late = Seal("3fa1", WHEN, 30, 0, ("margins",), EARLIER)
    monkeypatch.setitem(result.__dict__, "seal", lambda: late)
    warned = (
        "**Declared after its runs were seen**: margins differ from what was sealed on 2026-11-20"
    )
    assert warned in page([result], [{}], "hand.csv")


@pytest.mark.parametrize("part", ["seeds", "rule"])
def test_a_look_and_a_newer_paribus_change_nothing_that_a_user_asks(
    store, monkeypatch, part
) -> None:
    result = filled(store).result()
    late = Seal("3fa1", WHEN, 30, 0, (part,), EARLIER)
    monkeypatch.setitem(result.__dict__, "seal", lambda: late)
    assert declarations.warnings(result) == []

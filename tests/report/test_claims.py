"""Page of all claims."""

from __future__ import annotations

import pytest

from paribus.analysis.claim_registry import ClaimRecord, entries, wholes
from paribus.analysis.claims import ClaimResult
from paribus.analysis.hypothesis_tests import Answer
from paribus.experiment.claim import Claim
from paribus.report import claims, write
from tests.helpers.handmade import filled

MADE = Claim(name="C5", text="Adam wins.", variant="adam", relation="better", source="A. Author")


def entry(answer: str | None, name: str = "C5", **fields: str) -> ClaimRecord:
    made = MADE.model_copy(update={"name": name, **fields})
    units = "" if made.fact else "10 seeds"
    known = None if answer is None else ClaimResult(made, Answer(answer), "p = 0.01", units=units)
    device, spent = ("cpu", "10 seeds, budget `quick`") if answer else ("", "")
    return ClaimRecord("hand", "hand", device, made, known, spent)


def test_each_claim_has_a_row_and_a_section_with_its_evidence() -> None:
    page = claims.page([entry("supported")], {"hand.md#claims-hand-cpu"})
    assert "| [C5](#c5) | Adam wins. | supported | 10 seeds   | 1 of 1" in page
    assert "## C5\n\n**supported**, on 10 seeds\n" in page
    for part in ("p = 0.01", "A. Author", "[hand, hand](hand.md#claims-hand-cpu): 10 seeds"):
        assert part in page


def test_facts_stand_apart_from_tests_and_the_verdict_says_what_it_rests_on() -> None:
    parts = [entry("supported"), entry("supported", fact="counted"), entry("undecided")]
    page = claims.page([*parts, entry(None)], set())
    assert (
        "**undecided**: of 4 parts 2 supported, 1 undecided, 1 not run, on 10 seeds and facts"
        in page
    )
    assert "**supported**: all 2 parts, on 10 seeds" in claims.page([entry("supported")] * 2, set())
    tests, _, facts = page.partition("Facts, read off without a test:")
    assert tests.count("p = 0.01") == 2
    assert facts.count("p = 0.01") == 1


def test_a_link_leaves_out_what_headings_are_not_linked_by() -> None:
    page = claims.page([entry("supported", "S20, where all_matter")], set())
    assert "[S20, where all_matter](#s20-where-all_matter)" in page


@pytest.mark.parametrize("places", [set(), {"hand.md#claims-other-cpu"}])
def test_a_page_or_a_comparison_on_it_that_is_not_there_is_not_linked_to(places) -> None:
    """A run of one comparison writes its suite's page without the others."""
    page = claims.page([entry("supported")], places)
    assert "hand, hand: 10 seeds" in page
    assert "](hand.md" not in page


def test_what_was_not_run_is_listed_last_by_its_first_words() -> None:
    page = claims.page([entry(None, "C1"), entry("refuted")], set())
    answered, _, rest = page.partition("## Not run")
    assert "C1" not in answered
    assert "| C1      | Adam wins. | hand" in rest


def test_parts_are_counted_and_false_supports_are_expected() -> None:
    """Two claims of one part each in a stated direction, and one that was not run."""
    found = [entry("supported"), entry("undecided", "C6"), entry(None, "C7")]
    counted, expected = claims.summary(wholes(found))
    assert counted == "Of 3 claims: 1 not run, 1 supported, 1 undecided."
    assert "at most 0.050 of the 2 that were answered, if each of them were false" in expected


def test_the_page_stands_beside_the_others_and_its_links_lead_there(tmp_path, store) -> None:
    bench = filled(store, claims=(MADE,))
    result = bench.result()
    write([result], tmp_path / "out", entries([result.suite], [result]))
    out = tmp_path / "out"
    assert "[hand, hand](hand.md#claims-hand-cpu)" in (out / "claims.md").read_text()
    assert '<a id="claims-hand-cpu"></a>' in (out / "hand.md").read_text()
    assert (
        "## [All claims](claims.md)\n\nOf 1 claim: 1 supported." in (out / "README.md").read_text()
    )


def test_without_claims_there_is_no_page_of_them(tmp_path, store) -> None:
    write([filled(store).result()], tmp_path / "out")
    assert not (tmp_path / "out" / "claims.md").exists()

"""Every declared claim with what is known of it: answered now, earlier, or not run."""

from __future__ import annotations

import pytest

from paribus.answers import Entry, Whole, entries, wholes
from paribus.claims import Answered
from paribus.comparison import Claim, Suite
from paribus.relations import Answer
from paribus.store import Store
from tests.handmade import Bench, around, comparison


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "runs.sqlite") as opened:
        yield opened


def claim(name: str = "C5", **fields) -> Claim:
    return Claim(**{"name": name, "text": "So.", "variant": "adam", "relation": "better"} | fields)


def suite(*claims: Claim) -> Suite:
    return Suite(name="hand", title="By hand", comparisons=(comparison(claims=claims),))


def ran(store, made: Suite):
    """The results of a suite on which adam is better."""
    bench = Bench(store, made.comparisons[0])
    for name, mean in (("sgd", 0.4), ("adam", 0.2), ("rmsprop", 0.4)):
        bench.put(name, around(mean))
    return [bench.result(suite=made)]


def test_what_ran_is_answered_and_what_did_not_is_listed(store) -> None:
    made, other = suite(claim()), suite(claim("C6")).model_copy(update={"name": "other"})
    found = entries([made, other], ran(store, made), store)
    assert [(e.suite, e.comparison, e.device, e.claim.name) for e in found] == [
        ("hand", "hand", "cpu", "C5"),
        ("other", "hand", "", "C6"),
    ]
    assert found[0].answered is not None
    assert (found[0].answered.answer, found[0].spent) == ("supported", "10 seeds, budget `quick`")
    assert found[1].answered is None


def test_an_earlier_answer_comes_from_the_store_and_says_so(store) -> None:
    made = suite(claim())
    (now,) = entries([made], ran(store, made), store)
    (later,) = entries([made], [], store)
    assert now.earlier == ""
    assert len(later.earlier) == len("2026-11-21")
    assert (later.device, later.answered, later.spent) == ("cpu", now.answered, now.spent)


def test_a_claim_that_was_changed_has_no_earlier_answer(store) -> None:
    made = suite(claim())
    entries([made], ran(store, made), store)
    (found,) = entries([suite(claim(margin=0.5))], [], store)
    assert found.answered is None


def test_a_result_without_the_claims_runs_does_not_forget_the_earlier_answer(store) -> None:
    made = suite(claim())
    (now,) = entries([made], ran(store, made), store)
    with Store(store.path.with_name("none.sqlite")) as none:
        without = [Bench(none, made.comparisons[0]).result(suite=made)]
    (found,) = entries([made], without, store)
    assert found.answered == now.answered
    assert found.earlier


def test_a_skipped_device_is_not_listed_beside_the_one_that_ran(store) -> None:
    made = suite(claim())
    results = ran(store, made)
    skipped = Bench(store, made.comparisons[0], device="cuda").result(suite=made, skipped="none")
    assert [e.device for e in entries([made], [*results, skipped], store)] == ["cpu"]


def entry(answer: str | None, name: str = "C1", device: str = "cpu", **fields) -> Entry:
    made = claim(name, **fields)
    known = None if answer is None else Answered(made, Answer(answer), "seen")
    return Entry("hand", "hand", device if answer else "", made, known)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["supported"], "supported"),
        (["supported", "supported"], "supported"),
        (["supported", "undecided"], "undecided"),
        (["supported", None], "undecided"),
        (["supported", "refuted"], "refuted"),
        (["undecided", "refuted", None], "refuted"),
        ([None, None], None),
    ],
)
def test_a_claim_needs_all_its_parts(parts, expected) -> None:
    assert Whole("C1", "cpu", tuple(map(entry, parts))).answer == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([{"relation": "better"}], 0.025),
        ([{"relation": "not_worse"}], 0.05),
        ([{"relation": "better"}, {"relation": "not_worse"}], 0.025),
        ([{"relation": "identical"}, {"relation": "better"}], 0.0),
    ],
)
def test_chance_supports_a_claim_as_often_as_its_hardest_part(parts, expected) -> None:
    made = tuple(entry("undecided", **fields) for fields in parts)
    assert Whole("C1", "cpu", made).false_support == expected


def test_what_was_not_run_is_supported_by_nothing() -> None:
    assert Whole("C1", "", (entry(None),)).false_support == 0.0


def test_claims_stand_in_the_order_of_their_numbers() -> None:
    names = ["Kaiming", "C10", "C2", "C10b", "C1"]
    found = wholes([entry("supported", name) for name in names])
    assert [claim.name for claim in found] == ["C1", "C2", "C10", "C10b", "Kaiming"]


def test_devices_answer_apart_and_share_what_neither_ran() -> None:
    parts = [entry("supported"), entry("refuted", device="cuda"), entry(None)]
    found = wholes(parts)
    assert [(w.device, len(w.parts), w.answer) for w in found] == [
        ("cpu", 2, "undecided"),
        ("cuda", 2, "refuted"),
    ]

"""Claims that are declared, each with its status: answered now, earlier, or not run."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from paribus import Budget, Claim, Suite
from paribus.analysis import claim_registry
from paribus.analysis.claim_registry import ClaimRecord, CompoundClaim, entries, wholes
from paribus.analysis.claims import ClaimResult
from paribus.analysis.hypothesis_tests import RELATIONS, Answer, Inference
from paribus.analysis.verdict import Reason
from paribus.runs.store import Store
from tests.helpers.handmade import Bench, around, comparison


def claim(name: str = "C5", **fields) -> Claim:
    return Claim(**{"name": name, "text": "So.", "variant": "adam", "relation": "better"} | fields)


def suite(*claims: Claim) -> Suite:
    return Suite(name="hand", title="By hand", comparisons=(comparison(claims=claims),))


def ran(store, made: Suite):
    """Return the results of a suite on which adam is better."""
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


@pytest.mark.parametrize(("name", "value"), [("RULE", 1), ("torch_minor", lambda: "2.11")])
def test_an_answer_of_an_older_rule_or_another_torch_is_not_found(
    store, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    made = suite(claim())
    with monkeypatch.context() as earlier:
        earlier.setattr(claim_registry, name, value)
        entries([made], ran(store, made), store)
    (found,) = entries([made], [], store)
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


TWO = {name: Budget(seeds, 20, 1) for name, seeds in (("quick", 10), ("full", 29))}
STORES = count()


def put(store, made: Suite, adam: float, *, seeds: int = 10, **changes) -> list:
    """Return the result of a suite on which adam has this score."""
    bench = Bench(store, made.comparisons[0], seeds=seeds)
    for name, mean in (("sgd", 0.4), ("adam", adam), ("rmsprop", 0.4)):
        bench.put(name, around(mean, seeds), **changes)
    return [bench.result(suite=made)]


def elsewhere(store) -> Store:
    """Return a store of other runs, so that nothing is a later look."""
    return Store(store.path.with_name(f"other{next(STORES)}.sqlite"))


def with_data(made: Suite, path: str) -> Suite:
    """Return the suite as a session has it that was given a file."""
    compared = made.comparisons[0]
    task = compared.task.model_copy(update={"path": path})
    return made.model_copy(update={"comparisons": (compared.model_copy(update={"task": task}),)})


def given(store, digest: str, adam: float) -> list:
    """Return the result of the suite on a user's data."""
    own = with_data(suite(claim()), "/home/me/wine.csv")
    data = {"name": "wine", "digest": digest, "train": 36, "validation": 12, "test": 12}
    return put(store, own, adam, data=data)


def test_data_of_ones_own_are_named_and_do_not_replace_the_answer_on_the_embedded(store) -> None:
    made = suite(claim())
    (embedded,) = entries([made], ran(store, made), store)
    with elsewhere(store) as other:
        (own,) = entries([made], given(other, "w", 0.6), store)
    assert (own.answered.answer, own.earlier) == ("refuted", "")
    assert own.spent == "10 seeds, budget `quick`, data of `wine.csv`"
    (later,) = entries([made], [], store)
    assert (later.answered, later.spent) == (embedded.answered, embedded.spent)


def test_another_file_of_the_same_name_is_other_data(store) -> None:
    made = suite(claim())
    with elsewhere(store) as first:
        entries([made], given(first, "one", 0.2), store)
    with elsewhere(store) as second:
        (result,) = given(second, "two", 0.2)
        (found,) = entries([made], [replace(result, contrasts=withheld(result))], store)
    assert (found.answered.answer, found.earlier) == ("undecided", "")


def withheld(result) -> dict:
    """Return the contrasts of a result, exhausted."""
    return {name: replace(c, reasons=(Reason.exhausted,)) for name, c in result.contrasts.items()}


def test_each_budget_keeps_its_answer_and_the_larger_is_remembered(store) -> None:
    """The quick one comes later and finds the opposite."""
    made = Suite(
        name="hand", title="By hand", comparisons=(comparison(claims=(claim(),), budgets=TWO),)
    )
    for budget, adam in (("full", 0.2), ("quick", 0.6)):
        with elsewhere(store) as other:
            (result,) = put(other, made, adam)
            (now,) = entries([made], [replace(result, budget=budget)], store)
            assert (now.earlier, now.spent) == ("", f"10 seeds, budget `{budget}`")
    (later,) = entries([made], [], store)
    assert (later.answered.answer, later.spent) == ("supported", "10 seeds, budget `full`")


def withheld_now(store, made: Suite) -> list:
    (result,) = put(store, made, 0.2)
    return [replace(result, contrasts=withheld(result))]


def few(store, made: Suite) -> list:
    return put(store, made, 0.2, seeds=3)


@pytest.mark.parametrize(
    ("how", "fields", "since"),
    [
        (withheld_now, {}, "withheld: exhausted"),
        (few, {}, "verdict undecided (few seeds: a look, 3 of "),
        (few, {"reference": "rmsprop"}, "few seeds: 3 of 6 needed"),
        (few, {"metric": "steps_to_target"}, "sign test p = 1, few seeds: 3 of 6 needed"),
    ],
)
def test_a_look_that_can_answer_nothing_keeps_the_earlier_answer(store, how, fields, since) -> None:
    made = suite(claim(**fields))
    (before,) = entries([made], ran(store, made), store)
    with elsewhere(store) as other:
        (found,) = entries([made], how(other, made), store)
        assert found.answered == before.answered
        assert since in found.since
        assert found.earlier
    assert entries([made], [], store)[0].answered == before.answered


def test_a_later_look_keeps_the_first(store) -> None:
    made = suite(claim())
    (before,) = entries([made], ran(store, made), store)
    (found,) = entries([made], put(store, made, 0.2, seeds=12), store)
    assert (found.answered, found.since) == (before.answered, "a later look")


def test_an_answer_that_is_undecided_on_the_evidence_replaces_the_earlier(store) -> None:
    made = suite(claim())
    entries([made], ran(store, made), store)
    with elsewhere(store) as other:
        bench = Bench(other, made.comparisons[0])
        bench.put("sgd", around(0.4)).put("rmsprop", around(0.4))
        bench.put("adam", [0.1, 0.6] * 5)
        (found,) = entries([made], [bench.result(suite=made)], store)
    assert (found.answered.answer, found.earlier) == ("undecided", "")
    assert entries([made], [], store)[0].answered == found.answered


def test_a_budget_that_the_claim_does_not_speak_of_keeps_the_answer_of_the_other(store) -> None:
    made = Suite(
        name="hand",
        title="By hand",
        comparisons=(comparison(claims=(claim(budget="full"),), budgets=TWO),),
    )
    (result,) = ran(store, made)
    (full,) = entries([made], [replace(result, budget="full")], store)
    (found,) = entries([made], [result], store)
    assert full.answered.answer == "supported"
    assert (found.answered, found.since) == (full.answered, "stated for the budget 'full'")


def test_without_an_earlier_answer_a_look_says_why_it_can_give_none(store) -> None:
    made = suite(claim(reference="rmsprop"))
    (found,) = entries([made], few(store, made), store)
    assert (found.answered.answer, found.earlier) == ("undecided", "")
    (later,) = entries([made], [], store)
    assert later.answered == found.answered


def entry(
    answer: str | None, name: str = "C1", device: str = "cpu", against: float = 0.01, **fields
) -> ClaimRecord:
    made = claim(name, **fields)
    p = against if answer == "refuted" else 1.0
    known = None if answer is None else ClaimResult(made, Answer(answer), "seen", refuting_p=p)
    return ClaimRecord("hand", "hand", device if answer else "", made, known)


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
    assert CompoundClaim("C1", "cpu", tuple(map(entry, parts))).answer == expected


def test_a_part_refutes_the_whole_after_holm_over_the_parts() -> None:
    """p = .03 refutes one part, and no claim of two; .01 refutes a claim of five, and none of six."""
    for p, others, expected in (
        (0.03, 0, "refuted"),
        (0.03, 1, "undecided"),
        (0.01, 5, "undecided"),
    ):
        parts = (entry("refuted", against=p), *map(entry, ["supported"] * others))
        assert CompoundClaim("C1", "cpu", parts).answer == expected
    parts = (entry("refuted"), *map(entry, ["supported"] * 4))
    assert CompoundClaim("C1", "cpu", parts).answer == "refuted"


def test_a_claim_of_many_parts_at_their_boundary_is_seldom_refuted() -> None:
    """Thirteen parts without any effect: none in twenty, where each by itself would refute near half."""
    generator = np.random.default_rng(0)
    refuted, any_part = 0, 0
    for _ in range(300):
        found = [
            RELATIONS["better"](d, None, Inference()) for d in generator.standard_normal((13, 10))
        ]
        results = (ClaimResult(claim(), t.answer, "", refuting_p=t.refuting_p) for t in found)
        parts = tuple(ClaimRecord("hand", "hand", "cpu", claim(), each) for each in results)
        refuted += CompoundClaim("C1", "cpu", parts).answer is Answer.refuted
        any_part += any(t.answer is Answer.refuted for t in found)
    assert refuted <= 0.05 * 300
    assert any_part > 0.2 * 300


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([{"relation": "better"}], 0.025),
        ([{"relation": "not_worse"}], 0.05),
        ([{"relation": "better"}, {"relation": "not_worse"}], 0.05),
        ([{"relation": "identical"}, {"relation": "better"}], 0.025),
        ([{"relation": "identical"}], 0.0),
    ],
)
def test_chance_supports_a_claim_as_often_as_its_easiest_part(parts, expected) -> None:
    made = tuple(entry("undecided", **fields) for fields in parts)
    assert CompoundClaim("C1", "cpu", made).false_support == expected


def test_what_was_not_run_is_supported_by_nothing() -> None:
    assert CompoundClaim("C1", "", (entry(None),)).false_support == 0.0
    assert CompoundClaim("C1", "cpu", (entry("supported"), entry(None))).false_support == 0.0


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

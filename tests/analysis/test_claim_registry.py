"""Claims that are declared, each answered or not run."""

from __future__ import annotations

import numpy as np
import pytest

from paribus import Claim, Suite, call
from paribus.analysis.claim_registry import ClaimRecord, CompoundClaim, entries, wholes
from paribus.analysis.claims import ClaimResult
from paribus.analysis.hypothesis_tests import RELATIONS, Answer, Inference
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
    found = entries([made, other], ran(store, made))
    assert [(e.suite, e.comparison, e.device, e.claim.name) for e in found] == [
        ("hand", "hand", "cpu", "C5"),
        ("other", "hand", "", "C6"),
    ]
    assert found[0].answered is not None
    assert (found[0].answered.answer, found[0].spent) == ("supported", "10 seeds, budget `quick`")
    assert (found[1].answered, found[1].spent) == (None, "")


def test_nothing_is_remembered_of_another_session(store) -> None:
    """Whatever the store holds: no answer of older code, rule or torch stands beside pages that do not give it."""
    made = suite(claim())
    assert entries([made], ran(store, made))[0].answered is not None
    (later,) = entries([made], [])
    assert (later.answered, later.device) == (None, "")


def test_what_was_changed_since_is_answered_by_the_runs_that_are_there(store) -> None:
    """The same runs, asked the opposite."""
    made = suite(claim())
    (before,) = entries([made], ran(store, made))
    opposite = suite(claim(relation="worse"))
    (after,) = entries([opposite], ran(store, opposite))
    assert (before.answered.answer, after.answered.answer) == ("supported", "refuted")


def test_a_skipped_device_is_not_listed_beside_the_one_that_ran(store) -> None:
    made = suite(claim())
    results = ran(store, made)
    skipped = Bench(store, made.comparisons[0], device="cuda").result(suite=made, skipped="none")
    assert [e.device for e in entries([made], [*results, skipped])] == ["cpu"]


def test_data_of_ones_own_are_named_without_their_folder(store) -> None:
    made = suite(claim())
    compared = made.comparisons[0]
    task = compared.task.model_copy(update={"path": "/home/me/wine.csv"})
    own = made.model_copy(update={"comparisons": (compared.model_copy(update={"task": task}),)})
    (found,) = entries([own], ran(store, own))
    assert found.spent == "10 seeds, budget `quick`, data of `wine.csv`"


def test_a_claim_over_a_suite_names_its_tasks_and_the_seeds_of_each(store) -> None:
    over = claim(
        measure=call("paribus.analysis.measures:task_regrets", pair=["adam", "sgd"]),
        unit="task",
        reference="sgd",
        higher_is_better=False,
    )
    tasks = [comparison().task.model_copy(update={"name": name}) for name in ("one", "two")]
    both = tuple(comparison(name=task.name, task=task) for task in tasks)
    made = Suite(name="hand", title="By hand", comparisons=both, claims=(over,))
    results = []
    for compared, seeds in zip(both, (8, 10), strict=True):
        bench = Bench(store, compared, seeds=seeds)
        for name in ("sgd", "adam", "rmsprop"):
            bench.put(name, around(0.4, seeds))
        results.append(bench.result(suite=made))
    (found,) = entries([made], results)
    assert (found.comparison, found.spent) == (
        "",
        "8 to 10 seeds on each of 2 tasks, budget `quick`",
    )


def test_what_has_too_few_seeds_says_so(store) -> None:
    made = suite(claim(reference="rmsprop"))
    bench = Bench(store, made.comparisons[0], seeds=3)
    for name in ("sgd", "adam", "rmsprop"):
        bench.put(name, around(0.4, 3))
    (found,) = entries([made], [bench.result(suite=made)])
    assert found.answered.evidence.endswith("few seeds: 3 of 6 needed")


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
        ([{"relation": "better", "fact": "counted"}], 0.0),
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

"""Declarations: sealed before the first run, and told from what is declared later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paribus import Claim, Factor, Suite
from paribus.analysis import declaration
from paribus.analysis.declaration import declare, note_seen, read_seal, seal
from paribus.experiment.comparison import Comparison
from paribus.runs.run import Run
from paribus.runs.store import Store
from paribus.spec import replace as changed
from paribus.suites.tasks.metrics import accuracy, log_loss
from tests.helpers.handmade import OPTIMIZERS, RECIPE, TASK, Bench, around, comparison, record

CLAIM = Claim(name="C", text="It is so.", variant="adam", relation="better")
ASKED = comparison(claims=(CLAIM,))


def declared(asked: Comparison = ASKED, *, seeds: int = 10, data: str = "d", **fields):
    variant = asked.variants()[0]
    runs = [Run(variant.task, variant.recipe, seed, data) for seed in range(seeds)]
    suite = Suite(name="hand", title="By hand", comparisons=(asked,))
    return declare(suite, asked, **{"arm": "default", "runs": runs, "cap": None} | fields)


def wider(margin: float) -> Comparison:
    task = TASK.model_copy(update={"metrics": (log_loss(margin), accuracy(0.01))})
    return comparison(claims=(CLAIM,), task=task)


FEWER = {name: OPTIMIZERS[name] for name in ("sgd", "adam")}
LATER = {
    "margins": declared(wider(0.05)),
    "claims": declared(comparison(claims=(CLAIM.model_copy(update={"relation": "worse"}),))),
    "variants": declared(comparison(claims=(CLAIM,), factors=(Factor("recipe.optimizer", FEWER),))),
    "scores": declared(comparison(claims=(CLAIM,), target=0.3)),
    "seeds": declared(seeds=20),
}


@pytest.mark.parametrize(("part", "later"), LATER.items(), ids=LATER)
def test_what_was_changed_after_the_runs_were_seen_is_named(store, part, later) -> None:
    first = declared()
    seal(first, store)
    note_seen(first, store)
    seal(later, store)
    found = read_seal(later, store, ())
    assert found is not None
    assert found.changed == (part,)
    assert found.earlier == store.seals(first.place)[0].sealed
    assert found.digest == later.digest != first.digest


def test_what_was_changed_before_anything_was_seen_is_no_matter(store) -> None:
    seal(declared(), store)
    seal(LATER["margins"], store)
    note_seen(LATER["margins"], store)
    assert read_seal(LATER["margins"], store, ()).changed == ()


def test_what_is_asked_again_as_at_first_keeps_its_first_seal(store) -> None:
    """The margin was changed in between, and runs were seen with both."""
    for each in (declared(), LATER["margins"], declared()):
        seal(each, store)
        note_seen(each, store)
    found = read_seal(declared(), store, ())
    assert (found.changed, found.when) == ((), store.seals(found_place())[0].sealed)
    assert len(store.seals(found_place())) == 2


def found_place() -> str:
    return declared().place


def test_another_rule_is_another_declaration(store, monkeypatch: pytest.MonkeyPatch) -> None:
    seal(declared(), store)
    note_seen(declared(), store)
    monkeypatch.setattr(declaration, "RULE", 99)
    seal(declared(), store)
    assert read_seal(declared(), store, ()).changed == ("rule",)


OTHERS = {
    "another rate of the baseline": declared(
        comparison(recipe=changed(RECIPE, "steps", 40), claims=(CLAIM,))
    ),
    "other data": declared(data="e"),
    "another comparison": declared(comparison(name="other", claims=(CLAIM,))),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_another_question_has_a_place_of_its_own(store, other) -> None:
    seal(declared(), store)
    note_seen(declared(), store)
    seal(other, store)
    assert read_seal(other, store, ()).changed == ()


def test_notes_figures_and_the_path_of_a_file_are_no_part_of_it() -> None:
    task = TASK.model_copy(update={"path": "/home/me/table.csv"})
    assert declared(comparison(claims=(CLAIM,), notes=("A word.",), task=task)) == declared()


def test_a_sequence_declares_its_cap_and_not_how_far_it_came() -> None:
    assert declared(cap=40, seeds=8) == declared(cap=40, seeds=13)
    assert declared(cap=40).digest != declared(cap=50).digest


def test_runs_that_were_made_before_are_counted(store) -> None:
    """Three runs, then the seal, then the others."""
    bench = Bench(store, ASKED).put("sgd", around(0.4, 3))
    seal(declared(), store)
    bench.put("adam", around(0.2)).put("rmsprop", around(0.4))
    for run in bench.runs("sgd")[3:]:
        store.add(run, record(run, 0.4))
    found = bench.result().seal()
    assert (found.runs, found.made_before) == (30, 3)


def test_what_is_declared_beside_runs_of_a_sealed_one_differs_from_it(store) -> None:
    """Pages that are made again by a suite whose margin was changed."""
    seal(declared(), store)
    found = read_seal(LATER["margins"], store, ["a", "b"])
    assert (found.when, found.changed, found.made_before) == ("", ("margins",), 2)
    assert found.earlier == store.seals(found_place())[0].sealed


def test_what_was_never_sealed_has_no_seal(store) -> None:
    bench = Bench(store, ASKED)
    for name in OPTIMIZERS:
        bench.put(name, around(0.4))
    assert bench.result().seal() is None


def test_seals_go_with_the_tables_of_a_store(store) -> None:
    seal(declared(), store)
    with Store(store.path.with_name("copy.sqlite")) as copy:
        copy.fill(store.tables((), ()))
        assert copy.seals(found_place()) == store.seals(found_place())


def test_tables_without_seals_or_with_answers_of_an_earlier_version_are_taken(store) -> None:
    tables = store.tables((), ())
    del tables["seals"]
    tables["answers"] = [["key", "[]", "2026-11-01"]]
    with Store(store.path.with_name("copy.sqlite")) as copy:
        copy.fill(tables)
        assert copy.seals(found_place()) == []
        assert copy.tables((), ()).keys() == store.tables((), ()).keys()


def test_noting_a_result_notes_that_its_runs_were_seen(store) -> None:
    """One without any run shows nothing."""
    seal(declared(), store)
    bench = Bench(store, ASKED)
    bench.result()
    assert store.seals(found_place())[0].seen is None
    bench.put("sgd", around(0.4)).result()
    first = store.seals(found_place())[0].seen
    assert first is not None
    bench.result()
    assert store.seals(found_place())[0].seen == first


def test_a_result_is_asked_by_what_it_was_collected_for(store) -> None:
    result = Bench(store, ASKED).result()
    assert result.declaration == declared()
    assert replace(result, cap=40).declaration == declared(cap=40)
